//! Nothing but a place for the benches: each of them is a program of its own.
