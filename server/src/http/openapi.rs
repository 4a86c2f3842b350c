//! The contract as a document: OpenAPI 3.1, made from the route table and the types of its answers.
//!
//! Nothing is written here that the table, the types or the codes do not say.

use super::codes::{self, CODES, OUTAGE_STATUS};
use super::event_view::EventView;
use super::problem::ProblemView;
use super::route::{Access, Alias, Answered, BodyType, Content, Kind, Operation, Param, Route};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Refusals that every route may give.
const OF_EVERY_ROUTE: [&str; 5] = [
    "bad_request",
    "bad_query",
    "unknown_parameter",
    "internal",
    "timeout",
];
/// Refusals of routes that read a body.
const OF_BODIES: [&str; 3] = ["body_too_large", "body_incomplete", "body_too_slow"];
/// Refusals of routes that read JSON.
const OF_JSON: [&str; 3] = ["bad_json", "unknown_field", "wrong_type"];

/// The document of these routes.
pub fn document(table: &[Route], aliases: &[Alias]) -> Value {
    // Answers as they are written; a request's types are read, but refuse what they do not know in both.
    let mut schemas = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
        .for_serialize()
        .into_generator();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in table {
        let all = aliases.iter();
        let others = all.filter(|alias| alias.of == route.path && alias.method == route.method);
        for path in std::iter::once(route.path).chain(others.map(|alias| alias.path)) {
            let method = route.method.as_str().to_ascii_lowercase();
            let operation = operation(route, path, &mut schemas);
            paths.entry(path).or_default().insert(method, operation);
        }
    }
    let codes: Vec<String> = CODES
        .iter()
        .map(|code| format!("| `{}` | {} | {} |", code.code, code.status, code.meaning))
        .collect();
    let event = schemas.subschema_for::<EventView>();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sluicegate",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!(
                "Files of any size, loaded so that every record has exactly one outcome.\n\n\
                 Every path answers below `/api` as well. The codes of refusals:\n\n\
                 | code | status | meaning |\n|---|---|---|\n{}\n\n\
                 Whatever cannot be reached for a while is 503 under a code of its own.",
                codes.join("\n"),
            ),
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "webhooks": { "job": { "post": webhook(&event.into()) } },
        "components": {
            "schemas": schemas.take_definitions(true),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "apiKey": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
                "ticket": { "type": "apiKey", "in": "query", "name": "ticket" },
            },
        },
    })
}

/// What a job's webhook is told, and what it answers.
fn webhook(event: &Value) -> Value {
    let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers = headers.map(|name| {
        json!({ "name": name, "in": "header", "required": true, "schema": { "type": "string" } })
    });
    json!({
        "summary": "An end or a hold of a job, told at least once, signed as Standard Webhooks says",
        "parameters": headers,
        "requestBody": { "required": true, "content": { "application/json": { "schema": event } } },
        "responses": {
            "2XX": { "description": "It is delivered. After anything else it comes again, under the same `webhook-id`." },
        },
    })
}

fn operation(route: &Route, path: &str, schemas: &mut SchemaGenerator) -> Value {
    let of = route.operation;
    let mut parameters: Vec<Value> = path_params(path).map(path_parameter).collect();
    parameters.extend(of.query.iter().map(|param| parameter(param, "query")));
    parameters.extend(of.headers.iter().map(|param| parameter(param, "header")));
    let mut described = json!({
        "operationId": operation_id(route.method.as_str(), path),
        "summary": route.summary,
        "tags": [path.split('/').nth(1).filter(|word| !word.is_empty()).unwrap_or("web")],
        "parameters": parameters,
        "responses": responses(route, schemas),
    });
    if let Some(body) = request_body(of, schemas) {
        described["requestBody"] = body;
    }
    // The last one of each: where no key is configured, none is wanted.
    match route.access {
        Access::Open => {}
        Access::Key | Access::Observer => {
            described["security"] = json!([{ "bearer": [] }, { "apiKey": [] }, {}])
        }
        Access::Ticket => {
            let ways = json!([{ "bearer": [] }, { "apiKey": [] }, { "ticket": [] }, {}]);
            described["security"] = ways;
        }
    }
    described
}

