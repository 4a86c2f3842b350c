//! What a change of a spec means, one change at a time: a table of pairs with what is told of each.

use super::*;
use crate::plan::{Defaults, Plan};

const OLD: &str = r#"spec = 1
name = "orders"
version = 1
[input]
match = ["orders-*.csv"]
[format.csv]
delimiter = ";"
[values]
missing_values = [""]
decimal_char = ","
[fields]
order_id = { from = "Order", type = "string", pattern = 'X\d+' }
total = { to = "amount.total", type = "decimal", minimum = "0", maximum = 100 }
status = { enum = ["new", "done"], default = "new", min_length = 3 }
paid = { type = "boolean" }
day = { type = "date", format = "%d.%m.%Y" }
internal = { to = false }
[[steps]]
derive = { field = "twice", type = "decimal", expr = "total * decimal(2)" }
[[steps]]
drop = { name = "unpaid", when = "!paid" }
[[steps]]
reject = { name = "odd", when = "total == null", message = "a total" }
[errors]
max_records = 5
[sink.mongodb]
collection = "orders"
batch = { records = 100 }
"#;

fn version(text: &str) -> Version {
    if let Err(problems) = Plan::read("a.toml", text, Defaults::default()) {
        panic!("{}", problems.render(false));
    }
    Version::read("a.toml", text, None)
}

/// What is told where `from` of the old text is `to` in the new one, which is version 2.
fn told(changes: &[(&str, &str)]) -> Vec<String> {
    let mut new = OLD.replace("version = 1", "version = 2");
    for (from, to) in changes {
        assert!(new.contains(from), "{from}");
        new = new.replacen(from, to, 1);
    }
    let found = version(&new).against(&version(OLD));
    let line = |change: Change| format!("{:?} {}: {}", change.effect, change.path, change.message);
    found.into_iter().map(line).collect()
}

