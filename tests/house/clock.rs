//! Nothing below `server` reads the environment or the clock: what a part does follows from what it is given, so
//! that it can be tested, fuzzed and simulated. `tokio::time` is allowed, because a test can stop it.

use crate::tree::{Breaches, SourceFile, files};

/// Crates whose parts are given everything.
const BELOW_SERVER: [&str; 2] = ["pipeline/src", "stages/src"];

/// Why this path is forbidden, if it is.
fn forbidden(parts: &[String]) -> Option<&'static str> {
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match parts[..] {
        ["std", "env", ..] => Some("reads the environment"),
        ["std", "time", "Instant", ..] => Some("reads the clock: take tokio::time::Instant"),
        [.., "SystemTime", "now"] => Some("reads the clock: take the time from the caller"),
        [.., "Timestamp" | "Zoned", "now"] => {
            Some("reads the clock: take the time from the caller")
        }
        _ => None,
    }
}

fn judge(file: &SourceFile, breaches: &mut Breaches) {
    let paths = file.code.paths();
    for path in &paths {
        // A name that a `use` brought is looked up: `env::var` behind `use std::env`.
        let import = paths
            .iter()
            .find(|other| other.alias.as_deref() == Some(&*path.parts[0]));
        let mut whole = import
            .filter(|_| path.alias.is_none())
            .map_or(Vec::new(), |other| other.parts.clone());
        whole.extend(
            path.parts
                .iter()
                .skip(usize::from(!whole.is_empty()))
                .cloned(),
        );
        if let Some(why) = forbidden(&whole) {
            breaches.add(
                &file.path,
                path.line,
                &format!("{} {why}", whole.join("::")),
            );
        }
    }
}

#[test]
fn nothing_below_server_reads_the_environment_or_the_clock() {
    let mut breaches = Breaches::of("nothing below server reads the environment or the clock");
    for file in BELOW_SERVER.iter().flat_map(|below| files(below)) {
        judge(&file, &mut breaches);
    }
    breaches.settle();
}
