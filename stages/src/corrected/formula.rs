//! Cells that a spreadsheet would compute, made text and made what they were again.
//!
//! A cell that begins with a byte of a formula, behind any number of marks, gets one mark more; a signed number of digits,
//! points and commas computes nothing and stays. So each value has one spelling, and the way back is one rule: from a
//! cell that begins with marks and then a byte of a formula, one mark is taken away. Nothing else is ever changed.

/// The usual mark, which a spreadsheet takes for the sign of text.
pub const MARK: u8 = b'\'';

/// How formulas begin: as OWASP lists it, the wide forms of Asian keyboards with them.
const STARTS: [&str; 11] = ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"];

/// Whether a cell needs a mark before it.
pub fn is_formula(cell: &[u8], mark: u8) -> bool {
    let marks = cell.iter().take_while(|byte| **byte == mark).count();
    let starts = |start: &&str| cell[marks..].starts_with(start.as_bytes());
    STARTS.iter().any(starts) && !is_number(cell)
}

/// Whether a cell has a mark that was put before it: the way back takes its first byte away.
pub fn is_marked(cell: &[u8], mark: u8) -> bool {
    let marks = cell.iter().take_while(|byte| **byte == mark).count();
    let starts = |start: &&str| cell[marks..].starts_with(start.as_bytes());
    marks > 0 && STARTS.iter().any(starts)
}

fn is_number(cell: &[u8]) -> bool {
    matches!(cell, [b'+' | b'-', rest @ ..]
        if rest.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b',')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use testbed::random::Random;

    fn guarded(cell: &[u8]) -> Vec<u8> {
        match is_formula(cell, MARK) {
            true => [&[MARK], cell].concat(),
            false => cell.to_vec(),
        }
    }

    /// The way back, as the module's head says it.
    fn unguarded(cell: &[u8]) -> &[u8] {
        &cell[usize::from(is_marked(cell, MARK))..]
    }

    #[test]
    fn what_computes_is_text_and_what_does_not_stays() {
        for (cell, expected) in [
            ("", ""),
            ("a=1", "a=1"),
            (" =1", " =1"),
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("+49 30", "'+49 30"),
            ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
            ("\t=1", "'\t=1"),
            ("＝1", "'＝1"),
            ("'=1", "''=1"),
            ("'a", "'a"),
            ("-", "-"),
            ("-1.234,50", "-1.234,50"),
            ("+7", "+7"),
            ("'-7", "''-7"),
        ] {
            assert_eq!(guarded(cell.as_bytes()), expected.as_bytes(), "{cell}");
        }
    }

    #[test]
    fn every_value_is_found_again() {
        for seed in 0..20_000 {
            let mut random = Random::new(seed);
            let alphabet = ["'", "=", "-", "1", ".", "a", "＝", "\t"];
            let len = random.below(6);
            let cell: String = (0..len)
                .map(|_| alphabet[random.below(alphabet.len() as u64) as usize])
                .collect();
            let guarded = guarded(cell.as_bytes());
            assert_eq!(unguarded(&guarded), cell.as_bytes(), "seed {seed}");
            let computes = STARTS
                .iter()
                .any(|start| guarded.starts_with(start.as_bytes()));
            assert!(!computes || is_number(&guarded), "seed {seed}: {cell}");
        }
    }
}
