//! The specs that simulated jobs run with, and the catalogue that knows them: read once for each thread of tests.
//!
//! A catalogue reads texts on threads that may block, which no simulated process may wait for; so every plan is known
//! before a simulation begins.

use super::process::runtime;
use crate::job::SpecPin;
use crate::queue::SpecText;
use crate::simulation::stores::{Clock, MemorySpecs};
use crate::specs::catalog::Catalog;
use crate::specs::{Owner, Specs as _};
use crate::tenant::Tenant;
use stages::plan::{Defaults, Plan};
use std::path::PathBuf;
use std::sync::Arc;

/// A spec of the menu.
#[derive(Clone, Debug)]
pub struct Dish {
    /// Its name; its collection is named alike.
    pub name: String,
    /// Whether records of one key share a document.
    pub is_keyed: bool,
}

/// The specs, and the catalogue.
pub struct Menu {
    /// What there is.
    pub dishes: Vec<Dish>,
    /// What knows them.
    pub catalog: Arc<Catalog>,
}

impl Menu {
    /// Reads all specs.
    pub fn new() -> Self {
        let (mut dishes, mut texts) = (Vec::new(), Vec::new());
        for (records, in_flight) in [(3, 1), (3, 4), (8, 2), (20, 1), (20, 3)] {
            for mode in ["insert", "upsert", "merge"] {
                // Merge keeps the order of the input: one batch at a time.
                if mode == "merge" && in_flight > 1 {
                    continue;
                }
                let name = format!("{mode}_{records}_{in_flight}");
                let is_keyed = mode != "insert";
                let key = if is_keyed { "key = [\"k\"]\n" } else { "" };
                let text = format!(
                    "spec = 1\nname = \"{name}\"\nversion = 1\n[format.jsonl]\n[fields]\n\
                     n = {{ type = \"integer\" }}\nk = {{ type = \"integer\", required = true }}\n\
                     t = {{ type = \"integer\" }}\nu = {{ type = \"integer\" }}\npad = {{}}\n\
                     [[steps]]\ndrop = {{ name = \"negative\", when = \"n < 0\" }}\n\
                     [errors]\nmax_ratio = 1.0\n\
                     [sink.mongodb]\ncollection = \"{name}\"\nmode = \"{mode}\"\n{key}\
                     batch = {{ records = {records} }}\nin_flight = {in_flight}\nrate = {{ pause = \"40ms\" }}\n"
                );
                dishes.push(Dish { name, is_keyed });
                texts.push(text);
            }
        }
        let runtime = runtime();
        let catalog = runtime.block_on(read(&texts));
        Self { dishes, catalog }
    }
}

/// A catalogue that has read `texts`.
async fn read(texts: &[String]) -> Arc<Catalog> {
    let specs = Arc::new(MemorySpecs::new(Clock::new()));
    let folder = PathBuf::from("no-such-folder");
    let catalog = Catalog::new(folder, specs.clone(), Defaults::default());
    for text in texts {
        let plan = Plan::read("spec", text, Defaults::default())
            .unwrap_or_else(|problems| panic!("{problems:?} in {text}"));
        let owner = Owner::Tenant(&Tenant::NONE);
        let put = specs.put(owner, &plan.name, plan.version, &plan.sha256, text);
        put.await.unwrap();
        let pinned = SpecText {
            pin: SpecPin::from(&plan),
            text: text.clone(),
            is_operators: false,
        };
        catalog.plan_of(&Tenant::NONE, &pinned).await.unwrap();
    }
    Arc::new(catalog)
}