/// `getJobsByJobId` for `GET /jobs/{jobId}`.
fn operation_id(method: &str, path: &str) -> String {
    let mut id = method.to_ascii_lowercase();
    for word in path.split(['/', '-', '.']).filter(|word| !word.is_empty()) {
        let name = word.trim_matches(['{', '}']);
        if name != word {
            id.push_str("By");
        }
        let mut letters = name.chars();
        id.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        id.extend(letters);
    }
    id
}

fn path_params(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn path_parameter(name: &str) -> Value {
    let schema = match name {
        "jobId" | "fileId" => schema_of(Kind::Id),
        "version" => json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX }),
        _ => json!({ "type": "string", "minLength": 1 }),
    };
    json!({ "name": name, "in": "path", "required": true, "schema": schema })
}

fn parameter(param: &Param, place: &str) -> Value {
    json!({
        "name": param.name,
        "in": place,
        "required": false,
        "description": param.about,
        "schema": schema_of(param.kind),
    })
}

fn schema_of(kind: Kind) -> Value {
    match kind {
        Kind::Number { least, most } => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Kind::Word(words) => json!({ "type": "string", "enum": words }),
        Kind::Flag => json!({ "type": "string", "enum": ["true", "false", "1", "0"] }),
        Kind::Id => json!({ "type": "string", "pattern": "^[0-9a-f]{24}$" }),
        Kind::Cursor => json!({ "type": "string" }),
        Kind::Text { max_chars } => {
            json!({ "type": "string", "minLength": 1, "maxLength": max_chars })
        }
    }
}

fn request_body(operation: &Operation, schemas: &mut SchemaGenerator) -> Option<Value> {
    let (required, content) = match operation.body {
        BodyType::None => return None,
        BodyType::Json { schema, required } => {
            let schema = schema(schemas);
            (
                required,
                json!({ "application/json": { "schema": schema } }),
            )
        }
        // An empty text is one too.
        BodyType::Text { media_type } => (
            false,
            json!({ media_type: { "schema": { "type": "string" } } }),
        ),
        BodyType::Bytes => (true, json!({ "application/octet-stream": {} })),
        BodyType::Multipart { fields, file } => {
            let mut properties: Map<String, Value> = fields
                .iter()
                .map(|field| (field.name.to_owned(), schema_of(field.kind)))
                .collect();
            let binary =
                json!({ "type": "string", "contentMediaType": "application/octet-stream" });
            properties.insert(file.to_owned(), binary);
            let schema = json!({
                "type": "object",
                "properties": properties,
                "required": [file],
                "additionalProperties": false,
            });
            (true, json!({ "multipart/form-data": { "schema": schema } }))
        }
    };
    Some(json!({ "required": required, "content": content }))
}

fn responses(route: &Route, schemas: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    for answered in route.operation.answers {
        let response = json!({
            "description": answered.about,
            "headers": headers(answered.status),
            "content": content(answered, schemas),
        });
        responses.insert(answered.status.to_string(), response);
    }
    let problem = schemas.subschema_for::<ProblemView>();
    for (status, codes) in refusals(route) {
        let words: Vec<&str> = codes.iter().map(|code| code.code).collect();
        let meanings: Vec<&str> = codes.iter().map(|code| code.meaning).collect();
        let mut schema = json!({ "allOf": [problem] });
        // An outage has the code of what is out.
        if status != OUTAGE_STATUS {
            schema["properties"] = json!({ "code": { "enum": words } });
        }
        let response = json!({
            "description": meanings.join(" "),
            "headers": headers(status),
            "content": { "application/problem+json": { "schema": schema } },
        });
        responses.insert(status.to_string(), response);
    }
    Value::Object(responses)
}

