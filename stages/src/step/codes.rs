//! The codes that the program's own rejects have, and what their messages say. No step may be called like one of them.
//! A test of the tree compares them with the source: a code that is said somewhere stands here.

/// What the message of a code says of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// Words of the spec, numbers and places; never a byte of the record.
    Nothing,
    /// The value of the field at fault, and of no other.
    ItsField,
    /// Whatever it likes: names and values of the record, or what a server says of it.
    Anything,
}

/// Codes that the program's own rejects have, in the order of the alphabet.
pub const BUILT_IN_CODES: [(&str, Says); 54] = [
    ("cell_count", Says::Nothing),
    // It has what is wrong with the record of the context.
    ("context_rejected", Says::Anything),
    ("document_too_deep", Says::Nothing),
    // The words may be those of a server, which shows the first element.
    ("document_too_large", Says::Anything),
    ("duplicate", Says::Nothing),
    ("duplicate_key", Says::Anything),
    ("duplicate_reference", Says::Nothing),
    // An index may be over several fields.
    ("duplicate_value", Says::Anything),
    ("encoding", Says::Nothing),
    ("enum", Says::ItsField),
    ("expression", Says::Anything),
    ("group_conflict", Says::Anything),
    ("group_rejected", Says::Nothing),
    ("group_too_large", Says::Nothing),
    ("json_depth", Says::Nothing),
    ("json_not_object", Says::Anything),
    ("json_syntax", Says::Anything),
    ("key_null", Says::Nothing),
    ("lookup", Says::ItsField),
    ("max_length", Says::ItsField),
    ("maximum", Says::ItsField),
    ("min_length", Says::ItsField),
    ("minimum", Says::ItsField),
    ("more_problems", Says::Nothing),
    ("name_taken", Says::Anything),
    ("no_column", Says::Anything),
    // A table tells the key.
    ("no_match", Says::Anything),
    ("no_record", Says::Nothing),
    ("nul_in_name", Says::Anything),
    ("number_range", Says::ItsField),
    ("part_type", Says::ItsField),
    ("parts_too_large", Says::Nothing),
    ("pattern", Says::ItsField),
    ("record_too_large", Says::Nothing),
    ("reference_settled", Says::Nothing),
    ("refused_by_target", Says::Anything),
    ("refused_by_validator", Says::Anything),
    ("required", Says::Nothing),
    ("reserved_name", Says::Anything),
    ("too_deep", Says::ItsField),
    ("too_many_parts", Says::Nothing),
    ("too_short", Says::Nothing),
    ("truncated", Says::Anything),
    ("type", Says::ItsField),
    ("unclosed_quote", Says::Nothing),
    ("unknown_column", Says::Anything),
    ("unknown_field", Says::Anything),
    ("unknown_record", Says::Nothing),
    ("unknown_reference", Says::Nothing),
    ("xml", Says::Anything),
    ("xml_depth", Says::Anything),
    ("xml_doctype", Says::Anything),
    ("xml_encoding", Says::Anything),
    ("xml_limit", Says::Anything),
];

/// What the message of a code says; none for a code that is not the program's own.
pub fn says(code: &str) -> Option<Says> {
    let mut codes = BUILT_IN_CODES.iter();
    codes
        .find(|(known, _)| *known == code)
        .map(|(_, says)| *says)
}
