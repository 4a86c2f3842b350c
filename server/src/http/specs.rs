//! `/specs`: the registry of a tenant's specs, and the operator's beside them.

use super::answer::{self, Response};
use super::list::ListView;
use super::problem::Problem;
use super::query::{self, LIMIT, PAGE};
use super::request::Call;
use super::route::{BodyType, Kind, Operation, Param, json};
use super::scalars::Time;
use crate::page::DEFAULT_ITEMS;
use crate::specs::catalog::{CheckOutcome, Item, ItemsFrom, PutOutcome};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use stages::spec::{MAX_SPEC_BYTES, Problems};

/// The most characters of a spec's name.
const MAX_NAME_CHARS: usize = 100;
const CURSOR: Param = Param::new(
    query::CURSOR.name,
    Kind::Text {
        max_chars: MAX_NAME_CHARS,
    },
    query::CURSOR.about,
);
/// TOML, under whatever type it comes.
const TOML: BodyType = BodyType::Text {
    media_type: "text/plain",
};

/// `GET /specs`.
pub const LIST: Operation = Operation::new(|call| Box::pin(list(call)))
    .query(&[PAGE, LIMIT, CURSOR])
    .answers(&[json::<ListView<SpecView>>(
        200,
        "The newest version of each spec, by name.",
    )]);

/// `GET /specs/{name}`.
pub const GET: Operation = Operation::new(|call| Box::pin(get(call)))
    .answers(&[json::<SpecText>(
        200,
        "The newest version, and which others there are.",
    )])
    .refusals(&["not_found"]);

/// `GET /specs/{name}/versions/{version}`.
pub const VERSION: Operation = Operation::new(|call| Box::pin(version(call)))
    .answers(&[json::<SpecText>(200, "The version.")])
    .refusals(&["not_found"]);

/// `PUT /specs/{name}`.
pub const PUT: Operation = Operation::new(|call| Box::pin(put(call)))
    .body(TOML)
    .answers(&[
        json::<SpecView>(201, "The version is registered, for ever."),
        json::<SpecView>(200, "The same text was registered before."),
    ])
    .refusals(&[
        "bad_spec",
        "name_mismatch",
        "name_taken",
        "version_exists",
        "specs_full",
    ]);

/// `POST /specs/check`.
pub const CHECK: Operation = Operation::new(|call| Box::pin(check(call)))
    .body(TOML)
    .answers(&[json::<Checked>(
        200,
        "Every problem of the text, or what it is.",
    )]);

/// A version of a spec.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Spec")]
struct SpecView {
    name: String,
    version: u32,
    /// The hash of the text, in hexadecimal digits.
    sha256: String,
    /// `tenant`, or `operator` for a file in `SPECS_DIR`.
    origin: &'static str,
    /// When it was registered; null for the operator's.
    created_at: Option<Time>,
}

/// A version of a spec with its text.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SpecText {
    #[serde(flatten)]
    spec: SpecView,
    /// The text, in TOML.
    text: String,
    /// Every version, the highest first.
    versions: Vec<u32>,
}

/// What a check says.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Checked {
    /// Whether nothing is wrong.
    valid: bool,
    /// Every problem, at its place.
    problems: Vec<SpecProblem>,
    /// What it is, where nothing is wrong.
    spec: Option<CheckedSpec>,
}

/// What is wrong with a text.
#[derive(Debug, Serialize, JsonSchema)]
struct SpecProblem {
    /// From 1.
    line: Option<usize>,
    /// From 1, in characters.
    column: Option<usize>,
    /// The key that is meant.
    path: String,
    /// A stable word.
    code: &'static str,
    /// One sentence.
    message: String,
    /// What to do about it.
    hint: Option<String>,
}

/// A text without problems.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CheckedSpec {
    name: String,
    version: u32,
    /// The hash of the text, in hexadecimal digits.
    sha256: String,
    /// The names of its fields, in the order in which they are written.
    fields: Vec<String>,
    /// How many steps follow them.
    steps: usize,
    /// How many tests it has.
    tests: usize,
    /// What a PUT would meet: `new`, `identical`, `version_exists` or `name_taken`.
    registry: &'static str,
}

