//! Generated files of any size that are never whole anywhere: records are made as they are sent or written.
//!
//! Promises: order `n` of a seed is that of [`testbed::orders`], whatever the size; at most [`AHEAD`] chunks are made
//! before they are wanted; the truth of what was made is there at the end.

use bytes::Bytes;
use futures::{Stream, StreamExt};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use testbed::orders;
use testbed::truth::Totals;
use tokio::task::spawn_blocking;

/// Orders of one chunk: about 300 kB.
const CHUNK_RECORDS: u64 = 2_000;
/// Chunks that are made at once, ahead of what is taken.
const AHEAD: usize = 3;
/// Bytes of one chunk of a long line.
const LINE_CHUNK_BYTES: u64 = 256 * 1024;

/// The spec of a file with one very long line.
const LINE_SPEC: &str = "spec = 1\nname = \"long\"\n[format.csv]\n[fields]\na = {}\nb = {}\n\
                         [errors]\nmax_ratio = 1.0\n[sink.mongodb]\ncollection = \"long\"\n";

/// How much is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many bytes, or as many more as the last records take.
    Bytes(u64),
    /// So many records.
    Records(u64),
}

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// The orders of a seed.
    Orders {
        /// The seed.
        seed: u64,
    },
    /// Three records, the second of which is one line of the size that is asked for.
    OneLine,
}

/// A body that comes in chunks.
pub type Chunks = Pin<Box<dyn Stream<Item = Bytes> + Send + Sync>>;

/// The sums of what a stream has given so far.
#[derive(Clone, Default)]
pub struct Truth(Arc<Mutex<Totals>>);

impl Truth {
    /// The sums, once the stream has ended.
    pub fn totals(&self) -> Totals {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a chunk's.
    fn add(&self, chunk: &Totals) {
        let mut sum = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sum.bytes += chunk.bytes;
        sum.read += chunk.read;
        sum.loaded += chunk.loaded;
        sum.rejected += chunk.rejected;
        sum.dropped += chunk.dropped;
        sum.blank_lines += chunk.blank_lines;
    }
}

impl Content {
    /// The spec that reads it, and its name.
    pub fn spec(self) -> (&'static str, &'static str) {
        match self {
            Self::Orders { .. } => ("orders-e2e", orders::SPEC),
            Self::OneLine => ("long", LINE_SPEC),
        }
    }

    /// What is made, and what must become of it.
    pub fn make(self, amount: Amount) -> (Chunks, Truth) {
        let truth = Truth::default();
        let kept = truth.clone();
        let chunks = match self {
            Self::Orders { seed } => orders_of(seed, amount),
            Self::OneLine => one_line(amount),
        };
        // A channel between: what makes chunks need not be `Sync`, which a body must be.
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            let mut chunks = chunks;
            let mut bytes = 0;
            while let Some((chunk, totals)) = chunks.next().await {
                // Where nobody wants more, there is nobody to tell.
                if sender.send((chunk, totals)).await.is_err() {
                    return;
                }
                bytes += totals.bytes;
                if matches!(amount, Amount::Bytes(wanted) if bytes >= wanted)
                    && matches!(self, Self::Orders { .. })
                {
                    return;
                }
            }
        });
        let taken = futures::stream::unfold((receiver, kept), |(mut receiver, kept)| async {
            let (chunk, totals): (Bytes, Totals) = receiver.recv().await?;
            kept.add(&totals);
            Some((chunk, (receiver, kept)))
        });
        (Box::pin(taken), truth)
    }
}

type Made = Pin<Box<dyn Stream<Item = (Bytes, Totals)> + Send>>;

fn orders_of(seed: u64, amount: Amount) -> Made {
    let records = match amount {
        Amount::Records(records) => records,
        Amount::Bytes(_) => u64::MAX,
    };
    let head = futures::stream::iter([(
        Bytes::from_static(orders::HEADER.as_bytes()),
        Totals {
            bytes: orders::HEADER.len() as u64,
            ..Totals::default()
        },
    )]);
    let starts = (0..records).step_by(CHUNK_RECORDS as usize);
    let chunks = futures::stream::iter(starts).map(move |start| {
        let end = records.min(start.saturating_add(CHUNK_RECORDS));
        let made = spawn_blocking(move || {
            let (mut bytes, mut totals) = (Vec::new(), Totals::default());
            for ordinal in start..end {
                let order = orders::order(seed, ordinal);
                bytes.extend_from_slice(&order.bytes);
                totals.add(&order);
            }
            (Bytes::from(bytes), totals)
        });
        async { made.await.unwrap_or_else(|error| panic!("{error}")) }
    });
    Box::pin(head.chain(chunks.buffered(AHEAD)))
}

fn one_line(amount: Amount) -> Made {
    let (Amount::Bytes(length) | Amount::Records(length)) = amount;
    let filler = Bytes::from(vec![b'x'; LINE_CHUNK_BYTES as usize]);
    let whole = (length / LINE_CHUNK_BYTES) as usize;
    let rest = filler.slice(..(length % LINE_CHUNK_BYTES) as usize);
    let line = std::iter::repeat_n(filler, whole).chain([rest]);
    let counted = |bytes: Bytes, read: u64, loaded: u64| {
        let totals = Totals {
            bytes: bytes.len() as u64,
            read,
            loaded,
            rejected: read - loaded,
            ..Totals::default()
        };
        (bytes, totals)
    };
    let before = counted(Bytes::from_static(b"a,b\n1,2\nstart,"), 1, 1);
    let after = counted(Bytes::from_static(b"\n3,4\n"), 2, 1);
    let line = line.map(move |chunk| counted(chunk, 0, 0));
    Box::pin(futures::stream::iter(
        [before].into_iter().chain(line).chain([after]),
    ))
}
