//! Seeded inputs that the benches share: generated orders as CSV, and generated events as JSON Lines, as one JSON
//! document and as one XML document, with the specs that read them.
//!
//! About 3 % of the records are bad and 1 % are dropped, as in the tests from end to end. The same seed gives the same
//! bytes on every machine, so figures differ by machine and code alone. Everything here panics where a bench could only
//! fail. What is measured stands in the benches, each a program of its own; what they share beside the inputs stands in
//! the modules.

pub mod args;
pub mod drive;
mod feed;
pub mod figures;
pub mod loaded;
pub mod machine;
pub mod plot;

use bytes::Bytes;
use pipeline::Convert;
use stages::frame::csv::CsvDialect;
use stages::identity::LoadIdentity;
use stages::open::{Opened, Opening, Parts};
use stages::plan::{Defaults, FormatPlan, Plan};
use stages::record::Record;
use stages::sink::Load;
use stages::source::memory::MemoryOrigin;
use std::sync::Arc;
use testbed::{events, orders};

/// The seed of every input.
const SEED: u64 = 2026;

/// An input in memory, with the plan that reads it.
pub struct Input {
    /// The checked spec.
    pub plan: Plan,
    /// The decoded bytes, the header row of a CSV included.
    pub bytes: Bytes,
    /// How many records they are.
    pub records: u64,
}

impl Input {
    /// Orders as CSV: 11 columns, three steps with expressions; at least `min_bytes` bytes.
    pub fn orders(min_bytes: usize) -> Self {
        Self::orders_by(plan("orders-e2e.toml", orders::SPEC), min_bytes)
    }

    /// The same orders by a spec with types and constraints, without expressions.
    pub fn typed_orders(min_bytes: usize) -> Self {
        let spec = include_str!("orders-typed.toml");
        Self::orders_by(plan("orders-typed.toml", spec), min_bytes)
    }

    fn orders_by(plan: Plan, min_bytes: usize) -> Self {
        let mut bytes = orders::HEADER.as_bytes().to_vec();
        let records = fill(&mut bytes, min_bytes, |ordinal| {
            orders::order(SEED, ordinal).bytes
        });
        Self {
            plan,
            bytes: bytes.into(),
            records,
        }
    }

    /// Events as JSON Lines: 10 fields, nested ones and lists among them; at least `min_bytes` bytes.
    pub fn events(min_bytes: usize) -> Self {
        let mut bytes = Vec::new();
        let records = fill(&mut bytes, min_bytes, |ordinal| {
            events::event(SEED, ordinal).bytes
        });
        Self {
            plan: plan("events-e2e.toml", events::SPEC),
            bytes: bytes.into(),
            records,
        }
    }

    /// The events as one JSON document: at least `min_bytes` bytes.
    pub fn events_document(min_bytes: usize) -> Self {
        let format = "[format.json]\nrecord_path = \"$.data.events[*]\"";
        let spec = events::SPEC.replace("[format.jsonl]", format);
        let (bytes, records) = feed::json(SEED, min_bytes);
        Self {
            plan: plan("events-document.toml", &spec),
            bytes: bytes.into(),
            records,
        }
    }

    /// The events as one XML document: at least `min_bytes` bytes.
    pub fn events_xml(min_bytes: usize) -> Self {
        let (bytes, records) = feed::xml(SEED, min_bytes);
        Self {
            plan: plan("events-xml.toml", include_str!("events-xml.toml")),
            bytes: bytes.into(),
            records,
        }
    }

    /// The dialect and the titles of a CSV.
    pub fn csv(&self) -> (&CsvDialect, Vec<String>) {
        let FormatPlan::Csv(dialect) = &self.plan.format else {
            panic!("{} is no CSV", self.plan.name);
        };
        let titles = orders::HEADER.trim_end().split(',').map(str::to_owned);
        (dialect, titles.collect())
    }

    /// What a sink knows of the load of this input.
    pub fn load(&self) -> Load {
        load_of(&self.plan)
    }

    /// The whole chain as the program opens it, over the bytes in memory, with `encode` at its end.
    pub async fn open(
        &self,
        encode: Box<dyn pipeline::Encode<Record>>,
    ) -> (Parts, Arc<dyn Convert>) {
        self.opened().await.chain(&self.plan, encode)
    }

    /// The bytes in memory, as the program opens them.
    pub async fn opened(&self) -> Opened {
        let origin = MemoryOrigin::new("bench", self.bytes.clone());
        match stages::open::open(&self.plan, &origin, None, &Default::default()).await {
            Ok(Opening::Ready(opened)) => opened,
            Ok(Opening::Held(breach, _)) => panic!("held: {}", breach.message),
            Err(fatal) => panic!("{fatal}"),
        }
    }
}

/// The checked spec in `text`.
pub fn plan(name: &str, text: &str) -> Plan {
    match Plan::read(name, text, Defaults::default()) {
        Ok(plan) => plan,
        Err(problems) => panic!("{}", problems.render(false)),
    }
}

/// What a sink knows of a load that `plan` reads.
pub fn load_of(plan: &Plan) -> Load {
    Load {
        identity: LoadIdentity([7; 12]),
        load_number: 1,
        tenant: None,
        job: "bench".into(),
        file: "bench".into(),
        schema: plan.schema.clone(),
        resume: None,
    }
}

/// Appends records until there are `min_bytes` bytes, and says how many.
fn fill(bytes: &mut Vec<u8>, min_bytes: usize, record: impl Fn(u64) -> Vec<u8>) -> u64 {
    let mut records = 0;
    while bytes.len() < min_bytes {
        bytes.extend_from_slice(&record(records));
        records += 1;
    }
    records
}
