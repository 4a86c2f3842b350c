//! What INPUT may say, and what a folder becomes.

use super::*;

fn check(text: &str, expected: Result<Input, &str>) {
    let got: Result<Input, Fatal> = text.parse();
    assert_eq!(got.map_err(|fatal| fatal.code), expected, "{text:?}");
}

fn s3(bucket: &str, key: &str) -> Input {
    Input::S3 {
        bucket: bucket.into(),
        key: key.into(),
    }
}

#[test]
fn input_is_read_from_text() {
    check("-", Ok(Input::Stdin));
    check("orders.csv", Ok(Input::File("orders.csv".into())));
    check("./-", Ok(Input::File("./-".into())));
    check("/a b/ü.csv", Ok(Input::File("/a b/ü.csv".into())));
    check("s3://bucket/key", Ok(s3("bucket", "key")));
    check("s3://b/a/b%20c//d ", Ok(s3("b", "a/b%20c//d ")));
    check("s3://b/folder/", Ok(s3("b", "folder/")));
    check("s3://bucket", Err("bad_input"));
    check("s3://bucket/", Err("bad_input"));
    check("s3:///key", Err("bad_input"));
    check("https://host/file.csv", Err("bad_input"));
    check("", Err("bad_input"));
    check("a:b.csv", Ok(Input::File("a:b.csv".into())));
    check("./https://x", Ok(Input::File("./https://x".into())));
}

#[test]
fn input_is_written_as_it_was_read() {
    for text in ["-", "a/b.csv", "s3://bucket/a/key"] {
        assert_eq!(text.parse::<Input>().unwrap().to_string(), text);
    }
}

#[test]
fn folder_becomes_its_files_in_name_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["b.csv", "a.csv", "B.csv", "10.csv", "9.csv", ".hidden"] {
        std::fs::write(path(name), name).unwrap();
    }
    std::fs::create_dir(path("inner")).unwrap();
    std::fs::write(path("inner/c.csv"), "c").unwrap();
    let files = Input::File(folder.path().into()).expand().unwrap();
    let expected = ["10.csv", "9.csv", "B.csv", "a.csv", "b.csv"];
    assert_eq!(files, expected.map(|name| Input::File(path(name))));
}

#[test]
fn folder_without_files_is_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let fatal = Input::File(folder.path().into()).expand().unwrap_err();
    assert_eq!(fatal.code, "not_found");
}

#[test]
fn everything_else_stays_as_it_is() {
    for input in [Input::Stdin, s3("b", "k/"), Input::File("no/such".into())] {
        assert_eq!(input.clone().expand().unwrap(), [input]);
    }
}
