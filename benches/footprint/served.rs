//! A service that is sent files of any size and processes them: its memory in both phases, and its counts.
//!
//! The bytes go from the generator into the request: no file is on this side.

use super::asked::Asked;
use super::input::{Amount, Truth};
use super::local::{DATABASE, run_from_s3};
use super::report::{self, Row, compare};
use super::watch::{Watch, look};
use benches::plot::Chart;
use hyper::Method;
use mongodb::bson::DateTime;
use serde_json::Value;
use std::time::{Duration, Instant};
use testbed::api::{Api, chunks};
use testbed::limit::Limit;
use testbed::mongod::Mongod;
use testbed::process::Sluicegate;
use testbed::s3::S3;
use testbed::service::Service;
use testbed::truth::Totals;

/// What uploads of any size are to add at most to an idle server, in bytes.
const UPLOAD_ADDS_BYTES: u64 = 64_000_000;
/// What a worker is to take at most with four jobs, in bytes.
const WORKER_BYTES: u64 = 256_000_000;
/// How often a job is asked for.
const ASK_INTERVAL: Duration = Duration::from_millis(100);

/// Serves, and gives the rows and the chart over time.
pub async fn serve(
    asked: &Asked,
    amount: Amount,
    place: Sluicegate,
    deadline: Duration,
    limit: Option<&Limit>,
    note: &str,
) -> (Vec<Row>, Chart) {
    let mut place = place;
    let servers = match asked.mongodb {
        true => Some((Mongod::standalone().await, S3::start().await)),
        false => None,
    };
    if let Some((mongod, s3)) = &servers {
        place = place
            .env("MONGODB_URI", mongod.uri_for(DATABASE))
            .envs(s3.env())
            .env("S3_BUCKET", s3.bucket());
    }
    place = place.env("RUST_LOG", "warn");
    let (name, spec) = asked.spec();
    if let Err(error) = std::fs::create_dir(place.path("specs")) {
        panic!("no folder for specs: {error}");
    }
    place.write("specs/spec.toml", &spec);
    let service = Service::start(&place, &[]).await;
    let api = Api::new(service.api.base()).with_deadline(deadline);
    // The first request takes what every one needs.
    api.upload("first.csv", "", "a,b\n1,2\n").await.is(201);
    let idle_bytes = look(service.process()).map_or(0, |memory| memory.high_water);

    let mut watch = Watch::start(service.process());
    let uploads = async {
        let mut files = Vec::new();
        for file in 0..asked.jobs {
            files.push(upload(&api, asked, file, amount).await);
        }
        files
    };
    let (files, upload_peak, upload_seconds) = watch.phase("upload", uploads).await;
    let processing = process(&api, name, &files, deadline);
    let (jobs, process_peak, _) = watch.phase("processing", processing).await;
    // Of several jobs at once, from the first's begin to the last's end.
    let moments =
        |name: &str| -> Vec<i64> { jobs.iter().filter_map(|job| moment(&job[name])).collect() };
    let (begun, ended) = (moments("startedAt"), moments("finishedAt"));
    let millis = ended.iter().max().zip(begun.iter().min());
    let process_seconds = millis.map_or(f64::NAN, |(end, begin)| (end - begin) as f64 / 1e3);

    let mut counts = Ok(());
    for (job, (_, truth)) in jobs.iter().zip(&files) {
        counts = counts.and(judge(&api, job, &truth.totals(), asked.null).await);
    }
    let totals = sum(files.iter().map(|(_, truth)| truth.totals()));
    let row = |what, peak, aim_bytes, seconds, counts| Row {
        what,
        amount,
        totals,
        peak,
        aim_bytes,
        seconds,
        counts,
    };
    let mut rows = vec![
        row(
            "upload",
            upload_peak,
            idle_bytes + UPLOAD_ADDS_BYTES,
            upload_seconds,
            None,
        ),
        row(
            "processing",
            process_peak,
            WORKER_BYTES,
            process_seconds,
            Some(counts),
        ),
    ];
    let mut limits = vec![(
        "256 MB, what a worker with four jobs may take".to_owned(),
        256.0,
    )];
    if let Some(limit) = limit {
        let megabytes = limit.bytes as f64 / 1e6;
        limits.push((format!("the hard limit, {megabytes:.0} MB"), megabytes));
    }
    let (size, records) = (benches::plot::bytes(totals.bytes as f64), totals.read);
    let what = match asked.jobs {
        1 => format!("a file of {size}"),
        jobs => format!("{jobs} files at once, {size} together"),
    };
    let title = format!("Memory of `sluicegate serve`: {what}, {records} records");
    let chart = report::history(&title, note, watch.history(), limits);
    service.stop().await;
    if let Some((_, s3)) = &servers {
        let (_, truth) = &files[0];
        let url = object_of(s3, truth.totals().bytes).await;
        place.write("spec.toml", &spec);
        rows.push(run_from_s3(&place, amount, truth, &url).await);
    }
    (rows, chart)
}

