//! The one table of codes that clients meet: what each means, and the HTTP status that carries it.
//!
//! A code is a promise: once published, its meaning stays. A code that is not here is an internal error to clients,
//! whatever it says, unless another try may help: an outage is 503 under any code.

/// What a code means over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The stable word.
    pub code: &'static str,
    /// The status of an answer that carries it.
    pub status: u16,
    /// What it means, for people.
    pub meaning: &'static str,
}

/// What every fault of the service itself is called.
pub const INTERNAL: Code = Code {
    code: "internal",
    status: 500,
    meaning: "A fault of the service; its log has the cause under the request id.",
};

/// The status of whatever cannot be reached for a while.
pub const OUTAGE_STATUS: u16 = 503;

macro_rules! codes {
    ($($status:literal $code:ident $meaning:literal)*) => {
        /// Every code, by status.
        pub const CODES: &[Code] = &[$(Code {
            code: stringify!($code),
            status: $status,
            meaning: $meaning,
        },)* INTERNAL];
    };
}

codes! {
    400 bad_request              "The request is no well-formed HTTP."
    400 bad_query                "A query parameter is no value of its kind, or stands there twice."
    400 unknown_parameter        "The route has no query parameter of this name."
    400 bad_header               "A header is no value of its kind, or stands there twice."
    400 bad_json                 "The body is no JSON, or not of the right shape."
    400 unknown_field            "The JSON or the form of the body has a member that the route does not know."
    400 bad_form                 "The body is no well-formed form, or one with too many or too large fields."
    400 bad_field                "A field of the form is no value of its kind, or stands there twice."
    400 field_after_file         "A field of the form stands behind the file, where it comes too late."
    400 no_file                  "The form has no field `file`."
    400 body_incomplete          "The body ended before its announced end."
    400 bad_handshake            "The request is no well-formed handshake of a WebSocket."
    400 idempotency_key_required "What is asked for wants the header `Idempotency-Key`."
    401 unauthorized             "There is no API key, or no live one."
    403 foreign_origin           "A page of another host asks for a socket, or for a change where there are no keys."
    404 no_route                 "There is no such path."
    404 not_found                "There is no such thing, or it is another tenant's."
    404 no_job                   "The file has no job."
    405 method_not_allowed       "The path is there, but not for this method; `Allow` names those it has."
    408 body_too_slow            "The body stopped coming."
    409 wrong_state              "The job is in a state from which there is no such change."
    409 resubmit_unsupported     "The job has loaded into a file, has merged, has records of several kinds or groups, or its spec has controls or unique values: none can be put between those that are there."
    409 not_uploaded             "The file is still uploading."
    409 file_in_use              "A job that has not ended uses the file, or one that has sent rejects again and has to be retried."
    409 load_in_progress         "The same content is being loaded by another version of the spec, or by `run`."
    409 loaded_by_other_spec     "The same content was loaded by another version of the spec."
    409 newer_load               "A later load of the same target has started; this one would put older rows over newer."
    409 spec_changed             "The job went on with another version of its spec, so it cannot start over."
    409 version_exists           "Another text is registered under this version; versions never change."
    409 version_changed          "A version of the operator's says something else than it did."
    409 name_taken               "The operator has a spec of this name."
    409 specs_full               "The registry of the tenant takes no more versions."
    410 content_gone             "The bytes of the file were removed after they were loaded."
    410 expired                  "The job's details were removed after their time."
    413 body_too_large           "The body is larger than the route reads."
    413 file_too_large           "The file is larger than is taken."
    415 wrong_type               "The body is of a type that the route does not read."
    415 unsupported_type         "Files of this type are not taken."
    421 foreign_host             "There are no keys, and the service was asked by another name than this machine's own."
    422 idempotency_key_reused   "Another request came under this `Idempotency-Key`."
    422 bad_spec                 "The spec has problems; `problems` lists them."
    422 bad_spec_reference       "A spec is named as `orders` or `orders@3`."
    422 name_mismatch            "The spec gives itself another name than the path."
    422 spec_not_found           "There is no such spec."
    422 spec_broken              "The operator's file has problems, or a registered text is not understood any more."
    422 spec_incompatible        "That version reads or writes otherwise, or values must be unique, so a held job cannot go on with it."
    422 bad_callback             "A webhook can never be delivered to this URL."
    422 webhooks_off             "The service has no secret to sign webhooks with."
    422 no_matching_spec         "No spec matches the file's name."
    422 several_matching_specs   "More than one spec matches the file's name."
    422 too_many_specs           "There are too many specs to find the one that matches; name it."
    422 sink_not_allowed         "A tenant's spec writes to a sink that only the operator may name."
    422 secret_not_allowed       "A tenant's spec takes a salt from a variable that is not the tenant's."
    426 upgrade_required         "The path speaks WebSocket, version 13; `Upgrade` says so."
    429 too_many_tickets         "The tenant has as many tickets as it may have that nobody has used."
    429 too_many_watchers        "The tenant watches as many jobs, or with as many clients, as it may at one process."
    429 too_many_requests        "More requests than allowed; `Retry-After` says when to come again."
    503 target_unavailable       "MongoDB does not answer."
    503 target_full              "No room is left on the disk of what the service remembers."
    503 objects_full             "No room is left on the disk of the files' bytes."
    503 objects_unavailable      "The store of the files' bytes does not answer."
    503 file_busy                "The file is being removed; whether it goes is decided soon."
    503 specs_unreadable         "The operator's specs cannot be read."
    503 timeout                  "The service did not answer in time."
    503 upload_busy              "Too many uploads are under way."
    503 upload_lost              "The upload could not be kept alive; nothing of it is left."
    503 watchers_full            "The process has as many watching clients, or watched jobs, as it takes."
    503 unhealthy                "A dependency does not answer."
}

/// The entry of a code.
pub fn find(code: &str) -> Option<&'static Code> {
    CODES.iter().find(|entry| entry.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_code_stands_there_once_and_is_an_error() {
        let mut seen = BTreeSet::new();
        for entry in CODES {
            assert!(seen.insert(entry.code), "{} stands there twice", entry.code);
            assert!((400..=599).contains(&entry.status), "{entry:?}");
            assert!(entry.meaning.ends_with('.'), "{entry:?}");
        }
        assert_eq!(find("not_found").map(|entry| entry.status), Some(404));
        assert_eq!(find("no_such_code"), None);
    }
}
