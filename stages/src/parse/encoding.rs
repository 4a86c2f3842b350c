//! What is said about a record that is not UTF-8.

use pipeline::Problem;
use std::str::Utf8Error;

/// The problem `encoding` of a record of these bytes: the column, in characters, and the byte, both from 1.
pub(super) fn not_utf8(bytes: &[u8], error: Utf8Error) -> Problem {
    let good = error.valid_up_to();
    let characters = bytes[..good].iter().filter(|&&byte| byte & 0xc0 != 0x80);
    Problem::of_record(
        "encoding",
        format!(
            "column {}: not UTF-8 from byte {} of the record on",
            characters.count() + 1,
            good + 1
        ),
    )
}
