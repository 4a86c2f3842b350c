//! The program `sluicegate` from outside: command lines in, documents, files and exit codes out.
//!
//! Each module is one idea and one line here. A test starts the program that was built, in a folder of its own, and
//! looks at what came out. Nothing here links the program's code.

#[cfg(test)]
mod golden;
#[cfg(test)]
mod specs;
