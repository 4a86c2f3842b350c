//! Key paths, `fields.total.type` or `steps[2].drop."a b"`: how they are written and read. It knows no tree.

/// How an entry is named in its parent.
#[derive(Debug)]
pub(super) enum Step {
    /// The document.
    Root,
    /// By its key in a table.
    Key(String),
    /// By its index in an array, from 0.
    Item(usize),
}

/// Appends a step to a path.
pub(super) fn join(path: &mut String, step: &Step) {
    match step {
        Step::Root => {}
        Step::Item(at) => path.push_str(&format!("[{at}]")),
        Step::Key(key) => join_key(path, key),
    }
}

/// Appends a key to a path, in quotes where it is not a bare one.
pub(super) fn join_key(path: &mut String, key: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(is_bare) {
        path.push_str(key);
        return;
    }
    path.push('"');
    for c in key.chars() {
        if c == '"' || c == '\\' {
            path.push('\\');
        }
        path.push(c);
    }
    path.push('"');
}

/// The path of a field, or of one of its keys where `key` is not empty.
pub fn field_path(field: &str, key: &str) -> String {
    let mut path = "fields".to_owned();
    join_key(&mut path, field);
    if !key.is_empty() {
        path.push('.');
        path.push_str(key);
    }
    path
}

/// Reads a path: bare or quoted keys with dots between, `[0]` after what is an array.
pub(super) fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut chars = path.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '.' => {}
            '[' => {
                let digits: String =
                    std::iter::from_fn(|| chars.next_if(char::is_ascii_digit)).collect();
                chars.next_if_eq(&']');
                steps.push(digits.parse().map_or(Step::Key(digits), Step::Item));
            }
            '"' => {
                let mut key = String::new();
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' => key.extend(chars.next()),
                        c => key.push(c),
                    }
                }
                steps.push(Step::Key(key));
            }
            c => {
                let mut key = String::from(c);
                key.extend(std::iter::from_fn(|| {
                    chars.next_if(|c| *c != '.' && *c != '[')
                }));
                steps.push(Step::Key(key));
            }
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: &str) {
        let mut written = String::new();
        for step in steps(path) {
            join(&mut written, &step);
        }
        assert_eq!(written, expected);
    }

    #[test]
    fn written_as_read() {
        for path in [
            "",
            "a",
            "a.b-c.d_e",
            "steps[0].drop",
            "a[0][12].b",
            r#"a."b.c".d"#,
            r#""""#,
            r#""a \"b\" \\ c"[1]"#,
        ] {
            check(path, path);
        }
    }

    #[test]
    fn fields_have_paths() {
        assert_eq!(field_path("total", ""), "fields.total");
        assert_eq!(field_path("total", "hash.salt"), "fields.total.hash.salt");
        assert_eq!(field_path("a \"b\"", "from"), r#"fields."a \"b\"".from"#);
        assert_eq!(field_path("", ""), r#"fields."""#);
    }

    #[test]
    fn broken_ones_end() {
        check("a..b", "a.b");
        check(r#"a."b"#, "a.b");
        check("a[1", "a[1]");
        check("a[]", r#"a."""#);
        check("größe", r#""größe""#);
    }
}
