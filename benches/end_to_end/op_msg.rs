//! The bound of the server itself: ready documents over sockets of our own, without a driver.
//!
//! Each socket has a thread, which sends a command, waits for its reply and sends the next one. A command is one
//! OP_MSG: the `insert` in a section of kind 0, its documents in one of kind 1, straight from where they lie
//! (<https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/>). The write concern is that of the loads.

use crate::documents::Documents;
use mongodb::bson::{Document, doc};
use std::io::{IoSlice, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The code of the one message that is used.
const OP_MSG: i32 = 2013;
/// Bytes of a message's header.
const HEADER_BYTES: usize = 16;
/// The most bytes of a reply that is understood.
const MAX_REPLY_BYTES: usize = 1 << 20;

/// Sockets that are connected and greeted.
pub struct Sockets(Vec<TcpStream>);

impl Sockets {
    /// Connects to a server on 127.0.0.1 so many times.
    ///
    /// # Panics
    /// Where it does not answer.
    pub fn connect(port: u16, sockets: usize) -> Self {
        let connect = |_| {
            let socket = TcpStream::connect(("127.0.0.1", port));
            let mut socket = socket.unwrap_or_else(|error| panic!("{error}"));
            socket
                .set_nodelay(true)
                .unwrap_or_else(|error| panic!("{error}"));
            call(&mut socket, &doc! { "hello": 1, "$db": "admin" }, &[]);
            socket
        };
        Self((0..sockets).map(connect).collect())
    }

    /// Inserts all documents, so many a command.
    ///
    /// # Panics
    /// Where the server refuses one.
    pub fn insert(self, documents: &Documents, database: &str, collection: &str, each: usize) {
        let command = doc! {
            "insert": collection,
            "ordered": false,
            "writeConcern": { "w": "majority", "j": true },
            "$db": database,
        };
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for mut socket in self.0 {
                let (command, next) = (&command, &next);
                scope.spawn(move || {
                    loop {
                        let from = next.fetch_add(each, Ordering::Relaxed);
                        let to = (from + each).min(documents.len());
                        if from >= to {
                            break;
                        }
                        let reply = call(&mut socket, command, documents.bytes(from, to));
                        let inserted = reply.get_i32("n").unwrap_or_default();
                        assert_eq!(inserted as usize, to - from, "{reply}");
                        assert!(!reply.contains_key("writeConcernError"), "{reply}");
                    }
                });
            }
        });
    }
}

/// Sends a command, with documents where there are any, and returns the answer.
fn call(socket: &mut TcpStream, command: &Document, documents: &[u8]) -> Document {
    const IDENTIFIER: &[u8] = b"documents\0";
    let mut head = vec![0; HEADER_BYTES];
    // No flags, then a section of kind 0.
    head.extend([0; 4]);
    head.push(0);
    let command = command.to_vec().unwrap_or_else(|error| panic!("{error}"));
    head.extend(command);
    if !documents.is_empty() {
        head.push(1);
        let section = 4 + IDENTIFIER.len() + documents.len();
        head.extend((section as i32).to_le_bytes());
        head.extend(IDENTIFIER);
    }
    let length = head.len() + documents.len();
    for (at, value) in [(0, length as i32), (4, 1), (8, 0), (12, OP_MSG)] {
        head[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    send(socket, &head, documents);

    let mut header = [0; HEADER_BYTES];
    let read = socket.read_exact(&mut header);
    read.unwrap_or_else(|error| panic!("{error}"));
    let length = header
        .first_chunk()
        .map_or(0, |length| i32::from_le_bytes(*length)) as usize;
    assert!(
        (HEADER_BYTES + 5..MAX_REPLY_BYTES).contains(&length),
        "a reply of {length} bytes"
    );
    let mut reply = vec![0; length - HEADER_BYTES];
    let read = socket.read_exact(&mut reply);
    read.unwrap_or_else(|error| panic!("{error}"));
    // Behind flags and kind.
    let reply = Document::from_reader(&reply[5..]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(reply.get_f64("ok").ok(), Some(1.0), "{reply}");
    reply
}

/// Sends both parts, in one call of the system where it takes them.
fn send(socket: &mut TcpStream, head: &[u8], rest: &[u8]) {
    let parts = [IoSlice::new(head), IoSlice::new(rest)];
    let sent = socket.write_vectored(&parts);
    let sent = sent.unwrap_or_else(|error| panic!("{error}"));
    let left = [
        head.get(sent..).unwrap_or_default(),
        &rest[sent.saturating_sub(head.len())..],
    ];
    for part in left {
        let written = socket.write_all(part);
        written.unwrap_or_else(|error| panic!("{error}"));
    }
}