fn content(answered: &Answered, schemas: &mut SchemaGenerator) -> Value {
    let mut content = Map::new();
    if let Content::Messages(schema, media_types) = answered.content {
        // Each event of a stream is this: its data is a message, as text.
        let message = schema(schemas);
        let data = json!({
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": message,
        });
        let text = json!({ "type": "string" });
        let event = json!({
            "type": "object",
            "properties": { "id": text, "event": text, "data": data },
            "required": ["id", "event", "data"],
        });
        for media_type in media_types {
            content.insert((*media_type).to_owned(), json!({ "schema": event }));
        }
        return Value::Object(content);
    }
    let (schema, media_types): (_, &[&str]) = match answered.content {
        Content::None | Content::Messages(..) => (None, &[]),
        Content::Json(schema) => (Some(schema), &[]),
        Content::Raw(media_types) => (None, media_types),
        Content::Either(schema, media_types) => (Some(schema), media_types),
    };
    if let Some(schema) = schema {
        content.insert(
            "application/json".into(),
            json!({ "schema": schema(schemas) }),
        );
    }
    for media_type in media_types {
        content.insert((*media_type).to_owned(), json!({}));
    }
    Value::Object(content)
}

fn headers(status: u16) -> Value {
    let text = json!({ "schema": { "type": "string" } });
    let mut headers = json!({ "x-request-id": text });
    match status {
        302 => headers["Location"] = text,
        401 => headers["WWW-Authenticate"] = text,
        426 => headers["Upgrade"] = text,
        429 | 503 => headers["Retry-After"] = json!({ "schema": { "type": "integer" } }),
        _ => {}
    }
    headers
}

/// The codes that a route may refuse with, by status.
fn refusals(route: &Route) -> BTreeMap<u16, Vec<&'static codes::Code>> {
    let operation = route.operation;
    let mut words: Vec<&str> = OF_EVERY_ROUTE.to_vec();
    if route.access != Access::Open {
        words.extend(["unauthorized", "foreign_host"]);
        if route.method != http::Method::GET {
            words.push("foreign_origin");
        }
    }
    if !matches!(operation.body, BodyType::None) {
        words.extend(OF_BODIES);
    }
    if matches!(operation.body, BodyType::Json { .. }) {
        words.extend(OF_JSON);
    }
    words.extend(operation.refusals);
    let mut by_status: BTreeMap<u16, Vec<&codes::Code>> = BTreeMap::new();
    for code in CODES.iter().filter(|code| words.contains(&code.code)) {
        by_status.entry(code.status).or_default().push(code);
    }
    by_status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{ALIASES, ROUTES};
    use std::collections::BTreeSet;

    #[test]
    fn every_route_says_what_it_answers_in_published_codes() {
        for route in ROUTES {
            let of = route.operation;
            assert!(!of.answers.is_empty(), "{}", route.path);
            assert!(route.access == Access::Open || !route.summary.is_empty());
            for code in of.refusals {
                assert!(codes::find(code).is_some(), "{} of {}", code, route.path);
            }
        }
        for code in [&OF_EVERY_ROUTE[..], &OF_BODIES, &OF_JSON].concat() {
            assert!(codes::find(code).is_some(), "{code}");
        }
    }

    /// Every string under a key, anywhere.
    fn texts<'v>(value: &'v Value, key: &str, into: &mut Vec<&'v str>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    match value.as_str() {
                        Some(text) if name == key => into.push(text),
                        _ => texts(value, key, into),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| texts(item, key, into)),
            _ => {}
        }
    }

    #[test]
    fn the_document_holds_together() {
        let document = document(ROUTES, ALIASES);
        let mut references = Vec::new();
        texts(&document, "$ref", &mut references);
        assert!(references.contains(&"#/components/schemas/Job"));
        for reference in references {
            let path = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(path).is_some(), "{reference}");
        }
        let mut ids = Vec::new();
        texts(&document, "operationId", &mut ids);
        let unique: BTreeSet<&&str> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len());
        assert_eq!(ids.len(), ROUTES.len() + ALIASES.len());
        assert!(unique.contains(&"getJobsByJobIdErrors"), "{unique:?}");
        assert!(document["paths"]["/status/{jobId}"]["get"].is_object());
    }
}
