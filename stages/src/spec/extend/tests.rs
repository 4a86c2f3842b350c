//! What becomes of entries that stand in several files, where their faults are told, and what is refused.

use super::*;
use crate::plan::{Defaults, Plan};
use crate::spec::{Spec, read};

struct Place(tempfile::TempDir);

impl Place {
    fn of(files: &[(&str, &str)]) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            place.write(name, text.as_bytes());
        }
        place
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn read(&self, text: &str) -> (Spec, Problems) {
        let name = self.0.path().join("a.toml").display().to_string();
        read_beside(&name, text, Some(self.0.path()))
    }

    /// The codes and places of what is wrong, without the folder.
    fn wrong(&self, text: &str) -> Vec<String> {
        let (_, problems) = self.read(text);
        let folder = format!("{}/", self.0.path().display());
        let told = |problem: &Problem| {
            let place = problem.place.as_ref().unwrap();
            let file = problems.source().name_of(place).replace(&folder, "");
            let (line, column) = (place.line, place.column);
            format!("{file}:{line}:{column} {} {}", problem.code, problem.path)
        };
        problems.iter().map(told).collect()
    }

    fn flat(&self, text: &str) -> String {
        let (_, problems) = self.read(text);
        assert!(problems.is_empty(), "{}", problems.render(false));
        problems.source().flat().unwrap()
    }

    fn plan(&self, text: &str) -> Plan {
        Plan::read_extended("a.toml", text, Defaults::default(), self.0.path()).unwrap()
    }
}

#[test]
fn tables_are_merged_and_everything_else_is_what_the_nearest_file_says() {
    let place = Place::of(&[
        (
            "base.toml",
            "spec = 1\nname = \"base\"\nversion = 7\ndescription = \"of the base\"\n\
             [format.csv]\ndelimiter = \";\"\nskip_rows = 2\n[fields]\nx = { type = \"integer\", required = true }\n\
             y = { from = [\"Y\", \"y\"] }\n[sink.mongodb]\ncollection = \"c\"\n",
        ),
        (
            "near.toml",
            "[fields]\ny = { from = [\"why\"] }\nz = { type = \"date\" }\n",
        ),
    ]);
    let flat = place.flat(
        "spec = 1\nname = \"a\"\nextends = [\"base.toml\", \"near.toml\"]\n[format.csv]\nskip_rows = 1\n\
         [fields]\nw = {}\nx = { type = \"decimal\" }\n[sink.jsonl]\npath = \"p\"\n",
    );
    assert_eq!(
        flat,
        "description = \"of the base\"\nspec = 1\nname = \"a\"\n\n\
         [format]\ncsv = { delimiter = \";\", skip_rows = 1 }\n\n\
         [fields]\nx = { type = \"decimal\", required = true }\ny = { from = [\"why\"] }\nz = { type = \"date\" }\n\
         w = {}\n\n[sink]\njsonl = { path = \"p\" }\n"
    );
}

#[test]
fn a_chain_of_four_files_is_read_from_the_farthest_to_the_nearest() {
    let place = Place::of(&[
        (
            "deep/c.toml",
            "[errors]\nmax_records = 1\nmin_records = 1\nafter_records = 1\n",
        ),
        (
            "b.toml",
            "extends = \"deep/c.toml\"\n[errors]\nmax_records = 2\nmin_records = 2\n",
        ),
        (
            "base.toml",
            "extends = [\"b.toml\"]\n[errors]\nmax_records = 3\n",
        ),
    ]);
    let (spec, problems) = place.read("extends = \"base.toml\"\n[errors]\nmax_ratio = 1.0\n");
    assert!(problems.is_empty(), "{}", problems.render(false));
    let errors = spec.errors.unwrap();
    assert_eq!(
        [errors.max_records, errors.min_records, errors.after_records],
        [Some(3), Some(2), Some(1)]
    );
}

#[test]
fn a_fault_is_told_in_the_file_in_which_it_stands() {
    let place = Place::of(&[(
        "base.toml",
        "[fields]\ny = { tipe = \"date\" }\n= 3\nx = { type = 3 }\n",
    )]);
    assert_eq!(
        place.wrong("extends = \"base.toml\"\nnane = \"a\"\n[fields]\nw = { required = \"no\" }\n"),
        [
            "a.toml:2:1 unknown_key nane",
            "a.toml:4:18 wrong_type fields.w.required",
            "base.toml:2:7 unknown_key fields.y.tipe",
            "base.toml:3:1 syntax ",
            "base.toml:4:14 wrong_type fields.x.type",
        ]
    );
    let (_, problems) = place.read("extends = \"base.toml\"\n");
    let shown = problems.render(false);
    assert!(
        shown.contains("base.toml:2:7") && shown.contains("y = { tipe = \"date\" }"),
        "{shown}"
    );
    // What the plan finds, too.
    let place = Place::of(&[("base.toml", "[fields]\nx = { pattern = '(' }\n")]);
    let text = "spec = 1\nname = \"a\"\nextends = \"base.toml\"\n[format.jsonl]\n[sink.null]\n";
    let found = Plan::read_extended("a.toml", text, Defaults::default(), place.0.path());
    let found = found.unwrap_err();
    let bad = found.iter().next().unwrap();
    let at = bad.place.as_ref().unwrap();
    assert_eq!((bad.code, at.line, at.column), ("bad_regex", 2, 17));
    assert!(found.source().name_of(at).ends_with("base.toml"));
}