/// Sends one file as it is made: its id, and what is in it.
async fn upload(api: &Api, asked: &Asked, file: u64, amount: Amount) -> (String, Truth) {
    let (body, truth) = asked.content(file).make(amount);
    let path = format!("/upload/file-{file}.csv");
    let sent = api.send(Method::PUT, &path, &[], chunks(body)).await;
    let answer = sent.unwrap_or_else(|error| panic!("{path}: {error}"));
    let file = answer.is(201).json()["fileId"].clone();
    (file.as_str().unwrap_or_default().to_owned(), truth)
}

/// Asks for every file to be processed, and waits for all: the jobs as they ended.
async fn process(
    api: &Api,
    spec: &str,
    files: &[(String, Truth)],
    deadline: Duration,
) -> Vec<Value> {
    let until = Instant::now() + deadline;
    let mut jobs = Vec::new();
    for (file, _) in files {
        let asked = api.post(&format!("/process/{file}?spec={spec}")).await;
        let job = asked.is(202).json()["jobId"].clone();
        jobs.push(job.as_str().unwrap_or_default().to_owned());
    }
    let mut ended = Vec::new();
    for job in &jobs {
        loop {
            let now = api.job(job).await;
            let state = now["state"].as_str().unwrap_or_default();
            if !["queued", "in_progress"].contains(&state) {
                ended.push(now);
                break;
            }
            assert!(
                Instant::now() < until,
                "after {deadline:?} still not ended: {now:#}"
            );
            tokio::time::sleep(ASK_INTERVAL).await;
        }
    }
    ended
}

/// Whether a job is completed, counted what the generator did, and left as many documents, where it was to leave any.
async fn judge(api: &Api, job: &Value, totals: &Totals, null: bool) -> Result<(), String> {
    if job["state"] != "completed" {
        return Err(format!("{} {}", job["state"], job["failure"]));
    }
    compare(&job["stats"], totals)?;
    let id = job["jobId"].as_str().unwrap_or_default();
    let receipt = api.get(&format!("/jobs/{id}/receipt")).await.is(200).json();
    match null || receipt["documents"] == totals.loaded {
        true => Ok(()),
        false => Err(format!(
            "{} documents, {} loaded",
            receipt["documents"], totals.loaded
        )),
    }
}

/// Milliseconds since 1970 of a time in an answer.
fn moment(time: &Value) -> Option<i64> {
    let time = DateTime::parse_rfc3339_str(time.as_str()?).ok()?;
    Some(time.timestamp_millis())
}

fn sum(all: impl Iterator<Item = Totals>) -> Totals {
    all.fold(Totals::default(), |sum, one| Totals {
        bytes: sum.bytes + one.bytes,
        read: sum.read + one.read,
        loaded: sum.loaded + one.loaded,
        rejected: sum.rejected + one.rejected,
        dropped: sum.dropped + one.dropped,
        blank_lines: sum.blank_lines + one.blank_lines,
    })
}

/// The object of the bucket that has so many bytes: each file has another size.
async fn object_of(s3: &S3, size_bytes: u64) -> String {
    let listed = s3.client().list_objects_v2().bucket(s3.bucket()).send();
    let listed = listed.await.unwrap_or_else(|error| panic!("{error}"));
    let is_it =
        |size: Option<i64>| size.and_then(|size| u64::try_from(size).ok()) == Some(size_bytes);
    let found = listed.contents().iter().find(|object| is_it(object.size()));
    let key = found.and_then(|object| object.key());
    s3.url(key.unwrap_or_else(|| panic!("no object has {size_bytes} bytes")))
}
