//! What a person can do after a run: lines below the summary, each a command that works.

use super::RunArgs;
use super::load::Outcome;
use stages::open::Destination;
use stages::source::Input;

/// The lines for one outcome of `run`.
pub fn advice(
    args: &RunArgs,
    destination: &Destination,
    outcome: &Outcome,
    input: &Input,
) -> Vec<String> {
    let mut lines = Vec::new();
    let again = format!(
        "sluicegate run {} {}{}",
        word(&args.spec),
        word(&input.to_string()),
        options(args)
    );
    // Standard input without a name is another content each time.
    let named = args.id.is_some() || *input != Input::Stdin;
    let remembered = destination.remembers() && named;
    match outcome.job.state {
        "completed" => {
            lines.extend(destination.how_to_look());
            if outcome.job.existing {
                lines.push(format!(
                    "To load it once more beside what is there: {again} --force again"
                ));
            }
        }
        "held" if remembered => {
            lines.push(format!("To accept that and go on: {again} --resume"));
            if outcome
                .job
                .failure
                .as_ref()
                .is_some_and(|failure| failure.code == "errors")
            {
                lines.push("To allow more at once, add --max-rejects N".into());
            }
        }
        "interrupted" if remembered => lines.push(format!("To go on from here: {again} --resume")),
        "held" | "interrupted" if destination.remembers() => lines.push(
            "Standard input cannot be gone on with. Next time name what it is: --id NAME, and the same again with --resume"
                .into(),
        ),
        "failed" if remembered && outcome.may_heal => {
            lines.push(format!(
                "To go on from here, once that is over: {again} --resume"
            ));
        }
        _ => {}
    }
    if ["held", "interrupted", "failed"].contains(&outcome.job.state) {
        let part = destination.part().filter(|part| part.exists());
        lines.extend(part.map(|part| {
            let part = part.display();
            format!("What was written so far is in {part}, which gets its name at the end")
        }));
    }
    match &args.rejects {
        _ if outcome.books.counters.rejected == 0 => {}
        Some(path) => lines.push(format!("The rejects are in {}", path.display())),
        None => lines.push("To see every reject, add --rejects rejects.jsonl".into()),
    }
    lines
}

/// The options that another run of the same job needs. A connection string may hold a password: it is never
/// printed.
fn options(args: &RunArgs) -> String {
    let mut said = String::new();
    match args.sink.as_deref() {
        Some(sink) if sink.starts_with("mongodb") => said.push_str(" --sink mongodb://…"),
        Some(sink) => said.push_str(&format!(" --sink {}", word(sink))),
        None => {}
    }
    if let Some(id) = &args.id {
        said.push_str(&format!(" --id {}", word(id)));
    }
    said
}

/// A text as one word of a shell.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        for (text, expected) in [
            ("a.csv", "a.csv"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
            ("", "''"),
        ] {
            assert_eq!(word(text), expected);
        }
    }
}
