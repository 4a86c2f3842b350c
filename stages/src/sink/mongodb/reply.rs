//! What mongod answers to a write command, and what its error codes mean for a record.
//!
//! Codes are from mongod's `error_codes.yml`. It decides by codes and by `keyPattern`, never by the text of a
//! message, which mongod leaves out of long lists of errors.

use mongodb::bson::{Bson, Document};
use pipeline::Problem;

/// The longest message of the server that a reject keeps, in bytes.
const MAX_MESSAGE_BYTES: usize = 500;

/// The answer to a write command.
#[derive(Debug, Default)]
pub(super) struct Reply {
    /// Documents that were inserted, matched or deleted.
    pub(super) count: u64,
    /// Operations that failed, in the order of the command.
    pub(super) errors: Vec<WriteError>,
    /// Why the write is not acknowledged by a majority; nothing of the reply counts then.
    pub(super) unacknowledged: Option<String>,
}

/// An operation that failed.
#[derive(Debug)]
pub(super) struct WriteError {
    /// Its place in the command.
    pub(super) index: usize,
    code: i32,
    message: String,
    key_pattern: Option<Document>,
    key_value: Option<Document>,
    field: Option<String>,
}

impl Reply {
    /// Reads an answer.
    pub(super) fn read(reply: &Document) -> Self {
        let errors = reply.get_array("writeErrors").ok();
        let errors = errors.into_iter().flatten().filter_map(Bson::as_document);
        let mut errors: Vec<_> = errors.map(WriteError::read).collect();
        errors.sort_by_key(|error| error.index);
        let unacknowledged = reply.get_document("writeConcernError").ok();
        Self {
            count: reply.get("n").and_then(integer).unwrap_or_default() as u64,
            errors,
            unacknowledged: unacknowledged
                .map(|error| format!("{} (code {})", message(error), code(error))),
        }
    }
}

impl WriteError {
    fn read(error: &Document) -> Self {
        let info = error.get_document("errInfo").ok();
        Self {
            index: error.get("index").and_then(integer).unwrap_or_default() as usize,
            code: code(error),
            message: message(error),
            key_pattern: error.get_document("keyPattern").ok().cloned(),
            key_value: error.get_document("keyValue").ok().cloned(),
            field: info.and_then(|info| unsatisfied(&Bson::Document(info.clone()), 0)),
        }
    }

    /// A refusal of a whole command that had one operation only.
    pub(super) fn of_command(code: i32, message: &str) -> Self {
        Self {
            index: 0,
            code,
            message: shortened(message),
            key_pattern: None,
            key_value: None,
            field: None,
        }
    }

    /// Whether another try may succeed.
    pub(super) fn is_transient(&self) -> bool {
        is_transient(self.code)
    }

    /// The fields of the unique index that has this document's values already.
    pub(super) fn duplicate_of(&self) -> Option<Vec<&str>> {
        let pattern = self.key_pattern.as_ref()?;
        (self.code == DUPLICATE_KEY).then(|| pattern.keys().map(String::as_str).collect())
    }

    /// Whether a document with this `_id` is there already.
    pub(super) fn is_duplicate_of_id(&self, id: &[u8]) -> bool {
        let value = self.key_value.as_ref().and_then(|value| value.get("_id"));
        let same = match value {
            Some(Bson::Binary(binary)) => binary.bytes == id,
            Some(_) => false,
            None => true,
        };
        self.duplicate_of().is_some_and(|names| names == ["_id"]) && same
    }

    /// What is wrong with the record, in the words of the server.
    pub(super) fn problem(&self) -> Problem {
        let Self { code, message, .. } = self;
        let field = self.duplicate_of().and_then(|names| names.first().copied());
        let field = field.map(str::to_owned).or_else(|| self.field.clone());
        Problem {
            code: match *code {
                DUPLICATE_KEY => "duplicate_value",
                121 => "refused_by_validator",
                // BSONObjectTooLarge, and what inserts and updates say for it.
                10334 | 17280 | 17419 | 17420 => "document_too_large",
                _ => "refused_by_target",
            }
            .into(),
            field,
            message: format!("MongoDB refuses it: {message} (code {code})"),
        }
    }
}

/// `DuplicateKey`
pub(super) const DUPLICATE_KEY: i32 = 11000;

/// Whether an error says nothing about the operation: a change of primary, a lost node, a full disk, a limit
/// of time. The same operation may succeed later.
pub(super) fn is_transient(code: i32) -> bool {
    matches!(
        code,
        6 | 7 // HostUnreachable, HostNotFound
        | 24 | 46 // LockTimeout, LockBusy
        | 50 // MaxTimeMSExpired
        | 64 // WriteConcernFailed (timed out)
        | 89 // NetworkTimeout
        | 91 // ShutdownInProgress
        | 112 // WriteConflict
        | 133 | 134 // FailedToSatisfyReadPreference, ReadConcernMajorityNotAvailableYet
        | 189 // PrimarySteppedDown
        | 202 // NetworkInterfaceExceededTimeLimit
        | 262 // ExceededTimeLimit
        | 317 // ConnectionPoolExpired
        | 9001 // SocketException
        | 10107 // NotWritablePrimary
        | 11600 | 11601 | 11602 // InterruptedAtShutdown, Interrupted, InterruptedDueToReplStateChange
        | 13388 | 13435 | 13436 // StaleConfig, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary
        | 14031 // OutOfDiskSpace
    )
}

