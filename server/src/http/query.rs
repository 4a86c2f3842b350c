//! The query of a request, judged by the parameters of its route: what is not declared there is refused.

use super::problem::Problem;
use super::route::{Kind, Param};
use crate::id::Id;
use crate::page::{Cursor, DEFAULT_ITEMS, From, MAX_ITEMS, Page};
use std::fmt;

/// The most bytes of a query.
const MAX_QUERY_BYTES: usize = 8 * 1024;

/// The parameters of a list.
pub const PAGE: Param = Param::new(
    "page",
    Kind::Number {
        least: 1,
        most: u32::MAX as u64,
    },
    "The number of the page, from 1.",
);
/// How many items a page of a list has.
pub const LIMIT: Param = Param::new(
    "limit",
    Kind::Number {
        least: 1,
        most: MAX_ITEMS as u64,
    },
    "The most items.",
);
/// Where a page of a list begins.
pub const CURSOR: Param = Param::new(
    "cursor",
    Kind::Cursor,
    "Where the page begins: `next` of the page before. The answer has no page and no total then.",
);

/// The parameters that a request gave, each of its kind.
#[derive(Clone, Default)]
pub struct Query {
    given: Vec<(&'static str, String)>,
}

/// The names alone: tickets are secrets, and URLs may hold some.
impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.given.iter().map(|(name, _)| name))
            .finish()
    }
}

impl Query {
    /// Reads a query by the parameters that a route declares.
    ///
    /// # Errors
    /// `unknown_parameter`, `bad_query`.
    pub fn read(text: &str, params: &'static [Param]) -> Result<Self, Problem> {
        if text.len() > MAX_QUERY_BYTES {
            let message = format!("the query has more than {MAX_QUERY_BYTES} bytes");
            return Err(Problem::new("bad_query", message));
        }
        let mut query = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decode(name, true), decode(value, true)) else {
                let message = "the query is not percent-encoded UTF-8";
                return Err(Problem::new("bad_query", message));
            };
            let Some(param) = params.iter().find(|param| param.name == name) else {
                return Err(unknown(&name, params));
            };
            if query.get(param.name).is_some() {
                let message = format!("`{}` stands in the query twice", param.name);
                return Err(Problem::new("bad_query", message));
            }
            let value = judge(param, value).map_err(|why| Problem::new("bad_query", why))?;
            query.given.push((param.name, value));
        }
        Ok(query)
    }

    /// A parameter's text.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.given.iter().find(|(given, _)| *given == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A parameter of [`Kind::Number`].
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// A parameter of [`Kind::Flag`]; none is `false`.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(is_true)
    }

    /// A parameter of [`Kind::Id`].
    pub fn id(&self, name: &str) -> Option<Id> {
        self.get(name)?.parse().ok()
    }

    /// Which page of a list is wanted, by [`PAGE`], [`LIMIT`] and [`CURSOR`].
    ///
    /// # Errors
    /// `bad_query`, where it is both a page and a cursor.
    pub fn page(&self) -> Result<Page, Problem> {
        let number = self.number(PAGE.name);
        let cursor: Option<Cursor> = self.get(CURSOR.name).and_then(|text| text.parse().ok());
        let from = match (number, cursor) {
            (Some(_), Some(_)) => {
                return Err(page_and_cursor());
            }
            (_, Some(cursor)) => From::After(cursor),
            (number, None) => From::Number(number.unwrap_or(1) as u32),
        };
        let limit = self.number(LIMIT.name);
        let limit = limit.map_or(DEFAULT_ITEMS, |limit| limit as u32);
        Ok(Page { from, limit })
    }
}

/// The answer to a list that is asked for by both.
pub fn page_and_cursor() -> Problem {
    let message = "a list is read by `page` or by `cursor`, not by both";
    Problem::new("bad_query", message)
}

fn unknown(name: &str, params: &[Param]) -> Problem {
    let shown: String = name.chars().take(100).collect();
    let message = format!("the route has no query parameter {shown:?}");
    let problem = Problem::new("unknown_parameter", message);
    let names: Vec<&str> = params.iter().map(|param| param.name).collect();
    if names.is_empty() {
        problem.hint("it has none")
    } else {
        problem.hint(format!("it has {}", names.join(", ")))
    }
}

