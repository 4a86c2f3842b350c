//! The bytes of one file of a zip archive: inflated or copied, with its checksum and its sizes verified.
//!
//! Of a file that is only passed over nothing is handed out, but its ratio has the same limit.

use super::super::UnpackLimits;
use super::super::decode::{Step, too_dense};
use super::header::{Method, Sums};
use super::{corrupt, mismatch};
use flate2::{Crc, Decompress, FlushDecompress, Status};

/// The most bytes that are inflated at once to be passed over.
const SCRATCH_BYTES: usize = 32 * 1024;

/// A file that is being read.
pub(super) struct Body {
    method: Method,
    /// Its bytes are handed out.
    is_chosen: bool,
    /// What must come out, where it is known before.
    expected: Option<Sums>,
    limits: UnpackLimits,
    inflate: Decompress,
    crc: Crc,
    sums: Sums,
    scratch: Vec<u8>,
    ended: bool,
}

impl Body {
    pub fn new(
        method: Method,
        expected: Option<Sums>,
        is_chosen: bool,
        limits: UnpackLimits,
    ) -> Self {
        Self {
            method,
            is_chosen,
            expected,
            limits,
            inflate: Decompress::new(false),
            crc: Crc::new(),
            sums: Sums::default(),
            scratch: vec![0; if is_chosen { 0 } else { SCRATCH_BYTES }],
            // A folder whose size would stand behind it has none.
            ended: method == Method::Stored && expected.is_none_or(|sums| sums.packed_bytes == 0),
        }
    }

    /// What came out, once all has.
    pub fn ended(&self) -> Option<Sums> {
        self.ended.then(|| Sums {
            crc: self.crc.sum(),
            ..self.sums
        })
    }

    /// Goes on; when nothing is taken and nothing is given, and it has not ended, more input is wanted.
    pub fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        if self.is_chosen {
            return self.piece(input, output);
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut all = Step::default();
        while !self.ended && all.failed.is_none() {
            let step = self.piece(&input[all.taken..], &mut scratch);
            all.taken += step.taken;
            all.failed = step.failed;
            if step.taken == 0 && step.given == 0 {
                break;
            }
        }
        self.scratch = scratch;
        all
    }

    fn piece(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let left = self
            .expected
            .map_or(u64::MAX, |sums| sums.packed_bytes - self.sums.packed_bytes);
        let input = &input[..(input.len() as u64).min(left) as usize];
        let mut step = match self.method {
            Method::Stored => self.copy(input, output),
            Method::Deflated => self.inflate(input, output, left),
        };
        self.crc.update(&output[..step.given]);
        self.sums.packed_bytes += step.taken as u64;
        self.sums.bytes += step.given as u64;
        let limits = self.limits;
        let most = self
            .sums
            .packed_bytes
            .saturating_mul(limits.max_ratio.into());
        if self.sums.bytes > limits.ratio_after_bytes && self.sums.bytes > most {
            step.failed = Some(too_dense(limits.max_ratio));
        }
        if self.ended && step.failed.is_none() {
            step.failed = self.verify();
        }
        step
    }

    fn copy(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let count = input.len().min(output.len());
        output[..count].copy_from_slice(&input[..count]);
        let done = self.sums.packed_bytes + count as u64;
        self.ended = self.expected.is_some_and(|sums| sums.packed_bytes == done);
        Step {
            taken: count,
            given: count,
            failed: None,
        }
    }

    fn inflate(&mut self, input: &[u8], output: &mut [u8], left: u64) -> Step {
        let (taken, given) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self
            .inflate
            .decompress(input, output, FlushDecompress::None);
        let taken = (self.inflate.total_in() - taken) as usize;
        let given = (self.inflate.total_out() - given) as usize;
        let failed = match status {
            Ok(Status::StreamEnd) => {
                self.ended = true;
                None
            }
            Ok(_) if left == 0 && given == 0 => {
                Some(corrupt("deflated data does not end within its size"))
            }
            Ok(_) => None,
            Err(error) => Some(corrupt("the deflated data is invalid").because(&error)),
        };
        Step {
            taken,
            given,
            failed,
        }
    }

    /// Whether what came out is what the header said.
    fn verify(&self) -> Option<pipeline::Fatal> {
        let (expected, came) = (self.expected?, self.ended()?);
        if came.packed_bytes != expected.packed_bytes {
            return Some(corrupt("deflated data ends before its size"));
        }
        (came.crc != expected.crc || came.bytes != expected.bytes).then(mismatch)
    }
}
