//! `format`: what a field's dates and times look like. A format must say all that its type needs, and nothing that
//! the type has no place for.

use super::Builder;
use crate::record::Type;
use crate::step::bind::time::{Form, Pattern, Zone};
use crate::step::bind::validate::type_name;
use std::sync::Arc;

impl Builder<'_> {
    pub(super) fn forms(&mut self, zone: Option<&Arc<Zone>>) -> Arc<[Form]> {
        let Some(formats) = &self.spec.format else {
            return Arc::new([Form::Iso]);
        };
        if formats.0.is_empty() {
            self.tell("format", "impossible", "`format` names no format");
        }
        let forms = formats.0.iter().enumerate().filter_map(|(index, format)| {
            let key = if formats.0.len() > 1 {
                format!("format[{index}]")
            } else {
                "format".into()
            };
            self.form(&key, format, zone)
        });
        forms.collect()
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
            self.tell(key, "bad_format", lacks("year, month and day"));
        } else if self.scalar == Type::Time && !pattern.has_time() {
            self.tell(key, "bad_format", lacks("the hour"));
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
        Some(Form::Pattern(pattern))
    }
}
