//! How SQLite finds its rows: through an index, without sorting, and a claim in as many steps whatever waits.

use super::*;
use crate::id::Id;
use crate::queue::sqlite::{
    callbacks, claim, depth, expire, idempotency, list, news, now_ms, repair, row, turns,
};
use crate::queue::{Job, State};
use rusqlite::{Connection, StatementStatus};

/// Every statement of a claim.
const CLAIM: [&str; 10] = [
    claim::OWN,
    claim::EXPIRED,
    claim::GIVE_UP,
    claim::BEST,
    claim::TAKE,
    turns::RISE,
    turns::NEXT,
    turns::EARLIEST,
    turns::SLEEP,
    turns::SERVED,
];

/// Adds `jobs` jobs of a tenant, like its first one, of all priorities from `priority` on.
fn fill(change: &Connection, jobs: u32, tenant: &str, state: &str, priority: u8, due_in_ms: i64) {
    let insert = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1) \
         INSERT INTO jobs (tenant, id, state, priority, lock_until_ms, created_ms, queued_ms, due_ms, updated_ms, \
         spec_name, spec_version, spec_sha256, spec_is_operators, content, base, identity, generation, load_number, \
         collection, files, spec_text) \
         SELECT j.tenant, randomblob(12), ?3, ?4 + n % (10 - ?4), due_ms + ?5, created_ms, queued_ms, \
         due_ms + ?5 + n, updated_ms, spec_name, spec_version, spec_sha256, spec_is_operators, content, base, \
         identity, generation, load_number, collection, files, spec_text \
         FROM numbers CROSS JOIN (SELECT * FROM jobs WHERE tenant = ?2 ORDER BY rowid LIMIT 1) AS j";
    let params = rusqlite::params![jobs, tenant, state, priority, due_in_ms];
    assert_eq!(change.execute(insert, params).unwrap(), jobs as usize);
}

/// What a claim costs in steps of SQLite's machine, and the tenant that it served.
fn cost(change: &Connection) -> (i64, Option<Job>) {
    let status = |status| {
        let of = |text: &&str| {
            let statement = change.prepare_cached(text).unwrap();
            i64::from(statement.reset_status(status))
        };
        CLAIM.iter().map(of).sum::<i64>()
    };
    status(StatementStatus::VmStep);
    let claimed = claim::claim(change, now_ms(change).unwrap(), &claimant()).unwrap();
    assert_eq!(
        status(StatementStatus::FullscanStep),
        0,
        "tables that were scanned"
    );
    assert_eq!(status(StatementStatus::Sort), 0, "rows that were sorted");
    (status(StatementStatus::VmStep), claimed)
}

