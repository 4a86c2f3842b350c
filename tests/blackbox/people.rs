//! A small spec with two files, for tests of the command line.

use testbed::process::{Ended, Sluicegate};

use crate::job::place;

pub const SPEC: &str = r#"spec = 1
name = "people"
version = 3

[format.csv]

[values]
missing_values = [""]

[fields]
name = { type = "string", required = true }
age = { type = "integer", minimum = 0 }

[[steps]]
drop = { name = "children", when = "age < 18" }

[errors]
max_ratio = 1.0

[sink.mongodb]
collection = "people"
"#;

/// A good record, a child, a good one and two bad ones.
pub const PEOPLE: &str = "name,age\nAnn,41\nBob,7\nCid,52\nDan,old\n,30\n";

/// Two good ones.
pub const GOOD: &str = "name,age\nAnn,41\nCid,52\n";

/// A place with the spec and both files.
pub fn with_files() -> Sluicegate {
    let place = place();
    place.write("people.toml", SPEC);
    place.write("people.csv", PEOPLE);
    place.write("good.csv", GOOD);
    place
}

/// What the program left in its folder, apart from what the test put there.
pub fn left_behind(place: &Sluicegate) -> Vec<String> {
    let names = place.folder().read_dir().unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut left: Vec<String> = names
        .filter(|name| !name.ends_with(".toml") && !name.ends_with(".csv") && name != "in")
        .collect();
    left.sort();
    left
}

/// The documents of all loads.
pub async fn in_store(place: &Sluicegate) -> usize {
    let ended = place.run(["export", "people"]).await;
    let is_there = !ended.stderr.contains("(no_collection)");
    let code = if is_there { 0 } else { 2 };
    assert_eq!(ended.code, Some(code), "{}", ended.stderr);
    ended.stdout.lines().count()
}

/// Asserts the exit code and that the words were said.
#[track_caller]
pub fn says(ended: &Ended, code: i32, words: &[&str]) {
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.code, Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} in {said}");
    }
}
