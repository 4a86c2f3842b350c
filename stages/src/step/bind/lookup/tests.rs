//! Tables in the spec and beside it, what is looked up in them, and what is wrong with them.

use super::*;
use crate::step::bind::FieldsSpec;

fn fields(field: &str) -> Vec<(String, FieldSpec)> {
    let FieldsSpec(fields) = toml::from_str(&format!("f = {{ {field} }}")).unwrap();
    fields
}

/// What is wrong with a look-up beside a file `t.csv`, as `path code`; else what it says of `DE` and `XX`, in words.
fn told(file: &str, lookup: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.csv"), file).unwrap();
    let mut fields = fields(&format!("lookup = {{ {lookup} }}"));
    let mut problems = Vec::new();
    read_files(&mut fields, Some(folder.path()), &mut problems);
    if let [problem] = &problems[..] {
        return format!("{} {}", problem.path, problem.code);
    }
    assert_eq!(problems, []);
    let lookup = Lookup::new(fields[0].1.lookup.as_ref().unwrap());
    format!("{:?} {:?}", lookup.look("DE"), lookup.look("XX"))
}

#[test]
fn tables_are_asked_and_judged() {
    let table = "code,name\nDE,Germany\nFR,\"France, La\"\nDE,Germany\n";
    let file = "file = 't.csv', key = 'code', value = 'name'";
    let check = |table: &str, lookup: &str, expected: &str| {
        assert_eq!(told(table, lookup), expected, "{lookup} of {table:?}");
    };
    check(table, file, "For(\"Germany\") Unknown");
    check(
        table,
        &format!("{file}, missing = 'keep'"),
        "For(\"Germany\") For(\"XX\")",
    );
    check(
        table,
        &format!("{file}, missing = 'null'"),
        "For(\"Germany\") Null",
    );
    check(table, "values = { DE = '1' }", "For(\"1\") Unknown");
    check(
        "\u{feff}name;code\r\nGermany;DE\r\n",
        &format!("{file}, delimiter = ';'"),
        "For(\"Germany\") Unknown",
    );
    check(
        table,
        "file = 't.csv', key = 'code', value = 'code'",
        "For(\"DE\") Unknown",
    );
    for (table, lookup, expected) in [
        (table, "", "fields.f.lookup required"),
        (
            table,
            "file = 't.csv', key = 'code'",
            "fields.f.lookup required",
        ),
        (
            table,
            "file = 't.csv', values = {}",
            "fields.f.lookup.file impossible",
        ),
        (
            table,
            "values = {}, key = 'x'",
            "fields.f.lookup.key not_applicable",
        ),
        (
            table,
            "file = 'u.csv', key = 'code', value = 'name'",
            "fields.f.lookup.file not_found",
        ),
        (
            table,
            "file = '../t.csv', key = 'code', value = 'name'",
            "fields.f.lookup.file bad_value",
        ),
        (
            table,
            "file = '..', key = 'code', value = 'name'",
            "fields.f.lookup.file bad_value",
        ),
        (
            table,
            "file = 't.csv', key = 'kode', value = 'name'",
            "fields.f.lookup.key unknown_column",
        ),
        (
            table,
            "file = 't.csv', key = 'code', value = 'x'",
            "fields.f.lookup.value unknown_column",
        ),
        (
            table,
            "file = 't.csv', key = 'code', value = 'name', delimiter = '→'",
            "fields.f.lookup.delimiter bad_value",
        ),
        ("code,name\nDE\n", file, "fields.f.lookup.file bad_table"),
        (
            "code,name\nDE,a\nDE,b\n",
            file,
            "fields.f.lookup.file bad_table",
        ),
        (&"a,".repeat(1001), file, "fields.f.lookup.file bad_table"),
        (
            &"a".repeat(MAX_LOOKUP_BYTES as usize + 1),
            file,
            "fields.f.lookup.file bad_table",
        ),
        ("", file, "fields.f.lookup.key unknown_column"),
    ] {
        let shown: String = table.chars().take(50).collect();
        assert_eq!(told(table, lookup), expected, "{lookup} of {shown:?}");
    }
}

#[test]
fn no_file_is_read_for_the_service_and_another_content_is_another_hash() {
    let folder = tempfile::tempdir().unwrap();
    let lookup = "lookup = { file = 't.csv', key = 'a', value = 'b' }";
    let mut problems = Vec::new();
    assert!(read_files(&mut fields(lookup), None, &mut problems).is_none());
    assert_eq!(
        (problems[0].path.as_str(), problems[0].code),
        ("fields.f.lookup.file", "not_here")
    );
    let hash = |content: &str| {
        std::fs::write(folder.path().join("t.csv"), content).unwrap();
        let hash = read_files(&mut fields(lookup), Some(folder.path()), &mut Vec::new());
        hex::encode(hash.unwrap().finalize())
    };
    let first = hash("a,b\n1,2\n");
    assert_ne!(first, hash("a,b\n1,3\n"));
    assert_eq!(first, hash("a,b\n1,2\n"));
}
