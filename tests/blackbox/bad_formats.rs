//! The table of bad input for JSON documents, lines and fixed width: a broken record is its own affair, what is broken
//! around records fails the job behind them; and a job that goes on has every record once.

use crate::case::{ALL, Case, REJECTS, X, Y, csv, jsonl, rejects};
use crate::found::Documents;
use crate::job::{job, place};

fn json(path: &'static str) -> Case {
    let format = match path {
        "$[*]" => "json]\nrecord_path = \"$[*]\"\n[values",
        "$.data.events[*]" => "json]\nrecord_path = \"$.data.events[*]\"\n[values",
        other => panic!("no case for {other}"),
    };
    Case { format, ..jsonl() }
}

fn lines() -> Case {
    Case {
        format: "lines]\npattern = '(?<a>[^ ]*)( (?<n>[^ ]+))?'\n[values",
        ..csv()
    }
}

fn fixed() -> Case {
    Case {
        format: "fixed]\n[values",
        fields: "a = { start = 1, width = 2 }\nn = { start = 3, width = 3, type = \"integer\" }",
        ..csv()
    }
}

#[tokio::test]
async fn a_broken_element_of_a_document_is_one_reject() {
    let document = format!(
        "{{\"x\":[{{\"events\":[7]}}],\"data\":{{\"events\":[\n{X},\n{{\"a\":nul}},\n{{\"a\":\"\u{1}\"}},[1],\n\
         {{\"n\":\"1\"}},{{\"a\":\"x\",\"a\":\"y\"}},{Y}\n],\"end\":\"é\"}}}}\n"
    );
    let expected = [
        "2:3:58 json_syntax -",
        "3:4:69 json_syntax -",
        "4:4:79 json_not_object -",
        "5:5:84 type n",
        "6:5:94 duplicate_key -",
    ];
    let case = json("$.data.events[*]");
    let found = case.load("events.json", document.as_bytes()).await;
    assert_eq!(found.verdict(), REJECTS, "{}", found.stderr);
    let stored = Documents::of_store(&case.place, "bad").await;
    assert_eq!((stored.len(), found.stats.rejected), (2, 5));
    assert_eq!(rejects(&case.place), expected);
}

#[tokio::test]
async fn a_document_that_is_malformed_keeps_what_came_and_fails_the_job() {
    for (input, verdict) in [
        (format!("[{X},{Y},"), "failed 1 truncated"),
        (format!("[{X},{Y},{{\"a\":"), "failed 1 truncated"),
        (format!("[{X},{Y}] []"), "failed 1 json_syntax"),
        (format!("[{X},{Y},]"), "failed 1 json_syntax"),
    ] {
        json("$[*]").check(input, verdict, &[X, Y], &[]).await;
    }
    let twice = format!("{{\"data\":{{\"events\":[{X}],\"events\":[{Y}]}}}}");
    json("$.data.events[*]")
        .check(twice, "failed 1 duplicate_key", &[X], &[])
        .await;
    let deep = format!("{{\"x\":{}", "[".repeat(100_000));
    json("$.data.events[*]")
        .check(deep, "failed 1 json_depth", &[], &[])
        .await;
    let job = json("$[*]")
        .load("lines.json", format!("{X}\n{Y}\n").as_bytes())
        .await;
    assert_eq!(job.verdict(), "failed 1 json_syntax");
    assert!(job.stderr.contains("[format.jsonl]"), "{}", job.stderr);
}

#[tokio::test]
async fn a_document_without_records_is_judged_by_their_number() {
    for input in [
        "",
        "\n",
        "\u{feff}",
        "[]",
        "{}",
        "{\"data\":{\"events\":[]}}",
        "7",
    ] {
        json("$.data.events[*]")
            .check(input, "held 4 min_records", &[], &[])
            .await;
        Case {
            errors: "min_records = 0",
            ..json("$.data.events[*]")
        }
        .check(input, ALL, &[], &[])
        .await;
    }
}

#[tokio::test]
async fn a_record_over_the_limit_costs_itself_alone() {
    let long = "x".repeat(5_000);
    let input = format!("[{X},{{\"a\":\"{long}\"}},{{\"a\":[{{\"{long}\":1}},\"]\"]}},\n{Y}]");
    Case {
        input: "max_record_bytes = \"1KiB\"",
        ..json("$[*]")
    }
    .check(
        input,
        REJECTS,
        &[X, Y],
        &["2:1:17 record_too_large -", "3:1:5026 record_too_large -"],
    )
    .await;
}

#[tokio::test]
async fn lines_that_do_not_match_are_rejected() {
    lines()
        .check(
            "x 1\n\nno match here\ny 2\r\n  \nz one\nonly\n\n",
            REJECTS,
            &[X, Y, r#"{"a":"only"}"#],
            &["2:3:5 no_match -", "4:6:27 type n"],
        )
        .await;
    lines()
        .check(b"x 1\n\xff 2\n", REJECTS, &[X], &["2:2:4 encoding -"])
        .await;
}

#[tokio::test]
async fn fields_that_a_line_cuts_are_rejected() {
    fixed()
        .check(
            "x   1\ny 002 more\nx\nxy12\nz\u{301}  7\nab\n",
            REJECTS,
            &[X, Y, "{\"a\":\"z\u{301}\",\"n\":7}", r#"{"a":"ab"}"#],
            &["3:3:17 too_short a", "4:4:19 too_short n"],
        )
        .await;
}

/// A run that is held behind a bad record goes on from there, whether or not a framer can.
#[tokio::test]
async fn a_held_document_goes_on_where_it_was_held() {
    for (path, before, between, after) in [
        (
            "$.data[*]",
            "{\"v\":\"é\",\"data\":[",
            ",\n",
            "],\"w\":[1,{}]}\n",
        ),
        ("$.data.*", "{\"data\":{\"k\":", ",\n\"k\": ", "}}"),
        (
            "$[*].items[*]",
            "[{\"items\":[",
            "]},{\"id\":7,\"items\":[",
            "]}]",
        ),
    ] {
        let place = place();
        let spec = format!(
            "spec = 1\nname = \"held\"\n[format.json]\nrecord_path = \"{path}\"\n[fields]\nn = {{ type = \"integer\" }}\n\
             [errors]\nmax_records = 0\n[sink.mongodb]\ncollection = \"held\"\nbatch = {{ records = 2 }}\n"
        );
        place.write("held.toml", spec);
        let records: Vec<String> = (0..20)
            .map(|n| match n % 7 {
                3 => "{\"n\":\"bad\"}".to_owned(),
                _ => format!("{{\"n\":{n}}}"),
            })
            .collect();
        place.write(
            "held.json",
            format!("{before}{}{after}", records.join(between)),
        );
        let run = [
            "run",
            "held.toml",
            "held.json",
            "--rejects",
            "rejects.jsonl",
        ];
        let mut verdicts = vec![job(&place, &run).await.verdict()];
        for _ in 0..3 {
            verdicts.push(
                job(&place, &[&run[..], &["--resume"]].concat())
                    .await
                    .verdict(),
            );
        }
        let held = "held 4 errors";
        assert_eq!(verdicts, [held, held, held, REJECTS], "{path}");
        let found = Documents::of_store(&place, "held").await;
        let numbers: Vec<u64> = found
            .values()
            .iter()
            .map(|one| one["n"].as_u64().unwrap())
            .collect();
        let expected: Vec<u64> = (0..20).filter(|n| n % 7 != 3).collect();
        assert_eq!(numbers, expected, "{path}");
        assert_eq!(rejects(&place).len(), 3, "{path}");
    }
}
