//! One connection through the proxy, both ways, until one of its ends or a fault ends it.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until};

use super::Shared;
use super::faults::{Then, Way};

/// The most that is read at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

pub(super) async fn connection(client: TcpStream, shared: Arc<Shared>) {
    let refused = {
        let mut faults = shared.faults();
        faults.connections += 1;
        faults.refuse
    };
    let mut cut_all = shared.cut_all.subscribe();
    if refused {
        return;
    }
    let Ok(server) = TcpStream::connect(shared.target).await else {
        return;
    };
    // Small messages must not wait for each other.
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // What is to become of the server's next reply.
    let fate = watch::Sender::new(None);
    let replies_fate = fate.subscribe();
    let up = async {
        if requests(from_client, to_server, &shared, &fate).await == Some(Then::CutBefore) {
            return;
        }
        // The client may end its half and still wait for the reply.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = up => {}
        _ = replies(from_server, to_client, &shared, &replies_fate) => {}
        _ = cut_all.changed() => {}
    }
}

/// Forwards what the client sends; returns what ended it, where that was a fault.
async fn requests(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    shared: &Shared,
    fate: &watch::Sender<Option<Then>>,
) -> Option<Then> {
    let mut buffer = vec![0; CHUNK_BYTES];
    // The end of what was seen before: a pattern may lie across two reads.
    let mut seen = VecDeque::new();
    loop {
        shared.thawed().await;
        let length = client.read(&mut buffer).await.unwrap_or(0);
        // It may have been frozen while nothing was sent.
        shared.thawed().await;
        if length == 0 {
            let _ = server.shutdown().await;
            return None;
        }
        seen.extend(&buffer[..length]);
        {
            let mut faults = shared.faults();
            match faults.take_match(seen.make_contiguous()) {
                Some(Then::CutBefore) => return Some(Then::CutBefore),
                Some(Then::Freeze) => {
                    shared.frozen.send_replace(true);
                    seen.clear();
                }
                Some(then) => {
                    // Before the request goes on, so that its reply cannot come first.
                    fate.send_replace(Some(then));
                    seen.clear();
                }
                None => {}
            }
            let kept = faults.kept_bytes();
            seen.drain(..seen.len().saturating_sub(kept));
        }
        let sent = forward(&buffer[..length], &mut server, shared, Way::ToServer).await;
        if sent.is_err() {
            return None;
        }
    }
}

async fn replies(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    shared: &Shared,
    fate: &watch::Receiver<Option<Then>>,
) -> std::io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    let (mut sent, mut order) = (0, shared.faults().cut_order());
    let mut is_stalled = false;
    loop {
        shared.thawed().await;
        let length = server.read(&mut buffer).await?;
        shared.thawed().await;
        let fate = *fate.borrow();
        if length == 0 || fate == Some(Then::LoseReply) {
            return client.shutdown().await;
        }
        if is_stalled || fate == Some(Then::DropReply) {
            continue;
        }
        let cut = shared.faults().take_cut(length, &mut sent, &mut order);
        let allowed = cut.map_or(length, |(allowed, _)| allowed);
        forward(&buffer[..allowed], &mut client, shared, Way::ToClient).await?;
        match cut {
            None => {}
            Some((_, Then::DropReply)) => is_stalled = true,
            Some(_) => return client.shutdown().await,
        }
    }
}

/// Sends a chunk, as late and as slowly as was told.
async fn forward(
    chunk: &[u8],
    to: &mut OwnedWriteHalf,
    shared: &Shared,
    way: Way,
) -> std::io::Result<()> {
    let delay = shared.faults().delay;
    if !delay.is_zero() {
        sleep(delay).await;
    }
    let mut left = chunk;
    while !left.is_empty() {
        let (piece, turn) = {
            let mut faults = shared.faults();
            let (piece, rest) = left.split_at(left.len().min(faults.piece_bytes()));
            left = rest;
            (piece, faults.take_turn(way, piece.len()))
        };
        if let Some(turn) = turn {
            sleep_until(turn).await;
        }
        shared.thawed().await;
        // Counted before: whoever has got it must find it counted.
        shared.faults().count(way, piece.len());
        to.write_all(piece).await?;
    }
    Ok(())
}

impl Shared {
    /// Returns as soon as the proxy forwards.
    async fn thawed(&self) {
        // The sender lives as long as this does.
        let _ = self.frozen.subscribe().wait_for(|frozen| !frozen).await;
    }
}
