//! Tests of downloads: real specs and their samples, loaded, downloaded and loaded again.

mod hidden;
mod job;
mod returned;
mod text;
mod xml;

use super::*;
use crate::rejects::sqlite::{SCHEMA, SqliteRejects};
use crate::rejects::suite;
use async_trait::async_trait;
use bytes::BytesMut;
use flate2::{Compression as Level, write::GzEncoder};
use futures::TryStreamExt;
use pipeline::{Accepted, Budget, End, OnBreach, Source};
use stages::ledger::MemoryLedger;
use stages::open::{Opening, open};
use stages::plan::Defaults;
use stages::sink::null;
use stages::source::Pinned;
use stages::source::memory::MemoryOrigin;
use stages::sqlite::Database;
use std::io::Write as _;
use std::sync::Mutex;

/// A job with rejects.
struct Loaded {
    plan: Arc<Plan>,
    head: String,
    rejects: Vec<Reject>,
    store: Arc<dyn Rejects>,
    run: Run,
    _folder: tempfile::TempDir,
}

fn plan(text: &str) -> Plan {
    let mut plan = Plan::read("spec", text, Defaults::default())
        .unwrap_or_else(|problems| panic!("{problems:?}"));
    plan.budget = Budget {
        on_breach: OnBreach::Continue,
        ..plan.budget
    };
    plan
}

fn sample(name: &str, ending: &str) -> (Plan, Vec<u8>) {
    let specs = concat!(env!("CARGO_MANIFEST_DIR"), "/../specs");
    let text = std::fs::read_to_string(format!("{specs}/{name}.toml")).unwrap();
    let input = std::fs::read(format!("{specs}/{name}/input.{ending}")).unwrap();
    (plan(&text), input)
}

fn memory(input: &[u8]) -> Option<Box<dyn Origin>> {
    Some(Box::new(MemoryOrigin::new("input", input.to_vec())))
}

