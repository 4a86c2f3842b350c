//! Documents that are made of several records: what is in the target and in the books, in every format, and that neither
//! chunks nor restarts change it.

use super::super::*;
use super::shapes::{ORDERS, STORE, opened, outcomes, plan, run};
use proptest::prelude::*;

const ITEMS: &str = "[values]\nmissing_values = ['']\n[fields]\nid = { required = true }\nname = {}\nsku = { required = true }\nn = { to = 'quantity.n', type = 'integer' }\n";
const GROUP: &str = "[group]\nby = ['id']\ninto = 'items'\nfields = ['sku', 'n']\n";

#[tokio::test]
async fn records_that_follow_each_other_with_one_key_are_one_document() {
    let spec = format!("[format.csv]\n{ITEMS}{GROUP}{STORE}");
    let input = "id,name,sku,n\na,Ada,x,1\na,Ada,y,2\nb,Ben,x,\n\na,Ada,z,3\n";
    for records in [1, 2, 100] {
        let left = run(&plan(&spec), input, records).await;
        assert_eq!(left.told, "4 0 0, 3 documents");
        let one = r#"0/0 {"id":"a","name":"Ada","items":[{"sku":"x","quantity":{"n":1}},{"sku":"y","quantity":{"n":2}}]}"#;
        let two = r#"2/0 {"id":"b","name":"Ben","items":[{"sku":"x"}]}"#;
        let three = r#"3/0 {"id":"a","name":"Ada","items":[{"sku":"z","quantity":{"n":3}}]}"#;
        assert_eq!(left.documents, [one, two, three]);
    }
}

