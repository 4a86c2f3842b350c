//! Rejects that come back: what was added goes, and nothing else, whatever the file's own columns and members are called.

use super::*;
use pipeline::{Encode, Position, Problem};
use stages::corrected::{Named, Referred};
use stages::open::open_corrected;
use stages::record::{DocumentWriter, Record};
use stages::sink::Nulls;

/// Keeps the documents, each behind its ordinal in the first file.
struct Kept {
    writer: DocumentWriter,
    documents: Arc<Mutex<Vec<String>>>,
}

impl Encode<Record> for Kept {
    fn encode(
        &self,
        at: Position,
        _: u32,
        record: &Record,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        let start = out.len();
        self.writer.write(None, at, record, out);
        let document = String::from_utf8_lossy(&out[start..]).into_owned();
        let mut documents = self.documents.lock().unwrap();
        documents.push(format!("{} {document}", at.ordinal));
        Ok(())
    }
}

/// The file of the rejects, corrected, and what it is loaded as.
async fn returned(
    spec: &str,
    input: &str,
    corrected: impl Fn(&str) -> String,
) -> (String, Vec<String>) {
    let text = format!("spec = 1\nname = 'a'\n[sink.null]\n{spec}");
    let loaded = Loaded::load(plan(&text), input.as_bytes()).await;
    let origin = memory(input.as_bytes());
    let file = loaded.download(Some(&loaded.head), origin).await;
    let file = corrected(&String::from_utf8(file).unwrap());
    let origin = memory(file.as_bytes()).unwrap();
    let opened = async || {
        let opened = open_corrected(&loaded.plan, &*origin, None, &Accepted::default()).await;
        match opened.unwrap_or_else(|fatal| panic!("{fatal} in {file}")) {
            Opening::Ready(opened) => opened,
            Opening::Held(breach, _) => panic!("{}", breach.message),
        }
    };
    let job = loaded.run.job.to_string();
    let references = opened().await.references(&job, 100).await.unwrap();
    let referred = references.into_iter().map(|named| match named {
        Named::Record(ordinal) => Referred::At(Position {
            ordinal,
            ..Position::START
        }),
        Named::Nothing(refusal) => Referred::Refused(refusal),
    });
    let opened = opened().await.referring(referred.collect());
    let documents = Arc::new(Mutex::new(Vec::new()));
    let kept = Kept {
        writer: DocumentWriter::new(&loaded.plan.schema, Nulls::Omit, None),
        documents: documents.clone(),
    };
    let sink = null::with(Box::new(kept));
    let ledger = MemoryLedger::with_each(|reject| panic!("{reject:?}"));
    let flow = loaded.plan.sink.flow.in_order();
    let report = pipeline::run(opened.job(&loaded.plan, sink, Arc::new(ledger), flow)).await;
    assert!(matches!(report.end, End::Completed(_)), "{file}");
    let documents = std::mem::take(&mut *documents.lock().unwrap());
    (file, documents)
}

/// The columns of a table in another order, some of them left out.
fn picked(table: &str, columns: &[usize]) -> String {
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let picked: Vec<&str> = columns.iter().map(|at| cells[*at]).collect();
        picked.join(",") + "\n"
    };
    table.lines().map(row).collect()
}

#[tokio::test]
async fn a_column_that_is_called_as_an_added_one_keeps_its_values() {
    let spec = "[format.csv]\n[fields]\nid = { required = true }\nmsg = { from = '_message' }\n\
        amount = { type = 'decimal', required = true }\n";
    let input = "id,_message,amount\n1,mm,y\n2,b,2\n3,ok,z\n";
    let fixed = |file: &str| file.replace(",y,", ",7,").replace(",z,", ",8,");
    let expected = [
        r#"0 {"id":"1","msg":"mm","amount":"7"}"#,
        r#"2 {"id":"3","msg":"ok","amount":"8"}"#,
    ];
    let (file, found) = returned(spec, input, fixed).await;
    assert!(
        file.starts_with("id,_message,amount,_reference_2,_code_2,_field_2,_message_2\n1,mm,7,"),
        "{file}"
    );
    assert_eq!(found, expected);
    // In another order, and what is not wanted left out.
    for columns in [&[3, 6, 2, 0, 1, 5, 4][..], &[1, 3, 0, 2], &[6, 2, 3, 1, 0]] {
        let (_, found) = returned(spec, input, |file| picked(&fixed(file), columns)).await;
        assert_eq!(found, expected, "{columns:?}");
    }
}

