//! `health`: it says what the service says of itself, also where callers need a key; of what a worker works with it finds
//! out for itself, and changes nothing there.

use testbed::mongod::Mongod;
use testbed::service::Service;

use super::backend::Backend;
use crate::job::place;
use crate::people::{left_behind, says};

#[tokio::test]
async fn a_service_that_is_well_is_told_from_one_that_is_not_there() {
    let backend = Backend::embedded().await;
    let service = backend.serve().await;
    let base = service.api.base().to_owned();
    says(&backend.place.run(["health", &base]).await, 0, &["ok\n"]);
    let livez = format!("{base}/livez");
    says(
        &backend.place.run(["health", &livez]).await,
        2,
        &["HOST:PORT"],
    );
    service.stop().await;
    let gone = backend.place.run(["health", &base]).await;
    says(&gone, 1, &["unhealthy", "cannot be connected to"]);
}

#[tokio::test]
async fn a_service_that_listens_everywhere_and_wants_keys_is_asked_without_one() {
    let backend = Backend::embedded().await;
    says(
        &backend.place.run(["keys", "add", "acme"]).await,
        0,
        &["sg_"],
    );
    let service = Service::start(&backend.place, &["--host", "0.0.0.0"]).await;
    let (_, port) = service.api.base().rsplit_once(':').unwrap();
    let place = place().env("HOST", "0.0.0.0").env("PORT", port);
    says(&place.run(["health"]).await, 0, &["ok\n"]);
    assert!(left_behind(&place).is_empty(), "asking makes nothing");
    service.stop().await;
    says(&place.run(["health"]).await, 1, &["cannot be connected to"]);
}

#[tokio::test]
async fn what_answers_but_is_no_service_is_not_well() {
    let mongod = Mongod::standalone().await;
    let base = format!("http://127.0.0.1:{}", mongod.port(0));
    let place = place();
    says(&place.run(["health", &base]).await, 1, &["unhealthy"]);
    says(
        &place.run(["health", "--stores"]).await,
        2,
        &["MONGODB_URI"],
    );
    let place = place.env("PORT", "0");
    says(&place.run(["health"]).await, 2, &["PORT is 0"]);
}

#[tokio::test]
async fn a_mongodb_that_is_silent_makes_service_and_worker_unwell() {
    let mut backend = Backend::mongodb().await;
    let client = backend.mongod.as_ref().unwrap().client().await;
    let before = client.list_database_names().await.unwrap();
    let well = backend.place.run(["health", "--stores"]).await;
    says(&well, 0, &["ok\n"]);
    assert_eq!(client.list_database_names().await.unwrap(), before);
    let service = backend.serve().await;
    let base = service.api.base().to_owned();
    says(&backend.place.run(["health", &base]).await, 0, &["ok\n"]);
    backend.mongod.as_mut().unwrap().freeze();
    let asked = backend.place.run(["health", &base]).await;
    says(&asked, 1, &["unhealthy", "mongodb does not answer"]);
    let asked = backend.place.run(["health", "--stores"]).await;
    says(&asked, 1, &["no answer within 4 s"]);
    backend.mongod.as_mut().unwrap().thaw();
    says(
        &backend.place.run(["health", "--stores"]).await,
        0,
        &["ok\n"],
    );
}

#[tokio::test]
async fn a_bucket_that_is_not_there_makes_a_worker_unwell() {
    let backend = Backend::mongodb().await;
    let place = backend.place.env("S3_BUCKET", "elsewhere");
    let asked = place.run(["health", "--stores"]).await;
    says(&asked, 1, &["elsewhere"]);
}