impl Loaded {
    async fn load(plan: Plan, input: &[u8]) -> Self {
        let origin = memory(input).unwrap();
        let opened = match open(&plan, &*origin, None, &Accepted::default()).await {
            Ok(Opening::Ready(opened)) => opened,
            Ok(Opening::Held(breach, _)) => panic!("{}", breach.message),
            Err(fatal) => panic!("{fatal}"),
        };
        let head = opened.from.head.clone();
        let found = Arc::new(Mutex::new(Vec::new()));
        let finds = found.clone();
        let ledger = MemoryLedger::with_each(move |reject| {
            finds.lock().unwrap().push(reject.clone());
            Ok(())
        });
        let flow = plan.sink.flow.in_order();
        let report = pipeline::run(opened.job(&plan, null::open(), Arc::new(ledger), flow)).await;
        assert!(matches!(report.end, End::Completed(_)));
        let rejects: Vec<Reject> = std::mem::take(&mut *found.lock().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("service.db");
        let database = Database::open(&path, &[SCHEMA]).await.unwrap();
        let store = Arc::new(SqliteRejects::new(database));
        let run = suite::run("acme", 10, 0);
        store.store(&run, 1, &rejects).await.unwrap();
        Self {
            plan: Arc::new(plan),
            head,
            rejects,
            store,
            run,
            _folder: folder,
        }
    }

    async fn download(&self, head: Option<&str>, origin: Option<Box<dyn Origin>>) -> Vec<u8> {
        let (store, run) = (self.store.clone(), self.run.clone());
        let download = records(store, run, self.plan.clone(), head, origin).await;
        let chunks: Vec<Bytes> = download.unwrap().bytes.try_collect().await.unwrap();
        let longest = chunks.iter().map(Bytes::len).max().unwrap_or(0);
        assert!(longest < CHUNK_BYTES + (16 << 20), "{longest}");
        chunks.concat()
    }

    /// Code and field of each.
    fn codes(&self) -> Vec<(&str, Option<&str>)> {
        let leading = self.rejects.iter().filter_map(Reject::leading);
        leading
            .map(|problem| (&*problem.code, problem.field.as_deref()))
            .collect()
    }
}

/// Codes of records that have no end: they come back as something else.
const ENDLESS: [&str; 2] = ["record_too_large", "unclosed_quote"];

/// What is downloaded is loaded again with the same spec: each record is refused again, for the same reason.
async fn check_sent_back(name: &str, ending: &str) {
    let (plan, input) = sample(name, ending);
    let again = plan.clone();
    let loaded = Loaded::load(plan, &input).await;
    assert!(loaded.rejects.len() > 20, "{name}");
    let bytes = loaded.download(Some(&loaded.head), memory(&input)).await;
    // Without the marks before formulas.
    let mark = |at: &usize| bytes[*at] == b'\'' && b"=+-@".contains(&bytes[at + 1]);
    let unmarked = (0..bytes.len()).filter(|at| ending == "jsonl" || !mark(at));
    let unmarked: Vec<u8> = unmarked.map(|at| bytes[at]).collect();
    for reject in &loaded.rejects {
        let problem = reject.leading().unwrap();
        let at = unmarked
            .windows(reject.raw.len().max(1))
            .position(|window| window == reject.raw);
        let whole = at.is_some() || ENDLESS.contains(&&*problem.code) || ending == "jsonl";
        assert!(whole, "record {} of {name}", reject.at.ordinal);
        let reference = format!("{}:{}", loaded.run.job, reject.at.ordinal + 1);
        let found = String::from_utf8_lossy(&bytes).matches(&reference).count();
        assert!(found >= 1, "{reference}");
    }
    let second = Loaded::load(again, &bytes).await;
    assert_eq!(second.rejects.len(), loaded.rejects.len(), "{name}");
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines().filter(|_| ending == "jsonl");
    let (mut same, mut wrapped) = (0, 0);
    for (before, after) in loaded.codes().into_iter().zip(second.codes()) {
        let is_wrapped = lines
            .next()
            .is_some_and(|line| line.starts_with("{\"_raw\":"));
        if is_wrapped || ENDLESS.contains(&before.0) {
            wrapped += 1;
            continue;
        }
        assert_eq!(before, after, "{name}");
        same += 1;
    }
    assert!(
        wrapped > 0 && same > 4 * wrapped,
        "{name}: {same}, {wrapped}"
    );
    // Without the object, all that is short is the same.
    let kept = loaded.download(Some(&loaded.head), None).await;
    let (kept, bytes) = (
        String::from_utf8_lossy(&kept),
        String::from_utf8_lossy(&bytes),
    );
    let kept: Vec<&str> = kept.lines().collect();
    let same = bytes.lines().filter(|line| kept.contains(line)).count();
    assert!(same + 5 > bytes.lines().count() && same > 20, "{same}");
}

#[tokio::test]
async fn orders_that_were_refused_can_be_sent_back() {
    check_sent_back("orders", "csv").await;
}

#[tokio::test]
async fn events_that_were_refused_can_be_sent_back() {
    check_sent_back("events", "jsonl").await;
}

const SPEC: &str =
    "spec = 1\nname = 'a'\n[sink.null]\n[fields]\nn = { type = 'integer' }\nt = {}\n";

/// What is downloaded of `input`, which is there or gone.
async fn downloaded(format: &str, input: &[u8], is_there: bool) -> String {
    let loaded = Loaded::load(plan(&format!("{SPEC}{format}")), input).await;
    let origin = memory(input).filter(|_| is_there);
    let bytes = loaded.download(Some(&loaded.head), origin).await;
    String::from_utf8_lossy(&bytes).replace(&loaded.run.job.to_string(), "J")
}

async fn check(format: &str, input: &str, expected: &str, expected_without: &str) {
    let there = downloaded(format, input.as_bytes(), true).await;
    assert_eq!(there, expected, "{input}");
    let gone = downloaded(format, input.as_bytes(), false).await;
    assert_eq!(gone, expected_without, "{input} is gone");
}

#[tokio::test]
async fn a_csv_keeps_its_dialect() {
    let said = |cells: &str| format!("{cells},J:1,type,n,\"\"\"x\"\" is no integer\"");
    // The header of the file, its line ends, comments and order of columns.
    check(
        "[format.csv]\ncomment_char = '#'\n",
        "#made today\r\nt,n\r\n#a\r\n\"a\"\"b\",x\r\nc,1\r\n",
        &format!(
            "#made today\r\nt,n,_reference,_code,_field,_message\r\n{}\r\n",
            said("\"a\"\"b\",x")
        ),
        &format!(
            "t,n,_reference,_code,_field,_message\n{}\n",
            said("\"a\"\"b\",x")
        ),
    )
    .await;
    check(
        "[format.csv]\ndelimiter = ';'\nquote_char = \"'\"\nskip_rows = 2\nheader = { rows = 2 }\n",
        "Sales\n\nn;t\nn;t\nx;1;2\n",
        "Sales\n\nn;t\nn;t;_reference;_code;_field;_message\nx;1;2;J:1;cell_count;;the header has 2 columns, the record has 3 cells\n",
        "\n\nn;t\nn;t;_reference;_code;_field;_message\nx;1;2;J:1;cell_count;;the header has 2 columns, the record has 3 cells\n",
    )
    .await;
    // No header, no quotes: what a cell cannot hold is blank.
    check(
        "[format.csv]\nquote_char = ''\nheader = { rows = 0 }\ncolumns = ['n', 't']\n",
        "a,\"\nb,c,d",
        "a,\",J:1,type,n,\"a\" is no integer\nb,c,d,J:2,cell_count,,the header has 2 columns  the record has 3 cells\n",
        "a,\",J:1,type,n,\"a\" is no integer\nb,c,d,J:2,cell_count,,the header has 2 columns  the record has 3 cells\n",
    )
    .await;
    // A quote can only be escaped, or not be written at all.
    check(
        "[format.csv]\ndouble_quote = false\nescape_char = '\\'\n",
        "n,t\nx,\"a\\\"\"\n",
        "n,t,_reference,_code,_field,_message\nx,\"a\\\"\",J:1,type,n,\"\\\"x\\\" is no integer\"\n",
        "n,t,_reference,_code,_field,_message\nx,\"a\\\"\",J:1,type,n,\"\\\"x\\\" is no integer\"\n",
    )
    .await;
    check(
        "[format.csv]\ndouble_quote = false\n",
        "n,t\nx,a",
        "n,t,_reference,_code,_field,_message\nx,a,J:1,type,n,\" x  is no integer\"\n",
        "n,t,_reference,_code,_field,_message\nx,a,J:1,type,n,\" x  is no integer\"\n",
    )
    .await;
}

#[tokio::test]
async fn a_quote_that_never_closes_swallows_no_neighbour() {
    let why = "a quote opens in this record and does not close";
    let found = downloaded("[format.csv]\n", b"n,t\nx,1\n2,\"b\nx,c\n", true).await;
    let lines: Vec<_> = found.lines().collect();
    assert_eq!(lines.len(), 4, "{found}");
    assert!(
        lines[2].starts_with("\"2,\"\"b\",J:2,unclosed_quote,"),
        "{found}"
    );
    assert!(lines[2].contains(why), "{found}");
    assert!(
        lines[2].ends_with("(the whole record stands in the first cell)"),
        "{found}"
    );
    assert!(lines[3].starts_with("x,c,J:3,type,n,"), "{found}");
}

#[tokio::test]
async fn json_lines_get_four_members() {
    let said = r#""_reference":"J:1","_code":"type","_field":"n","_message":"\"x\" is a text and is no integer"}"#;
    for (input, expected) in [
        (r#"{"n":"x"}"#, format!(r#"{{"n":"x",{said}"#)),
        (
            r#"  { "n" : "x" , "t":{"$a":[1e400]} }  "#,
            format!(r#"  {{ "n" : "x" , "t":{{"$a":[1e400]}} ,{said}"#),
        ),
        (
            r#"{"n":"x","_code":1}"#,
            format!(r#"{{"_raw":"{{\"n\":\"x\",\"_code\":1}}",{said}"#),
        ),
    ] {
        let found = downloaded(
            "[format.jsonl]\n[columns]\nunknown = 'drop'\n",
            input.as_bytes(),
            false,
        )
        .await;
        assert_eq!(found, format!("{expected}\n"));
    }
    for (input, raw) in [
        (&b"[1]"[..], "[1]"),
        (b"{\"n\":", "{\\\"n\\\":"),
        (b"{\"t\":\"\xff\"}", "{\\\"t\\\":\\\"\u{fffd}\\\"}"),
        (b"nothing", "nothing"),
    ] {
        let found = downloaded("[format.jsonl]\n", input, false).await;
        let start = format!("{{\"_raw\":\"{raw}\",\"_reference\":\"J:1\",\"_code\":\"");
        assert!(found.starts_with(&start), "{found}");
    }
    let mut out = Vec::new();
    let said = Said {
        reference: "r".into(),
        code: "c".into(),
        field: "f".into(),
        message: "m".into(),
    };
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for raw in ["{}", &deep] {
        jsonl::record(raw.as_bytes(), &said, &mut out).unwrap();
    }
    let tail = "\"_reference\":\"r\",\"_code\":\"c\",\"_field\":\"f\",\"_message\":\"m\"}\n";
    let expected = format!("{{{tail}{},{tail}", deep.strip_suffix('}').unwrap());
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[tokio::test]
async fn records_of_a_document_come_as_one_in_which_the_path_leads_to_them() {
    let said = r#""_reference":"J:1","_code":"type","_field":"n","_message":"\"x\" is a text and is no integer"}"#;
    let two = said.replace("J:1", "J:3");
    for (path, input, expected) in [
        (
            "$[*]",
            "[{\"n\":\"x\"},{}, {\"n\":\n\"x\"}]",
            format!("[\n{{\"n\":\"x\",{said}\n,{{\"n\":\n\"x\",{two}\n]\n"),
        ),
        (
            "$.a['b'][1].*",
            r#"{"a":{"b":[0,{"k":{"n":"x"}}]}}"#,
            format!("{{\"a\":{{\"b\":[null,[\n{{\"n\":\"x\",{said}\n]]}}}}\n"),
        ),
        ("$[*]", "[{}]", "[\n]\n".to_owned()),
    ] {
        let format = format!("[format.json]\nrecord_path = \"{path}\"\n");
        check(&format, input, &expected, &expected).await;
        // It is read by the same spec.
        let spec = format!("{SPEC}{format}");
        let again = Loaded::load(plan(&spec), expected.as_bytes()).await;
        assert_eq!(again.rejects.len(), expected.matches("_reference").count());
    }
    let long = format!("{{\"t\":\"{}\",\"n\":\"x\"}}", "]".repeat(3_000));
    let input = format!("[{long},{long} ]");
    let found = downloaded(
        "[format.json]\nrecord_path = '$[*]'\n",
        input.as_bytes(),
        true,
    )
    .await;
    let start = long.strip_suffix('}').unwrap();
    assert_eq!(found.matches(start).count(), 2, "{found}");
}

#[tokio::test]
async fn lines_come_behind_what_is_said_of_them() {
    let told = "the line as a whole does not match the pattern of [format.lines]";
    let lines = "[format.lines]\npattern = '(?<n>[0-9x]+) (?<t>.)'\n";
    let expected = format!(
        "J:1\ttype\tn\t\"x\" is no integer\tx a\nJ:3\tno_match\t\t{told}\t'=1\t'@2,=3\t-4\n"
    );
    check(lines, "x a\n1 b\n=1\t@2,=3\t-4\n", &expected, &expected).await;
    let fixed = "spec = 1\nname = 'a'\n[sink.null]\n[format.fixed]\nskip_rows = 1\n[fields]\n\
        n = { type = 'integer', start = 1, width = 2 }\nt = { start = 3, width = 1 }\n";
    let loaded = Loaded::load(plan(fixed), b"title\n1 b\nx a\n").await;
    let found = loaded.download(Some(&loaded.head), None).await;
    let found = String::from_utf8(found).unwrap();
    let told = "\ttype\tn\t\"x\" is no integer\tx a\n";
    assert_eq!(found, format!("{}:2{told}", loaded.run.job));
    let told = "the line as a whole does not match the pattern of [format.lines]";
    let long = "x".repeat(5_000);
    let found = downloaded(lines, format!("1 a\n{long}\n").as_bytes(), true).await;
    assert!(found.ends_with(&format!("\t{told}\t{long}\n")), "{found}");
}

/// An input that remembers where it was opened.
struct Counted {
    inner: MemoryOrigin,
    opened: Arc<Mutex<Vec<u64>>>,
}

#[async_trait]
impl Origin for Counted {
    fn pinned(&self) -> &Pinned {
        self.inner.pinned()
    }

    async fn read_from(&self, offset: u64) -> Result<Box<dyn Source>, Fatal> {
        self.opened.lock().unwrap().push(offset);
        self.inner.read_from(offset).await
    }
}

/// Long records between many good ones: a header and rows of which every `every`th has a long text and is refused.
fn long_input(rows: usize, every: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut input = b"\xEF\xBB\xBFn,t\n".to_vec();
    let mut long = Vec::new();
    for row in 0..rows {
        if row % every != every / 2 {
            writeln!(input, "{row},short and good").unwrap();
            continue;
        }
        let record = format!(
            "x{row},\"{}\n{row}\"",
            "long \"\" ".repeat(200 + row % 7 * 1_000)
        );
        input.extend_from_slice(record.as_bytes());
        input.push(b'\n');
        long.push(record.into_bytes());
    }
    (input, long)
}

fn contains_in_order(bytes: &[u8], parts: &[Vec<u8>]) -> bool {
    let mut rest = bytes;
    parts.iter().all(|part| {
        let finder = rest.windows(part.len()).position(|window| window == part);
        finder.is_some_and(|at| {
            rest = &rest[at + part.len()..];
            true
        })
    })
}

#[tokio::test]
async fn a_long_record_is_read_whole_from_the_object() {
    let format = format!("{SPEC}[format.csv]\n");
    for (rows, every) in [(2_000, 100), (600_000, 290_000)] {
        let (input, long) = long_input(rows, every);
        let loaded = Loaded::load(plan(&format), &input).await;
        assert_eq!(loaded.rejects.len(), long.len());
        let counts = Arc::new(Mutex::new(Vec::new()));
        let counted = Counted {
            inner: MemoryOrigin::new("input", input.clone()),
            opened: counts.clone(),
        };
        let head = Some(&*loaded.head);
        let bytes = loaded.download(head, Some(Box::new(counted))).await;
        assert!(contains_in_order(&bytes, &long));
        // What lies near is read on; what lies far is skipped.
        let far = counts.lock().unwrap().iter().any(|&offset| offset > 0);
        assert_eq!(far, rows > 100_000);
        // Compressed input is read once, from its start.
        let mut gzip = GzEncoder::new(Vec::new(), Level::fast());
        gzip.write_all(&input).unwrap();
        let zipped = gzip.finish().unwrap();
        let counted = Counted {
            inner: MemoryOrigin::new("input", zipped),
            opened: Arc::default(),
        };
        let counts = counted.opened.clone();
        let same = loaded.download(head, Some(Box::new(counted))).await;
        assert!(same == bytes);
        assert_eq!(*counts.lock().unwrap(), [0]);
        // Nothing was saved yet: the head is found in the object.
        assert!(loaded.download(None, memory(&input)).await == bytes);
    }
}

#[tokio::test]
async fn what_is_gone_is_said_to_be() {
    let (input, long) = long_input(20, 10);
    let loaded = Loaded::load(plan(&format!("{SPEC}[format.csv]\n")), &input).await;
    let head = Some(&*loaded.head);
    let other = vec![b'x'; input.len()];
    let cut = &input[..input.len() - 4_000];
    for (origin, whole) in [(None, 0), (memory(&other), 0), (memory(cut), 1)] {
        let bytes = loaded.download(head, origin).await;
        let found = long
            .iter()
            .filter(|part| contains_in_order(&bytes, std::slice::from_ref(part)));
        assert_eq!(found.count(), whole);
        let text = String::from_utf8_lossy(&bytes);
        let why = "(the file is gone: only its first 1024 bytes are here)";
        assert_eq!(text.matches(why).count(), long.len() - whole, "{text}");
    }
    let (store, run) = (loaded.store.clone(), loaded.run.clone());
    let refused = records(store, run, loaded.plan.clone(), None, None).await;
    assert_eq!(refused.err().map(|fatal| fatal.code), Some("content_gone"));
}

/// Of a job that failed before its first record, the file has the titles or none.
#[tokio::test]
async fn a_job_that_failed_for_its_header_gives_the_titles_that_there_are() {
    let csv = "[format.csv]\n";
    let added = "_reference,_code,_field,_message\n";
    for (format, input, titles) in [
        (csv, &b"a,b\r\n"[..], "a,b,"),
        (csv, b"a,b\n1,2\n", "a,b,"),
        (csv, b"n,t,n\n1,2,3\n", "n,t,n,"),
        (csv, b"", ""),
        (csv, b"\xff,b\n", ""),
    ] {
        let loaded = Loaded::load(plan(&format!("{SPEC}{format}")), b"n,t\n1,x\n").await;
        let told = loaded.download(None, memory(input)).await;
        let told = String::from_utf8_lossy(&told).replace('\r', "");
        assert_eq!(told, format!("{titles}{added}"), "{format} {input:?}");
    }
}

/// An outage is no reason to give less: the download ends with it.
#[tokio::test]
async fn an_outage_ends_the_download() {
    /// Gives the start, by which an encoding is told, and no more.
    struct Down(Option<Vec<u8>>);
    #[async_trait]
    impl Source for Down {
        async fn read(&mut self, into: &mut BytesMut) -> Result<usize, Fatal> {
            let down = || Fatal::outage("objects_unavailable", "nobody answers");
            let start = self.0.take().ok_or_else(down)?;
            into.extend_from_slice(&start);
            Ok(start.len())
        }
        fn bytes_read(&self) -> u64 {
            0
        }
    }
    struct DownOrigin(Pinned, Vec<u8>);
    #[async_trait]
    impl Origin for DownOrigin {
        fn pinned(&self) -> &Pinned {
            &self.0
        }
        async fn read_from(&self, _: u64) -> Result<Box<dyn Source>, Fatal> {
            Ok(Box::new(Down(Some(self.1.clone()))))
        }
    }
    let long = format!("{{\"n\":\"{}\"}}\n", "x".repeat(5_000));
    let loaded = Loaded::load(plan(&format!("{SPEC}[format.jsonl]\n")), long.as_bytes()).await;
    let origin = DownOrigin(
        memory(b"").unwrap().pinned().clone(),
        long.as_bytes()[..1_000].to_vec(),
    );
    let (store, run) = (loaded.store.clone(), loaded.run.clone());
    let download = records(
        store,
        run,
        loaded.plan.clone(),
        None,
        Some(Box::new(origin)),
    )
    .await;
    let ended = download.unwrap().bytes.try_collect::<Vec<_>>().await;
    assert_eq!(ended.unwrap_err().code, "objects_unavailable");
}
