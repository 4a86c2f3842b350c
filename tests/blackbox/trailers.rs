//! Files with headers and trailers: details have their header wherever a killed run goes on, and a sum that is wrong holds
//! the load until somebody accepts just that.

use crate::found::Documents;
use crate::job::{Job, job, place};
use std::fmt::Write as _;
use testbed::process::Sluicegate;
use testbed::random::Random;

/// Lines below the header of their shop, and a trailer.
pub const SPEC: &str = r#"
spec = 1
name = "lines"
[format.csv]
header = { rows = 0 }
[records.head]
match = '^H'
use = "context"
[records.line]
match = '^L'
[records.foot]
match = '^F'
use = "control"
[fields]
shop = { record = "head", column = 2, required = true }
n = { column = 2, type = "integer", required = true }
price = { column = 3, type = "decimal" }
total = { record = "foot", column = 2, type = "decimal" }
count = { record = "foot", column = 3, type = "integer" }
[control.total]
actual = "sum(price)"
expected = "foot.total"
[control.count]
actual = "count(line)"
expected = "foot.count"
[sink.mongodb]
collection = "lines"
batch = { records = 100 }
"#;

/// The lines of a file.
pub const LINES: u64 = 9_000;
const SEED: u64 = 11;
const KILLS: u64 = 3;

/// The header that is in force for line `n`: one at the top, one far behind it, then many.
fn shop(n: u64) -> u64 {
    match n {
        0..4_000 => 0,
        4_000..8_000 => 4_000,
        _ => n / 10 * 10,
    }
}

/// Lines of 0.01, 0.02 and so on below their headers, and a trailer with `total`.
pub fn file(total: &str) -> String {
    let mut text = String::new();
    for n in 0..LINES {
        if shop(n) == n {
            let _ = writeln!(text, "H,shop {n}");
        }
        let _ = writeln!(text, "L,{n},{}.{:02}", n / 100, n % 100);
    }
    let _ = writeln!(text, "F,{total},{LINES}");
    text
}

