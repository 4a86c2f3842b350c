//! Tests of documents of XML: what a record needs comes with it, and what is malformed swallows no neighbour.

use super::*;

const XML: &str =
    "[format.xml]\nrecord_path = '/g:list/item'\nnamespaces = { g = ['urn:g', 'urn:h'] }\n";

fn spec(format: &str) -> String {
    SPEC.replace("t = {}", "t = { from = '@t' }") + format
}

async fn found(spec: &str, input: &str, is_there: bool) -> (Loaded, String) {
    let loaded = Loaded::load(plan(spec), input.as_bytes()).await;
    let origin = memory(input.as_bytes()).filter(|_| is_there);
    let bytes = loaded.download(Some(&loaded.head), origin).await;
    let text = String::from_utf8(bytes).unwrap();
    (loaded, text)
}

/// What is said of a record whose `n` is x.
fn said(number: u64) -> String {
    format!(
        " sluicegate:reference=\"J:{number}\" sluicegate:code=\"type\" sluicegate:field=\"n\" \
         sluicegate:message=\"&quot;x&quot; is no integer\""
    )
}

#[tokio::test]
async fn records_of_a_document_of_xml_come_with_what_is_declared_around_them() {
    let spec = spec(XML);
    let input = "<?xml version='1.0'?>\n<k:list xmlns:k='urn:h' xmlns:a='urn:a&amp;b'>\n\
        <item t='1' a:b=''><n>x</n></item><item><n>1</n></item>\n<!-- so -->\
        <item\n><n>x</n><a:c/></item><item t='2'><n>x</item></k:list>";
    let (loaded, text) = found(&spec, input, true).await;
    let text = text.replace(&loaded.run.job.to_string(), "J");
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
        <g:list xmlns:g=\"urn:g\" xmlns:sluicegate=\"urn:sluicegate:rejects\">\n";
    let declared = " xmlns:a=\"urn:a&amp;b\"";
    let expected = format!(
        "{head}<item{}{declared} t='1' a:b=''><n>x</n></item>\n\
         <item{}{declared}\n><n>x</n><a:c/></item>\n\
         <item sluicegate:reference=\"J:4\" sluicegate:code=\"xml\" sluicegate:field=\"\" sluicegate:message=\"",
        said(1),
        said(3)
    );
    assert!(text.starts_with(&expected), "{text}");
    let end = " (the record&apos;s text stands in sluicegate:raw)\"><sluicegate:raw>&lt;item t='2'&gt;&lt;n&gt;x\
        &lt;/item&gt;</sluicegate:raw></item>\n</g:list>\n";
    let end = end.replace("&apos;", "'");
    assert!(text.ends_with(&end), "{text}");
    // It is read by the same spec, and the two that are well-formed are refused for the same reason.
    let again = Loaded::load(plan(&spec), text.as_bytes()).await;
    assert_eq!(again.codes()[..2], loaded.codes()[..2]);
    // Where the document is gone, the spec says what a prefix means; another one is not known.
    let (_, gone) = found(&spec, input, false).await;
    assert_eq!(gone.matches("<sluicegate:raw>").count(), 3, "{gone}");
    Loaded::load(plan(&spec), gone.as_bytes()).await;
}

#[tokio::test]
async fn a_record_that_is_the_whole_document_and_one_that_is_long_come_whole() {
    let root = spec("[format.xml]\nrecord_path = '/*'\n");
    let input = format!("<item t='{}'><n>x</n></item>", "y".repeat(3_000));
    for (spec, input) in [
        (root, input.clone()),
        (
            spec(XML),
            format!("<g:list xmlns:g='urn:g' xmlns='urn:d'>{input}</g:list>"),
        ),
    ] {
        let (loaded, text) = found(&spec, &input, true).await;
        assert_eq!(
            text.matches(&"y".repeat(3_000)).count(),
            loaded.rejects.len()
        );
        let again = Loaded::load(plan(&spec), text.as_bytes()).await;
        assert_eq!(again.codes(), loaded.codes(), "{text}");
    }
    // Without any reject there is a document without records, or none where it would be one.
    let (_, none) = found(&spec(XML), "<list xmlns='urn:g'/>", true).await;
    assert!(none.ends_with("rejects\">\n</g:list>\n"), "{none}");
}

#[tokio::test]
async fn rejects_of_real_documents_can_be_sent_back() {
    for (name, ending) in [("catalog", "xml"), ("news", "atom")] {
        let (plan, input) = sample(name, ending);
        let again = plan.clone();
        let loaded = Loaded::load(plan, &input).await;
        let bytes = loaded.download(Some(&loaded.head), memory(&input)).await;
        let text = String::from_utf8_lossy(&bytes);
        let wrapped = text.matches("<sluicegate:raw>").count();
        let again = Loaded::load(again, &bytes).await;
        assert_eq!(again.rejects.len(), loaded.rejects.len(), "{name}: {text}");
        assert!(wrapped < loaded.rejects.len(), "{name}");
        let codes = loaded.codes().into_iter().zip(again.codes());
        let same = codes.filter(|(before, after)| before == after).count();
        assert!(same + wrapped >= loaded.rejects.len(), "{name}: {text}");
    }
}
