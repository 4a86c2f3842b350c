//! The two specs that the generated orders are read by, and what must become of the orders.

use benches::args::Args;
use benches::plan;
use stages::plan::Plan;
use testbed::orders;
use testbed::truth::{Generated, Totals, Truth};

/// A spec of the orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spec {
    /// Types and constraints only.
    Typed,
    /// The same with three steps of expressions: one derives a field, one drops, one rejects.
    Steps,
}

impl Spec {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Typed => "typed",
            Self::Steps => "steps",
        }
    }

    /// The one that the command line names.
    ///
    /// # Panics
    /// Where it names none.
    pub fn of(args: &Args) -> Self {
        match args.needed("--spec") {
            "typed" => Self::Typed,
            "steps" => Self::Steps,
            other => panic!("no spec is called {other}"),
        }
    }

    /// The plan, with the lines of `tune` in its sink's table.
    pub fn plan(self, tune: &str) -> Plan {
        let text = match self {
            Self::Typed => include_str!("../orders-typed.toml"),
            Self::Steps => orders::SPEC,
        };
        plan("orders.toml", &format!("{}\n{tune}\n", text.trim_end()))
    }

    /// Counts one more record, of which the truth is known for [`Self::Steps`].
    pub fn count(self, totals: &mut Totals, record: &Generated) {
        totals.add(record);
        if self == Self::Steps {
            return;
        }
        if matches!(record.truth, Truth::Dropped(_)) {
            totals.dropped -= 1;
            totals.loaded += 1;
        } else if record.truth == Truth::bad_field("done_without_total", "total") {
            totals.rejected -= 1;
            totals.loaded += 1;
        }
    }
}
