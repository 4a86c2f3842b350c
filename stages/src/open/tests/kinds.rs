//! Several kinds of records in every format: the same documents, rejects and drops wherever framing starts again, with the
//! headers that stand before that place.

use super::*;
use crate::record::DocumentWriter;
use crate::sink::Nulls;
use pipeline::law::{Outcome, same_outcomes_carried};
use pipeline::{Carried, Problem};

struct Documents(DocumentWriter);

impl Encode<Record> for Documents {
    fn encode(
        &self,
        at: Position,
        _: u32,
        record: &Record,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        self.0.write(None, at, record, out);
        Ok(())
    }
}

/// The framer of the plan's format, at a place.
fn inside(plan: &Plan, at: Position) -> Box<dyn Framer> {
    let limits = FrameLimits {
        max_block_records: 3,
        ..FrameLimits::default()
    };
    match &plan.format {
        FormatPlan::Csv(dialect) => Box::new(CsvFramer::new(dialect, at, limits)),
        FormatPlan::Jsonl => Box::new(LinesFramer::new(at, limits)),
        FormatPlan::Json(path) => Box::new(JsonFramer::new(path, at, limits)),
        FormatPlan::Xml(xml) => Box::new(XmlFramer::new(
            &xml.path,
            plan.input.unpack.encoding,
            at,
            limits,
        )),
        FormatPlan::Lines(dialect, _) | FormatPlan::Fixed(dialect, ..) => {
            Box::new(LinesFramer::of(*dialect, at, limits))
        }
    }
}

/// Checks the law, and what becomes of each record: its document, or why there is none.
async fn check(spec: &str, input: &str, expected: &[&str]) {
    let plan = plan(spec);
    let opened = opened(&plan, input).await;
    let start = opened.from.clone();
    let writer = DocumentWriter::new(&plan.schema, Nulls::Omit, None);
    let (_, convert) = opened.chain(&plan, Box::new(Documents(writer)));
    let make = |at, carried: &[Carried]| {
        let mut from = start.clone();
        from.carried = carried.to_vec();
        super::super::kinds::framer(&plan, inside(&plan, at), &from)
    };
    let fed_from = |at| plan.format.fed_from(at);
    let found = same_outcomes_carried(&make, &fed_from, &*convert, input.as_bytes());
    let text = |(_, outcome): &Outcome| match outcome {
        Ok(document) => String::from_utf8_lossy(document).trim_end().to_owned(),
        Err(why) => why.clone(),
    };
    let found: Vec<String> = found.iter().map(text).collect();
    assert_eq!(found, expected, "{spec}");
}

const KINDS: &str = "[records.h]\nmatch = '^H'\nuse = 'context'\n[records.d]\nmatch = '^D'\n[records.t]\n\
                     match = '^T'\nuse = 'control'\n[records.s]\nmatch = '^S'\nuse = 'skip'\n";

#[tokio::test]
async fn in_csv_each_kind_has_its_own_cells() {
    let fields = "[fields]\nn = { record = 'h', column = 3, type = 'integer', required = true }\n\
                  tags = { record = 'h', column = 2, type = 'list', separator = '+', to = 'head.tags' }\n\
                  a = { column = 2 }\nb = { record = 't', column = 2, type = 'integer', required = true }\n";
    let spec = format!("[format.csv]\nheader = {{ rows = 0 }}\n{KINDS}{fields}");
    check(
        &spec,
        "D,0\nH,x+y,1,more\nD,\"a\nH,b\"\nS\nD,2,\nX\nH,,x\nD,3\nT,7\nT,\nH,,5\nD,4",
        &[
            "required Some(\"n\")",
            "drop h",
            r#"{"n":1,"head":{"tags":["x","y"]},"a":"a\nH,b"}"#,
            "drop s",
            r#"{"n":1,"head":{"tags":["x","y"]},"a":"2"}"#,
            "unknown_record None",
            "type Some(\"n\")",
            "context_rejected None",
            "drop t",
            "type Some(\"b\")",
            "drop h",
            r#"{"n":5,"head":{"tags":[]},"a":"4"}"#,
        ],
    )
    .await;
    let titled = format!(
        "[format.csv]\n{KINDS}[fields]\nkind = {{ to = false }}\na = {{ from = 'A' }}\nn = {{ record = 'h', column = 2 }}\n"
    );
    check(
        &titled,
        "kind,A\nH,1,2,3\nD,x\nD,y,z\n",
        // The law frames the header as well.
        &[
            "unknown_record None",
            "drop h",
            r#"{"a":"x","n":"1"}"#,
            "cell_count None",
        ],
    )
    .await;
}

