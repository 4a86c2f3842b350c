//! Write commands, built from bytes that are BSON already: each operation is copied once.
//!
//! A command that the driver takes whole (`run_raw_command`) is one BSON object, so mongod's limit of such an
//! object holds (`BSONObjMaxInternalSize`: 16 MiB and 16 KiB) before those of a message (48 MB) and of a batch
//! (100,000 operations).

use super::bson::{self, Index, Open};
use super::document::MAX_DOCUMENT_BYTES;
use mongodb::bson::RawDocumentBuf;
use pipeline::Fatal;

/// The size of a command, in bytes; what is missing to 16 KiB over a document is for the names that the driver
/// adds (session, cluster time).
pub(super) const MAX_COMMAND_BYTES: usize = MAX_DOCUMENT_BYTES + 14 * 1024;
/// The most operations of a command (`maxWriteBatchSize` of `hello`).
pub(super) const MAX_COMMAND_OPERATIONS: usize = 100_000;
/// What a command has beside its operations, in bytes, at most.
const ENVELOPE_BYTES: usize = 512;
/// What an operation has beside its own bytes, in bytes, at most: type, index and end of its name.
const ITEM_BYTES: usize = 12;
/// How long mongod waits for a majority before it says that there is none, in milliseconds.
const MAX_MAJORITY_WAIT_MS: i32 = 20_000;

/// A write command.
#[derive(Clone, Copy)]
pub(super) struct Verb {
    name: &'static str,
    operations: &'static str,
}

/// `insert`
pub(super) const INSERT: Verb = Verb {
    name: "insert",
    operations: "documents",
};
/// `update`
pub(super) const UPDATE: Verb = Verb {
    name: "update",
    operations: "updates",
};
/// `delete`
pub(super) const DELETE: Verb = Verb {
    name: "delete",
    operations: "deletes",
};

/// How many operations and bytes a command has so far.
#[derive(Clone, Copy, Default)]
pub(super) struct Room {
    operations: usize,
    bytes: usize,
}

impl Room {
    /// Takes an operation of `bytes` bytes in; `false` where it does not fit. The first one always does.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let room = Self {
            operations: self.operations + 1,
            bytes: self.bytes + bytes + ITEM_BYTES,
        };
        let fits = room.operations <= MAX_COMMAND_OPERATIONS
            && room.bytes + ENVELOPE_BYTES <= MAX_COMMAND_BYTES;
        if fits || self.operations == 0 {
            *self = room;
            return true;
        }
        false
    }
}

/// A command that is being built.
pub(super) struct Command {
    out: Vec<u8>,
    root: Open,
    operations: Open,
    index: Index,
}

impl Command {
    /// An unordered command with `w: majority, j: true`, whatever the connection string says.
    pub(super) fn new(verb: Verb, collection: &str, room: Room) -> Self {
        let mut out = Vec::with_capacity(room.bytes + ENVELOPE_BYTES);
        let root = bson::begin(&mut out);
        bson::string(&mut out, verb.name, collection);
        bson::boolean(&mut out, "ordered", false);
        write_concern(&mut out);
        let operations = bson::begin_array(&mut out, verb.operations);
        Self {
            out,
            root,
            operations,
            index: Index::first(),
        }
    }

    /// Adds an operation that is a document already.
    pub(super) fn document(&mut self, bytes: &[u8]) {
        bson::document(&mut self.out, self.index.name(), bytes);
        self.index.advance();
    }

    /// Adds an operation whose elements `write` appends.
    pub(super) fn statement(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let open = bson::begin_document(&mut self.out, self.index.name());
        write(&mut self.out);
        bson::end(&mut self.out, open);
        self.index.advance();
    }

    /// The command as the driver takes it.
    ///
    /// # Errors
    /// `internal` when it is no document.
    pub(super) fn finish(mut self) -> Result<RawDocumentBuf, Fatal> {
        bson::end(&mut self.out, self.operations);
        bson::end(&mut self.out, self.root);
        raw(self.out)
    }
}

/// Appends `writeConcern: {w: "majority", j: true}`, bounded in time.
pub(super) fn write_concern(out: &mut Vec<u8>) {
    let open = bson::begin_document(out, "writeConcern");
    bson::string(out, "w", "majority");
    bson::boolean(out, "j", true);
    bson::int32(out, "wtimeout", MAX_MAJORITY_WAIT_MS);
    bson::end(out, open);
}

/// A document of ours as the driver takes it.
pub(super) fn raw(bytes: Vec<u8>) -> Result<RawDocumentBuf, Fatal> {
    RawDocumentBuf::from_bytes(bytes)
        .map_err(|error| Fatal::new("internal", "a command is no document").because(&error))
}
