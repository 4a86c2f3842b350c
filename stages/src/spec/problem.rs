//! What is wrong with a spec: every problem with its code, message, hint and place, sorted by place, in words for
//! people (source line and caret) and for programs. A problem that would only repeat another one is not kept.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde::ser::{Serialize, SerializeSeq, SerializeStruct, Serializer};

use super::source::{Place, Source, Spot};

/// Problems that are kept; of further ones only the number is.
pub const MAX_PROBLEMS: usize = 200;

/// Bytes of a source line that is still shown.
const MAX_SHOWN_LINE_BYTES: usize = 4096;

/// One thing that is wrong with a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// A stable word of snake case.
    pub code: &'static str,
    /// One sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The key path, `steps[2].drop.when`; empty for the document itself.
    pub path: String,
    /// Set as soon as the problem is among others of its source.
    pub place: Option<Place>,
    spot: Spot,
}

impl Problem {
    /// A problem of the value at `path`, or of its nearest ancestor where no such entry is.
    pub fn new(path: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            path: path.into(),
            place: None,
            spot: Spot::Value,
        }
    }

    /// Adds what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Points at the entry's key instead of its value.
    pub fn at_key(mut self) -> Self {
        self.spot = Spot::Key;
        self
    }
}

/// All problems of one source, sorted by place. They keep the source, so that each can be shown.
#[derive(Debug)]
pub struct Problems {
    source: Source,
    found: Vec<Problem>,
    more: usize,
}

impl Problems {
    pub(super) fn new(source: Source) -> Self {
        Self {
            source,
            found: Vec::new(),
            more: 0,
        }
    }

    /// Adds a problem, unless it would only repeat another one: its path is at or below an entry that was given
    /// up while reading, or is missing where a broken statement may have held it.
    pub fn push(&mut self, mut problem: Problem) {
        if !self.source.is_told(&problem.path) {
            let place = self.source.place(&problem.path, problem.spot);
            problem.place = Some(place);
            problem.path = self.source.path_in_text(&problem.path);
            let is_same = |other: &Problem| {
                (&other.path, other.code, &other.message)
                    == (&problem.path, problem.code, &problem.message)
            };
            // Two kinds of records may meet the same fault.
            if !self.found.iter().any(is_same) {
                self.keep(problem);
            }
        }
    }

    /// Whether the table at `path` has something in the text that may not have been understood, which was told.
    pub fn is_told_within(&self, path: &str) -> bool {
        self.source.has_anything(path)
    }

    /// Adds a problem whose place is known; without a place it stands before all others.
    pub(super) fn keep(&mut self, problem: Problem) {
        if self.found.len() >= MAX_PROBLEMS {
            self.more += 1;
            return;
        }
        let start = |problem: &Problem| {
            let place = problem.place.as_ref()?;
            Some((place.file, place.range.start))
        };
        let at = self
            .found
            .partition_point(|other| start(other) <= start(&problem));
        self.found.insert(at, problem);
    }

    /// The source that was read.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many problems are kept, at most [`MAX_PROBLEMS`].
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// How many more there were.
    pub fn more(&self) -> usize {
        self.more
    }

    /// The problems in the order of their places.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.found.iter()
    }

    /// For people: each problem with file, line, column, source line, caret and hint; with colours of a terminal
    /// where `color` says so. Control characters of the source are made visible.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let mut text = String::new();
        for problem in &self.found {
            text.push_str(&renderer.render(&[self.group(problem)]));
            text.push_str("\n\n");
        }
        if self.more > 0 {
            text.push_str(&format!("and {} more\n", self.more));
        }
        text
    }

    fn group<'p>(&'p self, problem: &'p Problem) -> Group<'p> {
        let title = Level::ERROR.primary_title(&problem.message);
        let mut group = Group::with_title(title.id(problem.code));
        if let Some(place) = &problem.place {
            let (line, start) = self.source.line(place);
            let name = self.source.name_of(place);
            group = if line.is_empty() || line.len() > MAX_SHOWN_LINE_BYTES {
                group.element(
                    Origin::path(name)
                        .line(place.line)
                        .char_column(place.column),
                )
            } else {
                // A mark at the beginning is no character of the line.
                let mark = line.len() - line.trim_start_matches('\u{feff}').len();
                let start = start + mark;
                let line = &line[mark..];
                // Only this line is shown: a caret that ends on a later one ends with it.
                let from = place.range.start.saturating_sub(start).min(line.len());
                let to = place.range.end.saturating_sub(start).min(line.len());
                group.element(
                    Snippet::source(line)
                        .line_start(place.line)
                        .path(name)
                        .annotation(AnnotationKind::Primary.span(from..to.max(from))),
                )
            };
        }
        if let Some(hint) = &problem.hint {
            let hint = annotate_snippets::normalize_untrusted_str(hint);
            group = group.element(Level::HELP.message(hint));
        }
        group
    }
}

impl<'p> IntoIterator for &'p Problems {
    type Item = &'p Problem;
    type IntoIter = std::slice::Iter<'p, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A list of objects: file, line, column, path, code, message, hint.
impl Serialize for Problems {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.found.len()))?;
        for problem in &self.found {
            let place = problem.place.as_ref();
            list.serialize_element(&Told {
                file: place.map_or(self.source.name(), |place| self.source.name_of(place)),
                problem,
            })?;
        }
        list.end()
    }
}

struct Told<'p> {
    file: &'p str,
    problem: &'p Problem,
}

impl Serialize for Told<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let place = self.problem.place.as_ref();
        let mut object = serializer.serialize_struct("Problem", 7)?;
        object.serialize_field("file", self.file)?;
        object.serialize_field("line", &place.map(|place| place.line))?;
        object.serialize_field("column", &place.map(|place| place.column))?;
        object.serialize_field("path", &self.problem.path)?;
        object.serialize_field("code", self.problem.code)?;
        object.serialize_field("message", &self.problem.message)?;
        object.serialize_field("hint", &self.problem.hint)?;
        object.end()
    }
}
