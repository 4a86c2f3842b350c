//! What the catalogue finds, refuses and remembers, over real files and the embedded registry.

use super::list::ItemsPage;
use super::put::Registry;
use super::*;
use crate::specs::sqlite::{SCHEMA, SqliteSpecs};
use stages::spec::Spec;
use stages::sqlite::Database;

/// A spec that writes to MongoDB and matches `NAME-*.csv`.
fn spec(name: &str, version: u32) -> String {
    matching_spec(name, version, &format!("{name}-*.csv"))
}

fn matching_spec(name: &str, version: u32, pattern: &str) -> String {
    format!(
        "spec = 1\nname = \"{name}\"\nversion = {version}\n[input]\nmatch = [\"{pattern}\"]\n[format.csv]\n\
         [fields]\na = {{ type = \"string\" }}\n[sink.mongodb]\ncollection = \"c\"\n"
    )
}

fn jsonl(text: &str) -> String {
    text.replace(
        "[sink.mongodb]\ncollection = \"c\"",
        "[sink.jsonl]\npath = \"out.jsonl\"",
    )
}

/// A spec that hashes with the salt in a variable.
fn salted(variable: &str) -> String {
    let hash = format!("hash = {{ salt = \"env:{variable}\" }}");
    spec("people", 1).replace("type = \"string\"", &hash)
}

/// Two salts are there.
fn with_secrets() -> Defaults {
    Defaults {
        secret: Some(|name| {
            let is_there = matches!(name, "SALT_ACME_PEOPLE" | "SALT_BOLT_PEOPLE");
            is_there.then(|| "pepper".to_owned())
        }),
        ..Defaults::default()
    }
}

struct Place {
    folder: tempfile::TempDir,
    specs: Arc<dyn Specs>,
    catalog: Catalog,
}

