//! The tables of jobs, of whose turn it is, and of idempotency keys; every index serves one question.

use stages::sqlite::{Added, Schema};

/// The tables of this store; running it again changes nothing.
///
/// `left_owner` and `left_by` say which claim left the job in its present state, and by which transition, until the
/// next transition: so a statement whose answer was lost finds its own change. `claimed_furthest` is `furthest` at the
/// last claim, `checkpoint_end` the ordinal at which the checkpoint ends. `child` has the turn at sending the job's rejects
/// again, and `child_moved` says whether what it has loaded is moved. `is_cleaned` is set when the rejects of an
/// expired job are removed. What is long stands last, so that lists need not read past it. Jobs that become due at the
/// same time are told apart by their rowid, the order in which they were submitted.
///
/// `callback` is the webhook's record, `callback_due_ms` the time in it from which it is to be looked at, and
/// `callback_host` the host of its URL, so that those of a busy tenant, or of a tenant at a busy host, are passed over in the index.
///
/// A tenant's turn: while `is_waiting`, claims look for its due jobs, in the order of `served`; else they look again
/// at `wake_ms`, or not before it has queued jobs again.
pub const SCHEMA: Schema = Schema::new("
    CREATE TABLE IF NOT EXISTS jobs (
        tenant TEXT NOT NULL,
        id BLOB NOT NULL,
        state TEXT NOT NULL,
        priority INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        run INTEGER NOT NULL DEFAULT 0,
        fence INTEGER NOT NULL DEFAULT 0,
        owner TEXT,
        worker TEXT,
        lock_until_ms INTEGER,
        left_owner TEXT,
        left_by TEXT,
        created_ms INTEGER NOT NULL,
        queued_ms INTEGER NOT NULL,
        due_ms INTEGER NOT NULL,
        started_ms INTEGER,
        finished_ms INTEGER,
        updated_ms INTEGER NOT NULL,
        furthest INTEGER NOT NULL DEFAULT 0,
        claimed_furthest INTEGER NOT NULL DEFAULT 0,
        checkpoint_end INTEGER NOT NULL DEFAULT 0,
        bytes_read INTEGER NOT NULL DEFAULT 0,
        bytes_total INTEGER,
        records_per_second INTEGER NOT NULL DEFAULT 0,
        busy TEXT,
        max_rejects INTEGER,
        spec_changed INTEGER NOT NULL DEFAULT 0,
        spec_from INTEGER,
        is_expired INTEGER NOT NULL DEFAULT 0,
        is_cleaned INTEGER NOT NULL DEFAULT 0,
        spec_name TEXT NOT NULL,
        spec_version INTEGER NOT NULL,
        spec_sha256 TEXT NOT NULL,
        spec_is_operators INTEGER NOT NULL,
        content TEXT NOT NULL,
        base BLOB NOT NULL,
        identity BLOB NOT NULL,
        generation INTEGER NOT NULL,
        load_number INTEGER NOT NULL,
        collection TEXT NOT NULL,
        receipt TEXT,
        accepted TEXT NOT NULL DEFAULT '[]',
        held TEXT,
        failure TEXT,
        parent BLOB,
        child BLOB,
        child_moved INTEGER NOT NULL DEFAULT 0,
        files BLOB NOT NULL,
        callback_due_ms INTEGER,
        callback_host TEXT,
        callback TEXT,
        checkpoint TEXT,
        spec_text TEXT NOT NULL,
        PRIMARY KEY (tenant, id)
    );
    CREATE INDEX IF NOT EXISTS jobs_queued ON jobs (tenant, priority, due_ms) WHERE state = 'queued';
    CREATE INDEX IF NOT EXISTS jobs_leases ON jobs (lock_until_ms) WHERE state = 'in_progress';
    CREATE INDEX IF NOT EXISTS jobs_owners ON jobs (owner) WHERE state = 'in_progress';
    CREATE INDEX IF NOT EXISTS jobs_held ON jobs (tenant) WHERE state = 'held';
    CREATE INDEX IF NOT EXISTS jobs_ended ON jobs (finished_ms) WHERE finished_ms IS NOT NULL AND is_cleaned = 0;
    CREATE INDEX IF NOT EXISTS jobs_callbacks ON jobs (callback_due_ms, tenant, callback_host)
        WHERE callback_due_ms IS NOT NULL;
    CREATE INDEX IF NOT EXISTS jobs_created ON jobs (tenant, created_ms, id);
    CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (tenant, state, created_ms, id);
    CREATE INDEX IF NOT EXISTS jobs_by_spec ON jobs (tenant, spec_name, created_ms, id);
    CREATE TABLE IF NOT EXISTS job_files (
        tenant TEXT NOT NULL,
        file BLOB NOT NULL,
        created_ms INTEGER NOT NULL,
        job BLOB NOT NULL,
        PRIMARY KEY (tenant, file, created_ms, job)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS default_callbacks (
        tenant TEXT NOT NULL PRIMARY KEY,
        url TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS turns (
        tenant TEXT NOT NULL PRIMARY KEY,
        is_waiting INTEGER NOT NULL,
        wake_ms INTEGER,
        served INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS turns_in_order ON turns (is_waiting, served);
    CREATE INDEX IF NOT EXISTS turns_asleep ON turns (is_waiting, wake_ms);
    CREATE TABLE IF NOT EXISTS idempotency (
        tenant TEXT NOT NULL,
        key TEXT NOT NULL,
        request TEXT NOT NULL,
        job BLOB NOT NULL,
        created_ms INTEGER NOT NULL,
        PRIMARY KEY (tenant, key)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS idempotency_created ON idempotency (created_ms);
").with_added(&[
    Added {
        table: "jobs",
        column: "busy",
        definition: "TEXT",
    },
    Added {
        table: "jobs",
        column: "spec_from",
        definition: "INTEGER",
    },
    Added {
        table: "jobs",
        column: "parent",
        definition: "BLOB",
    },
    Added {
        table: "jobs",
        column: "child",
        definition: "BLOB",
    },
    Added {
        table: "jobs",
        column: "child_moved",
        definition: "INTEGER NOT NULL DEFAULT 0",
    },
    Added {
        table: "jobs",
        column: "callback_due_ms",
        definition: "INTEGER",
    },
    Added {
        table: "jobs",
        column: "callback_host",
        definition: "TEXT",
    },
    Added {
        table: "jobs",
        column: "callback",
        definition: "TEXT",
    },
]);
