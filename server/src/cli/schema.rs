//! `schema`: the JSON Schema of the spec language, generated from the types that read it.

use super::Exit;

pub fn schema() -> Exit {
    match serde_json::to_string_pretty(&stages::spec::json_schema()) {
        Ok(text) => super::print(&(text + "\n")),
        Err(error) => {
            eprintln!("error: the schema cannot be printed: {error}");
            Exit::Failed
        }
    }
}
