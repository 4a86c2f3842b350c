//! What a download is as text: no cell is a formula, and its encoding is that of the file.

use super::*;

#[tokio::test]
async fn no_cell_is_a_formula() {
    let steps = "[[steps]]\nreject = { name = 'odd', when = 'n == 0', message = '=1+1' }\n";
    let titles = "t,n,_reference,_code,_field,_message";
    let format = "[format.csv]\nescape_char = '\\'\n";
    for (came, expected) in [
        ("b", "b"),
        ("-1", "-1"),
        ("=1+1", "'=1+1"),
        ("'=1+1", "''=1+1"),
        (r#""=1+1, ""a""""#, r#""'=1+1, ""a""""#),
        (r#"""=1"#, r#"""'=1"#),
        (r#""\=1""#, r#""'\=1""#),
        ("\"\n=1\"", "\"'\n=1\""),
        ("a=\"1", "a=\"1"),
        ("＝1", "'＝1"),
    ] {
        let input = format!("t,n\n{came},0\n");
        let there = downloaded(&format!("{format}{steps}"), input.as_bytes(), true).await;
        let expected = format!("{titles}\n{expected},0,J:1,odd,,'=1+1\n");
        assert_eq!(there, expected, "{came}");
    }
    // A head too: it reads the same, and its lines are as many.
    let found = downloaded("[format.csv]\nskip_rows = 1\n", b"=1\nn,t\nx,1\n", true).await;
    assert!(
        found.starts_with("\nn,t,_reference,_code,_field,_message\nx,1,J:1,"),
        "{found}"
    );
    let found = downloaded("[format.csv]\n", b"n,t,=1\nx,1,2\n", true).await;
    assert!(found.starts_with("n,t,'=1,_reference,"), "{found}");
    // Where an apostrophe is a quote, something else stands there.
    let quoted = "[format.csv]\nquote_char = \"'\"\n";
    let found = downloaded(quoted, b"n,t\n=x,'=1'\n", true).await;
    assert!(found.contains("\n =x,' =1',J:1,"), "{found}");
    let found = downloaded("[format.csv]\nquote_char = ''\n", b"n,t\n=x,\"=1\n", true).await;
    assert!(found.contains("\n'=x,\"=1,J:1,"), "{found}");
    // What swallows its neighbours is one cell.
    let found = downloaded("[format.csv]\n", b"n,t\n=x,\"b\n", true).await;
    assert!(
        found.contains("\n\"'=x,\"\"b\",J:1,unclosed_quote,"),
        "{found}"
    );
}

#[tokio::test]
async fn rejects_have_the_encoding_of_their_file() {
    let utf_16 = |text: &str| -> Vec<u8> {
        let units = ["\u{feff}", text].concat();
        units.encode_utf16().flat_map(u16::to_le_bytes).collect()
    };
    let latin = |text: &str| -> Vec<u8> { text.chars().map(|c| c as u8).collect() };
    let mut marked = b"\xef\xbb\xbf".to_vec();
    let long = "ä".repeat(3_000);
    let came = format!("t,n\r\n{long},x\r\nü,1\r\nö,y\r\n");
    marked.extend_from_slice(came.as_bytes());
    for (label, input) in [
        ("auto", utf_16(&came)),
        ("utf-16le", utf_16(&came)),
        ("windows-1252", latin(&came)),
        ("auto", marked),
    ] {
        let spec = format!("{SPEC}[format.csv]\n[input]\nencoding = '{label}'\n");
        let loaded = Loaded::load(plan(&spec), &input).await;
        let job = loaded.run.job.to_string();
        let titles = "t,n,_reference,_code,_field,_message";
        let said = |n: &str| format!("type,n,\"\"\"{n}\"\" is no integer\"");
        let text = format!(
            "{titles}\r\n{long},x,{job}:1,{}\r\nö,y,{job}:3,{}\r\n",
            said("x"),
            said("y")
        );
        let expected = match input.get(..2) {
            Some(b"\xff\xfe") => utf_16(&text),
            Some(b"\xef\xbb") => [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            _ => latin(&text),
        };
        let found = loaded.download(Some(&loaded.head), memory(&input)).await;
        assert!(
            found == expected,
            "{label}: {}",
            String::from_utf8_lossy(&found)
        );
        // It is read by the same spec.
        let again = Loaded::load(plan(&spec), &found).await;
        assert_eq!(again.codes(), loaded.codes(), "{label}");
        // What the object would say is said by the spec, where the object is gone.
        let gone = loaded.download(Some(&loaded.head), None).await;
        let start: &[u8] = match label {
            "utf-16le" => b"\xff\xfet\0,\0",
            _ => b"t,n,",
        };
        assert!(gone.starts_with(start), "{label}");
    }
    let spec = format!("{SPEC}[format.jsonl]\n[input]\nencoding = 'utf-16le'\n");
    let loaded = Loaded::load(plan(&spec), &utf_16("{\"n\":\"ä\"}\n")).await;
    let found = loaded.download(None, memory(&utf_16("{}"))).await;
    let start = utf_16("{\"n\":\"ä\",\"_reference\":\"");
    assert!(
        found.starts_with(&start),
        "{}",
        String::from_utf8_lossy(&found)
    );
}
