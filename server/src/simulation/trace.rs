//! What happened, event by event: a hash of all of it, and the lines where somebody wants to read them.

use std::fmt::Write as _;

/// The most lines that are kept: the last ones.
const MAX_LINES: usize = 100_000;

/// The trace of one simulation.
#[derive(Clone, Debug)]
pub struct Trace {
    hash: u64,
    events: u64,
    line: String,
    lines: Option<Vec<String>>,
}

impl Trace {
    /// An empty trace; `keeps`: its lines are kept.
    pub fn new(keeps: bool) -> Self {
        Self {
            // FNV-1a.
            hash: 0xcbf2_9ce4_8422_2325,
            events: 0,
            line: String::new(),
            lines: keeps.then(Vec::new),
        }
    }

    /// Adds an event.
    pub fn note(&mut self, at_ms: u64, who: usize, what: &str, more: &str) {
        self.events += 1;
        self.line.clear();
        let _ = write!(self.line, "{at_ms:>7} p{who} {what} {more}");
        for byte in self.line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if let Some(lines) = &mut self.lines
            && lines.len() < MAX_LINES
        {
            lines.push(self.line.clone());
        }
    }

    /// What tells this trace from any other.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The lines that were kept.
    pub fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}