#[tokio::test]
async fn of_several_kinds_that_are_loaded_each_has_its_fields() {
    let spec = "[format.jsonl]\n[columns]\nmissing = 'fail_any'\nunknown = 'reject'\n[records.head]\npath = '$.head'\nuse = 'context'\n\
                [records.sale]\npath = 'sale'\n[records.visit]\nmatch = '\"visit\"'\n[fields]\n\
                shop = { record = 'head', from = '$.head.shop' }\nat = { type = 'integer' }\n\
                total = { record = 'sale', from = 'sale', type = 'decimal', lax = true }\npage = { record = 'visit', from = 'visit' }\n";
    check(
        spec,
        "{\"head\":{\"shop\":\"A\"}}\n{\"sale\":\"1.50\",\"at\":1}\n{\"visit\":\"/x\",\"at\":2}\n{\"visit\":\"/x\"}\n{\"at\":3}\n\
         {\"sale\":1\n{\"head\":{}}\n{\"sale\":2,\"at\":4,\"visit\":1}\n",
        &[
            "drop head",
            r#"{"shop":"A","at":1,"total":"1.50"}"#,
            r#"{"shop":"A","at":2,"page":"/x"}"#,
            "required Some(\"at\")",
            "unknown_record None",
            "json_syntax None",
            "drop head",
            "unknown_field Some(\"visit\")",
        ],
    )
    .await;
}

#[tokio::test]
async fn in_documents_of_json_and_xml_kinds_have_paths() {
    let fields =
        "[fields]\nid = { record = 'head', from = '@id' }\nn = { from = 'n', type = 'integer' }\n";
    let xml = format!(
        "[format.xml]\nrecord_path = '/a/*'\nnamespaces = {{ g = ['urn:g'] }}\n[records.head]\npath = '/a/g:h'\nuse = 'context'\n\
         [records.item]\npath = '/a/i'\n{fields}"
    );
    check(
        &xml,
        "<a xmlns:x='urn:g'><i><n>1</n></i><x:h id='7'/><i><n>2</n></i><h id='8'/><i><n>x</n></i><i></j></i><x:h id='9'/><i/></a>",
        &[
            r#"{"n":1}"#,
            "drop head",
            r#"{"id":"7","n":2}"#,
            "unknown_record None",
            "type Some(\"n\")",
            "xml None",
            "drop head",
            r#"{"id":"9"}"#,
        ],
    )
    .await;
    let json = "[format.json]\nrecord_path = '$.all[*].*'\n[records.head]\npath = 'h'\nuse = 'context'\n[records.item]\npath = 'n'\n\
                [fields]\nid = { record = 'head', from = '$.h.id' }\nn = {}\n";
    check(
        json,
        r#"{"all":[{"a":{"h":{"id":"7"}},"b":{"n":"1"}},{"c":{"n":"2"},"d":{"h":{"id":"8"}}},[{"n":"3"},{}]]}"#,
        &[
            "drop head",
            r#"{"id":"7","n":"1"}"#,
            r#"{"id":"7","n":"2"}"#,
            "drop head",
            r#"{"id":"8","n":"3"}"#,
            "unknown_record None",
        ],
    )
    .await;
}

#[tokio::test]
async fn lines_take_the_groups_of_what_tells_their_kind() {
    let spec = "[format.lines]\npattern = '(?<level>\\w+) (?<text>.*)'\n[records.day]\nmatch = '^== (?<day>.+) =='\nuse = 'context'\n\
                [records.entry]\nmatch = '^[A-Z]'\n[fields]\nday = { record = 'day', type = 'date' }\nlevel = {}\ntext = {}\n";
    check(
        spec,
        "== 2026-04-01 == begin\nINFO up\nWARN\n== 2026-13-01 ==\nINFO down\n",
        &[
            "drop day",
            r#"{"day":"2026-04-01","level":"INFO","text":"up"}"#,
            "no_match None",
            "type Some(\"day\")",
            "context_rejected None",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_checkpoint_that_lost_its_header_or_its_sums_is_refused() {
    let spec = format!(
        "[format.csv]\nheader = {{ rows = 0 }}\n{KINDS}[fields]\na = {{ column = 2, type = 'integer' }}\n\
         [control.a]\nactual = 'sum(a)'\nexpected = 3\n"
    );
    let plan = plan(&spec);
    let input = "H\nD,1\nD,2\n";
    let (ledger, flow) = (Arc::new(MemoryLedger::default()), plan.sink.flow.in_order());
    let job = opened(&plan, input)
        .await
        .job(&plan, null::open(), ledger, flow);
    let whole = pipeline::run(job).await.checkpoint;
    let origin = MemoryOrigin::new("a.csv", input.as_bytes().to_vec());
    let again = async |change: fn(&mut Checkpoint)| {
        let mut from = whole.clone();
        change(&mut from);
        // As a store would give it back.
        let text = serde_json::to_string(&from).unwrap();
        let from: Checkpoint = serde_json::from_str(&text).unwrap();
        match open(&plan, &origin, Some(from), &Accepted::default()).await {
            Ok(Opening::Ready(opened)) => {
                assert_eq!(opened.from, whole);
                "opened"
            }
            Ok(Opening::Held(..)) => "held",
            Err(fatal) => fatal.code,
        }
    };
    assert_eq!(again(|_| {}).await, "opened");
    assert_eq!(again(|from| from.carried.clear()).await, "checkpoint");
    assert_eq!(again(|from| from.books.totals.clear()).await, "checkpoint");
}
