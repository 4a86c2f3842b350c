//! Whichever stage is slow is the one that is named: each is made slow in turn, the others stay as fast as they are. And
//! a stage that is only held up by another one is not called busy.

use super::*;
use crate::{Block, Rate};
use std::time::Duration;

/// How long the slow stage takes for each thing, in milliseconds.
const SLOW_MS: u64 = 10;

/// A source that gives its bytes late.
struct Late(Bytes);

#[async_trait]
impl Source for Late {
    async fn read(&mut self, into: &mut bytes::BytesMut) -> Result<usize, Fatal> {
        tokio::time::sleep(Duration::from_millis(SLOW_MS)).await;
        self.0.read(into).await
    }

    fn bytes_read(&self) -> u64 {
        self.0.bytes_read()
    }
}

/// A framer that works hard.
struct Hard(Box<dyn Framer>);

impl Framer for Hard {
    fn buffer(&mut self) -> &mut bytes::BytesMut {
        self.0.buffer()
    }

    fn next_block(&mut self, at_end: bool) -> Result<Option<Block>, Fatal> {
        std::thread::sleep(Duration::from_millis(SLOW_MS));
        self.0.next_block(at_end)
    }
}

/// A parser that works hard.
struct Hardly(Arc<dyn Convert>);

impl Convert for Hardly {
    fn convert(&self, block: Block) -> Result<crate::Converted, Fatal> {
        std::thread::sleep(Duration::from_millis(SLOW_MS));
        self.0.convert(block)
    }
}

/// Runs 300 records, and says which stage bounded the run and for which shares each was busy.
async fn bound(store: Store, change: impl FnOnce(Job) -> Job) -> (Option<Stage>, Busy) {
    let store = Arc::new(store);
    let report = run(change(job(&lines(300, &[]), &store, start()))).await;
    assert!(matches!(report.end, End::Completed(_)), "{}", told(&report));
    (report.busy.bottleneck(), report.busy)
}

fn bytes() -> Bytes {
    Bytes {
        bytes: lines(300, &[]).into_bytes(),
        at: 0,
        error: None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_source_is_named() {
    let (named, busy) = bound(Store::default(), |job| Job {
        source: Box::new(Late(bytes())),
        ..job
    })
    .await;
    assert_eq!(named, Some(Stage::Read), "{busy:?}");
    assert!(busy.read > 900 && busy.rate == 0, "{busy:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_target_is_named_and_who_waits_for_it_is_not_busy() {
    let store = Store {
        write_ms: 500,
        ..Store::default()
    };
    let (named, busy) = bound(store, |job| job).await;
    assert_eq!(named, Some(Stage::Write), "{busy:?}");
    assert!(busy.write > 500, "{busy:?}");
    let others = [busy.read, busy.frame, busy.parse, busy.rate];
    assert_eq!(others, [0; 4], "{busy:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rate_that_is_kept_is_named() {
    let (named, busy) = bound(Store::default(), |job| Job {
        rate: Rate {
            records_per_second: Some(20),
            ..Rate::default()
        },
        ..job
    })
    .await;
    assert_eq!(named, Some(Stage::Rate), "{busy:?}");
    assert!(busy.rate > 900, "{busy:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn framing_that_is_slow_is_named() {
    let (named, busy) = bound(Store::default(), |job| Job {
        framer: Box::new(Hard(job.framer)),
        ..job
    })
    .await;
    assert_eq!(named, Some(Stage::Frame), "{busy:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parsing_that_is_slow_is_named_also_where_there_are_fewer_cores_than_parsers() {
    let (named, busy) = bound(Store::default(), |job| Job {
        convert: Arc::new(Hardly(job.convert)),
        max_parsers: 4,
        ..job
    })
    .await;
    assert_eq!(named, Some(Stage::Parse), "{busy:?}");
}

/// A sink that takes everything at once.
struct AtOnce;

#[async_trait]
impl Sink for AtOnce {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        Ok(Written::all_of(batch))
    }
}

#[tokio::test]
async fn a_target_that_takes_no_time_is_not_busy_also_where_its_batches_wait_for_a_core() {
    // One thread: what is to be written waits behind what is parsed.
    let (named, busy) = bound(Store::default(), |job| Job {
        convert: Arc::new(Hardly(job.convert)),
        sink: Arc::new(AtOnce),
        max_parsers: 4,
        ..job
    })
    .await;
    assert_eq!(named, Some(Stage::Parse), "{busy:?}");
    assert!(busy.write < 200, "{busy:?}");
}
