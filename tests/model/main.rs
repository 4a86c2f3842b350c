//! A model of the protocol that keeps the promises of one outcome and one owner, explored whole for small bounds.
//!
//! `insert` is a load in mode insert. Each of its steps names the statement of the program that it stands for. The tests
//! in `ours` say that nothing is wrong in any state that can be reached; those in `broken` leave out one part of the
//! protocol each and say what the checker finds then.

mod broken;
mod checker;
mod insert;
mod keys;
mod ours;
