//! The way of all other records, and the judge of the grammar: csv-core's automaton over one record.
//!
//! It promises the cells that csv-core finds, and where it stands behind them: the caller compares that with
//! the frame. A byte-order mark is data.

use crate::frame::csv::CsvDialect;
use crate::record::Cells;
use csv_core::{ReadRecordResult, Reader};
use pipeline::Problem;

/// Room for the ends of cells, before there are more of them.
const FIRST_CELLS: usize = 64;

/// The automaton of one dialect, with its buffers. It cannot be cloned: a clone of csv-core's reader reads wrongly
/// (0.1.13), and building one takes as long as reading a hundred records.
#[derive(Debug)]
pub struct Automaton {
    reader: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
}

/// What the automaton makes of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// A record that ends behind this many bytes. Behind CR it has not looked whether LF follows.
    Record(usize, Result<(), Problem>),
    /// The record does not end in these bytes, or none begins.
    NoRecord,
}

impl Automaton {
    pub fn new(dialect: &CsvDialect) -> Self {
        Self {
            reader: dialect.core_reader(),
            text: Vec::new(),
            ends: vec![0; FIRST_CELLS],
        }
    }

    /// Refills `cells` from the first record in `bytes`; `at_end` says that the end of `bytes` ends it too.
    pub fn read(&mut self, bytes: &[u8], at_end: bool, cells: &mut Cells) -> Found {
        self.begin(bytes.len());
        let (mut read, mut written, mut ended) = (0, 0, 0);
        loop {
            let (result, more_read, more_text, more_ends) = self.reader.read_record(
                &bytes[read..],
                &mut self.text[written..],
                &mut self.ends[ended..],
            );
            (read, written, ended) = (read + more_read, written + more_text, ended + more_ends);
            match result {
                ReadRecordResult::Record => {
                    return Found::Record(read, self.fill(ended, cells));
                }
                ReadRecordResult::OutputEndsFull => self.ends.resize(ended * 2, 0),
                ReadRecordResult::InputEmpty if at_end => {}
                // There is room for every byte.
                ReadRecordResult::OutputFull
                | ReadRecordResult::InputEmpty
                | ReadRecordResult::End => return Found::NoRecord,
            }
        }
    }

    /// Whether there is no record in `bytes`, nor the beginning of one: lines without a byte, and comments.
    pub fn is_nothing(&mut self, bytes: &[u8]) -> bool {
        if bytes.is_empty() {
            return true;
        }
        self.begin(bytes.len());
        let read = self
            .reader
            .read_record(bytes, &mut self.text, &mut self.ends);
        read == (ReadRecordResult::InputEmpty, bytes.len(), 0, 0)
    }

    /// Begins a record. A line end goes first: it ends whatever was before, is nothing to the next record, and
    /// behind it csv-core takes no byte-order mark away.
    fn begin(&mut self, len: usize) {
        self.reader.reset();
        if self.text.len() <= len {
            self.text.resize(len + 1, 0);
        }
        self.reader
            .read_record(b"\n", &mut self.text, &mut self.ends);
    }

    fn fill(&self, ended: usize, cells: &mut Cells) -> Result<(), Problem> {
        cells.refill("");
        let mut start = 0;
        for (&end, number) in self.ends[..ended].iter().zip(1..) {
            let cell = std::str::from_utf8(&self.text[start..end]);
            cells.push(cell.map_err(|error| not_utf8(number, error))?);
            start = end;
        }
        Ok(())
    }
}

fn not_utf8(column: usize, error: std::str::Utf8Error) -> Problem {
    Problem::of_record(
        "encoding",
        format!(
            "column {column}: not UTF-8 from byte {} of the cell on",
            error.valid_up_to() + 1
        ),
    )
}
