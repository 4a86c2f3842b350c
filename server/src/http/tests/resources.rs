//! What each route answers: a table of requests, and the shapes of the answers.

use super::*;
use serde_json::json;

const NONE: Tenant = Tenant::NONE;
/// What the page may load and do.
const PAGE_POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

async fn get(server: &Server, path: &str) -> Answer {
    server.send(&server.api, Method::GET, path, "").await
}

#[tokio::test]
async fn requests_get_the_status_and_code_that_the_contract_says() {
    let server = Server::start().await;
    let file = server.file(&NONE, "parcels-1.csv", b"n\n1\n").await;
    let job = server.job(&NONE, file).await;
    let lone = server.file(&NONE, "other.csv", b"n\n").await;
    let nobody = "0".repeat(24);
    let cases = format!(
        "GET    /livez                           200
         GET    /api/livez                       200
         HEAD   /livez                           200
         GET    /healthz                         200
         GET    /api/health                      200
         GET    /api/healthz                     200
         GET    /health                          404 no_route
         GET    /api/api/livez                   404 no_route
         GET    /apilivez                        404 no_route
         GET    /                                200
         HEAD   /                                200
         GET    /?x=1                            400 unknown_parameter
         GET    /api                             404 no_route
         GET    /api/                            200
         HEAD   /api/                            200
         GET    /api/web/app.js                  200
         GET    /api/openapi.json                200
         GET    /api/metrics                     200
         GET    /web/app.js                      200
         GET    /web/nothing.js                  404 not_found
         GET    /web/..%2fCargo.toml             404 not_found
         GET    /web/                            404 no_route
         POST   /web/app.js                      405 method_not_allowed
         GET    /livez/                          404 no_route
         POST   /livez                           405 method_not_allowed
         OPTIONS /livez                          405 method_not_allowed
         DELETE /jobs                            405 method_not_allowed
         GET    /livez?x=1                       400 unknown_parameter
         GET    /openapi.json                    200
         GET    /metrics                         200
         GET    /jobs                            200
         GET    /jobs?state=queued&limit=1       200
         GET    /jobs?status=PENDING             200
         GET    /jobs?fileId={file}              200
         GET    /jobs?fileId=7                   400 bad_query
         GET    /jobs?state=done                 400 bad_query
         GET    /jobs?spec=parcels@1             200
         GET    /jobs?spec=parcels@x             400 bad_query
         GET    /jobs?State=queued               400 unknown_parameter
         GET    /jobs?page=0                     400 bad_query
         GET    /jobs?limit=201                  400 bad_query
         GET    /jobs?page=2&cursor=1-{file}     400 bad_query
         GET    /jobs/{job}                      200
         HEAD   /jobs/{job}                      200
         GET    /status/{job}                    200
         GET    /api/status/{job}                200
         GET    /jobs/{job}?wait=0               200
         GET    /jobs/{job}?wait=61              400 bad_query
         GET    /jobs/{nobody}                   404 not_found
         GET    /jobs/not-an-id                  404 not_found
         GET    /jobs/%00                        404 not_found
         GET    /jobs/{job}/errors               200
         GET    /jobs/{job}/errors?format=jsonl  200
         GET    /jobs/{job}/errors?format=csv    200
         GET    /jobs/{job}/errors?format=xml    400 bad_query
         GET    /jobs/{job}/errors?format=csv&page=1 400 bad_query
         GET    /jobs/{job}/errors?cursor=x      400 bad_query
         GET    /jobs/{nobody}/errors            404 not_found
         GET    /jobs/{job}/rejects              200
         GET    /jobs/{nobody}/rejects           404 not_found
         POST   /jobs/{nobody}/cancel            404 not_found
         POST   /jobs/x/cancel                   404 not_found
         POST   /jobs/{job}/cancel?x=1           400 unknown_parameter
         POST   /jobs/{job}/retry                409 wrong_state
         POST   /jobs/{job}/retry?reset=maybe    400 bad_query
         POST   /jobs/{nobody}/retry             404 not_found
         POST   /upload/{file}/retry             409 wrong_state
         POST   /upload/{lone}/retry             404 no_job
         POST   /jobs/{job}/approve              409 wrong_state
         POST   /jobs/{nobody}/approve           404 not_found
         POST   /process/{nobody}                404 not_found
         POST   /process/x                       404 not_found
         POST   /process/{file}?spec=a@x         422 bad_spec_reference
         POST   /process/{file}?spec=nothing     422 spec_not_found
         POST   /process/{lone}                  422 no_matching_spec
         POST   /process/{file}?priority=10      400 bad_query
         POST   /process/{file}?force=twice      400 bad_query
         POST   /process/{file}?spec=a&force=again 400 idempotency_key_required
         POST   /process/{file}?callbackUrl=x    422 webhooks_off
         POST   /upload/a.csv?callbackUrl=x      400 bad_query
         POST   /upload/a.csv?callbackUrl=x&process=true 422 webhooks_off
         GET    /jobs/{job}/deliveries           200
         GET    /jobs/{nobody}/deliveries        404 not_found
         POST   /jobs/{job}/deliveries/1/resend  404 not_found
         POST   /jobs/{job}/deliveries/x/resend  404 not_found
         POST   /jobs/{nobody}/deliveries/1/resend 404 not_found
         GET    /jobs/{job}/receipt              409 wrong_state
         GET    /jobs/{nobody}/receipt           404 not_found
         GET    /jobs/{nobody}/events            404 not_found
         GET    /jobs/{job}/events?partnerId=x   400 unknown_parameter
         GET    /ws/jobs/{job}                   426 upgrade_required
         GET    /ws/jobs/{job}?partnerId=x       426 upgrade_required
         POST   /api/tickets                     201
         GET    /files                           200
         GET    /files/upload                    405 method_not_allowed
         GET    /files?status=processing         200
         GET    /files?status=COMPLETED          200
         GET    /files?status=queued             400 bad_query
         GET    /files/{file}                    200
         GET    /files/{nobody}                  404 not_found
         GET    /files/{file}/content            200
         GET    /files/{file}/content?redirect=1 200
         GET    /files/{nobody}/content          404 not_found
         DELETE /files/{file}                    409 file_in_use
         GET    /files/{file}/content            200
         DELETE /files/{nobody}                  404 not_found
         GET    /upload/{file}/status            200
         GET    /upload/{lone}/status            404 no_job
         GET    /upload/{nobody}/status          404 not_found
         DELETE /files/{lone}                    204
         DELETE /files/{lone}                    404 not_found
         GET    /specs                           200
         GET    /specs?page=1&cursor=a           400 bad_query
         GET    /specs/nothing                   404 not_found
         GET    /specs/check                     404 not_found
         GET    /specs/parcels/versions/1        404 not_found
         GET    /specs/parcels/versions/01       404 not_found
         PUT    /specs/check                     422 bad_spec
         PATCH  /specs/check                     405 method_not_allowed"
    );
    for case in cases.lines() {
        let mut words = case.split_whitespace();
        let mut next = || words.next().unwrap_or_default();
        let (method, path) = (next(), next());
        let (status, code): (u16, &str) = (next().parse().unwrap(), next());
        let method: Method = method.parse().unwrap();
        let answer = server.send(&server.api, method.clone(), path, "").await;
        assert_eq!(answer.status, status, "{case}: {}", answer.text());
        if !code.is_empty() {
            let body = answer.json();
            assert_eq!(body["code"], code, "{case}");
            assert_eq!(body["status"], status, "{case}");
            assert_eq!(body["requestId"], answer.header("x-request-id"), "{case}");
            assert_eq!(answer.header("content-type"), "application/problem+json");
        }
        let bare = path.strip_prefix("/api").unwrap_or(path);
        let is_page = status == 200 && (bare == "/" || bare.starts_with("/web/"));
        for (name, value, of_page) in [
            ("x-content-type-options", "nosniff", "nosniff"),
            ("content-security-policy", "default-src 'self'", PAGE_POLICY),
            ("cache-control", "no-store", "no-cache"),
            ("access-control-allow-origin", "", ""),
        ] {
            let expected = if is_page { of_page } else { value };
            assert_eq!(answer.header(name), expected, "{case}: {name}");
        }
        if method == Method::HEAD {
            assert!(answer.body.is_empty(), "{case}");
        }
    }
    let refused = server.api.post("/jobs").await;
    assert_eq!(refused.header("allow"), "GET, HEAD");
}

