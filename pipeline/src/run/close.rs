//! Closing: how a run ended that met no error.
//!
//! `Completed` is said only when the whole input was read, the budget holds, the books balance and the sink is
//! finished.

use super::{End, Shared, lock, task};
use crate::{
    Accepted, Books, Breach, Budget, Cause, Control, Fatal, Ledger, OnBreach, Progress, Sink, Tally,
};
use std::sync::Arc;
use tokio::sync::watch;

/// Decides how a run ended that met no error.
pub(super) struct Closing<'a> {
    pub(super) budget: Budget,
    pub(super) controls: &'a [Control],
    pub(super) accepted: &'a Accepted,
    pub(super) shared: &'a Shared,
    /// Told when the sink is finished next.
    pub(super) progress: &'a watch::Sender<Progress>,
    /// Whether all that was under way has its outcome.
    pub(super) drained: bool,
}

impl Closing<'_> {
    pub(super) async fn judge(
        &self,
        books: &Books,
        sink: Arc<dyn Sink>,
        ledger: Arc<dyn Ledger>,
    ) -> End {
        if !self.drained {
            return End::Interrupted;
        }
        let breach = lock(&self.shared.breach).take();
        if let Some(breach) = breach {
            return self.breached(breach);
        }
        let decoded_bytes = *lock(&self.shared.decoded_bytes);
        let complete = decoded_bytes == Some(books.end.offset);
        if self.shared.stop.is_cancelled() && !complete {
            return End::Interrupted;
        }
        let breach = lock(&self.shared.judge).judge_end(Tally::from(&books.counters));
        if let Some(breach) = breach.filter(|breach| !self.accepted.covers(&breach.cause)) {
            return self.breached(breach);
        }
        if let Some(end) = self.controlled(books) {
            return end;
        }
        let closed = async {
            let stored = task(async move { ledger.stored_rejects().await }).await?;
            books.close(decoded_bytes.unwrap_or_default(), stored)?;
            self.progress
                .send_modify(|progress| progress.is_closing = true);
            let Some(held) = task(async move { sink.finish().await }).await? else {
                return Ok(books.holdings());
            };
            books.check_holdings(&held)?;
            Ok(held)
        };
        match closed.await {
            Ok(holdings) => End::Completed(holdings),
            Err(fatal) => End::Failed(fatal),
        }
    }

    /// The end of a run whose totals are not what they must be. Whoever accepts one of them is told of all.
    fn controlled(&self, books: &Books) -> Option<End> {
        let mut ending: Option<(OnBreach, Breach)> = None;
        for control in self.controls {
            let Some((actual, expected, message)) = control.mismatch(&books.totals) else {
                continue;
            };
            let name = control.name.to_string();
            let cause = Cause::Control {
                name,
                actual,
                expected,
            };
            if self.accepted.covers(&cause) {
                continue;
            }
            match (control.on_mismatch, &mut ending) {
                (OnBreach::Continue, _) => tracing::warn!(control = &*control.name, "{message}"),
                (_, Some((_, first))) => first.message.push_str(&format!("; {message}")),
                (end, first @ None) => *first = Some((end, Breach { cause, message })),
            }
        }
        ending.map(|(end, breach)| match end {
            OnBreach::Fail => End::Failed(Fatal::new(breach.cause.kind(), breach.message)),
            OnBreach::Hold | OnBreach::Continue => End::Held(breach),
        })
    }

    fn breached(&self, breach: Breach) -> End {
        match (&breach.cause, self.budget.on_breach) {
            // What unknown columns do is said for themselves.
            (Cause::UnknownColumns(_), _) => End::Held(breach),
            (_, OnBreach::Fail) => End::Failed(Fatal::new(breach.cause.kind(), breach.message)),
            (_, OnBreach::Hold | OnBreach::Continue) => End::Held(breach),
        }
    }
}
