//! The program `sluicegate` from outside: command lines in, documents, files and exit codes out.
//!
//! Each module is one idea and one line here. A test starts the program that was built, in a folder of its own, and
//! looks at what came out. Nothing here links the program's code.

#[cfg(test)]
mod advice;
mod against;
mod bad_documents;
#[cfg(test)]
mod bad_files;
#[cfg(test)]
mod bad_formats;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod bottleneck;
#[cfg(test)]
mod case;
#[cfg(test)]
mod causes;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod deploy;
#[cfg(test)]
mod descriptors;
#[cfg(test)]
mod extended;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod found;
#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod held;
#[cfg(test)]
mod inputs;
#[cfg(test)]
mod job;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod kinds;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod live;
#[cfg(test)]
mod loads;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod modes;
#[cfg(test)]
mod orders_into_mongo;
#[cfg(test)]
mod packed;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod people;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod service;
#[cfg(test)]
mod shapes;
#[cfg(test)]
mod spec_commands;
#[cfg(test)]
mod specs;
#[cfg(test)]
mod targets;
mod trailers;
#[cfg(test)]
mod unique;
#[cfg(test)]
mod wrong_clock;
#[cfg(test)]
mod wrong_specs;
