//! Patterns of names of files: `*` is any text, `?` any one character. They know nothing of folders.

/// Whether a file's name matches a pattern: `*` is any text, `?` any one character.
pub fn name_matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where to go on when a star took too little: behind the star, and one more character.
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match retry {
                Some((after, taken)) => {
                    retry = Some((after, taken + 1));
                    (p, n) = (after, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, expected) in [
            ("orders-*.csv", "orders-1.csv", true),
            ("orders-*.csv", "orders-1.csv.gz", false),
            ("orders-*.csv*", "orders-1.csv.gz", true),
            ("*a*b", "xaxaxb", true),
            ("*a*b", "xaxaxbc", false),
            ("?.csv", "ü.csv", true),
            ("?.csv", ".csv", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(
                name_matches(pattern, name),
                expected,
                "{pattern} and {name}"
            );
        }
    }
}
