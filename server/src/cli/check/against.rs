//! `check --against`: what a spec means for documents that another version of it has stored. It reads two specs and no
//! document.

use crate::cli::spec::Found;
use crate::cli::{Exit, print};
use serde_json::json;
use stages::against::{Change, Effect, Version};
use std::fmt::Write as _;

/// Says what is new in `new` for documents of `old`. Ends as a load with rejects does where it touches any.
pub fn tell(new: &Found, old: &Found, as_json: bool) -> Exit {
    let version = |found: &Found| {
        let name = found.path.display().to_string();
        Version::read(&name, &found.text, found.path.parent())
    };
    let changes = version(new).against(&version(old));
    let touches = changes.iter().any(|change| change.effect.touches());
    let told = match as_json {
        true => {
            let told = json!({
                "spec": new.plan.reference(),
                "against": old.plan.reference(),
                "touchesStored": touches,
                "changes": changes,
            });
            print(&format!("{told}\n"))
        }
        false => print(&text(new, old, &changes)),
    };
    match (told, touches) {
        (Exit::Done, true) => Exit::Rejects,
        (told, _) => told,
    }
}

fn text(new: &Found, old: &Found, changes: &[Change]) -> String {
    let called = |found: &Found| format!("{} ({})", found.plan.reference(), found.path.display());
    let mut text = format!("{} against {}\n", called(new), called(old));
    for effect in Effect::ALL {
        let mut same = changes
            .iter()
            .filter(|change| change.effect == effect)
            .peekable();
        if same.peek().is_some() {
            let _ = writeln!(text, "\n{}:", capital(effect.words()));
        }
        for change in same {
            let _ = writeln!(text, "  {}: {}", change.path, change.message);
        }
    }
    let touching = changes
        .iter()
        .filter(|change| change.effect.touches())
        .count();
    let _ = match touching {
        0 => writeln!(text, "\nNothing touches documents that are stored."),
        1 => writeln!(text, "\n1 change touches documents that are stored."),
        count => writeln!(text, "\n{count} changes touch documents that are stored."),
    };
    text
}

fn capital(words: &str) -> String {
    let mut chars = words.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}
