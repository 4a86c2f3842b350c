//! The table of bad input, row by row, for CSV and JSON Lines, as far as it is about records: what is rejected, where and
//! for what, and that nothing else is lost. Into the embedded store; what is about whole files stands in `bad_files`, what
//! only MongoDB can refuse in `bad_documents`.

use crate::case::{ALL, Case, REJECTS, X, Y, csv, jsonl, rejects};

#[tokio::test]
async fn a_record_over_its_limit_is_one_reject() {
    let (long, small) = ("z".repeat(100_000), "max_record_bytes = \"1KiB\"");
    let input = format!("a,n\nx,1\n{long},3\ny,2\n");
    Case {
        input: small,
        ..csv()
    }
    .check(input, REJECTS, &[X, Y], &["2:3:8 record_too_large -"])
    .await;
    let input = format!("{X}\n{{\"a\":\"{long}\"}}\n{Y}\n");
    Case {
        input: small,
        ..jsonl()
    }
    .check(input, REJECTS, &[X, Y], &["2:2:16 record_too_large -"])
    .await;
    // In the last line, without an end.
    let input = format!("a,n\nx,1\n{long}");
    Case {
        input: small,
        ..csv()
    }
    .check(input, REJECTS, &[X], &["2:3:8 record_too_large -"])
    .await;
}

#[tokio::test]
async fn an_unclosed_quote_is_one_reject() {
    csv()
        .check(
            "a,n\nx,1\n\"open,5\ny,2\n",
            REJECTS,
            &[X, Y],
            &["2:3:8 unclosed_quote -"],
        )
        .await;
    // The limit of a record ends the search as well.
    let rest: String = (0..1_000).map(|n| format!("line {n},{n}\n")).collect();
    let small = Case {
        input: "max_record_bytes = \"64B\"",
        ..csv()
    };
    let job = small
        .load("input", format!("a,n\nx,1\n\"open,5\n{rest}").as_bytes())
        .await;
    assert_eq!(job.verdict(), REJECTS);
    assert_eq!(rejects(&small.place), ["2:3:8 unclosed_quote -"]);
    assert_eq!(job.stats.loaded, 1_001);
    // Lines that a quote swallowed and that does close are one record.
    csv()
        .check(
            "a,n\n\"x,1\ny,2\n\"\ny,2\n",
            REJECTS,
            &[Y],
            &["1:2:4 cell_count -"],
        )
        .await;
}

#[tokio::test]
async fn wrong_cells_types_and_constraints_are_told_together() {
    csv()
        .check(
            "a,n\nx\nx,1\nx,1,\n\ny,2\n",
            REJECTS,
            &[X, Y],
            &["1:2:4 cell_count -", "3:4:10 cell_count -"],
        )
        .await;
    csv()
        .check("a,n\nx,one\ny,2\n", REJECTS, &[Y], &["1:2:4 type n"])
        .await;
    let strict = "a = { type = \"string\", pattern = '[a-z]', max_length = 2 }\nn = { type = \"integer\", minimum = 1 }";
    let told = [
        "1:2:4 pattern a + max_length a + minimum n",
        "3:4:15 type n",
    ];
    let told = told.map(str::to_owned);
    let case = Case {
        fields: strict,
        ..csv()
    };
    let job = case.load("input", b"a,n\nXXXX,0\ny,2\nx,?\n").await;
    assert_eq!((job.verdict().as_str(), job.stats.loaded), (REJECTS, 1));
    let mut found = rejects(&case.place);
    // Which of two constraints of one field is told first is not promised.
    found[0] = found[0].replace("max_length a + pattern a", "pattern a + max_length a");
    assert_eq!(found, told);
    let input = "{\"a\":5,\"n\":\"1\"}\n{\"a\":\"y\",\"n\":2}\n{\"n\":1.5}\n[1]\nnull\n{\"a\":\"x\" \"n\":1}\n";
    let told = [
        "1:1:0 type a + type n",
        "3:3:32 type n",
        "4:4:42 json_not_object -",
        "5:5:46 json_not_object -",
    ];
    jsonl()
        .check(
            input,
            REJECTS,
            &[Y],
            &[&told[..], &["6:6:51 json_syntax -"]].concat(),
        )
        .await;
    let required = Case {
        fields: "a = { type = \"string\", required = true }",
        ..jsonl()
    };
    required
        .check(
            "{}\n{\"a\":null}\n",
            REJECTS,
            &[],
            &["1:1:0 required a", "2:2:3 required a"],
        )
        .await;
}

