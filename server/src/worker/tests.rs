//! Workers over real stores: SQLite and a folder, and a mongod where outages are the subject.

mod closing;
mod corrected;
mod endings;
mod losses;
mod mending;
mod metrics;
mod outage;
mod place;
mod wishes;
