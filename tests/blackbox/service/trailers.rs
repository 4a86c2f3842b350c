//! A job whose sums are not what its file says is held, and goes on when it is approved, or with a version of the spec that
//! compares otherwise.

use serde_json::json;

use super::backend::{Backend, DEADLINE};
use crate::trailers::{LINES, SPEC, file, right};

async fn a_wrong_sum_holds_a_job_until_it_is_approved(backend: Backend) {
    for (version, spec) in [
        (1, SPEC.to_owned()),
        (
            2,
            SPEC.replace(
                "[control.count]",
                "on_mismatch = \"continue\"\n[control.count]",
            ),
        ),
        (3, SPEC.replace("sum(price)", "sum(n)")),
        (4, SPEC.replace("match = '^H'", "match = '^H,'")),
    ] {
        let spec = spec.replace(
            "name = \"lines\"",
            &format!("name = \"lines\"\nversion = {version}"),
        );
        backend.spec(&format!("lines-{version}"), &spec);
    }
    let service = backend.serve().await;
    let api = &service.api;
    for (total, approval) in [("1.00", json!({})), ("2.00", json!({ "spec": "lines@2" }))] {
        let path = backend.place.path("lines.csv");
        backend.place.write("lines.csv", file(total));
        let submitted = api.upload_file(&path, "?spec=lines@1&process=true").await;
        let submitted = submitted.is(202).json();
        let job = submitted["jobId"].as_str().unwrap();
        let held = api.job_in(job, "held", DEADLINE).await;
        assert_eq!(held["failure"]["code"], "control.total");
        let message = format!("total: sum(price) is {}, foot.total is {total}", right());
        assert_eq!(held["failure"]["message"], message);
        let approve = format!("/jobs/{job}/approve");
        for (other, section) in [("lines@3", "control"), ("lines@4", "records")] {
            let refused = api.post_json(&approve, &json!({ "spec": other })).await;
            let refused = refused.refused(422, "spec_incompatible");
            let said = refused.json()["error"].to_string();
            assert!(said.contains(section), "{said}");
        }
        api.post_json(&approve, &approval).await.is(200);
        let completed = api.job_in(job, "completed", DEADLINE).await;
        let stats = &completed["stats"];
        let found = stats["loaded"]
            .as_u64()
            .zip(stats["alreadyLoaded"].as_u64());
        assert_eq!(found.map(|(new, old)| new + old), Some(LINES), "{stats}");
    }
}

#[tokio::test]
async fn a_wrong_sum_holds_a_job_until_it_is_approved_in_the_embedded_store() {
    a_wrong_sum_holds_a_job_until_it_is_approved(Backend::embedded().await).await;
}

#[tokio::test]
async fn a_wrong_sum_holds_a_job_until_it_is_approved_in_mongodb() {
    a_wrong_sum_holds_a_job_until_it_is_approved(Backend::mongodb().await).await;
}
