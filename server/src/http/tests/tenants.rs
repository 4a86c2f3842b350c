//! Keys and tenants: who may call, and that another tenant's things are as good as none.

use super::*;
use crate::keys::secret;

/// A live key of a tenant.
pub(super) async fn key(server: &Server, tenant: &Tenant) -> (Id, String) {
    let (secret, sha256) = secret::make(&SystemEntropy).unwrap();
    let entropy: &dyn Entropy = &SystemEntropy;
    let id = entropy.id();
    let added = server
        .service
        .stores
        .keys
        .add(id, tenant, sha256)
        .await
        .unwrap();
    assert!(added.is_some());
    (id, secret.0)
}

#[tokio::test]
async fn with_keys_every_route_wants_one_but_probes_and_the_page() {
    let server = Server::start().await;
    let tenant: Tenant = "acme".parse().unwrap();
    let (_, secret) = key(&server, &tenant).await;
    let wrong = format!("sg_{}", "0".repeat(64));
    let mut opened = Vec::new();
    for route in ROUTES {
        let path = route
            .path
            .replace("{jobId}", &"0".repeat(24))
            .replace("{fileId}", "x");
        let path = path.replace(['{', '}'], "");
        for api in [server.api.clone(), server.api.with_key(&wrong)] {
            let answer = server.send(&api, route.method.clone(), &path, "").await;
            if answer.status == 401 {
                assert_eq!(answer.header("www-authenticate"), "Bearer", "{path}");
                answer.refused(401, "unauthorized");
            } else {
                opened.push(route.path);
            }
        }
        let api = server.api.with_key(&secret);
        let answer = server.send(&api, route.method.clone(), &path, "").await;
        assert_ne!(answer.status, 401, "{path}");
    }
    opened.dedup();
    assert_eq!(opened, ["/healthz", "/livez", "/", "/web/{file}"]);
    let headers = [("x-api-key", secret.as_str())];
    let sent = server.api.send(Method::GET, "/jobs", &headers, bytes(""));
    sent.await.unwrap().is(200);
    // A browser sends no key by itself: by which name it is asked does not matter.
    let headers = [headers[0], ("host", "shop.example")];
    let sent = server.api.send(Method::GET, "/jobs", &headers, bytes(""));
    sent.await.unwrap().is(200);
}

#[tokio::test]
async fn another_tenants_things_are_as_good_as_none() {
    let server = Server::start().await;
    let (one, other): (Tenant, Tenant) = ("acme".parse().unwrap(), "bolt".parse().unwrap());
    let file = server.file(&one, "parcels-1.csv", b"n\n1\n").await;
    let job = server.job(&one, file).await;
    let (mine, theirs) = (key(&server, &one).await.1, key(&server, &other).await.1);
    let (mine, theirs) = (server.api.with_key(&mine), server.api.with_key(&theirs));
    mine.put("/specs/parcels", SPEC).await.is(201);
    let nobody = "0".repeat(24);
    for (method, path, of_mine) in [
        (Method::GET, format!("/files/{file}"), 200),
        (Method::GET, format!("/files/{file}/content"), 200),
        (Method::GET, format!("/upload/{file}/status"), 200),
        (Method::GET, format!("/jobs/{job}"), 200),
        (Method::GET, format!("/jobs/{job}/errors"), 200),
        (Method::GET, format!("/jobs/{job}/receipt"), 409),
        (Method::GET, "/specs/parcels".to_owned(), 200),
        (Method::GET, "/specs/parcels/versions/1".to_owned(), 200),
        (Method::DELETE, format!("/files/{file}"), 409),
    ] {
        let missing = path
            .replace(&file.to_string(), &nobody)
            .replace(&job.to_string(), &nobody);
        let missing = missing.replace("parcels", "nothing");
        let seen = server.send(&theirs, method.clone(), &path, "").await;
        let none = server.send(&theirs, method.clone(), &missing, "").await;
        let (mut seen, mut none) = (seen.is(404).json(), none.is(404).json());
        for body in [&mut seen, &mut none] {
            body.as_object_mut().unwrap().remove("requestId");
        }
        assert_eq!(seen, none, "{path}");
        server.send(&mine, method, &path, "").await.is(of_mine);
    }
    for path in ["/files", "/jobs", "/specs"] {
        let list = server
            .send(&theirs, Method::GET, path, "")
            .await
            .is(200)
            .json();
        assert_eq!(
            (&list["items"], &list["total"]),
            (&Value::Array(vec![]), &0.into()),
            "{path}"
        );
        let list = server
            .send(&mine, Method::GET, path, "")
            .await
            .is(200)
            .json();
        assert_eq!(list["total"], 1, "{path}");
    }
}

/// The figures are sums over all tenants: whoever has a key reads them, and they name nobody and nothing of anybody's.
#[tokio::test]
async fn metrics_name_nobody_and_nothing_of_anybodys() {
    let server = Server::start().await;
    let (one, other): (Tenant, Tenant) = ("acme".parse().unwrap(), "bolt".parse().unwrap());
    let (mine, theirs) = (key(&server, &one).await.1, key(&server, &other).await.1);
    let (mine, theirs) = (server.api.with_key(&mine), server.api.with_key(&theirs));
    server
        .api
        .get("/metrics")
        .await
        .refused(401, "unauthorized");
    mine.put("/specs/parcels", SPEC).await.is(201);
    let upload = mine.upload("parcels-secret.csv", "?spec=parcels&process=true", "n\n1\n");
    let job = upload.await.is(202).json();
    let job = job["jobId"].as_str().unwrap();
    mine.get(&format!("/jobs/{job}")).await.is(200);
    mine.get("/jobs?spec=hidden").await.is(200);
    mine.get("/specs/hidden").await.refused(404, "not_found");
    let text = theirs.get("/metrics").await.is(200).text();
    assert!(text.contains("sluicegate_uploads_total 1"), "{text}");
    for name in ["acme", "bolt", "parcels", "secret", "hidden", job] {
        assert!(!text.contains(name), "{name} in {text}");
    }
    let labels = text.lines().filter_map(|line| {
        let (_, labels) = line.split_once('{')?;
        Some(labels.split('}').next()?.to_owned())
    });
    let names = labels.flat_map(|labels| {
        let names = labels.split(',').filter_map(|label| label.split_once('='));
        names.map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
    });
    let names: std::collections::BTreeSet<String> = names.collect();
    let known = [
        "code", "le", "method", "outcome", "result", "route", "state", "status", "way",
    ];
    assert!(
        names.iter().all(|name| known.contains(&name.as_str())),
        "{names:?}"
    );
}
