//! `schema`: the JSON Schema of the spec language, generated from the types that read it; of a spec, what its files or
//! documents are in the words of a standard.

use super::run::refuse;
use super::{Exit, SchemaArgs};
use crate::config::Config;
use stages::descriptor::{Target, describe};

pub fn schema(config: &Config, args: &SchemaArgs) -> Exit {
    let (Some(spec), Some(said)) = (&args.spec, &args.standard) else {
        return language();
    };
    let found = match super::spec::find(config, spec) {
        Ok(found) => found,
        Err(bad) => {
            eprint!("{}", bad.text);
            return Exit::Usage;
        }
    };
    let target = Target::ALL.into_iter().find(|one| one.name() == said);
    match describe(
        &found.text,
        &found.plan,
        target.unwrap_or(Target::JsonSchema),
    ) {
        Ok(described) => {
            super::tell_lost(&format!("{said} cannot say"), &described.lost);
            super::print(&described.text)
        }
        Err(fatal) => refuse(&fatal, Exit::Failed),
    }
}

fn language() -> Exit {
    match serde_json::to_string_pretty(&stages::spec::json_schema()) {
        Ok(text) => super::print(&(text + "\n")),
        Err(error) => {
            eprintln!("error: the schema cannot be printed: {error}");
            Exit::Failed
        }
    }
}
