//! What a route is: who may call it, what it takes, what it answers.
//!
//! The same description is what requests are judged by and what `/openapi.json` is made from, so neither can say what
//! the other does not.

use super::answer::Response;
use super::problem::Problem;
use super::request::Call;
use futures::future::BoxFuture;
use http::Method;
use http::request::Parts;
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// What answers a request.
pub type Handler = fn(Call) -> BoxFuture<'static, Result<Response, Problem>>;

/// What judges a request by its head alone.
pub type HeadJudge = fn(&Parts) -> Result<(), Problem>;

/// Gives the schema of a type.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// A line of the route table.
#[derive(Clone)]
pub struct Route {
    /// The method; `GET` answers `HEAD` as well.
    pub method: Method,
    /// The path, with `{name}` where a segment is a parameter.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// What it takes and answers, and what does it.
    pub operation: &'static Operation,
    /// What it does, in a few words.
    pub summary: &'static str,
}

/// Another path of a route.
#[derive(Clone)]
pub struct Alias {
    /// The method of the route.
    pub method: Method,
    /// The other path, with the same parameters.
    pub path: &'static str,
    /// The path of the route.
    pub of: &'static str,
}

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Open,
    /// Whoever has a key, where any is configured.
    Key,
    /// Whoever has a key, where any is configured, or had one when the store last answered: for what shows nothing of
    /// anybody.
    Observer,
    /// Whoever has a key, where any is configured, or a ticket.
    Ticket,
}

/// What a route takes and answers, and what does it.
pub struct Operation {
    /// What does it.
    pub run: Handler,
    /// Query parameters; any other is refused.
    pub query: &'static [Param],
    /// Headers that it looks at.
    pub headers: &'static [Param],
    /// What judges the head before a ticket is used up by it.
    pub head: HeadJudge,
    /// What it reads of the request's body.
    pub body: BodyType,
    /// What it answers where it does as was asked.
    pub answers: &'static [Answered],
    /// The codes of its refusals, beyond those that every route may give.
    pub refusals: &'static [&'static str],
    /// For how long it may take.
    pub patience: Patience,
    /// Whether it is asked so often that its answers are not logged from `info` on.
    pub is_quiet: bool,
}

impl Operation {
    /// An operation without parameters and body, which `run` does and which answers in time.
    pub const fn new(run: Handler) -> Self {
        Self {
            run,
            query: &[],
            headers: &[],
            head: |_| Ok(()),
            body: BodyType::None,
            answers: &[],
            refusals: &[],
            patience: Patience::Short,
            is_quiet: false,
        }
    }

    /// Takes these query parameters.
    pub const fn query(mut self, query: &'static [Param]) -> Self {
        self.query = query;
        self
    }

    /// Looks at these headers.
    pub const fn headers(mut self, headers: &'static [Param]) -> Self {
        self.headers = headers;
        self
    }

    /// Judges the head by this before a ticket is used up by it.
    pub const fn head(mut self, head: HeadJudge) -> Self {
        self.head = head;
        self
    }

    /// Reads this body.
    pub const fn body(mut self, body: BodyType) -> Self {
        self.body = body;
        self
    }

    /// Answers so.
    pub const fn answers(mut self, answers: &'static [Answered]) -> Self {
        self.answers = answers;
        self
    }

    /// Refuses with these codes.
    pub const fn refusals(mut self, refusals: &'static [&'static str]) -> Self {
        self.refusals = refusals;
        self
    }

    /// Has no time limit of its own: it waits on purpose, or for as long as bytes come.
    pub const fn long(mut self) -> Self {
        self.patience = Patience::Long;
        self
    }

    /// Is asked every few seconds, by what watches the service.
    pub const fn quiet(mut self) -> Self {
        self.is_quiet = true;
        self
    }
}

/// For how long an operation may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// It answers within [`super::dispatch::ANSWER_TIMEOUT`].
    Short,
    /// It bounds itself.
    Long,
}