#[tokio::test]
async fn invalid_utf_8_is_a_reject_of_its_record() {
    csv()
        .check(
            b"a,n\nx,1\n\xff,5\ny,2\n",
            REJECTS,
            &[X, Y],
            &["2:3:8 encoding -"],
        )
        .await;
    let input = [X.as_bytes(), b"\n{\"a\":\"\xc3\x28\"}\n", Y.as_bytes()].concat();
    jsonl()
        .check(input, REJECTS, &[X, Y], &["2:2:16 encoding -"])
        .await;
}

#[tokio::test]
async fn nul_is_kept_in_a_value_and_refused_in_a_name() {
    csv()
        .check("a,n\nx\0y,1\n", ALL, &[r#"{"a":"x\u0000y","n":1}"#], &[])
        .await;
    let input = "{\"a\":\"x\\u0000y\"}\n{\"a\\u0000\":1}\n{\"o\":{\"\\u0000\":1}}\n";
    let told = ["2:2:17 nul_in_name -", "3:3:31 nul_in_name -"];
    jsonl()
        .check(input, REJECTS, &[r#"{"a":"x\u0000y"}"#], &told)
        .await;
}

#[tokio::test]
async fn json_of_100_000_levels_is_a_reject() {
    for (open, close) in [("[", "]"), ("{\"o\":", "}")] {
        let deep = format!("{}0{}", open.repeat(100_000), close.repeat(100_000));
        let input = format!("{X}\n{{\"o\":{deep}}}\n{Y}\n");
        jsonl()
            .check(input, REJECTS, &[X, Y], &["2:2:16 json_depth -"])
            .await;
        // Cut in the middle of it.
        let input = format!("{X}\n{{\"o\":{}\n{Y}\n", open.repeat(100_000));
        jsonl()
            .check(input, REJECTS, &[X, Y], &["2:2:16 json_depth -"])
            .await;
    }
}

#[tokio::test]
async fn a_name_that_stands_twice_is_a_reject() {
    let input = "{\"a\":\"x\",\"a\":\"y\"}\n{\"o\":{\"k\":1,\"\\u006b\":1}}\n{\"o\":[{\"k\":1},{\"k\":1}],\"a\":\"z\"}\n{\"o\":{}}\n";
    let told = [
        "1:1:0 duplicate_key -",
        "2:2:18 duplicate_key -",
        "3:3:43 type o",
    ];
    jsonl().check(input, REJECTS, &[r#"{"o":{}}"#], &told).await;
}

#[tokio::test]
async fn names_that_mean_something_elsewhere_are_literal() {
    let literal = [
        r#"{"o":{"$oid":"0123456789abcdef01234567"}}"#,
        r#"{"o":{"$where":"sleep(1000)","a.b":1,"":{"":[]},"$numberLong":"12"}}"#,
        r#"{"a":"$a","o":{"$date":{"$numberLong":"0"},"__proto__":null,"_id":5}}"#,
        r#"{"o":{}}"#,
    ];
    jsonl().check(literal.join("\n"), ALL, &literal, &[]).await;
    // A record without any field of its own is a document all the same.
    jsonl().check("{}\n", ALL, &["{}"], &[]).await;
}

#[tokio::test]
async fn numbers_are_exact_or_rejected() {
    let numbers = [
        ("9223372036854775807", None),
        ("-9223372036854775808", None),
        ("9223372036854775808", Some("number_range")),
        ("-99999999999999999999999999", Some("number_range")),
        ("1e3", Some("type")),
    ];
    for (number, code) in numbers {
        let document = format!("{{\"a\":\"x\",\"n\":{number}}}");
        let (loaded, verdict) = if code.is_none() {
            (vec![document.as_str()], ALL)
        } else {
            (vec![], REJECTS)
        };
        let told: Vec<String> = code.iter().map(|code| format!("1:2:4 {code} n")).collect();
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        csv()
            .check(format!("a,n\nx,{number}\n"), verdict, &loaded, &told)
            .await;
    }
    // Numbers of an object that the spec does not look into: 64 bits, or a double that holds them, or a reject.
    let input = "{\"o\":{\"i\":9223372036854775807,\"d\":0.1,\"e\":1e22}}\n{\"o\":{\"i\":12345678901234567890}}\n{\"o\":[1e400]}\n{\"o\":{\"i\":1e400}}\n";
    let told = [
        "2:2:49 number_range o",
        "3:3:82 type o",
        "4:4:96 number_range o",
    ];
    jsonl()
        .check(
            input,
            REJECTS,
            &[r#"{"o":{"i":9223372036854775807,"d":0.1,"e":1e22}}"#],
            &told,
        )
        .await;
}
