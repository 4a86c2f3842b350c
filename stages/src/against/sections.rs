//! What changes of everything but fields mean for stored documents: who a load is, how records are found, what the steps
//! make of them, and where they go. What is only about speed, budgets and examples is passed over.

use super::Effect::{Differs, LoadsAgain, Looser, Nothing, Tighter};
use super::{Changes, Effect, Version, shown, told};
use toml::Value;

/// Tables whose every key means the same, with what that is.
const TABLES: [(&str, Effect, &str); 3] = [
    (
        "format",
        Differs,
        "the same file may have other records, or other values in them",
    ),
    (
        "records",
        Differs,
        "the same file may have other records, or other values in them",
    ),
    (
        "group",
        Differs,
        "documents are made of other records, or otherwise",
    ),
];
/// Keys of `[input]`, with their defaults, that say how a file is read.
const INPUT: [(&str, Option<&str>); 3] = [
    ("compression", Some("auto")),
    ("member", None),
    ("encoding", Some("utf-8")),
];
/// What stands in `[input]` and `[columns]` without touching documents.
const PASSED_ON: [(&str, &str, Option<&str>); 7] = [
    ("input", "match", None),
    ("input", "max_bytes", None),
    ("input", "max_record_bytes", None),
    ("input", "on_success", Some("keep")),
    ("columns", "order", Some("any")),
    ("columns", "missing", Some("fail_required")),
    ("control", "", None),
];
/// Sections that are judged key by key, or never touch documents.
const KNOWN: [&str; 18] = [
    "spec",
    "name",
    "version",
    "extends",
    "description",
    "input",
    "format",
    "columns",
    "values",
    "records",
    "fields",
    "unique",
    "steps",
    "group",
    "errors",
    "control",
    "sink",
    "tests",
];
/// Keys of a sink that say how fast it is written.
const PACE: [&str; 3] = ["batch", "rate", "in_flight"];

/// Name, version, input, format, kinds and columns.
pub(super) fn compare_heads(old: &Version, new: &Version, changes: &mut Changes) {
    let name = |version: &Version| version.at(&["name"]).cloned();
    if name(old) != name(new) {
        let words = told("name", name(new).as_ref(), name(old).as_ref());
        let message =
            format!("{words}: a load is known by the name of its spec, so every file loads again");
        changes.add("name", LoadsAgain, message);
    }
    let number = |version: &Version| {
        let said = version.at(&["version"]).and_then(Value::as_integer);
        said.unwrap_or(1)
    };
    if name(old) == name(new) && number(old) == number(new) && old.table != new.table {
        let message = format!(
            "both are version {}, which never changes once used",
            number(new)
        );
        changes.add("version", Nothing, message);
    }
    for (key, silent) in INPUT {
        let words = "the same file is read otherwise";
        key_of(old, new, ["input", key], silent, (Differs, words), changes);
    }
    for (section, effect, words) in TABLES.into_iter().take(2) {
        table(old, new, section, (effect, words), changes);
    }
    for (section, key, silent) in PASSED_ON {
        let words = "documents do not depend on it";
        match key {
            "" => table(old, new, section, (Nothing, words), changes),
            _ => key_of(old, new, [section, key], silent, (Nothing, words), changes),
        }
    }
    unknown_columns(old, new, changes);
}

/// What is unique, steps, groups, the sink, and what is not known here.
pub(super) fn compare_tails(old: &Version, new: &Version, changes: &mut Changes) {
    for added in missing(&list(new, "unique"), &list(old, "unique")) {
        let message = format!(
            "{} is unique now: stored documents may share it",
            shown(added)
        );
        changes.add("unique", Tighter, message);
    }
    for gone in missing(&list(old, "unique"), &list(new, "unique")) {
        let message = format!("{} may come twice now", shown(gone));
        changes.add("unique", Looser, message);
    }
    steps(old, new, changes);
    let (section, effect, words) = TABLES[2];
    table(old, new, section, (effect, words), changes);
    sink(old, new, changes);
    let mut keys: Vec<_> = new.table.keys().chain(old.table.keys()).collect();
    keys.sort();
    keys.dedup();
    for key in keys
        .into_iter()
        .filter(|key| !KNOWN.contains(&key.as_str()))
    {
        table(
            old,
            new,
            key,
            (Differs, "the same input may give other documents"),
            changes,
        );
    }
}

/// Compares one key of a table, `silent` being what it says by saying nothing.
fn key_of(
    old: &Version,
    new: &Version,
    path: [&str; 2],
    silent: Option<&str>,
    (effect, words): (Effect, &str),
    changes: &mut Changes,
) {
    let value = |version: &Version| {
        let silent = silent.map(|text| Value::String(text.to_owned()));
        version.at(&path).cloned().or(silent)
    };
    let (is, was) = (value(new), value(old));
    if is != was {
        let message = format!("{}: {words}", told(path[1], is.as_ref(), was.as_ref()));
        changes.add(path.join("."), effect, message);
    }
}