impl Place {
    async fn new(files: &[(&str, String)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("service.db");
        let database = Database::open(&path, &[SCHEMA]).await.unwrap();
        let specs: Arc<dyn Specs> = Arc::new(SqliteSpecs::new(database));
        let specs_dir = folder.path().join("specs");
        let place = Self {
            catalog: Catalog::new(specs_dir, specs.clone(), with_secrets()),
            folder,
            specs,
        };
        for (name, text) in files {
            place.write(name, text);
        }
        place
    }

    fn write(&self, name: &str, text: &str) {
        let specs_dir = self.folder.path().join("specs");
        std::fs::create_dir_all(&specs_dir).unwrap();
        std::fs::write(specs_dir.join(name), text).unwrap();
    }

    /// A catalogue of the same files and registry in another process, which remembers nothing.
    fn elsewhere(&self) -> Catalog {
        let specs_dir = self.folder.path().join("specs");
        Catalog::new(specs_dir, self.specs.clone(), Defaults::default())
    }

    async fn put(&self, tenant: &Tenant, text: &str) -> String {
        let (spec, _) = stages::spec::read::<Spec>("", text);
        let name = spec.name.unwrap();
        outcome(self.catalog.put(tenant, &name, text).await)
    }

    async fn list(&self, tenant: &Tenant, from: ItemsFrom<'_>, limit: u32) -> ItemsPage {
        self.catalog.list(tenant, from, limit).await.unwrap()
    }

    async fn find(&self, tenant: &Tenant, reference: &str) -> String {
        told(self.catalog.find(tenant, reference).await)
    }

    async fn matching(&self, tenant: &Tenant, file_name: &str) -> String {
        told(self.catalog.matching(tenant, file_name).await)
    }
}

fn told(found: Result<Chosen, Fatal>) -> String {
    match found {
        Ok(chosen) => {
            let SpecPin {
                name,
                version,
                sha256,
            } = &chosen.text.pin;
            assert_eq!(folder::sha256(&chosen.text.text), *sha256);
            assert_eq!(chosen.plan.sha256, *sha256);
            assert_eq!(chosen.plan.reference(), format!("{name}@{version}"));
            let whose = match chosen.text.is_operators {
                true => "operator",
                false => "tenant",
            };
            format!("{whose} {name}@{version}")
        }
        Err(fatal) => fatal.code.to_owned(),
    }
}

fn outcome(put: Result<PutOutcome, Fatal>) -> String {
    match put {
        Ok(PutOutcome::New(item)) => format!("new {}@{}", item.name, item.version),
        Ok(PutOutcome::Identical(item)) => format!("identical {}@{}", item.name, item.version),
        Ok(PutOutcome::Refused(problems)) => codes(&problems),
        Err(fatal) => fatal.code.to_owned(),
    }
}

/// Each problem as line, column and code.
fn codes(problems: &stages::spec::Problems) -> String {
    let told = problems.iter().map(|problem| {
        let place = problem.place.as_ref().unwrap();
        format!("{}:{} {}", place.line, place.column, problem.code)
    });
    told.collect::<Vec<_>>().join(", ")
}

fn acme() -> Tenant {
    "acme".parse().unwrap()
}

fn bolt() -> Tenant {
    "bolt".parse().unwrap()
}

#[tokio::test]
async fn references_are_looked_up_in_the_folder_and_in_the_registry() {
    let place = Place::new(&[
        ("a.toml", spec("orders", 1)),
        ("b.toml", jsonl(&spec("orders", 2))),
        ("broken.toml", "name = \"broken\"\n".into()),
        ("c.toml", spec("twice", 1)),
        ("d.toml", spec("twice", 1)),
    ])
    .await;
    let acme = acme();
    for version in [1, 3] {
        let put = place.put(&acme, &spec("people", version)).await;
        assert_eq!(put, format!("new people@{version}"));
    }
    for (reference, expected) in [
        ("orders", "operator orders@2"),
        ("orders@1", "operator orders@1"),
        ("orders@3", "spec_not_found"),
        ("people", "tenant people@3"),
        ("people@1", "tenant people@1"),
        ("people@2", "spec_not_found"),
        ("nothing", "spec_not_found"),
        ("", "spec_not_found"),
        ("orders@x", "bad_spec_reference"),
        (&"o".repeat(101), "bad_spec_reference"),
        ("broken", "spec_broken"),
        ("twice", "spec_broken"),
        ("../a", "spec_not_found"),
    ] {
        assert_eq!(place.find(&acme, reference).await, expected, "{reference}");
    }
    // Another tenant sees the operator's only.
    for tenant in [bolt(), Tenant::NONE] {
        assert_eq!(place.find(&tenant, "orders").await, "operator orders@2");
        assert_eq!(place.find(&tenant, "people").await, "spec_not_found");
    }
    let missing = place.catalog.find(&acme, "nothing").await.unwrap_err();
    let hint = missing.hint.unwrap();
    assert_eq!(hint, "there is: orders, people, twice");
    let broken = place.catalog.find(&acme, "broken").await.unwrap_err();
    assert!(broken.causes.len() > 1, "{broken:?}");
}

#[tokio::test]
async fn without_a_folder_the_registry_serves() {
    let place = Place::new(&[]).await;
    assert_eq!(place.find(&acme(), "orders").await, "spec_not_found");
    let put = place.put(&acme(), &spec("orders", 1)).await;
    assert_eq!(put, "new orders@1");
    assert_eq!(place.find(&acme(), "orders").await, "tenant orders@1");
    // A folder that cannot be listed is an outage.
    std::fs::write(place.folder.path().join("specs"), "a file").unwrap();
    let refused = place.catalog.find(&acme(), "orders").await.unwrap_err();
    assert_eq!(
        (refused.code, refused.retry),
        ("specs_unreadable", pipeline::Retry::Outage)
    );
}

#[tokio::test]
async fn a_file_that_changes_is_read_again() {
    let place = Place::new(&[("a.toml", spec("orders", 1))]).await;
    let tenant = Tenant::NONE;
    assert_eq!(place.find(&tenant, "orders").await, "operator orders@1");
    place.write("a.toml", &spec("orders", 22));
    assert_eq!(place.find(&tenant, "orders").await, "operator orders@22");
    place.write("b.toml", &spec("orders", 333));
    assert_eq!(place.find(&tenant, "orders").await, "operator orders@333");
    std::fs::remove_dir_all(place.folder.path().join("specs")).unwrap();
    assert_eq!(place.find(&tenant, "orders").await, "spec_not_found");
}

#[tokio::test]
async fn a_version_of_the_operators_never_changes_once_it_was_used() {
    let place = Place::new(&[("a.toml", spec("orders", 1)), ("b.toml", spec("b", 1))]).await;
    let tenant = Tenant::NONE;
    assert_eq!(place.find(&tenant, "orders").await, "operator orders@1");
    let other = format!("{}# another text\n", spec("orders", 1));
    place.write("a.toml", &other);
    for catalog in [&place.catalog, &place.elsewhere()] {
        let refused = catalog.find(&acme(), "orders").await.unwrap_err();
        assert_eq!(refused.code, "version_changed");
        assert!(refused.hint.unwrap().contains("version"));
        let matched = catalog.matching(&acme(), "orders-1.csv").await;
        assert_eq!(told(matched), "version_changed");
    }
    place.write("a.toml", &other.replace("version = 1", "version = 2"));
    assert_eq!(place.find(&tenant, "orders").await, "operator orders@2");
    place.write("a.toml", &spec("orders", 1));
    assert_eq!(place.find(&tenant, "orders").await, "operator orders@1");
    // One that no job was submitted with may still change.
    place.write("b.toml", &format!("{}# another text\n", spec("b", 1)));
    assert_eq!(place.find(&tenant, "b").await, "operator b@1");
    // What is remembered of the operator's is nobody's spec.
    std::fs::remove_file(place.folder.path().join("specs/a.toml")).unwrap();
    assert_eq!(place.find(&tenant, "orders").await, "spec_not_found");
}

#[tokio::test]
async fn the_operators_specs_extend_files_and_jobs_are_pinned_to_all_of_it() {
    let extends = "extends = \"shared/fields.toml\"\n[input]";
    let north = spec("north", 1).replace("[input]", extends);
    let north = north.replace("[fields]\na = { type = \"string\" }\n", "");
    let place = Place::new(&[("north.toml", north.clone())]).await;
    let tenant = Tenant::NONE;
    assert_eq!(place.find(&tenant, "north").await, "spec_broken");
    std::fs::create_dir(place.folder.path().join("specs/shared")).unwrap();
    place.write(
        "shared/fields.toml",
        "[fields]\na = { type = \"string\" }\n",
    );
    assert_eq!(place.find(&tenant, "north").await, "operator north@1");
    let (item, text) = place
        .catalog
        .text(&tenant, "north", 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(item.sha256, folder::sha256(&text));
    assert!(
        text.contains("[fields]\na = { type = \"string\" }\n"),
        "{text}"
    );
    // Another value in the shared file is another text of a version that was used.
    place.write(
        "shared/fields.toml",
        "[fields]\na = { type = \"integer\" }\n",
    );
    assert_eq!(place.find(&tenant, "north").await, "version_changed");

    // What comes over HTTP has nothing beside it, and what it lacks without it is not told.
    let south = north.replace("\"north\"", "\"south\"");
    assert_eq!(place.put(&tenant, &south).await, "4:11 not_here");
    let checked = place.catalog.check(&tenant, &south).await.unwrap();
    let CheckOutcome::Bad(problems) = checked else {
        panic!("{checked:?}");
    };
    assert_eq!(codes(&problems), "4:11 not_here");
    // The one text of it is a spec like any other.
    let whole = text.replace("\"north\"", "\"south\"");
    assert_eq!(place.put(&tenant, &whole).await, "new south@1");
}

#[tokio::test]
async fn a_file_name_matches_one_spec() {
    let place = Place::new(&[
        ("a.toml", matching_spec("orders", 1, "*.csv")),
        ("b.toml", matching_spec("orders", 2, "orders-*.csv")),
        ("c.toml", matching_spec("all", 1, "all-*")),
    ])
    .await;
    let acme = acme();
    place.put(&acme, &matching_spec("people", 1, "*")).await;
    place
        .put(&acme, &matching_spec("people", 2, "people-?.csv"))
        .await;
    place
        .put(&acme, &matching_spec("everything", 1, "all-*.csv"))
        .await;
    for (name, expected) in [
        ("orders-1.csv", "operator orders@2"),
        ("other.csv", "no_matching_spec"),
        ("people-1.csv", "tenant people@2"),
        ("all-1.txt", "operator all@1"),
        ("all-1.csv", "several_matching_specs"),
        ("", "no_matching_spec"),
        (&format!("all-{}", "x".repeat(251)), "operator all@1"),
        (&format!("all-{}", "x".repeat(252)), "no_matching_spec"),
    ] {
        assert_eq!(place.matching(&acme, name).await, expected, "{name}");
    }
    assert_eq!(
        place.matching(&bolt(), "people-1.csv").await,
        "no_matching_spec"
    );
    assert_eq!(place.matching(&bolt(), "all-1.csv").await, "operator all@1");
    let several = place
        .catalog
        .matching(&acme, "all-1.csv")
        .await
        .unwrap_err();
    assert!(
        several.message.ends_with(": all@1, everything@1"),
        "{several}"
    );
}

#[tokio::test]
async fn a_put_is_judged() {
    let place = Place::new(&[
        ("a.toml", spec("orders", 1)),
        ("broken.toml", "spec = 1\nname = \"mine\"\n".into()),
    ])
    .await;
    let acme = acme();
    let people = spec("people", 1);
    for (text, expected) in [
        (people.clone(), "new people@1"),
        (people.clone(), "identical people@1"),
        (format!("{people}#"), "version_exists"),
        (spec("people", 7), "new people@7"),
        (spec("orders", 9), "name_taken"),
        (spec("broken", 1), "name_taken"),
        (spec("mine", 1), "name_taken"),
        (jsonl(&spec("other", 1)), "9:7 sink_not_allowed"),
        (
            jsonl(&spec("other", 1)).replace("string", "strung"),
            "8:14 unknown_choice, 9:7 sink_not_allowed",
        ),
        (
            matching_spec("other", 1, &"x".repeat(MAX_PATTERN_BYTES + 1)),
            "5:9 out_of_range",
        ),
    ] {
        assert_eq!(place.put(&acme, &text).await, expected, "{text}");
    }
    let renamed = place.catalog.put(&acme, "persons", &people).await;
    assert_eq!(outcome(renamed), "name_mismatch");
    let other = format!("{people}#");
    let exists = place.catalog.put(&acme, "people", &other).await;
    let hint = exists.unwrap_err().hint.unwrap();
    assert!(hint.contains("version = 8"), "{hint}");
    // Names are each tenant's own.
    assert_eq!(
        place.put(&bolt(), &format!("{people}#")).await,
        "new people@1"
    );
}

#[tokio::test]
async fn a_tenant_has_salts_of_its_own_and_learns_of_no_others() {
    let operators = salted("SALT_BOLT_PEOPLE").replace("\"people\"", "\"salted\"");
    let place = Place::new(&[("salted.toml", operators)]).await;
    let acme = acme();
    for (variable, expected) in [
        ("SALT_BOLT_PEOPLE", "8:23 secret_not_allowed"),
        ("SALT_BOLT_NOTHING", "8:23 secret_not_allowed"),
        ("SALT_ACMEX", "8:23 secret_not_allowed"),
        ("PATH", "8:23 secret_not_allowed"),
        ("SALT_ACME_NOTHING", "8:23 missing_secret"),
        ("SALT_ACME_PEOPLE", "new people@1"),
    ] {
        let found = place.put(&acme, &salted(variable)).await;
        assert_eq!(found, expected, "{variable}");
    }
    assert_eq!(place.find(&acme, "salted").await, "operator salted@1");
    // What was registered before that was a rule, and a job's text, are judged too.
    let text = salted("SALT_BOLT_PEOPLE");
    let pinned = SpecText {
        pin: SpecPin {
            name: "people".into(),
            version: 1,
            sha256: folder::sha256(&text),
        },
        text,
        is_operators: false,
    };
    let refused = place.catalog.plan_of(&acme, &pinned).await.unwrap_err();
    assert_eq!(refused.code, "secret_not_allowed");
    assert!(place.catalog.plan_of(&bolt(), &pinned).await.is_ok());
    assert!(place.catalog.plan_of(&Tenant::NONE, &pinned).await.is_ok());
}

#[tokio::test]
async fn a_check_tells_every_problem_or_what_it_is() {
    let place = Place::new(&[("a.toml", spec("orders", 1))]).await;
    let acme = acme();
    place.put(&acme, &spec("people", 1)).await;
    for (text, expected) in [
        (spec("people", 1), Registry::Identical),
        (format!("{}#", spec("people", 1)), Registry::VersionExists),
        (spec("people", 2), Registry::New),
        (spec("orders", 2), Registry::NameTaken),
    ] {
        let CheckOutcome::Good(checked) = place.catalog.check(&acme, &text).await.unwrap() else {
            panic!("{text}");
        };
        assert_eq!(checked.registry, expected, "{text}");
        assert_eq!(checked.sha256, folder::sha256(&text));
        assert_eq!((checked.fields, checked.steps), (vec!["a".to_owned()], 0));
    }
    for (text, expected) in [
        (jsonl(&spec("other", 1)), "9:7 sink_not_allowed"),
        ("spec = 1\nname = \"".into(), "2:9 syntax"),
        (
            "x".repeat(stages::spec::MAX_SPEC_BYTES + 1),
            "1:1 spec_too_large",
        ),
    ] {
        let CheckOutcome::Bad(problems) = place.catalog.check(&acme, &text).await.unwrap() else {
            panic!("{expected}");
        };
        assert!(
            codes(&problems).starts_with(expected),
            "{}",
            codes(&problems)
        );
        assert!(problems.iter().any(|problem| problem.hint.is_some()) || problems.len() == 1);
    }
}

#[tokio::test]
async fn the_plan_of_a_pinned_text_is_kept_and_its_text_is_verified() {
    let place = Place::new(&[]).await;
    let text = |text: String, is_operators| SpecText {
        pin: SpecPin {
            name: "orders".into(),
            version: 1,
            sha256: folder::sha256(&text),
        },
        text,
        is_operators,
    };
    let code = async |text: &SpecText| match place.catalog.plan_of(&acme(), text).await {
        Ok(plan) => plan.reference(),
        Err(fatal) => fatal.code.to_owned(),
    };
    let good = text(spec("orders", 1), false);
    let mut damaged = good.clone();
    damaged.text.push('#');
    assert_eq!(code(&damaged).await, "spec_damaged");
    assert_eq!(code(&good).await, "orders@1");
    let (one, other) = (
        place.catalog.plan_of(&acme(), &good).await.unwrap(),
        place.catalog.plan_of(&acme(), &good).await.unwrap(),
    );
    assert!(Arc::ptr_eq(&one, &other));
    // The same text is the operator's or a tenant's: what it may name is judged each time.
    let file = jsonl(&spec("orders", 1));
    assert_eq!(code(&text(file.clone(), true)).await, "orders@1");
    assert_eq!(code(&text(file, false)).await, "sink_not_allowed");
    assert_eq!(code(&text("spec = 2".into(), false)).await, "spec_broken");
}

#[tokio::test]
async fn specs_of_both_origins_are_listed() {
    let place = Place::new(&[
        ("a.toml", spec("c", 1)),
        ("b.toml", spec("c", 4)),
        ("d.toml", spec("a", 1)),
    ])
    .await;
    let acme = acme();
    for (name, version) in [("b", 1), ("b", 2), ("d", 1), ("e", 1)] {
        place.put(&acme, &spec(name, version)).await;
    }
    // The operator takes a name over that the tenant had before.
    place.write("e.toml", &spec("e", 9));
    let names = |page: &ItemsPage| {
        let items = page.items.iter();
        let told =
            items.map(|item| format!("{}@{} {}", item.name, item.version, item.origin.word()));
        told.collect::<Vec<_>>()
    };
    let all = [
        "a@1 operator",
        "b@2 tenant",
        "c@4 operator",
        "d@1 tenant",
        "e@9 operator",
    ];
    let whole = place.list(&acme, ItemsFrom::Number(1), 20).await;
    assert_eq!(
        (names(&whole), whole.total),
        (all.map(str::to_owned).to_vec(), Some(5))
    );
    assert_eq!(whole.next, None);
    let second = place.list(&acme, ItemsFrom::Number(2), 2).await;
    assert_eq!(
        (names(&second), second.total),
        (all[2..4].iter().map(|&n| n.to_owned()).collect(), Some(5))
    );
    assert_eq!(
        place
            .list(&acme, ItemsFrom::Number(u32::MAX), 200)
            .await
            .items,
        []
    );
    for limit in 1..6 {
        let (mut walked, mut page) = (
            Vec::new(),
            place.list(&acme, ItemsFrom::After(""), limit).await,
        );
        walked.extend(names(&page));
        while let Some(next) = page.next.take() {
            page = place.list(&acme, ItemsFrom::After(&next), limit).await;
            assert_eq!(page.total, None);
            walked.extend(names(&page));
        }
        assert_eq!(walked, all, "{limit}");
    }
    let versions = async |name: &str| {
        let versions = place.catalog.versions(&acme, name).await.unwrap();
        versions.iter().map(|item| item.version).collect::<Vec<_>>()
    };
    assert_eq!(versions("b").await, [2, 1]);
    assert_eq!(versions("c").await, [4, 1]);
    assert_eq!(versions("e").await, [9]);
    assert!(versions("x").await.is_empty());
    let text = async |name: &str, version| {
        let found = place.catalog.text(&acme, name, version).await.unwrap();
        found.map(|(item, text)| {
            assert_eq!(item.sha256, folder::sha256(&text));
            text
        })
    };
    assert_eq!(text("b", 1).await, Some(spec("b", 1)));
    assert_eq!(text("c", 4).await, Some(spec("c", 4)));
    assert_eq!((text("c", 2).await, text("e", 1).await), (None, None));
}