#[tokio::test]
async fn a_column_that_no_field_takes_stays_as_it_came_and_what_was_added_comes_into_no_document() {
    let fields = "[fields]\nid = {}\namount = { type = 'integer' }\n";
    let input = "id,note,amount,_reference,_Field_4\n1,n,y,R7,F1\n2,m,2,R8,F2\n";
    let fixed = |file: &str| file.replace(",y,", ",7,");
    for (unknown, expected) in [
        (
            "keep",
            r#"0 {"id":"1","amount":7,"note":"n","_reference":"R7","_Field_4":"F1"}"#,
        ),
        (
            "rescue",
            r#"0 {"id":"1","amount":7,"_rescued":{"note":"n","_reference":"R7","_Field_4":"F1"}}"#,
        ),
        ("drop", r#"0 {"id":"1","amount":7}"#),
    ] {
        let spec = format!("[format.csv]\n[columns]\nunknown = '{unknown}'\n{fields}");
        let (file, found) = returned(&spec, input, fixed).await;
        assert!(file.contains("_Field_4,_reference_5,_code_5,"), "{file}");
        assert_eq!(found, [expected], "{unknown}");
        let (_, found) = returned(&spec, input, |file| {
            picked(&fixed(file), &[5, 7, 0, 1, 2, 3, 4])
        })
        .await;
        assert_eq!(found, [expected], "{unknown}");
    }
    // Where no other column is allowed, and none in another order.
    for columns in ["order = 'strict'", "unknown = 'fail'", "unknown = 'hold'"] {
        let spec =
            format!("[format.csv]\n[columns]\n{columns}\n{fields}f = {{ from = '_field' }}\n");
        let (_, found) = returned(&spec, "id,amount,_field\n1,y,F\n", fixed).await;
        assert_eq!(found, [r#"0 {"id":"1","amount":7,"f":"F"}"#], "{columns}");
    }
}

#[tokio::test]
async fn records_of_other_formats_that_have_what_is_added_themselves_keep_it() {
    let keep = "[columns]\nunknown = 'keep'\n[fields]\nn = { type = 'integer' }\n";
    let own = r#"{"n":"x","_reference":"R7","_message":"m","_raw":"r"}"#;
    let expected = [r#"0 {"n":7,"_reference":"R7","_message":"m","_raw":"r"}"#];
    let fixed = |file: &str| file.replace(r#"\"x\""#, "7");
    let only_record = |file: &str| file.replacen(r#"{\"n\":\"x\""#, r#"{\"n\":7"#, 1);
    let (_, found) = returned(&format!("[format.jsonl]\n{keep}"), own, only_record).await;
    assert_eq!(found, expected);
    let spec = format!("[format.json]\nrecord_path = '$[*]'\n{keep}");
    let (_, found) = returned(&spec, &format!("[{own}]"), only_record).await;
    assert_eq!(found, expected);
    // A line that looks like one of ours.
    let line = "ab:1\tcode\tfield\tm\tx";
    let spec = "[format.lines]\npattern = '(?<t>.*)\\t(?<n>[^\\t]*)'\n[fields]\nt = {}\nn = { type = 'integer' }\n";
    let last = |file: &str| file.replace("\tx\n", "\t7\n");
    let (_, found) = returned(spec, line, last).await;
    assert_eq!(found, [r#"0 {"t":"ab:1\tcode\tfield\tm","n":7}"#]);
    let spec = "[format.fixed]\n[fields]\nt = { start = 1, width = 18 }\nn = { type = 'integer', start = 19, width = 1 }\n";
    let (_, found) = returned(spec, line, last).await;
    assert_eq!(found, [r#"0 {"t":"ab:1\tcode\tfield\tm","n":7}"#]);
    // Elements with our own namespace, under our prefix and another, in the element and around it.
    let spec = "[format.xml]\nrecord_path = '/r/i'\n[fields]\nn = { type = 'integer' }\na = { from = '@s:reference' }\n\
        raw = { from = 's:raw' }\n[format.xml.namespaces]\ns = ['urn:sluicegate:rejects']\n";
    let declared = "xmlns:p='urn:sluicegate:rejects'";
    let element = "<n>x</n><p:raw>r</p:raw>";
    for input in [
        format!("<r {declared}><i p:reference='R7'>{element}</i></r>"),
        format!("<r><i {declared} p:reference='R7'>{element}</i></r>"),
        format!("<r><i {declared} p:reference='R7'>{element}</i></r>")
            .replace("p:", "sluicegate:")
            .replace("xmlns:p", "xmlns:sluicegate"),
    ] {
        let number = |file: &str| {
            fixed(file)
                .replace(">x<", ">7<")
                .replace("&gt;x&lt;", "&gt;7&lt;")
        };
        let (file, found) = returned(spec, &input, number).await;
        assert_eq!(found, [r#"0 {"n":7,"a":"R7","raw":"r"}"#], "{file}");
    }
}