#[tokio::test]
async fn a_request_id_is_taken_where_it_is_plain_and_made_where_not() {
    let server = Server::start().await;
    for (given, taken) in [
        ("abc-1.2_Z", true),
        ("", false),
        ("a b", false),
        ("é", false),
        ("a\tb", false),
        (&*"a".repeat(129), false),
        (&*"a".repeat(128), true),
    ] {
        let headers = [("x-request-id", given)];
        let sent = server
            .api
            .send(Method::GET, "/nothing", &headers, bytes(""));
        let answer = sent.await.unwrap();
        let id = answer.header("x-request-id").to_owned();
        assert_eq!(id == given, taken, "{given:?}: {id}");
        assert!(taken || id.parse::<Id>().is_ok(), "{given:?}: {id}");
        assert_eq!(answer.json()["requestId"], id);
    }
}

#[tokio::test]
async fn a_file_is_processed_once() {
    let server = Server::start().await;
    let file = server.file(&NONE, "parcels-1.csv", b"n\n1\n").await;
    server.api.put("/specs/parcels", SPEC).await.is(201);
    let path = format!("/process/{file}");
    let post =
        async |path: &str, body: &str| server.send(&server.api, Method::POST, path, body).await;
    let made = post(&path, "").await.is(202).json();
    assert_eq!(
        (&made["state"], &made["fileId"]),
        (&json!("queued"), &json!(file))
    );
    assert!(made.get("existing").is_none());
    let again = post(&path, r#"{ "spec": "parcels@1" }"#)
        .await
        .is(200)
        .json();
    assert_eq!(
        (&again["jobId"], &again["existing"]),
        (&made["jobId"], &json!(true))
    );
    for (body, status, code) in [
        ("{", 400, "bad_json"),
        ("[]", 400, "bad_json"),
        (r#"{ "spec": 7 }"#, 400, "bad_json"),
        (r#"{ "priority": 10 }"#, 400, "bad_json"),
        (r#"{ "force": "twice" }"#, 400, "bad_json"),
        (r#"{ "Spec": "parcels" }"#, 400, "unknown_field"),
        (r#"{ "spec": "a", "spec": "b" }"#, 400, "bad_json"),
        (&"[".repeat(100_000), 400, "bad_json"),
        (&" ".repeat(1_100_000), 413, "body_too_large"),
    ] {
        post(&path, body).await.refused(status, code);
    }
    post(
        &format!("{path}?spec=parcels"),
        r#"{ "spec": "parcels@1" }"#,
    )
    .await
    .refused(400, "bad_query");
    let typed = [("content-type", "text/csv")];
    let sent = server
        .api
        .send(Method::POST, &path, &typed, bytes("{}"))
        .await
        .unwrap();
    sent.refused(415, "wrong_type");
    let key = "k".repeat(256);
    for keys in [
        &[("idempotency-key", "a"), ("idempotency-key", "b")][..],
        &[("idempotency-key", &*key)],
    ] {
        let sent = server
            .api
            .send(Method::POST, &path, keys, bytes(""))
            .await
            .unwrap();
        sent.refused(400, "bad_header");
    }
    let job = made["jobId"].as_str().unwrap();
    let cancel = format!("/jobs/{job}/cancel");
    post(&cancel, r#"{ "now": true }"#)
        .await
        .refused(400, "unknown_field");
    let cancelled = post(&cancel, "{}").await.is(200).json();
    assert_eq!(cancelled["state"], "cancelled");
    let queued = post(&format!("/api/upload/{file}/retry?reset=true"), "")
        .await
        .is(200)
        .json();
    assert_eq!(
        (&queued["state"], &queued["status"]),
        (&json!("queued"), &json!("PENDING"))
    );
}

#[tokio::test]
async fn lists_go_on_behind_a_cursor() {
    let server = Server::start().await;
    let mut made = Vec::new();
    for n in 0..5 {
        made.push(
            server
                .file(&NONE, &format!("{n}.csv"), b"")
                .await
                .to_string(),
        );
    }
    let first = get(&server, "/files?limit=2").await.json();
    assert_eq!((&first["total"], &first["page"]), (&json!(5), &json!(1)));
    let mut seen = Vec::new();
    let mut path = "/files?limit=2".to_owned();
    loop {
        let page = get(&server, &path).await.is(200).json();
        let items = page["items"].as_array().unwrap();
        seen.extend(
            items
                .iter()
                .map(|item| item["fileId"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/files?limit=2&cursor={next}");
    }
    seen.sort();
    made.sort();
    assert_eq!(seen, made);
}

#[tokio::test]
async fn the_bytes_of_a_file_are_never_a_page_of_the_service() {
    let server = Server::start().await;
    let content: Vec<u8> = (0..700_000_u32).map(|n| n as u8).collect();
    let file = server.file(&NONE, "../x\"é.html", &content).await;
    let answer = get(&server, &format!("/files/{file}/content"))
        .await
        .is(200);
    assert_eq!(answer.body, content);
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"x__.html\"; filename*=UTF-8''x%22%C3%A9.html"
    );
    let key = server
        .folder
        .path()
        .join(format!("objects/uploads/{file}/file"));
    assert!(key.exists());
    server
        .send(&server.api, Method::DELETE, &format!("/files/{file}"), "")
        .await
        .is(204);
    assert!(!key.exists());
}

#[tokio::test]
async fn a_spec_is_registered_once_and_for_ever() {
    let server = Server::start().await;
    let put = async |name: &str, text: &str| {
        server
            .api
            .put(&format!("/specs/{name}"), text.to_owned())
            .await
    };
    let made = put("parcels", SPEC).await.is(201).json();
    assert_eq!(
        (&made["version"], &made["origin"]),
        (&json!(1), &json!("tenant"))
    );
    assert_eq!(put("parcels", SPEC).await.is(200).json(), made);
    put("parcels", &format!("{SPEC}# changed\n"))
        .await
        .refused(409, "version_exists");
    put("others", SPEC).await.refused(422, "name_mismatch");
    let bad = put("parcels", "spec = 1\nnme = \"x\"\n").await;
    let problems = bad.json()["problems"].clone();
    let lines: Vec<&Value> = problems
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| &problem["line"])
        .collect();
    assert!(lines.contains(&&json!(2)), "{problems}");
    bad.refused(422, "bad_spec");
    put("parcels", &"x".repeat(1_100_000))
        .await
        .refused(413, "body_too_large");
    let list = get(&server, "/specs").await.is(200).json();
    assert_eq!(list["items"], json!([made]));
    let shown = get(&server, "/specs/parcels").await.is(200).json();
    assert_eq!(
        (&shown["text"], &shown["versions"]),
        (&json!(SPEC), &json!([1]))
    );
    let again = get(&server, "/specs/parcels/versions/1")
        .await
        .is(200)
        .json();
    assert_eq!(again["text"], SPEC);
    get(&server, "/specs/parcels/versions/2")
        .await
        .refused(404, "not_found");

    let check = async |text: &str| {
        server
            .send(&server.api, Method::POST, "/specs/check", text)
            .await
    };
    let good = check(SPEC).await.is(200).json();
    assert_eq!(
        (&good["valid"], &good["spec"]["registry"]),
        (&json!(true), &json!("identical"))
    );
    let bad = check("spec = 1\nname = 7\n").await.is(200).json();
    assert_eq!((&bad["valid"], &bad["spec"]), (&json!(false), &Value::Null));
    assert!(
        bad["problems"]
            .as_array()
            .is_some_and(|problems| !problems.is_empty())
    );
}
