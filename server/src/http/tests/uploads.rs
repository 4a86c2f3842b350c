//! Uploads over HTTP: what forms and bodies are answered, and that nothing of what is refused is there.

use super::*;
use serde_json::json;
use std::path::Path;

const FORM: &str = "multipart/form-data; boundary=b";
const FILE: &str = "name=\"file\"; filename=\"parcels-1.csv\"";

/// A form of parts, each with what its `Content-Disposition` says.
fn form(parts: &[(&str, &str)]) -> String {
    let part = |(head, body): &(&str, &str)| {
        format!("--b\r\ncontent-disposition: form-data; {head}\r\n\r\n{body}\r\n")
    };
    parts
        .iter()
        .map(part)
        .chain(["--b--\r\n".to_owned()])
        .collect()
}

impl Server {
    async fn upload(&self, method: Method, path: &str, content_type: &str, body: String) -> Answer {
        let headers = [("content-type", content_type)];
        let sent = self
            .api
            .send(method.clone(), path, &headers[..], bytes(body));
        let answer = sent.await.unwrap();
        let document = crate::http::openapi::document(ROUTES, ALIASES);
        documented(&document, &method, path, answer.status);
        answer
    }

    async fn form(&self, query: &str, parts: &[(&str, &str)]) -> Answer {
        self.upload(Method::POST, &format!("/upload{query}"), FORM, form(parts))
            .await
    }

    /// How many files there are, and whether any bytes are kept.
    async fn kept(&self) -> (Value, bool) {
        fn any_file(folder: &Path) -> bool {
            std::fs::read_dir(folder).unwrap().any(|entry| {
                let path = entry.unwrap().path();
                path.is_file() || any_file(&path)
            })
        }
        let files = self.api.get("/files").await.is(200).json();
        (
            files["total"].clone(),
            any_file(&self.folder.path().join("objects")),
        )
    }
}

#[tokio::test]
async fn a_file_is_taken_from_a_form_or_as_it_is() {
    let server = Server::start().await;
    let content = "n\n1\n";
    let answers = [
        server.form("", &[(FILE, content)]).await,
        server
            .upload(
                Method::POST,
                "/files/upload",
                FORM,
                form(&[(FILE, content)]),
            )
            .await,
        server
            .upload(
                Method::POST,
                "/api/upload/parcels-1.csv",
                "text/csv",
                content.into(),
            )
            .await,
        server
            .upload(
                Method::PUT,
                "/upload/parcels%2D1.csv",
                "text/csv",
                content.into(),
            )
            .await,
    ];
    for answer in answers {
        let file = answer.is(201).json();
        let id = file["fileId"].as_str().unwrap();
        assert_eq!(
            (&file["uploadId"], &file["fileKey"]),
            (&id.into(), &id.into())
        );
        assert_eq!(
            (&file["size"], &file["status"]),
            (&4.into(), &"uploaded".into())
        );
        assert_eq!(file["message"], "uploaded");
        let key = file["s3Key"].as_str().unwrap();
        assert!(key.ends_with(&format!("/{id}/parcels-1.csv")), "{key}");
        let url = file["url"].as_str().unwrap();
        assert_eq!(server.api.get(url).await.is(200).body, content);
        assert!(file.get("jobId").is_none() && file.get("existing").is_none());
        let metrics = server.api.get("/metrics").await.is(200).text();
        assert!(metrics.contains("sluicegate_uploads_total"), "{metrics}");
        server.api.delete(&format!("/files/{id}")).await.is(204);
    }
    assert_eq!(server.kept().await, (json!(0), false));
}

#[tokio::test]
async fn a_form_is_refused_by_what_is_wrong_with_it() {
    let server = Server::start().await;
    let spec = ("name=\"spec\"", "parcels");
    let many = vec![spec; 10_000];
    let long = "x".repeat(9_000);
    for (query, parts, status, code) in [
        ("", &[][..], 400, "no_file"),
        ("", &[spec], 400, "no_file"),
        ("", &[(FILE, "a"), (FILE, "b")], 400, "field_after_file"),
        ("", &[(FILE, "a"), spec], 400, "field_after_file"),
        ("", &[spec, spec, (FILE, "a")], 400, "bad_field"),
        ("", &many, 400, "bad_field"),
        ("", &vec![("name=\"spec\"", ""); 10_000], 400, "bad_form"),
        (
            "",
            &[("name=\"spec\"", &long), (FILE, "a")],
            400,
            "bad_field",
        ),
        (
            "",
            &[("name=\"process\"", "maybe"), (FILE, "a")],
            400,
            "bad_field",
        ),
        (
            "",
            &[("name=\"priority\"", "10"), (FILE, "a")],
            400,
            "bad_field",
        ),
        (
            "",
            &[("name=\"colour\"", "a"), (FILE, "a")],
            400,
            "unknown_field",
        ),
        ("?spec=a", &[spec, (FILE, "a")], 400, "bad_query"),
        (
            "?process=true&force=again",
            &[(FILE, "a")],
            400,
            "idempotency_key_required",
        ),
        (
            "",
            &[("name=\"file\"; filename=\"a.exe\"", "a")],
            415,
            "unsupported_type",
        ),
        ("", &[("name=\"file\"", "a")], 415, "unsupported_type"),
        ("", &[(FILE, "%PDF-1.7")], 415, "unsupported_type"),
    ] {
        let answer = server.form(query, parts).await;
        let shown: Vec<_> = parts.iter().take(3).collect();
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (status, &code.into()),
            "{shown:.100?}"
        );
    }
    assert_eq!(server.kept().await, (json!(0), false));
}