/// The value where it is of the parameter's kind, and the sentence that says why not.
pub fn judge(param: &Param, value: String) -> Result<String, String> {
    let name = param.name;
    let good = match param.kind {
        Kind::Number { least, most } => {
            let plain = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            let number = value.parse().ok().filter(|_| plain);
            if number.is_some_and(|number| (least..=most).contains(&number)) {
                return Ok(value);
            }
            return Err(format!(
                "`{name}` must be a whole number from {least} to {most}"
            ));
        }
        Kind::Word(words) if words.contains(&value.as_str()) => true,
        Kind::Word(words) => return Err(format!("`{name}` must be one of {}", words.join(", "))),
        Kind::Flag if matches!(value.as_str(), "true" | "false" | "1" | "0") => true,
        Kind::Flag => return Err(format!("`{name}` must be true or false")),
        Kind::Id => value.parse::<Id>().is_ok(),
        // Only as it was given out: no leading zeros, no capitals.
        Kind::Cursor => value
            .parse()
            .is_ok_and(|cursor: Cursor| cursor.to_string() == value),
        Kind::Text { max_chars } if (1..=max_chars).contains(&value.chars().count()) => true,
        Kind::Text { max_chars } => {
            return Err(format!("`{name}` must have 1 to {max_chars} characters"));
        }
    };
    if good {
        Ok(value)
    } else {
        Err(format!("`{name}` is not as an answer gave it"))
    }
}

/// Whether a text of [`Kind::Flag`] says yes.
pub fn is_true(text: &str) -> bool {
    matches!(text, "true" | "1")
}

/// Undoes percent-encoding; `plus_is_space` in queries. `None`: an escape is broken, or what comes out is not UTF-8.
pub fn decode(text: &str, plus_is_space: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                (digit()? * 16 + digit()?) as u8
            }
            b'+' if plus_is_space => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMS: &[Param] = &[
        PAGE,
        LIMIT,
        CURSOR,
        Param::new("state", Kind::Word(&["queued", "held"]), ""),
        Param::new("fileId", Kind::Id, ""),
        Param::new("again", Kind::Flag, ""),
        Param::new("spec", Kind::Text { max_chars: 10 }, ""),
    ];

    #[test]
    fn a_query_is_what_its_route_declares_or_is_refused() {
        let id = "0".repeat(24);
        for (text, expected) in [
            ("", "ok"),
            ("&&", "ok"),
            ("page=2&limit=200", "ok"),
            ("state=queued&again=true", "ok"),
            (&format!("fileId={id}"), "ok"),
            (&format!("cursor=1f-{id}"), "ok"),
            ("spec=a%20b+c", "ok"),
            ("spec=%C3%A9", "ok"),
            ("page=0", "bad_query"),
            ("page=+1", "bad_query"),
            ("page=1.5", "bad_query"),
            ("page=99999999999999999999", "bad_query"),
            ("limit=201", "bad_query"),
            ("limit=", "bad_query"),
            ("limit", "bad_query"),
            ("state=done", "bad_query"),
            ("state=queued&state=held", "bad_query"),
            ("fileId=12", "bad_query"),
            ("cursor=x", "bad_query"),
            ("again=yes", "bad_query"),
            ("spec=", "bad_query"),
            ("spec=12345678901", "bad_query"),
            ("spec=%", "bad_query"),
            ("spec=%4", "bad_query"),
            ("spec=%zz", "bad_query"),
            ("spec=%ff", "bad_query"),
            ("%73pec=a", "ok"),
            ("Spec=a", "unknown_parameter"),
            ("x", "unknown_parameter"),
            (&"a".repeat(9_000), "bad_query"),
        ] {
            let is = Query::read(text, PARAMS).map_or_else(|problem| problem.code(), |_| "ok");
            assert_eq!(is, expected, "{text}");
        }
    }

    #[test]
    fn a_page_is_by_number_or_behind_a_cursor() {
        let page = |text: &str| Query::read(text, PARAMS).unwrap().page();
        let first = page("").unwrap();
        assert_eq!((first.from, first.limit), (From::Number(1), 20));
        assert_eq!(page("page=3&limit=5").unwrap().from, From::Number(3));
        let cursor = format!("cursor=ff-{}", "1".repeat(24));
        assert!(matches!(page(&cursor).unwrap().from, From::After(_)));
        assert!(page(&format!("{cursor}&page=1")).is_err());
    }
}
