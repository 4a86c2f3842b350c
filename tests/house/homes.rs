//! Crates that talk to the world live in one place each, so that one place has to be read to know how.

use crate::code::{Code, Named};
use crate::tree::{Breaches, files};

/// A crate by its name in code, and the paths that it may be named below.
struct Home {
    names: &'static [&'static str],
    below: &'static [&'static str],
}

const HOMES: [Home; 5] = [
    Home {
        names: &["mongodb"],
        below: &[
            "stages/src/sink/mongodb/",
            "stages/src/sink/mongodb.rs",
            "server/src/queue/mongo/",
            "server/src/files/mongo/",
            "server/src/rejects/mongo/",
            "server/src/specs/mongo/",
            "server/src/keys/mongo/",
            "server/src/tickets/mongo/",
            "tests/",
            "benches/",
        ],
    },
    Home {
        names: &[
            "aws_sdk_s3",
            "aws_config",
            "aws_types",
            "aws_smithy_http_client",
        ],
        below: &[
            "stages/src/source/s3/",
            "stages/src/source/s3.rs",
            "server/src/objects/",
            "tests/",
            "benches/",
        ],
    },
    Home {
        names: &["hyper", "hyper_util"],
        below: &[
            "server/src/http/",
            "server/src/webhook/post.rs",
            "tests/",
            "benches/",
        ],
    },
    Home {
        names: &["tokio_tungstenite"],
        below: &["server/src/live/", "tests/", "benches/"],
    },
    Home {
        names: &["rusqlite"],
        below: &[
            "stages/src/sqlite/",
            "stages/src/sqlite.rs",
            "stages/src/sink/sqlite/",
            "stages/src/sink/sqlite.rs",
            "stages/src/ledger/sqlite.rs",
            "server/src/queue/sqlite/",
            "server/src/files/sqlite/",
            "server/src/rejects/sqlite/",
            "server/src/specs/sqlite/",
            "server/src/keys/sqlite/",
            "server/src/tickets/sqlite/",
            "tests/",
            "benches/",
        ],
    },
];

/// Whether the path begins with the crate, and not with a module of the same name.
fn names(code: &Code, paths: &[Named], path: &Named, name: &str) -> bool {
    let module =
        (0..code.tokens.len()).any(|at| code.word(at) == "mod" && code.word(at + 1) == name);
    let import = |other: &Named| other.alias.as_deref() == Some(name) && other.parts[0] != name;
    path.parts[0] == name && !module && !paths.iter().any(import)
}

#[test]
fn crates_that_talk_to_the_world_stay_at_home() {
    let mut breaches =
        Breaches::of("a crate that talks to the world is named in its own place only");
    let mut seen = [false; HOMES.len()];
    for file in files("") {
        let paths = file.code.paths();
        for path in &paths {
            for (home, seen) in HOMES.iter().zip(&mut seen) {
                let Some(name) = home
                    .names
                    .iter()
                    .find(|name| names(&file.code, &paths, path, name))
                else {
                    continue;
                };
                *seen = true;
                if !home.below.iter().any(|below| file.path.starts_with(below)) {
                    let what = format!("{name} belongs to {}", home.below.join(", "));
                    breaches.add(&file.path, path.line, &what);
                }
            }
        }
    }
    breaches.settle();
    assert!(
        seen[0] && seen[1] && seen[2],
        "the rule finds the crates where they are: {seen:?}"
    );
}