impl From<Item> for SpecView {
    fn from(item: Item) -> Self {
        Self {
            name: item.name,
            version: item.version,
            sha256: item.sha256,
            origin: item.origin.word(),
            created_at: item.created_ms.map(Time),
        }
    }
}

async fn list(call: Call) -> Result<Response, Problem> {
    let (number, behind) = (call.query.number(PAGE.name), call.query.get(CURSOR.name));
    let limit = call
        .query
        .number(LIMIT.name)
        .map_or(DEFAULT_ITEMS, |limit| limit as u32);
    let (page, from) = match (number, behind) {
        (Some(_), Some(_)) => return Err(query::page_and_cursor()),
        (None, Some(name)) => (None, ItemsFrom::After(name)),
        (number, None) => {
            let page = number.unwrap_or(1) as u32;
            (Some(page), ItemsFrom::Number(page))
        }
    };
    let listed = call
        .service
        .catalog
        .list(call.tenant(), from, limit)
        .await?;
    Ok(answer::ok(&ListView {
        items: listed.items.into_iter().map(SpecView::from).collect(),
        page,
        limit,
        total: listed.total,
        next: listed.next,
    }))
}

async fn get(call: Call) -> Result<Response, Problem> {
    one(&call, None).await
}

async fn version(call: Call) -> Result<Response, Problem> {
    // Only as it is written everywhere else: no sign, no leading zeros.
    let text = call.path("version")?;
    let version = text
        .parse()
        .ok()
        .filter(|number: &u32| number.to_string() == text);
    one(&call, Some(version.ok_or_else(missing)?)).await
}

fn missing() -> Problem {
    Problem::not_found("spec")
}

async fn one(call: &Call, version: Option<u32>) -> Result<Response, Problem> {
    let (catalog, tenant, name) = (&call.service.catalog, call.tenant(), call.path("name")?);
    let versions = catalog.versions(tenant, &name).await?;
    let versions: Vec<u32> = versions.iter().map(|item| item.version).collect();
    let version = version.or(versions.first().copied()).ok_or_else(missing)?;
    let found = catalog.text(tenant, &name, version).await?;
    let (item, text) = found.ok_or_else(missing)?;
    Ok(answer::ok(&SpecText {
        spec: item.into(),
        text,
        versions,
    }))
}

async fn put(mut call: Call) -> Result<Response, Problem> {
    let text = call.text(MAX_SPEC_BYTES).await?;
    let name = call.path("name")?;
    let (status, item) = match call
        .service
        .catalog
        .put(call.tenant(), &name, &text)
        .await?
    {
        PutOutcome::New(item) => (StatusCode::CREATED, item),
        PutOutcome::Identical(item) => (StatusCode::OK, item),
        PutOutcome::Refused(problems) => return Err(bad_spec(&problems)),
    };
    Ok(answer::json(status, &SpecView::from(item)))
}

fn told(problems: &Problems) -> Vec<SpecProblem> {
    let told = |problem: &stages::spec::Problem| SpecProblem {
        line: problem.place.as_ref().map(|place| place.line),
        column: problem.place.as_ref().map(|place| place.column),
        path: problem.path.clone(),
        code: problem.code,
        message: problem.message.clone(),
        hint: problem.hint.clone(),
    };
    problems.iter().map(told).collect()
}

fn bad_spec(problems: &Problems) -> Problem {
    let message = match problems.len() + problems.more() {
        1 => "the spec has a problem".to_owned(),
        count => format!("the spec has {count} problems"),
    };
    match serde_json::to_value(told(problems)) {
        Ok(list) => Problem::new("bad_spec", message).with("problems", list),
        Err(_) => Problem::new("bad_spec", message),
    }
}

async fn check(mut call: Call) -> Result<Response, Problem> {
    let text = call.text(MAX_SPEC_BYTES).await?;
    let checked = call.service.catalog.check(call.tenant(), &text).await?;
    Ok(answer::ok(&match checked {
        CheckOutcome::Bad(problems) => Checked {
            problems: told(&problems),
            ..Checked::default()
        },
        CheckOutcome::Good(good) => Checked {
            valid: true,
            problems: Vec::new(),
            spec: Some(CheckedSpec {
                name: good.name,
                version: good.version,
                sha256: good.sha256,
                fields: good.fields,
                steps: good.steps,
                tests: good.tests,
                registry: good.registry.word(),
            }),
        },
    }))
}
