//! The service from outside: requests in, answers, documents and objects out, on the embedded default and on MongoDB
//! with S3.

mod backend;
mod contract;
mod crash;
mod endings;
mod flow;
mod full_disk;
mod hostile;
mod jobs;
mod kinds;
mod logs;
mod memory;
mod outages;
mod receipts;
mod stalled;
mod tenants;
mod uploads;
mod workers;
mod wrong_clock;