#[tokio::test]
async fn what_is_no_form_or_breaks_off_is_refused() {
    let server = Server::start().await;
    let head = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n";
    let endless_head = format!("--b\r\n{}", "x: y\r\n".repeat(100_000));
    let behind = format!("{head}a\r\n--b\r\n{}", "x".repeat(1_000_000));
    for (content_type, body, status, code) in [
        ("text/csv", "a", 415, "wrong_type"),
        ("multipart/form-data", "a", 400, "bad_form"),
        ("multipart/form-data; boundary=", "a", 400, "bad_form"),
        (FORM, "", 400, "bad_form"),
        (FORM, "--b\r\n", 400, "bad_form"),
        (FORM, "--c--", 400, "bad_form"),
        (FORM, &"x".repeat(1_000_000), 400, "bad_form"),
        (FORM, &endless_head, 400, "bad_form"),
        (FORM, &format!("{head}a"), 400, "bad_form"),
        (FORM, &format!("{head}a\r\n--b"), 400, "bad_form"),
        (FORM, &behind, 400, "bad_form"),
    ] {
        let answer = server
            .upload(Method::POST, "/upload", content_type, body.to_owned())
            .await;
        let is = (answer.status, answer.json()["code"].clone());
        assert_eq!(is, (status, code.into()), "{content_type} {body:.60}");
    }
    assert_eq!(server.kept().await, (json!(0), false));
}

#[tokio::test]
async fn a_large_file_of_a_form_comes_whole() {
    let server = Server::start().await;
    let content: String = (0..3_000_000u32).map(|n| format!("{n}\r\n--")).collect();
    let answer = server
        .form("", &[("name=\"process\"", ""), (FILE, &content)])
        .await;
    let file = answer.is(201).json();
    assert_eq!(file["size"], content.len());
    let bytes = server
        .api
        .get(file["url"].as_str().unwrap())
        .await
        .is(200)
        .body;
    assert!(bytes == content);
}

#[tokio::test]
async fn a_file_can_be_loaded_at_once() {
    let server = Server::start().await;
    server.api.put("/specs/parcels", SPEC).await.is(201);
    let fields = [
        ("name=\"process\"", "true"),
        ("name=\"spec\"", "parcels@1"),
        (FILE, "n\n1\n"),
    ];
    let first = server.form("", &fields).await.is(202).json();
    assert_eq!(
        (&first["state"], &first["status"]),
        (&"queued".into(), &"processing".into())
    );
    let again = server
        .form("?process=1", &[(FILE, "n\n1\n")])
        .await
        .is(200)
        .json();
    assert_eq!(
        (&again["existing"], &again["jobId"]),
        (&true.into(), &first["jobId"])
    );
    let path = "/upload/parcels-1.csv?process=true&spec=nowhere";
    let refused = server
        .upload(Method::PUT, path, "text/csv", "n\n".into())
        .await;
    let kept = refused.json()["fileId"].as_str().unwrap().to_owned();
    refused.refused(422, "spec_not_found");
    let file = server
        .api
        .get(&format!("/files/{kept}"))
        .await
        .is(200)
        .json();
    assert_eq!(file["status"], "uploaded");
}

#[tokio::test]
async fn who_uploads_too_often_is_told_when_to_come_again() {
    let server = Server::start().await;
    let most = server.service.config.upload_rate_per_minute;
    let mut refused = None;
    // It refills while it is used up.
    for _ in 0..most * 3 {
        let answer = server
            .upload(Method::PUT, "/upload/a.exe", "text/csv", "a".into())
            .await;
        if answer.status != 415 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("a refusal");
    assert!((1..=60).contains(&refused.header("retry-after").parse().unwrap()));
    refused.refused(429, "too_many_requests");
    server.api.get("/files").await.is(200);
}
