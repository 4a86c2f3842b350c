//! What a folder holds, what a reference means in it, and what is read again.

use super::*;

fn spec(name: &str, version: u32) -> String {
    format!(
        "spec = 1\nname = \"{name}\"\nversion = {version}\n[input]\nmatch = [\"{name}-*.csv\"]\n[format.csv]\n\
         [fields]\na = {{ type = \"string\" }}\n[sink.mongodb]\ncollection = \"c\"\n"
    )
}

struct Place(tempfile::TempDir);

impl Place {
    fn of(files: &[(&str, String)]) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            place.write(name, text);
        }
        place
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    fn look(&self, before: &Folder) -> Folder {
        Folder::look(self.0.path(), before, Defaults::default()).unwrap()
    }
}

fn picked(folder: &Folder, reference: &str) -> String {
    match folder.pick(Reference::parse(reference).unwrap()) {
        Picked::Good(file, summary) => format!("{} {}", file.file_name(), summary.reference()),
        Picked::Broken(file, broken) => format!("{} {}", file.file_name(), broken.problems[0]),
        Picked::Either((one, _), (other, _)) => {
            format!("{} or {}", one.file_name(), other.file_name())
        }
        Picked::Nothing => "nothing".into(),
    }
}

#[test]
fn references_are_a_name_and_perhaps_a_version() {
    let check = |text, expected| assert_eq!(Reference::parse(text).ok(), expected, "{text}");
    let of = |name, version| Some(Reference { name, version });
    check("orders", of("orders", None));
    check("orders@3", of("orders", Some(3)));
    check("a@b@3", of("a@b", Some(3)));
    check("orders@", None);
    check("orders@three", None);
    check("orders@-1", None);
    check("orders@4294967296", None);
}

#[test]
fn a_reference_means_the_highest_version_or_the_one_it_says() {
    let place = Place::of(&[
        ("a.toml", spec("orders", 1)),
        ("b.toml", spec("orders", 10)),
        ("c.toml", spec("orders", 9)),
        ("d.toml", spec("people", 1)),
        ("e.toml", spec("people", 1)),
        ("f.toml", spec("people", 2)),
        ("wrong.toml", "spec = 1\nname = \"other\"\n".into()),
        ("no.txt", spec("text", 1)),
    ]);
    std::fs::create_dir(place.0.path().join("sub.toml")).unwrap();
    let folder = place.look(&Folder::default());
    for (reference, expected) in [
        ("orders", "b.toml orders@10"),
        ("orders@9", "c.toml orders@9"),
        ("orders@2", "nothing"),
        ("people", "f.toml people@2"),
        ("people@1", "d.toml or e.toml"),
        ("text", "nothing"),
        ("sub", "nothing"),
    ] {
        assert_eq!(picked(&folder, reference), expected, "{reference}");
    }
    // A broken file is meant by its own name and by the one that it gives itself.
    for reference in ["wrong", "other"] {
        let told = picked(&folder, reference);
        assert!(told.starts_with("wrong.toml line "), "{told}");
        assert!(folder.holds(reference));
    }
    assert!(folder.holds("orders") && !folder.holds("text"));
    let newest = folder.newest();
    let newest: Vec<_> = newest.values().map(|newest| newest.reference()).collect();
    assert_eq!(newest, ["orders@10", "people@2"]);
}

#[test]
fn only_what_has_changed_is_read_again() {
    let place = Place::of(&[("a.toml", spec("a", 1)), ("b.toml", spec("b", 1))]);
    let before = place.look(&Folder::default());
    place.write("b.toml", &spec("b", 22));
    place.write("c.toml", &spec("c", 1));
    let after = place.look(&before);
    let same = |name: &str| {
        let path = place.0.path().join(name);
        Arc::ptr_eq(&before.files[&path], &after.files[&path])
    };
    assert!(same("a.toml") && !same("b.toml"));
    assert_eq!(picked(&after, "b"), "b.toml b@22");
    assert_eq!(picked(&after, "c"), "c.toml c@1");
    std::fs::remove_file(place.0.path().join("a.toml")).unwrap();
    assert_eq!(picked(&place.look(&after), "a"), "nothing");
}

#[test]
fn a_spec_is_read_again_when_what_it_extends_has_changed() {
    let head = "spec = 1\nname = \"a\"\nextends = \"shared.toml\"\n";
    let shared =
        "[format.csv]\n[fields]\nx = { type = \"string\" }\n[sink.mongodb]\ncollection = \"c\"\n";
    let place = Place::of(&[("a.toml", head.into()), ("shared.toml", shared.into())]);
    let before = place.look(&Folder::default());
    assert_eq!(picked(&before, "a"), "a.toml a@1");
    // It is a part of another one, and no broken spec.
    assert_eq!(picked(&before, "shared"), "nothing");
    assert!(!before.holds("shared"));
    let path = place.0.path().join("a.toml");
    let sha256 = |folder: &Folder| folder.newest()["a"].sha256.clone();
    let whole = read_whole(&path).unwrap();
    assert_eq!(super::sha256(&whole), sha256(&before));

    let same = place.look(&before);
    assert!(Arc::ptr_eq(&before.files[&path], &same.files[&path]));
    place.write("shared.toml", &shared.replace("string", "integer"));
    let after = place.look(&same);
    assert_ne!(sha256(&after), sha256(&before));
    // A fault is told where it is, and so is a file that is gone.
    place.write("shared.toml", &shared.replace("string", "strings"));
    let after = place.look(&after);
    let told = picked(&after, "a");
    assert!(told.starts_with("a.toml line 3 of shared.toml: "), "{told}");
    std::fs::remove_file(place.0.path().join("shared.toml")).unwrap();
    let after = place.look(&after);
    let told = picked(&after, "a");
    assert!(
        told.contains("line 3: shared.toml beside the spec cannot be read"),
        "{told}"
    );
    assert!(read_whole(&path).unwrap_err().contains("cannot be read"));
    place.write("shared.toml", shared);
    assert_eq!(picked(&place.look(&after), "a"), "a.toml a@1");
}

#[test]
fn what_is_no_text_of_a_spec_is_told() {
    let place = Place::of(&[("long.toml", "#".repeat(MAX_SPEC_BYTES + 1))]);
    std::fs::write(place.0.path().join("bytes.toml"), [0xff, 0xfe]).unwrap();
    let folder = place.look(&Folder::default());
    assert!(picked(&folder, "long").contains("more than 1048576 bytes"));
    assert!(picked(&folder, "bytes").contains("not UTF-8"));
    let nowhere = Folder::look(
        &place.0.path().join("nowhere"),
        &folder,
        Defaults::default(),
    );
    let nowhere = nowhere.unwrap_err();
    assert!(nowhere.is_missing && nowhere.message.contains("cannot be listed"));
}
