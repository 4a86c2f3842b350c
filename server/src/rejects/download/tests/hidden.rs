//! Rejects of a spec with sensitive fields: nothing of the record comes back, and the others stay where they belong.

use super::*;

const WHY: &str = "not shown: the spec has sensitive fields (the record is not shown: its spec has sensitive fields)";

async fn check(format: &str, fields: &str, input: &str, expected: &str) {
    let text = format!(
        "spec = 1\nname = 'a'\n{format}\n[fields]\n{fields}\n[errors]\nmin_records = 0\n[sink.null]\n"
    );
    let loaded = Loaded::load(plan(&text), input.as_bytes()).await;
    let bytes = loaded
        .download(Some(&loaded.head), memory(input.as_bytes()))
        .await;
    let found = String::from_utf8(bytes).unwrap();
    let reference = format!("{}:1", loaded.run.job);
    assert_eq!(found, expected.replace("REFERENCE", &reference), "{format}");
}

#[tokio::test]
async fn a_record_that_is_not_shown_leaves_its_cells_empty() {
    let fields = "n = { type = 'integer', sensitive = true }";
    let said = format!("REFERENCE,type,n,{WHY}");
    let titles = "_reference,_code,_field,_message";
    check(
        "[format.csv]",
        fields,
        "a,n,b\nAnn,17x,1\n",
        &format!("a,n,b,{titles}\n,,,{said}\n"),
    )
    .await;
    check(
        "[format.csv]",
        fields,
        "n\n17x\n",
        &format!("n,{titles}\n,{said}\n"),
    )
    .await;
    let members =
        format!(r#""_reference":"REFERENCE","_code":"type","_field":"n","_message":"{WHY}""#);
    check(
        "[format.jsonl]",
        fields,
        "{\"n\":\"17x\"}\n",
        &format!("{{{members}}}\n"),
    )
    .await;
    check(
        "[format.lines]\npattern = '(?<n>.*)'",
        fields,
        "17x\n",
        &format!("REFERENCE\ttype\tn\t{WHY}\t\n"),
    )
    .await;
}
