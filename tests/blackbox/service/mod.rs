//! The service from outside: requests in, answers, documents and objects out, on the embedded default and on MongoDB
//! with S3.

mod agree;
mod backend;
mod blocked;
mod clients;
mod contract;
mod crash;
mod elections;
mod endings;
mod erased;
mod flow;
mod full_disk;
mod hostile;
mod jobs;
mod kinds;
mod logs;
mod memory;
mod network;
mod outages;
mod packed;
mod page;
mod receipts;
mod rejects;
mod resubmit;
mod sensitive;
mod slow;
mod stalled;
mod tenants;
mod trailers;
mod unique;
mod uploads;
mod watched;
mod watching;
mod webhooks;
mod workers;
mod wrong_clock;