/// Compares a table with all that is in it, two levels deep.
fn table(
    old: &Version,
    new: &Version,
    section: &str,
    (effect, words): (Effect, &str),
    changes: &mut Changes,
) {
    let (is, was) = (new.at(&[section]), old.at(&[section]));
    let mut differences = Vec::new();
    differ(section.to_owned(), is, was, 2, &mut differences);
    for (path, is, was) in differences {
        let key = path.rsplit('.').next().unwrap_or_default();
        let message = format!("{}: {words}", told(key, is, was));
        changes.add(path, effect, message);
    }
}

type Difference<'v> = (String, Option<&'v Value>, Option<&'v Value>);

/// What differs at a path, or below it where both are tables, so many levels deep.
fn differ<'v>(
    path: String,
    is: Option<&'v Value>,
    was: Option<&'v Value>,
    levels: u32,
    found: &mut Vec<Difference<'v>>,
) {
    match (is, was) {
        (Some(Value::Table(new)), Some(Value::Table(old))) if levels > 0 => {
            let mut keys: Vec<&String> = new.keys().chain(old.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let below = format!("{path}.{key}");
                differ(below, new.get(key), old.get(key), levels - 1, found);
            }
        }
        _ if is != was => found.push((path, is, was)),
        _ => {}
    }
}

fn unknown_columns(old: &Version, new: &Version, changes: &mut Changes) {
    let said = |version: &Version| {
        let said = version.at(&["columns", "unknown"]).and_then(Value::as_str);
        said.unwrap_or("drop").to_owned()
    };
    let (is, was) = (said(new), said(old));
    let is_kept = |word: &str| matches!(word, "keep" | "rescue");
    if is == was {
        return;
    }
    let (effect, words) = match (is_kept(&is), is_kept(&was)) {
        (true, false) => (
            Differs,
            "stored documents have no columns that the spec does not know",
        ),
        (false, true) => (Differs, "stored documents keep the columns that they have"),
        (true, true) => (
            Differs,
            "unknown columns stand elsewhere; stored documents stay",
        ),
        (false, false) => (Nothing, "documents do not depend on it"),
    };
    changes.add(
        "columns.unknown",
        effect,
        format!("`unknown` is {is:?}, was {was:?}: {words}"),
    );
}

fn list<'v>(version: &'v Version, key: &str) -> Vec<&'v Value> {
    let said = version.at(&[key]).and_then(Value::as_array);
    said.into_iter().flatten().collect()
}

/// What of one list is not in the other.
fn missing<'v>(all: &[&'v Value], from: &[&Value]) -> Vec<&'v Value> {
    let gone = all.iter().filter(|one| !from.contains(one));
    gone.copied().collect()
}

/// A step as it is told apart from others: what it does, to what, and its settings.
struct Step<'v> {
    verb: &'v str,
    name: String,
    settings: &'v Value,
}

fn steps_of(version: &Version) -> Vec<Step<'_>> {
    let tables = list(version, "steps")
        .into_iter()
        .filter_map(Value::as_table);
    let steps = tables.filter_map(|table| {
        let (verb, settings) = table.iter().next()?;
        let name = ["name", "field"]
            .into_iter()
            .find_map(|key| settings.get(key)?.as_str());
        let verb = verb.as_str();
        // A `reject` has a field beside its name.
        let name = name.unwrap_or_default().to_owned();
        Some(Step {
            verb,
            name,
            settings,
        })
    });
    steps.collect()
}

fn steps(old: &Version, new: &Version, changes: &mut Changes) {
    let (was, is) = (steps_of(old), steps_of(new));
    let is_same = |a: &Step, b: &Step| (a.verb, &a.name) == (b.verb, &b.name);
    for step in &is {
        let before = was.iter().find(|other| is_same(step, other));
        let change = match before {
            None => Some(added(step)),
            Some(before) if before.settings != step.settings => changed(step, before),
            Some(_) => None,
        };
        if let Some((effect, words)) = change {
            changes.add(format!("steps.{}.{}", step.verb, step.name), effect, words);
        }
    }
    for step in was
        .iter()
        .filter(|step| !is.iter().any(|other| is_same(step, other)))
    {
        let (effect, words) = gone(step);
        changes.add(format!("steps.{}.{}", step.verb, step.name), effect, words);
    }
    let order = |all: &[Step], of: &[Step]| -> Vec<(String, String)> {
        let kept = all
            .iter()
            .filter(|step| of.iter().any(|other| is_same(step, other)));
        kept.map(|step| (step.verb.to_owned(), step.name.clone()))
            .collect()
    };
    if order(&is, &was) != order(&was, &is) {
        let words = "they stand in another order: the same record may come to another end";
        changes.add("steps", Differs, words);
    }
}

fn is_warning(step: &Step) -> bool {
    step.settings.get("severity").and_then(Value::as_str) == Some("warn")
}

fn added(step: &Step) -> (Effect, &'static str) {
    match step.verb {
        "derive" => (Differs, "new: stored documents have no such value"),
        "drop" => (Differs, "new: what it drops from now on may be stored"),
        "reject" if is_warning(step) => (Nothing, "new: it only warns"),
        "reject" => (
            Tighter,
            "new: stored documents may be such that it refuses them",
        ),
        "explode" => (
            Differs,
            "new: a record is several documents; stored ones hold the list",
        ),
        _ => (Differs, "new: the same record may be another document"),
    }
}

