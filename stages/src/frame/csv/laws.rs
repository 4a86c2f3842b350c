//! The laws of the CSV framer, as a function of any bytes: property tests, the fuzz target and the replay of
//! its corpus call it.
//!
//! 1. Any cut, any restart ([`pipeline::law`]).
//! 2. It finds what the rules say, read literally ([`rules`]).
//! 3. The framer cuts where csv-core does, when no record is broken: as many records, and each record alone has
//!    the cells that it has in the whole.
//! 4. The bytes from one record to the last before a broken one, as they stand in a block, are to csv-core
//!    just these records.
//! 5. The bytes that are looked at are a small multiple of the input, however often framing begins again.

mod rules;

use super::{CsvDialect, CsvFramer};
use csv_core::ReadRecordResult;
use pipeline::law::{self, Framing, any_cut_any_restart};
use pipeline::{Block, FrameLimits, Framer, Position};

/// The most times that one byte is looked at, on average.
pub const MAX_SCANS_PER_BYTE: u64 = 4;

/// Checks all laws for `input`, and returns its framing.
///
/// # Panics
/// When one is broken.
pub fn hold_for(dialect: &CsvDialect, limits: FrameLimits, input: &[u8]) -> Framing {
    let make = |at| Box::new(CsvFramer::new(dialect, at, limits)) as Box<dyn Framer>;
    let framing = any_cut_any_restart(&make, input);
    assert_eq!(
        framing,
        rules::framing(dialect, limits.max_record_bytes, input)
    );
    if framing
        .records
        .iter()
        .all(|(_, _, broken)| broken.is_none())
    {
        cuts_like_csv_core(dialect, input, &framing);
    }
    let blocks = law::frame(make(Position::START), Position::START, input, 64);
    blocks.iter().for_each(|block| stands_alone(dialect, block));
    for chunk in [1, 64, input.len()] {
        is_linear(dialect, limits, input, chunk);
    }
    framing
}

/// Takes limits and a dialect from the first two bytes of `data`, and checks all laws for the others.
///
/// # Panics
/// When one is broken.
pub fn hold_for_any(data: &[u8]) {
    let [limit, kind, input @ ..] = data else {
        return;
    };
    let limits = FrameLimits {
        max_record_bytes: 1 + usize::from(*limit >> 2),
        max_block_records: 1 + usize::from(*limit & 3),
        max_block_bytes: 32,
    };
    let flag = |bit: u8, byte: u8| (kind & bit != 0).then_some(byte);
    let dialect = CsvDialect {
        delimiter: if kind & 1 == 0 { b',' } else { b';' },
        quote_char: if kind & 2 == 0 {
            Some(b'"')
        } else {
            flag(4, b'\'')
        },
        double_quote: kind & 8 == 0,
        escape_char: flag(16, b'\\'),
        comment_char: flag(32, b'#'),
        ..CsvDialect::default()
    };
    hold_for(&dialect, limits, input);
}

type Cells = Vec<Vec<u8>>;

fn cuts_like_csv_core(dialect: &CsvDialect, input: &[u8], framing: &Framing) {
    // A line end more is no record more, but it ends a comment, which csv-core else takes for a record.
    let whole = read_all(dialect, &[input, b"\n"].concat());
    let cut: Vec<Cells> = framing
        .records
        .iter()
        .flat_map(|(at, raw, _)| {
            let cells = read_all(dialect, raw);
            assert_eq!(cells.len(), 1, "the record at {at:?} is one record");
            cells
        })
        .collect();
    assert_eq!(cut, whole, "the framer cuts where csv-core does");
}

fn stands_alone(dialect: &CsvDialect, block: &Block) {
    for run in block.frames.split(|frame| frame.broken.is_some()) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            continue;
        };
        let bytes = &block.bytes[first.start as usize..last.end as usize];
        assert_eq!(
            read_all(dialect, bytes).len(),
            run.len(),
            "{:?}",
            block.start
        );
    }
    if block.frames.iter().all(|frame| frame.broken.is_none()) {
        assert_eq!(read_all(dialect, &block.bytes).len(), block.frames.len());
    }
}

/// All records of `input`, as csv-core reads them.
fn read_all(dialect: &CsvDialect, mut input: &[u8]) -> Vec<Cells> {
    let mut reader = dialect.core_reader();
    let (mut text, mut ends) = (vec![0; input.len() + 1], vec![0; input.len() + 2]);
    let (mut written, mut count) = (0, 0);
    let mut records = Vec::new();
    // A byte-order mark is data to the framer; csv-core takes one away at its start only.
    reader.read_record(b"\n", &mut text, &mut ends);
    loop {
        let (result, read, more_text, more_ends) =
            reader.read_record(input, &mut text[written..], &mut ends[count..]);
        input = &input[read..];
        (written, count) = (written + more_text, count + more_ends);
        match result {
            ReadRecordResult::Record => {
                let starts = std::iter::once(0).chain(ends[..count].iter().copied());
                let cells = starts.zip(&ends[..count]);
                records.push(cells.map(|(from, &to)| text[from..to].to_vec()).collect());
                (written, count) = (0, 0);
            }
            ReadRecordResult::End => return records,
            _ => {}
        }
    }
}

fn is_linear(dialect: &CsvDialect, limits: FrameLimits, input: &[u8], chunk: usize) {
    let mut framer = CsvFramer::new(dialect, Position::START, limits);
    let take = |framer: &mut CsvFramer, at_end| {
        while matches!(framer.next_block(at_end), Ok(Some(_))) {}
    };
    for bytes in input.chunks(chunk.max(1)) {
        framer.buffer().extend_from_slice(bytes);
        take(&mut framer, false);
    }
    take(&mut framer, true);
    let (scanned, most) = (
        framer.scanned_bytes(),
        MAX_SCANS_PER_BYTE * input.len() as u64 + 8,
    );
    assert!(
        scanned <= most,
        "{scanned} bytes looked at in chunks of {chunk}, over {most}"
    );
}