/// A parameter of a query, or a header.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// What it does.
    pub about: &'static str,
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A whole number in these bounds.
    Number {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`; `1` and `0` as well.
    Flag,
    /// An id.
    Id,
    /// A place in a list, as an answer gave it.
    Cursor,
    /// Any text, at least one character and at most so many.
    Text {
        /// The most characters.
        max_chars: usize,
    },
}

impl Param {
    /// A parameter of this kind.
    pub const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, about }
    }
}

/// What an operation reads of a request's body.
#[derive(Clone, Copy)]
pub enum BodyType {
    /// Nothing.
    None,
    /// JSON of a type; none at all is as good as `{}` where it is optional.
    Json {
        /// The type.
        schema: SchemaOf,
        /// Whether it has to be there.
        required: bool,
    },
    /// Text of a media type.
    Text {
        /// The media type.
        media_type: &'static str,
    },
    /// Bytes of any type.
    Bytes,
    /// multipart/form-data with these fields, the last of which is the file.
    Multipart {
        /// The fields before the file.
        fields: &'static [Param],
        /// The field of the file.
        file: &'static str,
    },
}

/// An answer where all went well.
#[derive(Clone, Copy)]
pub struct Answered {
    /// Its status.
    pub status: u16,
    /// What it means.
    pub about: &'static str,
    /// What is in its body.
    pub content: Content,
}

/// What is in an answer's body.
#[derive(Clone, Copy)]
pub enum Content {
    /// Nothing.
    None,
    /// JSON of a type.
    Json(SchemaOf),
    /// Text or bytes of these media types.
    Raw(&'static [&'static str]),
    /// Messages of a type, each as JSON, in these media types or in none of HTTP.
    Messages(SchemaOf, &'static [&'static str]),
    /// JSON of a type, or bytes of these media types.
    Either(SchemaOf, &'static [&'static str]),
}

/// An answer with JSON of type `T`.
pub const fn json<T: JsonSchema>(status: u16, about: &'static str) -> Answered {
    Answered {
        status,
        about,
        content: Content::Json(SchemaGenerator::subschema_for::<T>),
    }
}

/// An answer with JSON of type `T`, or bytes of other media types.
pub const fn json_or<T: JsonSchema>(
    status: u16,
    about: &'static str,
    media_types: &'static [&'static str],
) -> Answered {
    Answered {
        status,
        about,
        content: Content::Either(SchemaGenerator::subschema_for::<T>, media_types),
    }
}

/// An answer with messages of type `T`, in these media types.
pub const fn messages<T: JsonSchema>(
    status: u16,
    about: &'static str,
    media_types: &'static [&'static str],
) -> Answered {
    Answered {
        status,
        about,
        content: Content::Messages(SchemaGenerator::subschema_for::<T>, media_types),
    }
}

/// An answer with bytes of these media types.
pub const fn raw(
    status: u16,
    about: &'static str,
    media_types: &'static [&'static str],
) -> Answered {
    Answered {
        status,
        about,
        content: Content::Raw(media_types),
    }
}

/// An answer without a body.
pub const fn empty(status: u16, about: &'static str) -> Answered {
    Answered {
        status,
        about,
        content: Content::None,
    }
}

/// A body of JSON of type `T`, `{}` where there is none.
pub const fn optional_json<T: JsonSchema>() -> BodyType {
    BodyType::Json {
        schema: SchemaGenerator::subschema_for::<T>,
        required: false,
    }
}

/// The lines of a route table: `METHOD "path" who operation "summary";`.
macro_rules! routes {
    ($($method:ident $path:literal $access:ident $module:ident::$operation:ident $summary:literal;)*) => {
        &[$($crate::http::route::Route {
            method: ::http::Method::$method,
            path: $path,
            access: $crate::http::route::Access::$access,
            operation: &$module::$operation,
            summary: $summary,
        }),*]
    };
}

/// The lines of an alias table: `METHOD "other path" = "path";`.
macro_rules! aliases {
    ($($method:ident $path:literal = $of:literal;)*) => {
        &[$($crate::http::route::Alias {
            method: ::http::Method::$method,
            path: $path,
            of: $of,
        }),*]
    };
}

pub(super) use {aliases, routes};