/// What the lines add up to.
pub fn right() -> String {
    let cents = LINES * (LINES - 1) / 2;
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn with(total: &str, more: &str) -> Sluicegate {
    let place = place().env("JOB_LEASE_SECONDS", "3");
    place.write("lines.toml", format!("{SPEC}{more}"));
    place.write("lines.csv", file(total));
    place
}

const RUN: [&str; 3] = ["run", "lines.toml", "lines.csv"];
const RESUME: [&str; 4] = ["run", "lines.toml", "lines.csv", "--resume"];

async fn each_line_has_its_shop(place: &Sluicegate) {
    let found = Documents::of_store(place, "lines").await;
    let values = found.values();
    assert_eq!(values.len() as u64, LINES);
    for document in values {
        let wanted = document["n"].as_u64();
        let wanted = wanted.map(|n| format!("shop {}", shop(n)));
        assert_eq!(document["shop"].as_str(), wanted.as_deref(), "{document}");
    }
}

fn loaded(place: &Sluicegate) -> u64 {
    crate::killed::count_in_store(place, "lines")
}

#[tokio::test]
async fn killed_runs_give_each_line_its_header_and_the_whole_sum() {
    let place = with(&right(), "rate = { pause = \"20ms\" }\n");
    let mut random = Random::new(SEED);
    for round in 0..KILLS {
        let slice = LINES / (KILLS + 1);
        let moment = round * slice + random.below(slice) + 1;
        let args: &[&str] = if round == 0 { &RUN } else { &RESUME };
        let ended = place
            .start(args)
            .kill_when(async |_| loaded(&place) >= moment)
            .await;
        let said = (ended.code, ended.stderr);
        assert_eq!(
            ended.signal,
            Some(9),
            "seed {SEED}, round {round}: {said:?}"
        );
    }
    let last = job(&place, &RESUME).await;
    assert_eq!(last.verdict(), "completed 0", "{}", last.stderr);
    let heads = (0..LINES).filter(|n| shop(*n) == *n).count() as u64;
    assert_eq!(last.stats.dropped, heads + 1);
    each_line_has_its_shop(&place).await;
}

#[tokio::test]
async fn a_wrong_sum_holds_a_run_until_it_is_accepted() {
    let place = with("1.00", "");
    let held: Job = job(&place, &RUN).await;
    assert_eq!(held.verdict(), "held 4 control.total");
    let message = held.json["failure"]["message"].as_str().unwrap();
    let right = right();
    assert_eq!(
        message,
        format!("total: sum(price) is {right}, foot.total is 1.00")
    );
    let accepted = job(&place, &RESUME).await;
    assert_eq!(accepted.verdict(), "completed 0", "{}", accepted.stderr);
    each_line_has_its_shop(&place).await;
}

#[tokio::test]
async fn without_its_trailer_a_file_is_held_and_says_so() {
    let place = with("1.00", "");
    let whole = file("1.00");
    let cut = whole.rsplit_once("F,").unwrap().0;
    place.write("lines.csv", cut);
    let held = job(&place, &RUN).await;
    assert_eq!(held.verdict(), "held 4 control.total");
    let message = held.json["failure"]["message"].as_str().unwrap();
    let why = "foot.total is not known: the input has no good record of the kind `foot`";
    let (first, other) = message.split_once("; ").unwrap();
    assert!(first.ends_with(why), "{message}");
    assert!(
        other.starts_with("count: "),
        "all that is wrong is told: {message}"
    );
    // The other control is a matter of its own.
    let again = job(&place, &RESUME).await;
    assert_eq!(again.verdict(), "held 4 control.count");
    assert_eq!(job(&place, &RESUME).await.verdict(), "completed 0");
}

#[tokio::test]
async fn a_check_of_a_file_has_the_verdict_of_its_run() {
    let place = with("1.00", "");
    let checked = place.run(["check", "lines.toml", "lines.csv"]).await;
    assert_eq!(
        checked.code,
        Some(4),
        "{}{}",
        checked.stdout,
        checked.stderr
    );
    assert!(
        checked.stdout.contains("foot.total is 1.00")
            || checked.stderr.contains("foot.total is 1.00")
    );
    let preview = place.run(["preview", "lines.toml", "lines.csv"]).await;
    assert_eq!(preview.code, Some(0), "{}", preview.stderr);
    assert!(preview.stdout.contains("shop 0"), "{}", preview.stdout);
    let generated = place.run(["gen", "lines.toml", "--records", "3"]).await;
    assert_eq!(generated.code, Some(2), "{}", generated.stdout);
    assert!(
        generated.stderr.contains("cannot_generate"),
        "{}",
        generated.stderr
    );
}

#[tokio::test]
async fn controls_work_without_kinds() {
    let place = place();
    let spec = |count: u64, on_mismatch: &str| {
        format!(
            "spec = 1\nname = \"plain\"\n[format.csv]\n[fields]\nn = {{ type = \"integer\" }}\n\
             [control.count]\nactual = \"count()\"\nexpected = {count}\non_mismatch = \"{on_mismatch}\"\n\
             [control.sum]\nactual = \"sum(n)\"\nexpected = \"6.0\"\n[sink.mongodb]\ncollection = \"plain\"\n"
        )
    };
    place.write("plain.csv", "n\n1\n2\n3\n");
    for (count, on_mismatch, verdict) in [
        (3, "hold", "completed 0"),
        (4, "continue", "completed 0"),
        (4, "fail", "failed 1 control"),
        (4, "hold", "held 4 control.count"),
    ] {
        place.write("plain.toml", spec(count, on_mismatch));
        let run = ["run", "plain.toml", "plain.csv", "--sink", "null", "--id"];
        let id = format!("{count}-{on_mismatch}");
        let ended = job(&place, &[&run[..], &[&id]].concat()).await;
        assert_eq!(ended.verdict(), verdict, "{}", ended.stderr);
    }
}
