//! The page: files of `server/web`, which are part of the program and need no build step.
//!
//! It uses the public interface alone, so it is open to everybody: what it shows wants the key that a person types. Its
//! headers let it load nothing from elsewhere, run nothing that stands in a text, and be framed by nobody.

use super::answer::{self, Response};
use super::problem::Problem;
use super::request::Call;
use super::route::{Operation, empty, raw};
use http::StatusCode;
use http::header::IF_NONE_MATCH;
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// A file of the page.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
    /// A hash of its bytes, in quotes: another version of the program has another one.
    etag: String,
}

/// The files by name and media type, each beside its bytes.
macro_rules! assets {
    ($($name:literal $media_type:ident)*) => {
        [$(($name, $media_type, include_bytes!(concat!("../../web/", $name)).as_slice())),*]
    };
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let all = assets! {
        "actions.js"  SCRIPT
        "api.js"      SCRIPT
        "app.js"      SCRIPT
        "books.js"    SCRIPT
        "dom.js"      SCRIPT
        "files.js"    SCRIPT
        "format.js"   SCRIPT
        "icon.svg"    SVG
        "index.html"  HTML
        "job.js"      SCRIPT
        "jobs.js"     SCRIPT
        "live.js"     SCRIPT
        "names.js"    SCRIPT
        "parts.css"   CSS
        "plot.js"     SCRIPT
        "proof.js"    SCRIPT
        "rejects.js"  SCRIPT
        "save.js"     SCRIPT
        "specs.js"    SCRIPT
        "style.css"   CSS
        "theme.css"   CSS
        "upload.js"   SCRIPT
    };
    let asset = |(name, media_type, bytes): (_, _, &'static [u8])| Asset {
        name,
        media_type,
        bytes,
        etag: format!("\"{}\"", hex::encode(&Sha256::digest(bytes)[..16])),
    };
    all.into_iter().map(asset).collect()
});

/// `GET /`.
pub const PAGE: Operation = Operation::new(|call| Box::pin(page(call)))
    .answers(&[
        raw(200, "The page, for browsers.", &["text/html"]),
        empty(304, "It is as `If-None-Match` says."),
    ])
    .quiet();

/// `GET /web/{file}`.
pub const FILE: Operation = Operation::new(|call| Box::pin(file(call)))
    .answers(&[
        raw(
            200,
            "A file of the page.",
            &["text/html", "text/css", "text/javascript", "image/svg+xml"],
        ),
        empty(304, "It is as `If-None-Match` says."),
    ])
    .refusals(&["not_found"])
    .quiet();

async fn page(call: Call) -> Result<Response, Problem> {
    asset(&call, "index.html")
}

async fn file(call: Call) -> Result<Response, Problem> {
    let name = call.path("file")?;
    asset(&call, &name)
}

fn asset(call: &Call, name: &str) -> Result<Response, Problem> {
    let asset = ASSETS.iter().find(|asset| asset.name == name);
    let asset = asset.ok_or_else(|| Problem::not_found("file of the page"))?;
    let known = call.headers.get_all(IF_NONE_MATCH).iter();
    let is_known = known
        .filter_map(|value| value.to_str().ok())
        .any(|tags| has(tags, &asset.etag));
    Ok(if is_known {
        answer::part_of_page(StatusCode::NOT_MODIFIED, asset.media_type, &[], &asset.etag)
    } else {
        answer::part_of_page(StatusCode::OK, asset.media_type, asset.bytes, &asset.etag)
    })
}

/// Whether `If-None-Match` names the tag; a weak one is as good (RFC 9110, 13.1.2).
fn has(tags: &str, etag: &str) -> bool {
    let mut tags = tags.split(',').map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_file_of_the_folder_is_part_of_the_program() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
        let there: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let embedded: BTreeSet<String> = ASSETS.iter().map(|asset| asset.name.to_owned()).collect();
        assert_eq!(embedded, there);
    }

    #[test]
    fn the_page_names_nothing_that_is_elsewhere() {
        for asset in ASSETS.iter() {
            let text = std::str::from_utf8(asset.bytes).unwrap();
            for (number, line) in (1..).zip(text.lines()) {
                let names = line.replace("http://www.w3.org/", "");
                let foreign = [
                    "http://",
                    "https://",
                    "innerHTML",
                    "eval(",
                    "style=\"",
                    "onclick=",
                ];
                for word in foreign {
                    assert!(!names.contains(word), "{}:{number}: {word}", asset.name);
                }
            }
            let head = text.trim_start_matches("<!doctype html>").trim_start();
            let says = ["//", "/*", "<!--"]
                .iter()
                .any(|mark| head.starts_with(mark));
            assert!(
                says || asset.media_type == SVG,
                "{} has no head",
                asset.name
            );
        }
    }

    #[test]
    fn a_tag_is_found_among_others() {
        for (tags, expected) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("", false),
        ] {
            assert_eq!(has(tags, "\"a\""), expected, "{tags}");
        }
    }
}