/// Whether a single operation can make mongod refuse a whole command with this code: it could not be read or
/// stored.
pub(super) fn is_of_one_operation(code: i32) -> bool {
    matches!(
        code,
        2 | 9 | 14 | 15 | 22 // BadValue, FailedToParse, TypeMismatch, Overflow, InvalidBSON
        | 52 | 55 | 56 | 57 // DollarPrefixedFieldName, InvalidDBRef, EmptyFieldName, DottedFieldName
        | 121
        | 10334 | 17280 | 17419 | 17420
    )
}

fn code(error: &Document) -> i32 {
    error.get("code").and_then(integer).unwrap_or_default() as i32
}

fn message(error: &Document) -> String {
    shortened(error.get_str("errmsg").unwrap_or_default())
}

/// A number of a reply, whichever type the server gave it.
pub(super) fn integer(value: &Bson) -> Option<i64> {
    match value {
        Bson::Int32(value) => Some(i64::from(*value)),
        Bson::Int64(value) => Some(*value),
        Bson::Double(value) => Some(*value as i64),
        _ => None,
    }
}

pub(super) fn shortened(text: &str) -> String {
    let end = text.floor_char_boundary(MAX_MESSAGE_BYTES);
    let rest = if end < text.len() { "…" } else { "" };
    format!("{}{rest}", &text[..end])
}

/// The first property that a validator names in what it says of a document.
fn unsatisfied(info: &Bson, depth: usize) -> Option<String> {
    // What a validator says is as deep as its schema.
    if depth > 20 {
        return None;
    }
    match info {
        Bson::Document(document) => {
            if let Ok(name) = document.get_str("propertyName") {
                return Some(name.to_owned());
            }
            let missing = document.get_array("missingProperties").ok();
            if let Some(Bson::String(name)) = missing.and_then(|names| names.first()) {
                return Some(name.clone());
            }
            let mut inside = document.values();
            inside.find_map(|value| unsatisfied(value, depth + 1))
        }
        Bson::Array(items) => items.iter().find_map(|item| unsatisfied(item, depth + 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::doc;

    fn error(error: Document) -> WriteError {
        let reply = Reply::read(&doc! { "ok": 1, "n": 0, "writeErrors": [error] });
        let mut errors = reply.errors.into_iter();
        errors.next().expect("one error")
    }

    fn check(read: Document, code: &str, field: Option<&str>, message: &str) {
        let problem = error(read).problem();
        let found = (&*problem.code, problem.field.as_deref(), &*problem.message);
        assert_eq!(found, (code, field, message));
    }

    #[test]
    fn an_error_is_named_after_its_cause() {
        check(
            doc! { "index": 3, "code": 11000, "errmsg": "dup", "keyPattern": { "a.b": 1, "c": 1 } },
            "duplicate_value",
            Some("a.b"),
            "MongoDB refuses it: dup (code 11000)",
        );
        check(
            doc! { "index": 3, "code": 10334_i64, "errmsg": "big" },
            "document_too_large",
            None,
            "MongoDB refuses it: big (code 10334)",
        );
        let rule = doc! { "operatorName": "required", "missingProperties": ["name"] };
        let details = doc! { "details": { "schemaRulesNotSatisfied": [rule] } };
        check(
            doc! { "index": 0, "code": 121, "errmsg": "no", "errInfo": details },
            "refused_by_validator",
            Some("name"),
            "MongoDB refuses it: no (code 121)",
        );
        check(
            doc! { "index": 0, "code": 40400.0, "errmsg": "odd" },
            "refused_by_target",
            None,
            "MongoDB refuses it: odd (code 40400)",
        );
        let long = error(doc! { "code": 2, "errmsg": "ä".repeat(1000) }).problem();
        assert!(long.message.len() < 600 && long.message.contains('…'));
    }

    #[test]
    fn a_duplicate_is_told_by_its_index_and_value() {
        let id = Bson::Binary(mongodb::bson::Binary {
            subtype: mongodb::bson::spec::BinarySubtype::Generic,
            bytes: vec![1; 24],
        });
        let duplicate = |code: i32, pattern: Document, value: Document| {
            let read = doc! { "code": code, "keyPattern": pattern, "keyValue": value };
            error(read).is_duplicate_of_id(&[1; 24])
        };
        assert!(duplicate(11000, doc! { "_id": 1 }, doc! { "_id": &id }));
        assert!(!duplicate(11000, doc! { "_id": 1 }, doc! { "_id": 5 }));
        assert!(!duplicate(11000, doc! { "id": 1 }, doc! { "id": &id }));
        assert!(!duplicate(121, doc! { "_id": 1 }, doc! { "_id": &id }));
    }

    #[test]
    fn what_no_majority_has_is_told() {
        let error = doc! { "code": 64, "errmsg": "waiting for replication timed out" };
        let reply = Reply::read(&doc! { "ok": 1, "n": 7, "writeConcernError": error });
        let reason = "waiting for replication timed out (code 64)";
        assert_eq!(
            (reply.count, reply.unacknowledged.as_deref()),
            (7, Some(reason))
        );
        assert!(error_of(112).is_transient() && !error_of(121).is_transient());
    }

    fn error_of(code: i32) -> WriteError {
        WriteError::of_command(code, "m")
    }
}
