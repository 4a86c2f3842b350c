//! Panics are told in the log, with their place and the ids of what was being done.
//!
//! Of the message only what comes before its first quotation mark is told: behind that stand values, and they may be
//! those of a file.

use std::panic::PanicHookInfo;

/// Tells every panic from now on in the log, instead of as text on standard error.
pub fn tell_panics() {
    std::panic::set_hook(Box::new(tell));
}

pub(super) fn tell(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let message = panic.payload_as_str().map(unquoted);
    let thread = std::thread::current();
    // The hook runs where the panic is, inside the spans of what was being done.
    tracing::error!(place, reason = message, thread = thread.name(), "panicked");
}

fn unquoted(message: &str) -> &str {
    let end = message.find(['\'', '"', '`', '\n']);
    message[..end.unwrap_or(message.len())].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_left_out_of_messages() {
        for (message, told) in [
            (
                "attempt to add with overflow",
                "attempt to add with overflow",
            ),
            (
                "index out of bounds: the len is 3 but the index is 5",
                "index out of bounds: the len is 3 but the index is 5",
            ),
            (
                "byte index 1 is not a char boundary; it is inside 'é' (bytes 0..2) of `é;4111`",
                "byte index 1 is not a char boundary; it is inside",
            ),
            (
                "called `Result::unwrap()` on an `Err` value: 4111",
                "called",
            ),
            ("two\nlines", "two"),
            ("", ""),
        ] {
            assert_eq!(unquoted(message), told);
        }
    }
}
