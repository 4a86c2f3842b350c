//! `format`: what a field's dates and times look like. A format must say all that its type needs, and nothing that
//! the type has no place for.

use super::Builder;
use super::values::check_pivot;
use crate::record::Type;
use crate::step::bind::time::{Form, POSIX_PIVOT, Pattern, Zone};
use crate::step::bind::validate::type_name;
use std::sync::Arc;

impl Builder<'_> {
    pub(super) fn forms(&mut self, zone: Option<&Arc<Zone>>) -> Arc<[Form]> {
        let Some(formats) = &self.spec.format else {
            for (key, said) in [
                ("locale", self.spec.locale.is_some()),
                ("year_pivot", self.spec.year_pivot.is_some()),
            ] {
                if said {
                    let message = format!("`{key}` says nothing without `format`");
                    self.tell(key, "not_applicable", message);
                }
            }
            return Arc::new([Form::Iso]);
        };
        if formats.0.is_empty() {
            self.tell("format", "impossible", "`format` names no format");
        }
        let pivot = (self.spec.year_pivot.or(self.values.year_pivot)).unwrap_or(POSIX_PIVOT);
        check_pivot(self.spec.year_pivot, self.path, self.problems);
        let locale = self.spec.locale.or(self.values.locale).unwrap_or_default();
        let forms = formats.0.iter().enumerate().filter_map(|(index, format)| {
            let key = if formats.0.len() > 1 {
                format!("format[{index}]")
            } else {
                "format".into()
            };
            Some(match self.form(&key, format, zone)? {
                Form::Pattern(pattern) => {
                    Form::Pattern(Box::new(pattern.in_language(locale).pivoted(pivot)))
                }
                form => form,
            })
        });
        let forms: Arc<[Form]> = forms.collect();
        let says = |what: fn(&Pattern) -> bool| {
            let in_pattern = |form: &Form| matches!(form, Form::Pattern(pattern) if what(pattern));
            forms.is_empty() || forms.iter().any(in_pattern)
        };
        if self.spec.locale.is_some() && !says(Pattern::has_name) {
            let message = "no `format` of this field says a month or weekday by name";
            self.tell_with(
                "locale",
                "not_applicable",
                message,
                "remove it, or use `%b` or `%a`",
            );
        }
        if self.spec.year_pivot.is_some() && !says(Pattern::has_short_year) {
            let message = "no `format` of this field says two digits of a year";
            self.tell_with(
                "year_pivot",
                "not_applicable",
                message,
                "remove it, or use `%y`",
            );
        }
        forms
    }

    fn form(&mut self, key: &str, format: &str, zone: Option<&Arc<Zone>>) -> Option<Form> {
        if let "epoch_s" | "epoch_ms" = format {
            if self.scalar != Type::Datetime {
                let kind = type_name(self.scalar);
                self.tell(
                    key,
                    "not_applicable",
                    format!("`{format}` is a moment, and type {kind} is none"),
                );
                return None;
            }
            return Some(if format == "epoch_s" {
                Form::EpochSeconds
            } else {
                Form::EpochMillis
            });
        }
        let pattern = match Pattern::new(format) {
            Ok(pattern) => pattern,
            Err(fault) => {
                self.tell(
                    key,
                    "bad_format",
                    format!("the format {format:?} cannot be followed: {fault}"),
                );
                return None;
            }
        };
        let lacks = |what: &str| format!("the format {format:?} does not say {what}");
        if pattern.has_half_an_hour() {
            self.tell(
                key,
                "bad_format",
                lacks("the whole hour: `%I` and `%p` go together"),
            );
        } else if self.scalar != Type::Time && !pattern.has_date() {
            self.lacks_letters(key, lacks("year, month and day"), format);
        } else if self.scalar == Type::Time && !pattern.has_time() {
            self.lacks_letters(key, lacks("the hour"), format);
        } else if self.scalar == Type::Time && pattern.has_some_date() {
            self.tell(
                key,
                "bad_format",
                format!("the format {format:?} says a date, and a time has none"),
            );
        } else if self.scalar != Type::Datetime && pattern.has_offset() {
            let kind = type_name(self.scalar);
            self.tell(
                key,
                "bad_format",
                format!("the format {format:?} says an offset, and a {kind} has none"),
            );
        } else if self.scalar == Type::Datetime
            && !pattern.has_offset()
            && zone.is_none()
            && self.spec.timezone.is_none()
            && self.values.timezone.is_none()
        {
            let message = format!(
                "the format {format:?} has no offset, and no `timezone` says what local time it is"
            );
            let hint = "`timezone` in the field or in `[values]`, \"UTC\" or \"Europe/Berlin\" say";
            self.tell_with(key, "no_timezone", message, hint);
        }
        Some(Form::Pattern(Box::new(pattern)))
    }

    /// Tells what a format lacks, with how it is written where it has letters of other languages.
    fn lacks_letters(&mut self, key: &str, message: String, format: &str) {
        match by_letters(format) {
            Some(ours) => {
                self.tell_with(key, "bad_format", message, &format!("write {ours:?}"));
            }
            None => self.tell(key, "bad_format", message),
        }
    }
}

/// The format that `DD.MM.YYYY` and its like mean, where each letter stands for a part.
fn by_letters(format: &str) -> Option<String> {
    let mut ours = String::new();
    let mut rest = format;
    while let Some(char) = rest.chars().next() {
        let len = rest.find(|other| other != char).unwrap_or(rest.len());
        let part = match (&rest[..len], ours.contains("%H")) {
            ("YYYY" | "yyyy", _) => "%Y",
            ("YY" | "yy", _) => "%y",
            ("MM", false) => "%m",
            ("MM" | "mm", true) => "%M",
            ("DD" | "dd", _) => "%d",
            ("HH" | "hh", _) => "%H",
            ("SS" | "ss", _) => "%S",
            (other, _) if char.is_ascii_alphabetic() && other != "T" || char == '%' => return None,
            (other, _) => other,
        };
        ours.push_str(part);
        rest = &rest[len..];
    }
    ours.contains('%').then_some(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_in_letters_have_their_directives() {
        for (format, ours) in [
            ("DD.MM.YYYY", Some("%d.%m.%Y")),
            ("yyyy-MM-ddTHH:mm:ss", Some("%Y-%m-%dT%H:%M:%S")),
            ("DD/MM/YY HH:MM", Some("%d/%m/%y %H:%M")),
            ("%d.MM", None),
            ("Day DD", None),
            ("--", None),
        ] {
            assert_eq!(by_letters(format).as_deref(), ours, "{format}");
        }
    }
}
