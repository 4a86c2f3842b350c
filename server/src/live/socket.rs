//! Watching by WebSocket (RFC 6455): one text a message, from the server to the client.
//!
//! The handshake is behind it: it takes a connection that speaks WebSocket already. A client has nothing to say but pings,
//! pongs and its close: what else it sends is forgotten, and may be [`MAX_MESSAGE_BYTES`] long. One that says more than
//! [`MAX_HEARD_BYTES_PER_PING`], in whichever frames, is closed (1008): each of its pings is answered, and the answers wait
//! in memory while it takes none. One that is not heard for [`SILENCE_TIMEOUT`], although it is pinged, is gone. No message waits behind another; no
//! extension is spoken. A message goes out in frames of [`MAX_FRAME_BYTES`], so that a socket has no copy of a long one.

use super::heard::Heard;
use super::send::{Left, in_time, taken};
use super::{MAX_WATCH, Watcher};
use futures::{SinkExt as _, StreamExt as _};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, interval_at, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, Utf8Bytes};
use tokio_util::sync::CancellationToken;

/// The most bytes of a message of a client.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024;
/// How often a client is pinged.
const PING_INTERVAL: Duration = Duration::from_secs(15);
/// The most bytes of a client within [`PING_INTERVAL`], with what frames have around them.
pub const MAX_HEARD_BYTES_PER_PING: usize = 16 * 1024;
/// For how long nothing may be heard of a client.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(50);
/// For how long the client's own close is waited for.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// The bytes that are read at a time; most clients send a few only.
const READ_BUFFER_BYTES: usize = 1024;
/// The most bytes of a frame. Most messages are one.
pub const MAX_FRAME_BYTES: usize = 16 * 1024;
/// The most bytes that wait to be taken: more than a frame and the answers to [`MAX_HEARD_BYTES_PER_PING`] have.
const MAX_WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// The answer to the key of a handshake.
pub fn accept(key: &str) -> String {
    derive_accept_key(key.as_bytes())
}

/// Tells a client what its watcher says, then closes: 1000 behind the last message, 1001 when `stop` is cancelled and
/// after [`MAX_WATCH`].
pub async fn talk(
    connection: impl AsyncRead + AsyncWrite + Unpin,
    mut watcher: Watcher,
    stop: CancellationToken,
) {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_WRITE_BUFFER_BYTES)
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    let connection = Heard::new(connection, MAX_HEARD_BYTES_PER_PING);
    let mut socket = WebSocketStream::from_raw_socket(connection, Role::Server, Some(config)).await;
    let left = told(&mut socket, &mut watcher, &stop).await;
    if left == Left::Slow {
        watcher.was_slow();
    }
    tracing::debug!(?left, "a client watches no more");
    // Its place is free while it says goodbye.
    drop(watcher);
    let (code, reason) = match left {
        Left::Told => (CloseCode::Normal, ""),
        Left::Stopped => (CloseCode::Away, "the service shuts down"),
        Left::Expired => (CloseCode::Away, "a socket is for 15 minutes: open another"),
        Left::Misbehaved(code) => (CloseCode::from(code), ""),
        Left::Slow | Left::Gone => return,
    };
    let close = CloseFrame {
        code,
        reason: Utf8Bytes::from_static(reason),
    };
    let goodbye = async {
        if socket.close(Some(close)).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
        socket.get_mut().shutdown().await
    };
    // Whoever does not answer the close has heard it, or never will.
    let _ = timeout(CLOSE_TIMEOUT, goodbye).await;
}

async fn told<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<Heard<S>>,
    watcher: &mut Watcher,
    stop: &CancellationToken,
) -> Left {
    let over = Instant::now() + MAX_WATCH;
    let mut ping = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
    let mut heard = Instant::now();
    loop {
        // What is due goes first: a client that always has something to say is told, or found to be slow, all the same.
        let frames = tokio::select! {
            biased;
            () = stop.cancelled() => return Left::Stopped,
            () = sleep_until(over) => return Left::Expired,
            text = watcher.next() => match text {
                Some(text) => frames(text.json),
                None => return Left::Told,
            },
            _ = ping.tick() => {
                if heard.elapsed() >= SILENCE_TIMEOUT {
                    return Left::Gone;
                }
                socket.get_mut().forget();
                vec![Message::Ping(Bytes::new())]
            }
            said = socket.next() => {
                heard = Instant::now();
                match said {
                    Some(Ok(Message::Close(_))) => {
                        // The answer to it is sent as what comes behind it is read.
                        let _ = timeout(CLOSE_TIMEOUT, socket.next()).await;
                        return Left::Gone;
                    }
                    Some(Ok(_)) => continue,
                    Some(Err(_)) if socket.get_ref().is_too_much() => {
                        return Left::Misbehaved(CloseCode::Policy.into());
                    }
                    Some(Err(error)) => return misbehaved(&error),
                    None => return Left::Gone,
                }
            }
        };
        let sending = async {
            for frame in frames {
                // Each is taken before the next one is written, and has a time of its own: who reads steadily is not slow.
                taken(async { socket.send(frame).await.is_ok() }).await?;
            }
            Ok(())
        };
        if let Err(left) = in_time(sending, over, stop).await {
            return left;
        }
    }
}

/// A text in frames, which share its bytes.
fn frames(mut text: Bytes) -> Vec<Message> {
    let mut frames = Vec::with_capacity(text.len().div_ceil(MAX_FRAME_BYTES));
    let mut kind = Data::Text;
    while !text.is_empty() {
        let bytes = text.split_to(text.len().min(MAX_FRAME_BYTES));
        let frame = Frame::message(bytes, OpCode::Data(kind), text.is_empty());
        frames.push(Message::Frame(frame));
        kind = Data::Continue;
    }
    frames
}

fn misbehaved(error: &Error) -> Left {
    match error {
        Error::Capacity(_) => Left::Misbehaved(CloseCode::Size.into()),
        Error::Utf8(_) => Left::Misbehaved(CloseCode::Invalid.into()),
        Error::Protocol(protocol) if !is_cut(protocol) => {
            Left::Misbehaved(CloseCode::Protocol.into())
        }
        _ => Left::Gone,
    }
}

fn is_cut(error: &tokio_tungstenite::tungstenite::error::ProtocolError) -> bool {
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    matches!(error, ProtocolError::ResetWithoutClosingHandshake)
}
