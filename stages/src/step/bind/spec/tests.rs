//! Every word of the language is read, and what is none is refused in words that help.

use super::*;

fn field(toml: &str) -> Result<FieldSpec, String> {
    toml::from_str(toml).map_err(|error: toml::de::Error| error.message().to_owned())
}

#[test]
fn every_shape_of_a_key_is_read() {
    let spec = field(
        r#"
        from = ["Order No", "/Bestell.*/"]
        to = false
        type = "decimal"
        format = "%d/%m/%Y"
        minimum = "0.01"
        maximum = 100
        default = 1.5
        enum = ["a", 1, true]
        transform = ["trim", { replace = ["-", ""] }]
        decimal_char = ","
        "#,
    )
    .unwrap();
    assert_eq!(spec.from.unwrap().0, ["Order No", "/Bestell.*/"]);
    assert_eq!(spec.to, Some(Target::Nowhere));
    assert_eq!(spec.kind, Some(Type::Decimal));
    assert_eq!(spec.format.unwrap().0, ["%d/%m/%Y"]);
    assert_eq!(spec.minimum, Some(Literal::Text("0.01".into())));
    assert_eq!(spec.maximum, Some(Literal::Integer(100)));
    assert_eq!(spec.default, Some(Literal::Float(1.5)));
    let allowed = [
        Literal::Text("a".into()),
        Literal::Integer(1),
        Literal::Boolean(true),
    ];
    assert_eq!(spec.allowed.unwrap(), allowed);
    let replace = Transform::Replace(["-".into(), String::new()]);
    assert_eq!(spec.transform.unwrap(), [Transform::Trim, replace]);
    assert_eq!(spec.decimal_char, Some(','));
}

#[test]
fn what_is_no_word_is_refused() {
    for (toml, said) in [
        ("from = 1", "a string or an array of strings"),
        ("to = true", "a target path or false"),
        ("minimum = [1]", "a number, a string, true or false"),
        ("minimum = nan", "a number, a string, true or false"),
        ("type = 'int'", "unknown variant `int`"),
        ("transform = ['shout']", "unknown variant `shout`"),
        ("requird = true", "unknown field `requird`"),
        ("decimal_char = ',,'", "a character"),
        ("min_length = -1", "u64"),
    ] {
        let message = field(toml).unwrap_err();
        assert!(message.contains(said), "{toml}: {message}");
    }
}

#[test]
fn fields_keep_their_order_and_faults_their_place() {
    let text = "b = {}\na = { minimum = 2026-01-01, requird = true, to = true }\n";
    let (FieldsSpec(fields), problems) = crate::spec::read::<FieldsSpec>("x.toml", text);
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["b", "a"]);
    assert_eq!(
        fields[1].1.minimum,
        Some(Literal::Text("2026-01-01".into()))
    );
    let paths: Vec<&str> = problems
        .iter()
        .map(|problem| problem.path.as_str())
        .collect();
    assert_eq!(paths, ["a.requird", "a.to"]);
}

#[test]
fn fields_are_read_as_a_map_and_described_to_editors() {
    let fields: FieldsSpec = toml::from_str("a = {}\nb = { type = 'integer' }").unwrap();
    let names: Vec<&str> = fields.0.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    let schema = schemars::schema_for!(FieldsSpec).to_value().to_string();
    for word in [
        "true_values",
        "epoch_ms",
        "collapse",
        "replace",
        "\"const\":false",
    ] {
        assert!(schema.contains(word), "{word} is not in {schema}");
    }
}