/// The costs of claims with one due job beside `jobs` that are not yet due, then with as many that are.
async fn costs(jobs: u32) -> Vec<(i64, bool)> {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(&folder, "a.db").await;
    for tenant in ["asleep", "many"] {
        queue.submit(&new_job(tenant)).await.unwrap();
    }
    let hour = 3_600_000;
    let write = queue.database.write(move |change| {
        change.execute(
            "UPDATE jobs SET due_ms = due_ms + 3600000 WHERE tenant = 'asleep'",
            [],
        )?;
        // Not yet due, of every priority: only the one that was submitted is due, and of the lowest.
        fill(change, jobs, "many", "queued", 0, hour);
        fill(change, (jobs / 10).max(10), "asleep", "queued", 0, hour);
        // Running, and ended.
        fill(change, jobs / 10, "many", "in_progress", 0, hour);
        fill(change, jobs / 10, "many", "completed", 0, -hour);
        let mut costs = vec![];
        for _ in 0..3 {
            // The one due job, and two claims that find none.
            costs.push(cost(change));
        }
        // Due, and enough of one priority for every claim.
        fill(change, jobs, "many", "queued", 9, -hour);
        turns::wake(change, "many", 0)?;
        for _ in 0..3 {
            costs.push(cost(change));
        }
        Ok(costs)
    });
    let costs = write.await.unwrap().into_iter();
    costs.map(|(steps, job)| (steps, job.is_some())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_takes_as_many_steps_with_100_000_jobs_as_with_10() {
    let few = costs(10).await;
    let found: Vec<bool> = few.iter().map(|(_, found)| *found).collect();
    assert_eq!(found, [true, false, false, true, true, true]);
    assert_eq!(costs(100_000).await, few);
    // One that finds nothing, again, asks two indexes only.
    assert!(few[2].0 < few[0].0 && few[2].0 < 100, "{few:?}");
}

/// What SQLite says about how it finds the rows of a statement.
fn plan(connection: &Connection, statement: &str) -> Vec<String> {
    let mut explained = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
        .unwrap();
    let mut rows = explained.raw_query();
    let mut plan = vec![];
    while let Some(row) = rows.next().unwrap() {
        plan.push(row.get::<_, String>("detail").unwrap());
    }
    plan
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_asks_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(&folder, "a.db").await;
    let filter = |states: &[State], file: bool, spec: bool| Filter {
        states: states.to_vec(),
        file: file.then_some(Id([0; 12])),
        spec: spec.then(|| "orders".into()),
        version: spec.then_some(1),
    };
    let page = |states: &[State], file, spec| {
        let filter = filter(states, file, spec);
        [
            list::page_text(&filter, false),
            list::page_text(&filter, true),
        ]
    };
    let ended = format!("SELECT {} {}", row::whole(), expire::ENDED);
    let news = news::text();
    let mut cases: Vec<(String, &str)> = [
        (claim::OWN, "jobs_owners"),
        (claim::EXPIRED, "jobs_leases"),
        (claim::BEST, "jobs_queued"),
        (claim::TAKE, "sqlite_autoindex_jobs_1"),
        (claim::GIVE_UP, "sqlite_autoindex_jobs_1"),
        (turns::RISE, "turns_asleep"),
        (turns::NEXT, "turns_in_order"),
        (turns::SERVED, "turns_in_order"),
        (turns::SLEEP, "PRIMARY KEY"),
        (turns::EARLIEST, "jobs_queued"),
        (repair::TENANT, "jobs_queued"),
        (repair::NAMELESS, "jobs_by_state"),
        (idempotency::CLEAN, "idempotency_created"),
        (list::NEWEST_OF_FILE, "PRIMARY KEY"),
        (&ended, "jobs_ended"),
        (&news, "sqlite_autoindex_jobs_1"),
        (callbacks::DUE, "jobs_callbacks"),
        (callbacks::PENDING, "jobs_callbacks"),
    ]
    .map(|(statement, index)| (statement.to_owned(), index))
    .to_vec();
    let failed = [State::Failed, State::Cancelled];
    for (pages, index) in [
        (page(&[], false, false), "jobs_created"),
        (page(&[State::Held], false, false), "jobs_by_state"),
        (page(&failed, false, false), "jobs_by_state"),
        (page(&[], false, true), "jobs_by_spec"),
        (page(&failed, true, true), "PRIMARY KEY"),
    ] {
        cases.extend(pages.map(|page| (page, index)));
    }
    let read = queue.database.read(move |connection| {
        for (statement, index) in cases {
            let plan = plan(connection, &statement);
            let whole = plan.join("\n");
            assert!(whole.contains(index), "{statement}\n{whole}");
            let several = statement.contains("UNION ALL");
            for step in plan {
                let scans = ["jobs", "j", "f", "job_files", "turns", "idempotency"]
                    .iter()
                    .any(|table| step == format!("SCAN {table}"));
                let sorts = step.contains("TEMP B-TREE");
                assert!(!scans && (several || !sorts), "{statement}\n{whole}");
            }
        }
        for (state, count) in depth::COUNTS {
            let plan = plan(connection, count).join("\n");
            assert!(plan.contains("USING COVERING INDEX"), "{state:?}: {plan}");
        }
        Ok(())
    });
    read.await.unwrap();
}