fn gone(step: &Step) -> (Effect, &'static str) {
    match step.verb {
        "derive" => (Differs, "gone: stored documents keep the value"),
        "drop" => (Differs, "gone: what it dropped is not stored"),
        "reject" if is_warning(step) => (Nothing, "gone: it only warned"),
        "reject" => (Looser, "gone: what it refused is taken"),
        "explode" => (
            Differs,
            "gone: a record is one document; stored ones hold an item each",
        ),
        _ => (Differs, "gone: the same record may be another document"),
    }
}

/// What other settings of a step mean; nothing where that is only in its words.
fn changed(is: &Step, was: &Step) -> Option<(Effect, &'static str)> {
    let differs = |key: &str| is.settings.get(key) != was.settings.get(key);
    Some(match is.verb {
        "reject" => match (is_warning(was), is_warning(is)) {
            (true, true) => return None,
            (true, false) => (Tighter, "it refuses now: stored documents may be such"),
            (false, true) => (Looser, "it only warns now"),
            (false, false) if differs("when") => (
                Tighter,
                "another condition: stored documents may be such that it refuses them",
            ),
            (false, false) => return None,
        },
        "drop" => (
            Differs,
            "another condition: other records are stored than would be now",
        ),
        "derive" if differs("to") => (
            Differs,
            "written elsewhere: stored documents have it where it was",
        ),
        "derive" => (Differs, "computed otherwise: stored values stay"),
        "explode" if differs("as") => (Differs, "stored documents have the item where it was"),
        _ => (Differs, "the same record may be another document"),
    })
}

fn sink(old: &Version, new: &Version, changes: &mut Changes) {
    fn chosen(version: &Version) -> Option<(&String, &Value)> {
        version.at(&["sink"])?.as_table()?.iter().next()
    }
    let (Some((is, new)), Some((was, old))) = (chosen(new), chosen(old)) else {
        return;
    };
    let path = |key: &str| format!("sink.{is}.{key}");
    if is != was {
        let message = format!(
            "documents go to {is}, went to {was}: what is stored stays there, and every file loads again"
        );
        changes.add(format!("sink.{is}"), LoadsAgain, message);
    }
    for key in ["collection", "table", "path"] {
        if is == was && new.get(key) != old.get(key) {
            let words = told(key, new.get(key), old.get(key));
            let message =
                format!("{words}: what is stored stays where it is, and every file loads again");
            changes.add(path(key), LoadsAgain, message);
        }
    }
    let mode = |sink: &Value| {
        let said = sink.get("mode").and_then(Value::as_str);
        said.unwrap_or("insert").to_owned()
    };
    let [is_mode, was_mode] = [mode(new), mode(old)];
    if is_mode != was_mode {
        let (effect, words) = match (is_mode.as_str(), was_mode.as_str()) {
            ("insert", _) => (
                LoadsAgain,
                "each record is a document of its own; where its key is stored, the unique index refuses it",
            ),
            (_, "insert") => (
                LoadsAgain,
                "documents are known by their key; where stored ones share one, loads are refused (key_not_unique)",
            ),
            ("delete", _) => (Differs, "a record deletes the stored document with its key"),
            _ => (
                Differs,
                "a record does something else to the stored document with its key",
            ),
        };
        let message = format!("`mode` is {is_mode:?}, was {was_mode:?}: {words}");
        changes.add(path("mode"), effect, message);
    } else if new.get("key") != old.get("key") {
        let words = told("key", new.get("key"), old.get("key"));
        let message = format!(
            "{words}: a record may stand beside its document of before, and where stored ones share a key, loads are refused (key_not_unique)"
        );
        changes.add(path("key"), LoadsAgain, message);
    }
    let mut keys: Vec<&String> = [new, old]
        .into_iter()
        .filter_map(Value::as_table)
        .flat_map(|table| table.keys())
        .collect();
    keys.sort();
    keys.dedup();
    let judged = ["collection", "table", "path", "mode", "key"];
    let is_other = |key: &&String| !judged.contains(&key.as_str()) && !PACE.contains(&key.as_str());
    for key in keys.into_iter().filter(is_other) {
        let silent = match key.as_str() {
            "nulls" => Some("omit"),
            "lineage" => Some("off"),
            _ => None,
        };
        let value = |sink: &Value| {
            let silent = silent.map(|text| Value::String(text.to_owned()));
            sink.get(key).cloned().or(silent)
        };
        let (is, was) = (value(new), value(old));
        if is != was {
            let words = match key.as_str() {
                "nulls" => "stored documents hold nulls as they did",
                "lineage" => "stored documents say where they come from as they did",
                _ => "stored documents are as they were",
            };
            let message = format!("{}: {words}", told(key, is.as_ref(), was.as_ref()));
            changes.add(path(key), Differs, message);
        }
    }
}
