//! What the added columns of a CSV are called: never as a column of the file is called.
//!
//! `_reference`, `_code`, `_field` and `_message`; where the file has one of these titles, all four end on a number, which is
//! higher than any that such a title of the file ends on: `_reference_2` beside the file's own `_message`. So the way back
//! needs no memory, and no order: the column `_reference` with the highest number was added, and of the others those with the
//! same number, as many as are left. Titles are compared as binding compares them, without the case of their letters.

use super::ADDED;
use pipeline::Fatal;

/// What the added columns are called in a file with these titles.
pub fn titles_beside(own: &[String]) -> [String; ADDED.len()] {
    let numbers = own.iter().flat_map(|title| {
        let number = |name: &&str| number_of(title, name);
        ADDED.iter().filter_map(number).collect::<Vec<u64>>()
    });
    match numbers.max() {
        None => ADDED.map(str::to_owned),
        Some(highest) => ADDED.map(|name| format!("{name}_{}", highest.saturating_add(1))),
    }
}

/// Where the added columns are among these titles.
///
/// # Errors
/// `no_references` where none is called as a reference is; `header_ambiguous` where two are called the same.
pub(super) fn added_among(titles: &[String]) -> Result<[Option<usize>; ADDED.len()], Fatal> {
    let numbers = titles.iter().filter_map(|title| number_of(title, ADDED[0]));
    let Some(number) = numbers.max() else {
        let message = format!("the file has no column {}", ADDED[0]);
        return Err(Fatal::new("no_references", message)
            .hint("send the file of the rejects, corrected, with its added columns: their titles say which they are"));
    };
    let mut added = [None; ADDED.len()];
    for (found, name) in added.iter_mut().zip(ADDED) {
        for (at, title) in titles.iter().enumerate() {
            if number_of(title, name) != Some(number) {
                continue;
            }
            if let Some(before) = found.replace(at) {
                let message = format!(
                    "columns {} and {} are both called {}: which one was added is not known",
                    before + 1,
                    at + 1,
                    title.trim()
                );
                return Err(Fatal::new("header_ambiguous", message)
                    .hint("give a column that is not from the file of the rejects another title, or leave it out"));
            }
        }
    }
    Ok(added)
}

/// The number of a title that is `name`, which has 1, or ends on a number behind it, from 2 on.
fn number_of(title: &str, name: &str) -> Option<u64> {
    let title = title.trim();
    let (start, rest) = title.split_at_checked(name.len())?;
    if !start.eq_ignore_ascii_case(name) {
        return None;
    }
    match rest.strip_prefix('_') {
        None => rest.is_empty().then_some(1),
        Some(digits) => {
            let is_plain =
                digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
            let number: u64 = digits.parse().ok().filter(|_| is_plain)?;
            (number > 1).then_some(number)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testbed::random::Random;

    fn owned(titles: &[&str]) -> Vec<String> {
        titles.iter().map(|title| (*title).to_owned()).collect()
    }

    #[test]
    fn added_titles_end_on_a_number_that_the_file_has_not() {
        for (own, suffix) in [
            (&["id", "message", "_messages", "_message_x"][..], ""),
            (&["_message_02", "_message_1", "_message_"], ""),
            (&["id", "_message"], "_2"),
            (&[" _Reference "], "_2"),
            (&["_code_2"], "_3"),
            (&["_code_7", "_field", "_field"], "_8"),
        ] {
            let expected = ADDED.map(|name| format!("{name}{suffix}"));
            assert_eq!(titles_beside(&owned(own)), expected, "{own:?}");
        }
    }

    #[test]
    fn what_was_added_is_found_in_any_order_and_without_the_others() {
        let alphabet = [
            "a",
            "_message",
            "_reference",
            "_code_2",
            "_field",
            "_reference_3",
            "_MESSAGE_2",
            "_reference_x",
        ];
        for seed in 0..5_000 {
            let mut random = Random::new(seed);
            let count = random.below(5);
            let mut own: Vec<String> = (0..count)
                .map(|_| alphabet[random.below(alphabet.len() as u64) as usize].to_owned())
                .collect();
            let added = titles_beside(&own);
            let mut titles: Vec<(String, Option<usize>)> =
                own.drain(..).map(|title| (title, None)).collect();
            for (number, title) in added.into_iter().enumerate() {
                // The reference is always there.
                if number == 0 || random.below(3) > 0 {
                    let at = random.below(titles.len() as u64 + 1) as usize;
                    titles.insert(at, (title, Some(number)));
                }
            }
            let each: Vec<String> = titles.iter().map(|(title, _)| title.clone()).collect();
            let found = added_among(&each).unwrap();
            let expected = [0, 1, 2, 3]
                .map(|number| titles.iter().position(|(_, added)| *added == Some(number)));
            assert_eq!(found, expected, "seed {seed}: {each:?}");
        }
    }

    #[test]
    fn titles_that_say_nothing_are_refused() {
        let code = |titles: &[&str]| added_among(&owned(titles)).unwrap_err().code;
        assert_eq!(code(&["a", "_code"]), "no_references");
        assert_eq!(
            code(&["_reference", "_message", "_Message"]),
            "header_ambiguous"
        );
        let most = format!("_reference_{}", u64::MAX);
        let added = titles_beside(&owned(&[&most]));
        assert_eq!(code(&[&most, &added[0]]), "header_ambiguous");
    }
}