#[tokio::test]
async fn one_bad_record_rejects_its_group_and_what_differs_all_of_it() {
    let steps = "[[steps]]\ndrop = { name = 'gift', when = \"sku == 'gift'\" }\n\
                 [[steps]]\nreject = { name = 'odd', severity = 'warn', when = \"sku == 'odd'\", message = 'odd' }\n";
    let spec = format!("[format.csv]\n{ITEMS}{GROUP}{STORE}{steps}");
    let input = "id,name,sku,n\na,Ada,x,1\na,Ada,y,much\na,Ada,z,1\nb,Ben,x,1\nb,Benno,y,1\nc,,gift,1\nc,,odd,\nc,,z,2\n\
                 d,,gift,1\nd,,gift,1\ne,,x\nf,,x,1\n";
    for records in [1, 3, 100] {
        let left = run(&plan(&spec), input, records).await;
        assert_eq!(left.told, "2 7 3, 1 documents");
        assert_eq!(left.warned, [("odd".to_owned(), 1)]);
        let document = r#"5/0 {"id":"c","items":[{"sku":"odd"},{"sku":"z","quantity":{"n":2}}]}"#;
        assert_eq!(left.documents, [document]);
        let rejects: Vec<_> = left
            .rejects
            .iter()
            .map(|one| one.split(": ").next().unwrap())
            .collect();
        let expected = [
            "1 group_rejected -",
            "2 type n",
            "3 group_rejected -",
            "4 group_conflict name",
            "5 group_conflict name",
            "11 cell_count -",
            "12 group_rejected -",
        ];
        assert_eq!(rejects, expected, "{:?}", left.rejects);
        assert!(
            left.rejects[3].ends_with(r#"differ: "Ben" and "Benno""#),
            "{:?}",
            left.rejects
        );
    }
}

#[tokio::test]
async fn a_group_that_is_too_large_is_rejected_and_the_next_one_is_not() {
    let spec = format!("[format.jsonl]\n{ITEMS}{GROUP}max_records = 3\n{STORE}");
    let line = |id: &str| format!("{{\"id\":\"{id}\",\"sku\":\"x\"}}\n");
    let input = [
        line("a").repeat(3),
        line("b").repeat(9),
        line("c").repeat(2),
    ]
    .concat();
    for records in [1, 2, 100] {
        let left = run(&plan(&spec), &input, records).await;
        assert_eq!(left.told, "5 9 0, 2 documents");
        assert!(
            left.rejects
                .iter()
                .all(|one| one.contains(" group_too_large "))
        );
    }
}

#[tokio::test]
async fn by_key_a_group_replaces_the_document_with_its_key() {
    let keyed = "[sink.sqlite]\npath = 'x'\ntable = 't'\nmode = 'upsert'\nkey = ['id']\n";
    let spec = format!("[format.jsonl]\n{ITEMS}{GROUP}{keyed}");
    let line = |id: &str, sku: &str| format!("{{\"id\":\"{id}\",\"sku\":\"{sku}\"}}\n");
    let input = [
        line("a", "x"),
        line("a", "y"),
        line("b", "x"),
        line("a", "z"),
    ]
    .concat();
    for records in [1, 100] {
        let left = run(&plan(&spec), &input, records).await;
        assert_eq!(left.told, "4 0 0, 2 documents");
        let mut documents: Vec<_> = left
            .documents
            .iter()
            .map(|one| one.split_once(' ').unwrap().1)
            .collect();
        documents.sort();
        let expected = [
            r#"{"id":"a","items":[{"sku":"z"}]}"#,
            r#"{"id":"b","items":[{"sku":"x"}]}"#,
        ];
        assert_eq!(documents, expected);
    }
}

/// Formats, each with what makes an input of the ids of its records; an empty id is a record that cannot be read.
type Written = fn(&[&str]) -> String;

fn formats() -> [(&'static str, Written); 6] {
    let plain = "[fields]\nid = {}\nsku = {}\n";
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    [
        (leak(format!(
                "[format.csv]\nheader = {{ rows = 0 }}\ncolumns = ['id', 'sku']\n{plain}"
            )), |ids| {
            let rows = ids.iter().enumerate().map(|(n, id)| match *id {
                "" => format!("{n}\n"),
                id => format!("\"{id}\",\"{n}\n\"\n"),
            });
            rows.collect()
        }),
        (leak(format!("[format.jsonl]\n{plain}")), |ids| {
            let rows = ids.iter().enumerate().map(|(n, id)| match *id {
                "" => "{\n\n".to_owned(),
                id => format!("{{\"id\":\"{id}\",\"sku\":\"{n}\"}}\n"),
            });
            rows.collect()
        }),
        (leak(format!("[format.json]\nrecord_path = '$.all[*]'\n{plain}")), |ids| {
            let rows = ids.iter().enumerate().map(|(n, id)| match *id {
                "" => "{\"id\":tru}".to_owned(),
                id => format!("{{\"id\":\"{id}\",\n\"sku\":\"{n}\"}}"),
            });
            format!("{{\"all\":[{}]}}", rows.collect::<Vec<_>>().join(" , "))
        }),
        (leak(format!("[format.xml]\nrecord_path = '/all/row'\n{plain}")), |ids| {
            let rows = ids.iter().enumerate().map(|(n, id)| match *id {
                "" => "<row><id></row>".to_owned(),
                id => format!("<row><id>{id}</id><sku>{n}</sku></row>\n"),
            });
            format!("<all>{}</all>", rows.collect::<String>())
        }),
        (leak(format!("[format.lines]\npattern = '(?<id>\\w) (?<sku>\\d+)'\n{plain}")), |ids| {
            let rows = ids.iter().enumerate().map(|(n, id)| match *id {
                "" => "?\n".to_owned(),
                id => format!("{id} {n}\n"),
            });
            rows.collect()
        }),
        (
            leak("[format.fixed]\n[fields]\nid = { start = 1, width = 1 }\nsku = { start = 2, width = 3 }\n".to_owned()),
            |ids| {
                let rows = ids.iter().enumerate().map(|(n, id)| match *id {
                    "" => "ab\n".to_owned(),
                    id => format!("{id}{n:03}\r\n"),
                });
                rows.collect()
            },
        ),
    ]
}

/// The stages of each record in a preview, those before binding left out.
async fn previewed(spec: &str, input: &str) -> Vec<Vec<String>> {
    let plan = plan(spec);
    let shown = opened(&plan, input, None).await.preview(&plan, 10).await.0;
    let of = |one: Shown| {
        let stages = one
            .stages
            .into_iter()
            .filter(|(name, _)| name != "framed" && name != "parsed");
        stages
            .map(|(name, text)| format!("{name} {text}"))
            .collect()
    };
    shown.into_iter().map(of).collect()
}

#[tokio::test]
async fn a_preview_shows_parts_and_groups() {
    let steps = "[[steps]]\nexplode = { field = 'lines', as = 'line' }\n[[steps]]\ndrop = { name = 'gift', when = 'line.n == 1' }\n";
    let input = "{\"lines\":[{\"n\":1},{\"n\":2}]}\n{\"lines\":[7]}\n";
    let exploded = previewed(&format!("{ORDERS}{STORE}{steps}"), input).await;
    let expected = [
        vec![
            r#"bound {"id":null,"lines":[{"n":1},{"n":2}]}"#,
            r#"part 1 {"id":null,"line":{"n":1}}"#,
            "dropped gift",
            r#"part 2 {"id":null,"line":{"n":2}}"#,
            r#"drop gift {"id":null,"line":{"n":2}}"#,
            r#"document {"line":{"n":2}}"#,
        ],
        vec![
            r#"bound {"id":null,"lines":[7]}"#,
            "rejected part_type lines: lines[0] is no object, and the spec does not say what `items` are",
        ],
    ];
    assert_eq!(exploded, expected);
    let steps = "[[steps]]\nexplode = { field = 'lines', as = 'line' }\n[[steps]]\nderive = { field = 'm', type = 'string', expr = 'string(line.n)' }\n\
        [[steps]]\nreject = { name = 'odd', when = 'm == \"3\"', message = 'is odd' }\n";
    let input = "{\"lines\":[{\"n\":1},{\"n\":2},{\"n\":3},{\"n\":4}]}\n";
    let exploded = previewed(&format!("{ORDERS}{STORE}{steps}"), input).await;
    let stages: Vec<&str> = exploded[0]
        .iter()
        .map(|stage| stage.split(" {").next().unwrap())
        .collect();
    let expected = "bound, part 1, derive m, reject odd, part 2, derive m, reject odd, part 3, derive m, rejected odd lines: \
        lines[2]: is odd";
    assert_eq!(
        stages.join(", "),
        expected,
        "none of its parts is a document"
    );
    let input = "id,name,sku,n\na,,x,1\na,,y,2\nb,,x,many\nb,,y,1\n";
    let grouped = previewed(&format!("[format.csv]\n{ITEMS}{GROUP}{STORE}"), input).await;
    assert_eq!(
        grouped[0],
        [r#"bound {"id":"a","name":null,"sku":"x","n":1}"#]
    );
    let whole = r#"document {"id":"a","items":[{"sku":"x","quantity":{"n":1}},{"sku":"y","quantity":{"n":2}}]}"#;
    assert_eq!(grouped[1].last().unwrap(), whole);
    assert_eq!(
        grouped[3].last().unwrap(),
        "rejected group_rejected: record 3, of the same group, is rejected"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]
    #[test]
    fn in_every_format_groups_come_out_the_same_however_the_input_is_cut(
        ids in prop::collection::vec(prop_oneof![9 => prop::sample::select(vec!["a", "b", "c"]), 1 => Just("")], 0..24),
    ) {
        for (format, written) in formats() {
            let spec = format!("{format}[group]\nby = ['id']\ninto = 'items'\nfields = ['sku']\nmax_records = 5\n{STORE}");
            let found = outcomes(&plan(&spec), &written(&ids));
            prop_assert_eq!(found.len(), ids.len(), "{}", format);
            let good: Vec<bool> = found.iter().map(|(_, outcome)| outcome.is_ok()).collect();
            for (number, id) in ids.iter().enumerate() {
                let group = around(&ids, number);
                let is_good = !id.is_empty() && group.len() <= 5 && group.iter().all(|&at| !ids[at].is_empty());
                prop_assert_eq!(good[number], is_good, "record {} of {:?} in {}: {:?}", number, ids, format, found);
            }
        }
    }
}

/// The records that share their fate with record `number`.
fn around(ids: &[&str], number: usize) -> Vec<usize> {
    let joins = |at: usize| ids[at].is_empty() || ids[at - 1].is_empty() || ids[at] == ids[at - 1];
    let start = (1..=number).rev().find(|&at| !joins(at)).unwrap_or(0);
    let end = (number + 1..ids.len())
        .find(|&at| !joins(at))
        .unwrap_or(ids.len());
    (start..end).collect()
}