#[test]
fn what_cannot_be_extended_is_refused_where_it_is_named_and_hides_nothing_else() {
    let place = Place::of(&[
        ("self.toml", "extends = \"a.toml\"\n"),
        ("b.toml", "\nextends = \"c.toml\"\n"),
        ("c.toml", "extends = \"b.toml\"\n"),
        ("1.toml", "extends = \"2.toml\"\n"),
        ("2.toml", "extends = \"3.toml\"\n"),
        ("3.toml", "extends = \"4.toml\"\n"),
        ("4.toml", ""),
        ("old.toml", "spec = 2\n"),
        ("long.toml", &" ".repeat(MAX_SPEC_BYTES)),
    ]);
    place.write("bytes.toml", &[b'#', 0xff]);
    for (extends, expected) in [
        ("\"none.toml\"", "a.toml:1:11 not_found extends"),
        ("\"../a.toml\"", "a.toml:1:11 bad_value extends"),
        ("\"/etc/passwd\"", "a.toml:1:11 bad_value extends"),
        ("\"\"", "a.toml:1:11 bad_value extends"),
        (
            "[\"4.toml\", \"4.toml\"]",
            "a.toml:1:22 duplicate extends[1]",
        ),
        ("\"a.toml\"", "a.toml:1:11 extends_cycle extends"),
        ("\"self.toml\"", "self.toml:1:11 extends_cycle extends"),
        ("\"b.toml\"", "c.toml:1:11 extends_cycle extends"),
        ("\"1.toml\"", "3.toml:1:11 out_of_range extends"),
        ("\"old.toml\"", "old.toml:1:8 unsupported_version spec"),
        ("\"long.toml\"", "a.toml:1:11 spec_too_large extends"),
        ("\"bytes.toml\"", "a.toml:1:11 not_text extends"),
        ("3", "a.toml:1:11 wrong_type extends"),
        ("[\"4.toml\", 3]", "a.toml:1:22 wrong_type extends[1]"),
    ] {
        let text = format!("extends = {extends}\nnane = 1\n");
        let mut wrong = place.wrong(&text);
        wrong.retain(|one| one != "a.toml:2:1 unknown_key nane");
        assert_eq!(wrong, [expected], "{extends}");
        assert_eq!(place.wrong(&text).len(), 2, "{extends}");
    }
    let many: Vec<_> = (0..=MAX_EXTENDED_FILES)
        .map(|number| {
            place.write(&format!("m{number}.toml"), b"");
            format!("\"m{number}.toml\"")
        })
        .collect();
    let wrong = place.wrong(&format!("extends = [{}]\n", many.join(", ")));
    assert_eq!(wrong.len(), 1);
    assert!(wrong[0].ends_with("out_of_range extends[16]"), "{wrong:?}");
}

#[test]
fn without_a_folder_nothing_is_extended_and_that_is_all_that_is_told() {
    let text = "spec = 1\nname = \"a\"\nextends = \"base.toml\"\n";
    let problems = Plan::read("a.toml", text, Defaults::default()).unwrap_err();
    let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["not_here"]);
}

#[test]
fn the_one_text_says_the_same_and_has_the_hash_of_the_spec() {
    let base = "[format.csv]\nquote_char = \"\"\n[values]\nmissing_values = [\"\", 'n/a', \"\"\"two\nlines\\t\"\"\"]\n\
                [fields]\nx = { from = '/^\\s*X\"$/', type = \"decimal\", minimum = -0.5, maximum = 0x1F }\n\
                \"größe\" = { type = \"string\" }\nd = { default = \"1979-05-27\", type = \"date\" }\n\
                [[steps]]\ndrop = { name = \"n\", when = \"x == null\" }\n\
                [[steps]]\nderive = { field = \"z\", type = \"string\", expr = \"'\\\\u0007'\" }\n";
    let base = base.replace("\"größe\"", "groesse");
    let place = Place::of(&[("base.toml", &base)]);
    let text =
        "spec = 1\nname = \"a\"\nextends = \"base.toml\"\n[sink.mongodb]\ncollection = \"c\"\n";
    let whole = place.flat(text);
    let (extended, _) = place.read(text);
    let (one, problems) = read::<Spec>("whole", &whole);
    assert!(problems.is_empty(), "{}\n{whole}", problems.render(false));
    let without = |spec: Spec| {
        format!(
            "{:?}",
            Spec {
                extends: None,
                ..spec
            }
        )
    };
    assert_eq!(without(extended), without(one), "{whole}");

    let plan = place.plan(text);
    let of_whole = Plan::read("whole", &whole, Defaults::default()).unwrap();
    assert_eq!(plan.sha256, of_whole.sha256);
    // Comments and spelling do not matter, values do.
    place.write(
        "base.toml",
        format!("# a word\n{}", base.replace("'n/a'", "\"n/a\"")).as_bytes(),
    );
    assert_eq!(place.plan(text).sha256, plan.sha256);
    place.write("base.toml", base.replace("n/a", "none").as_bytes());
    assert_ne!(place.plan(text).sha256, plan.sha256);
}

#[test]
fn a_spec_that_extends_nothing_is_its_own_text() {
    let (_, problems) = read_beside::<Spec>("a.toml", "spec = 1\n", Some(Path::new(".")));
    assert_eq!(problems.source().flat(), None);
    assert!(problems.source().beside().is_empty());
}