#[test]
fn each_change_is_told_with_what_it_means_for_stored_documents() {
    // What is changed into what, and what is told.
    let table: &[(&str, &str, &[&str])] = &[
        // Of fields: new, gone, called otherwise, moved.
        (
            "internal =",
            "more = {}\ninternal =",
            &["Differs fields.more: new: stored documents have no `more`"],
        ),
        (
            "internal =",
            "more = { to = false }\ninternal =",
            &["Nothing fields.more: new, and in no document"],
        ),
        (
            "day = { type = \"date\", format = \"%d.%m.%Y\" }\n",
            "",
            &["Differs fields.day: gone: stored documents keep `day`"],
        ),
        (
            "internal = { to = false }\n",
            "",
            &["Nothing fields.internal: gone, and in no document"],
        ),
        (
            "day = { type",
            "date = { to = \"day\", from = \"day\", type",
            &["Nothing fields.date: was called day, at the same place in the document"],
        ),
        (
            "amount.total",
            "amount.sum",
            &[
                "Differs fields.total: moved to `amount.sum`: stored documents have it at `amount.total`",
            ],
        ),
        (
            "internal = { to = false }",
            "internal = {}",
            &["Differs fields.internal: written now: stored documents have no `internal`"],
        ),
        (
            "to = \"amount.total\"",
            "to = false",
            &["Differs fields.total: not written any more: stored documents keep `amount.total`"],
        ),
        // Types and what values are made of.
        (
            "paid = { type = \"boolean\" }\nday = { type = \"date\"",
            "paid = { type = \"boolean\" }\nday = { type = \"datetime\", timezone = \"UTC\"",
            &[
                "Differs fields.day: `timezone` is \"UTC\" now: the same input may be another value; stored ones stay",
                "Differs fields.day: `type` is \"datetime\", was \"date\": stored values have the type that they had",
            ],
        ),
        (
            "minimum = \"0\"",
            "minimum = \"0\", scale = 2",
            &[
                "Differs fields.total: `scale` is 2 now: the same digits are another number; stored ones stay",
            ],
        ),
        (
            "default = \"new\"",
            "default = \"done\"",
            &[
                "Differs fields.status: `default` is \"done\", was \"new\": where nothing was said, stored documents are as they were",
            ],
        ),
        (
            "\"%d.%m.%Y\"",
            "[\"%d.%m.%Y\", \"%Y-%m-%d\"]",
            &[
                "Differs fields.day: `format` is [\"%d.%m.%Y\", \"%Y-%m-%d\"], was [\"%d.%m.%Y\"]: the same input may be another value; stored ones stay",
            ],
        ),
        (
            "min_length = 3",
            "min_length = 3, transform = [\"trim\"]",
            &[
                "Differs fields.status: `transform` is [\"trim\"], was []: the same input may be another value; stored ones stay",
            ],
        ),
        (
            "from = \"Order\"",
            "from = [\"Order\", \"No\"]",
            &[
                "Looser fields.order_id: `from` is [\"Order\", \"No\"], was [\"Order\"]: it is found under more names",
            ],
        ),
        (
            "from = \"Order\"",
            "from = \"No\"",
            &[
                "Differs fields.order_id: `from` is [\"No\"], was [\"Order\"]: it is read from elsewhere",
            ],
        ),
        (
            "min_length = 3",
            "min_length = 3, lookup = { values = { a = \"new\" } }",
            &["Differs fields.status: `lookup` has another table: stored values stay"],
        ),
        // [values] of the fields that it means something to.
        (
            "decimal_char = \",\"",
            "decimal_char = \".\"",
            &[
                "Differs fields.total: `decimal_char` is \".\", was \",\": the same input may be another value; stored ones stay",
            ],
        ),
        (
            "decimal_char",
            "true_values = [\"yes\"]\ndecimal_char",
            &[
                "Differs fields.paid: `true_values` is [\"yes\"], was [\"true\", \"1\"]: the same input may be another value; stored ones stay",
            ],
        ),
        // Constraints, tighter and looser.
        (
            "pattern = 'X\\d+'",
            "required = true, pattern = 'X\\d+'",
            &[
                "Tighter fields.order_id: `required` is true, was false: stored documents may lack it",
            ],
        ),
        (
            ", pattern = 'X\\d+'",
            "",
            &["Looser fields.order_id: `pattern` is gone, was 'X\\d+': any text is taken"],
        ),
        (
            "'X\\d+'",
            "'Y\\d+'",
            &[
                "Tighter fields.order_id: `pattern` is 'Y\\d+', was 'X\\d+': stored values may not match",
            ],
        ),
        (
            "minimum = \"0\"",
            "minimum = \"-0.5\"",
            &["Looser fields.total: `minimum` is \"-0.5\", was \"0\": more values are taken"],
        ),
        (
            "minimum = \"0\"",
            "minimum = 10",
            &["Tighter fields.total: `minimum` is 10, was \"0\": stored values may be outside"],
        ),
        (
            "minimum = \"0\", ",
            "",
            &["Looser fields.total: `minimum` is gone, was \"0\": more values are taken"],
        ),
        (
            "maximum = 100",
            "maximum = 9",
            &["Tighter fields.total: `maximum` is 9, was 100: stored values may be outside"],
        ),
        (
            ", maximum = 100",
            "",
            &["Looser fields.total: `maximum` is gone, was 100: more values are taken"],
        ),
        (
            "min_length = 3",
            "min_length = 3, max_length = 4",
            &["Tighter fields.status: `max_length` is 4 now: stored values may be outside"],
        ),
        (
            "min_length = 3",
            "min_length = 2",
            &["Looser fields.status: `min_length` is 2, was 3: more values are taken"],
        ),
        (
            "[\"new\", \"done\"]",
            "[\"done\", \"new\", \"sent\"]",
            &[
                "Looser fields.status: `enum` is [\"done\", \"new\", \"sent\"], was [\"new\", \"done\"]: more values are taken",
            ],
        ),
        (
            "[\"new\", \"done\"]",
            "[\"new\"]",
            &[
                "Tighter fields.status: `enum` is [\"new\"], was [\"new\", \"done\"]: stored values may be others",
            ],
        ),
        (
            "from = \"Order\"",
            "from = \"Order\", unique = true",
            &[
                "Tighter fields.order_id: `unique` is true, was false: stored documents may share it",
            ],
        ),
        (
            "from = \"Order\"",
            "from = \"Order\", sensitive = true",
            &[
                "Differs fields.order_id: `sensitive` is true, was false: rejects that are stored show it, as they did",
            ],
        ),
        (
            "from = \"Order\"",
            "from = \"Order\", mask = { keep_last = 2 }",
            &[
                "Differs fields.order_id: `mask` is { keep_last = 2 } now: stored values are as they were",
            ],
        ),
        // Steps.
        (
            "decimal(2)",
            "decimal(3)",
            &["Differs steps.derive.twice: computed otherwise: stored values stay"],
        ),
        (
            "[[steps]]\ndrop = { name = \"unpaid\", when = \"!paid\" }\n",
            "",
            &["Differs steps.drop.unpaid: gone: what it dropped is not stored"],
        ),
        (
            "\"!paid\"",
            "\"paid\"",
            &[
                "Differs steps.drop.unpaid: another condition: other records are stored than would be now",
            ],
        ),
        (
            "\"total == null\"",
            "\"total < decimal(1)\"",
            &[
                "Tighter steps.reject.odd: another condition: stored documents may be such that it refuses them",
            ],
        ),
        (
            "message = \"a total\"",
            "severity = \"warn\"",
            &["Looser steps.reject.odd: it only warns now"],
        ),
        (
            "[errors]",
            "[[steps]]\nreject = { name = \"late\", when = \"day == null\" }\n[errors]",
            &["Tighter steps.reject.late: new: stored documents may be such that it refuses them"],
        ),
        // How files are read and records found.
        (
            "delimiter = \";\"",
            "delimiter = \"|\"",
            &[
                "Differs format.csv.delimiter: `delimiter` is \"|\", was \";\": the same file may have other records, or other values in them",
            ],
        ),
        (
            "match =",
            "encoding = \"latin1\"\nmatch =",
            &[
                "Differs input.encoding: `encoding` is \"latin1\", was \"utf-8\": the same file is read otherwise",
            ],
        ),
        (
            "[values]",
            "[columns]\nunknown = \"rescue\"\n[values]",
            &[
                "Differs columns.unknown: `unknown` is \"rescue\", was \"drop\": stored documents have no columns that the spec does not know",
            ],
        ),
        (
            "[values]",
            "[columns]\nunknown = \"fail\"\n[values]",
            &[
                "Nothing columns.unknown: `unknown` is \"fail\", was \"drop\": documents do not depend on it",
            ],
        ),
        (
            "orders-*.csv",
            "o-*.csv",
            &[
                "Nothing input.match: `match` is [\"o-*.csv\"], was [\"orders-*.csv\"]: documents do not depend on it",
            ],
        ),
        (
            "[errors]",
            "[[unique]]\nfields = [\"order_id\", \"day\"]\n[errors]",
            &[
                "Tighter unique: { fields = [\"order_id\", \"day\"] } is unique now: stored documents may share it",
            ],
        ),
        (
            "[errors]",
            "[group]\nby = [\"order_id\"]\ninto = \"all\"\nfields = [\"total\"]\n[errors]",
            &[
                "Differs group: `group` is { by = [\"order_id\"], fields = [\"total\"], into = \"all\" } now: documents are made of other records, or otherwise",
            ],
        ),
        // Who a load and its documents are.
        (
            "name = \"orders\"",
            "name = \"shop\"",
            &[
                "LoadsAgain name: `name` is \"shop\", was \"orders\": a load is known by the name of its spec, so every file loads again",
            ],
        ),
        (
            "collection = \"orders\"",
            "collection = \"shop\"",
            &[
                "LoadsAgain sink.mongodb.collection: `collection` is \"shop\", was \"orders\": what is stored stays where it is, and every file loads again",
            ],
        ),
        (
            "[sink.mongodb]\ncollection = \"orders\"",
            "[sink.sqlite]\npath = \"a.db\"\ntable = \"orders\"",
            &[
                "LoadsAgain sink.sqlite: documents go to sqlite, went to mongodb: what is stored stays there, and every file loads again",
            ],
        ),
        (
            "collection = \"orders\"",
            "mode = \"upsert\"\nkey = [\"order_id\"]\ncollection = \"orders\"",
            &[
                "LoadsAgain sink.mongodb.mode: `mode` is \"upsert\", was \"insert\": documents are known by their key; where stored ones share one, loads are refused (key_not_unique)",
            ],
        ),
        (
            "collection = \"orders\"",
            "nulls = \"write\"\ncollection = \"orders\"",
            &[
                "Differs sink.mongodb.nulls: `nulls` is \"write\", was \"omit\": stored documents hold nulls as they did",
            ],
        ),
    ];
    let mut wrong = String::new();
    for (from, to, expected) in table {
        let found = told(&[(from, to)]);
        if found != *expected {
            wrong.push_str(&format!("{from} -> {to}\n  {found:#?}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_says_the_same_in_other_words_is_no_change() {
    for (from, to) in [
        ("type = \"string\", ", ""),
        ("from = \"Order\"", "from = [\"Order\"]"),
        (
            "paid = {",
            "paid = { from = \"paid\", to = \"paid\", required = false,",
        ),
        ("minimum = \"0\"", "minimum = 0"),
        ("[\"new\", \"done\"]", "[\"done\", \"new\"]"),
        (
            "decimal_char = \",\"\n",
            "decimal_char = \",\"\nnegative = \"leading\"\n",
        ),
        ("'X\\d+'", "\"X\\\\d+\""),
        ("message = \"a total\"", "message = \"no total\""),
        ("max_records = 5", "max_records = 6"),
        ("records = 100", "records = 200"),
        (
            "batch =",
            "mode = \"insert\"\nnulls = \"omit\"\nlineage = \"off\"\nbatch =",
        ),
        ("match =", "encoding = \"utf-8\"\nmatch ="),
        (
            "name = \"orders\"\n",
            "name = \"orders\"\ndescription = \"of the shop\"\n",
        ),
    ] {
        assert_eq!(told(&[(from, to)]), [""; 0], "{from} -> {to}");
    }
}

#[test]
fn order_matters_for_steps_and_not_for_fields() {
    let drop = "[[steps]]\ndrop = { name = \"unpaid\", when = \"!paid\" }\n";
    let moved = told(&[(drop, ""), ("[errors]", &format!("{drop}[errors]"))]);
    assert_eq!(
        moved,
        ["Differs steps: they stand in another order: the same record may come to another end"]
    );
    let paid = "paid = { type = \"boolean\" }\n";
    let moved = told(&[(paid, ""), ("internal =", &format!("{paid}internal ="))]);
    assert_eq!(moved, [""; 0]);
}

#[test]
fn a_version_that_says_something_else_is_told() {
    let new = version(&OLD.replace("max_records = 5", "max_records = 6"));
    let found = new.against(&version(OLD));
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].path.as_str(), found[0].effect),
        ("version", Effect::Nothing)
    );
    assert!(version(OLD).against(&version(OLD)).is_empty());
}

#[test]
fn keys_and_modes_say_which_documents_are_one() {
    let keyed = |mode: &str, key: &str| {
        let keyed = format!("mode = \"{mode}\"\nkey = [\"{key}\"]\ncollection = ");
        version(&OLD.replace("collection = ", &keyed))
    };
    let effects = |new: &Version, old: &Version| -> Vec<_> {
        let found = new.against(old).into_iter();
        let told = found.filter(|change| change.path != "version");
        told.map(|change| (change.path, change.effect)).collect()
    };
    let [by_order, by_day] = ["order_id", "day"].map(|key| keyed("upsert", key));
    let path = |key: &str| format!("sink.mongodb.{key}");
    assert_eq!(
        effects(&by_day, &by_order),
        [(path("key"), Effect::LoadsAgain)]
    );
    let inserted = version(OLD);
    assert_eq!(
        effects(&inserted, &by_order),
        [(path("mode"), Effect::LoadsAgain)]
    );
    for mode in ["merge", "delete"] {
        let other = keyed(mode, "order_id");
        assert_eq!(
            effects(&other, &by_order),
            [(path("mode"), Effect::Differs)]
        );
    }
}

#[test]
fn what_two_specs_extend_is_compared_as_if_it_stood_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let (head, fields) = OLD.split_once("[values]\n").unwrap();
    std::fs::write(
        folder.path().join("shared.toml"),
        format!("[values]\n{fields}"),
    )
    .unwrap();
    let text = head.replace("version = 1", "extends = \"shared.toml\"");
    let extended = Version::read("a.toml", &text, Some(folder.path()));
    assert_eq!(extended.fields.len(), 6);
    assert!(
        extended
            .against(&version(OLD))
            .iter()
            .all(|change| change.path == "version")
    );
    let other = version(&OLD.replace("minimum = \"0\"", "minimum = \"1\""));
    let told = extended.against(&other);
    assert!(
        told.iter().any(|change| change.path == "fields.total"),
        "{told:?}"
    );
}
