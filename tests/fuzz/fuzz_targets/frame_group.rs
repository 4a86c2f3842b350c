//! Fuzzes the framer of groups, over lines: its laws hold for any bytes and limits.
#![no_main]

use pipeline::{FrameLimits, Framer, Position};
use stages::frame::{group::laws::hold_for_any, lines::LinesFramer};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let limits = FrameLimits {
        max_record_bytes: 24,
        max_block_records: 3,
        max_block_bytes: 32,
    };
    let lines = |at: Position| Box::new(LinesFramer::new(at, limits)) as Box<dyn Framer>;
    hold_for_any(&lines, data);
});
