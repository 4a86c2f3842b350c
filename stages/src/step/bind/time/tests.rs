//! Moments: ISO forms, formats, zones and their clock changes.

use super::*;
use crate::record::{Record, Value};
use crate::step::bind::validate::canonical;

/// A moment in milliseconds since 1970, in words.
fn show(result: Result<i64, Fault>) -> String {
    match result {
        Ok(milliseconds) => canonical(&Value::Datetime(milliseconds), &Record::default()),
        Err(fault) => fault.code.to_owned(),
    }
}

#[test]
fn rfc_3339() {
    for (text, expected) in [
        ("2026-04-03T07:00:00Z", "2026-04-03T07:00:00Z"),
        ("2026-04-03t07:00:00z", "2026-04-03T07:00:00Z"),
        (
            "2026-04-03 07:00:00.123456789+02:00",
            "2026-04-03T05:00:00.123Z",
        ),
        ("1969-12-31T23:59:59.9996Z", "1969-12-31T23:59:59.999Z"),
        ("2026-04-03T23:30:00-01:30", "2026-04-04T01:00:00Z"),
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ("9999-12-31T23:59:59-01:00", "number_range"),
        ("0000-01-01T00:00:00+01:00", "number_range"),
        ("2026-04-03T07:00:00", "type"),
        ("2026-04-03T07:00Z", "type"),
        ("2026-04-03T07:00:00+02", "type"),
        ("2026-04-03T07:00:00+0200", "type"),
        ("2026-04-03T07:00:00+24:00", "type"),
        ("2026-04-03T07:00:60Z", "type"),
        ("2026-04-03T24:00:00Z", "type"),
        ("2026-02-29T07:00:00Z", "type"),
        ("2026-04-03T07:00:00.Z", "type"),
        ("2026-04-03T07:00:00,5Z", "type"),
        ("2026-04-03T07:00:00 Z", "type"),
        ("2026-04-03", "type"),
        ("20260403T070000Z", "type"),
        ("+2026-04-03T07:00:00Z", "type"),
        ("２026-04-03T07:00:00Z", "type"),
        ("", "type"),
    ] {
        assert_eq!(
            show(datetime(text, &[Form::Iso], None)),
            expected,
            "{text:?}"
        );
    }
}

/// A format, a text and the moment in UTC.
fn check(format: &str, text: &str, expected: &str) {
    let zone = Zone::named("UTC").map(Arc::new);
    let forms = [Form::Pattern(Box::new(Pattern::new(format).unwrap()))];
    assert_eq!(
        show(datetime(text, &forms, zone.as_ref())),
        expected,
        "{format:?} of {text:?}"
    );
}

#[test]
fn directives() {
    for (format, text, expected) in [
        ("%d/%m/%Y %H:%M", "03/04/2026 09:05", "2026-04-03T09:05:00Z"),
        ("%d/%m/%Y %H:%M", "3/4/2026 9:5", "2026-04-03T09:05:00Z"),
        ("%d/%m/%Y %H:%M", "03/04/26 09:05", "type"),
        ("%d/%m/%Y %H:%M", "03/04/20261 09:05", "type"),
        ("%d/%m/%Y %H:%M", "03/04/2026 09:05 ", "type"),
        ("%d/%m/%Y %H:%M", " 03/04/2026 09:05", "type"),
        ("%d/%m/%Y %H:%M", "03/04/2026  09:05", "type"),
        ("%d/%m/%Y %H:%M", "03/04/2026 24:00", "type"),
        ("%d/%m/%Y %H:%M", "30/02/2026 09:05", "type"),
        ("%d.%m.%y", "03.04.68", "2068-04-03T00:00:00Z"),
        ("%d.%m.%y", "03.04.69", "1969-04-03T00:00:00Z"),
        ("%d.%m.%y", "03.04.2026", "type"),
        ("%Y%m%d%H%M%S", "20260403090507", "2026-04-03T09:05:07Z"),
        ("%F %T", "2026-04-03 09:05:07", "2026-04-03T09:05:07Z"),
        ("%D %R", "04/03/26 09:05", "2026-04-03T09:05:00Z"),
        (
            "%F %T.%f",
            "2026-04-03 09:05:07.25",
            "2026-04-03T09:05:07.250Z",
        ),
        ("%F %T%.f", "2026-04-03 09:05:07", "2026-04-03T09:05:07Z"),
        (
            "%F %T%.f",
            "2026-04-03 09:05:07.999999999",
            "2026-04-03T09:05:07.999Z",
        ),
        ("%F %T%.f", "2026-04-03 09:05:07.", "type"),
        ("%F %I:%M %p", "2026-04-03 12:00 AM", "2026-04-03T00:00:00Z"),
        ("%F %I:%M %p", "2026-04-03 12:00 pm", "2026-04-03T12:00:00Z"),
        ("%F %I:%M%P", "2026-04-03 1:30pm", "2026-04-03T13:30:00Z"),
        ("%F %I:%M %p", "2026-04-03 13:00 pm", "type"),
        ("%F %I:%M %p", "2026-04-03 00:30 am", "type"),
        ("%d %b %Y", "3 Apr 2026", "2026-04-03T00:00:00Z"),
        ("%d %b %Y", "3 APRIL 2026", "2026-04-03T00:00:00Z"),
        ("%d. %B %Y", "3. may 2026", "2026-05-03T00:00:00Z"),
        ("%d. %B %Y", "3. mai 2026", "type"),
        (
            "%a, %d %b %Y %T %z",
            "Fri, 03 Apr 2026 09:05:07 +0200",
            "2026-04-03T07:05:07Z",
        ),
        ("%A %F", "Friday 2026-04-03", "2026-04-03T00:00:00Z"),
        ("%a %F", "Sat 2026-04-03", "type"),
        ("%Y-%j", "2026-093", "2026-04-03T00:00:00Z"),
        ("%Y-%j", "2026-366", "type"),
        (
            "%F %T %z",
            "2026-04-03 09:05:07 -01:30",
            "2026-04-03T10:35:07Z",
        ),
        ("%F %T%:z", "2026-04-03 09:05:07Z", "2026-04-03T09:05:07Z"),
        ("%F %T%z", "2026-04-03 09:05:07+02", "2026-04-03T07:05:07Z"),
        ("%F %T%z", "2026-04-03 09:05:07", "type"),
        ("%F %T%z", "2026-04-03 09:05:07ä", "type"),
        ("%F%n%T", "2026-04-03 \t09:05:07", "2026-04-03T09:05:07Z"),
        ("%d%%%m→%Y", "03%04→2026", "2026-04-03T00:00:00Z"),
        ("%F", "", "type"),
    ] {
        check(format, text, expected);
    }
}

#[test]
fn clocks_that_change() {
    let berlin = Zone::named("Europe/Berlin").map(Arc::new);
    for (text, expected) in [
        ("2026-03-29T01:59:59", "2026-03-29T00:59:59Z"),
        ("2026-03-29T02:00:00", "type"),
        ("2026-03-29T02:59:59", "type"),
        ("2026-03-29T03:00:00", "2026-03-29T01:00:00Z"),
        ("2026-10-25T01:59:59", "2026-10-24T23:59:59Z"),
        ("2026-10-25T02:00:00", "2026-10-25T00:00:00Z"),
        ("2026-10-25T02:59:59", "2026-10-25T00:59:59Z"),
        ("2026-10-25T03:00:00", "2026-10-25T02:00:00Z"),
        ("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00Z"),
        ("1890-01-01T00:00:00", "1889-12-31T23:06:32Z"),
        ("1945-05-24T02:30:00", "type"),
        ("2150-07-01T12:00:00", "2150-07-01T10:00:00Z"),
        ("2150-03-29T02:30:00", "type"),
    ] {
        assert_eq!(
            show(datetime(text, &[Form::Iso], berlin.as_ref())),
            expected,
            "{text}"
        );
    }
}

#[test]
fn formats_are_tried_in_order() {
    let form = |format: &str| Form::Pattern(Box::new(Pattern::new(format).unwrap()));
    let forms = [form("%d/%m/%Y"), form("%m/%d/%Y"), Form::EpochSeconds];
    let zone = Zone::named("+01:00").map(Arc::new);
    for (text, expected) in [
        ("03/04/2026", "2026-04-02T23:00:00Z"),
        ("03/14/2026", "2026-03-13T23:00:00Z"),
        ("1712131200", "2024-04-03T08:00:00Z"),
        ("14/14/2026", "type"),
    ] {
        assert_eq!(
            show(datetime(text, &forms, zone.as_ref())),
            expected,
            "{text}"
        );
    }
}

#[test]
fn seconds_and_milliseconds_since_1970() {
    let (s, ms) = (Form::EpochSeconds, Form::EpochMillis);
    for (form, text, expected) in [
        (&s, "0", "1970-01-01T00:00:00Z"),
        (&s, "-1", "1969-12-31T23:59:59Z"),
        (&s, "1.5", "1970-01-01T00:00:01.500Z"),
        (&s, "-0.0001", "1969-12-31T23:59:59.999Z"),
        (&s, "1.9999999", "1970-01-01T00:00:01.999Z"),
        (&s, "1e3", "1970-01-01T00:16:40Z"),
        (&s, "1e-50", "1970-01-01T00:00:00Z"),
        (&s, "-1e-50", "1969-12-31T23:59:59.999Z"),
        (&s, "253402300799", "9999-12-31T23:59:59Z"),
        (&s, "253402300800", "number_range"),
        (&s, "9223372036854775807", "number_range"),
        (&s, "9223372036854775808", "number_range"),
        (&s, "1e30", "number_range"),
        (&s, "now", "type"),
        (&s, "", "type"),
        (&ms, "1712131200123", "2024-04-03T08:00:00.123Z"),
        (&ms, "-1.5", "1969-12-31T23:59:59.998Z"),
    ] {
        let forms = [form.clone()];
        assert_eq!(
            show(datetime(text, &forms, None)),
            expected,
            "{form:?} of {text:?}"
        );
        assert_eq!(
            show(datetime_of_number(text, &forms)),
            expected,
            "{form:?} of {text:?}"
        );
    }
}

#[test]
fn durations() {
    for (text, expected) in [
        ("PT1H30M", "5400"),
        ("P1DT1S", "86401"),
        ("P1W", "604800"),
        ("P1W1D", "691200"),
        ("-PT5M", "-300"),
        ("PT0S", "0"),
        ("90", "90"),
        ("-90", "-90"),
        ("0:00:05", "5"),
        ("100:00:00", "360000"),
        ("-01:00:00", "-3600"),
        ("P", "type"),
        ("PT", "type"),
        ("P1DT", "type"),
        ("P1Y", "type"),
        ("P1M", "type"),
        ("PT1M1H", "type"),
        ("PT1H1H", "type"),
        ("PT1.5S", "type"),
        ("PT1D", "type"),
        ("P1H", "type"),
        ("PTT1S", "type"),
        ("PT1ä", "type"),
        ("1:30", "type"),
        ("1:60:00", "type"),
        ("1:5:00", "type"),
        ("1:00:00:00", "type"),
        ("--5", "type"),
        ("+5", "type"),
        ("1.5", "type"),
        ("", "type"),
        ("PT9223372036854775807S", "9223372036854775807"),
        ("PT9223372036854775808S", "number_range"),
        ("P99999999999999999W", "number_range"),
        ("9999999999999999:00:00", "number_range"),
    ] {
        let found = duration(text)
            .map_or_else(|fault| fault.code.to_owned(), |seconds| seconds.to_string());
        assert_eq!(found, expected, "{text:?}");
    }
}

#[test]
fn names_of_other_languages() {
    for (locale, format, text, expected) in [
        (
            Locale::De,
            "%d. %B %Y",
            "3. März 2026",
            "2026-03-03T00:00:00Z",
        ),
        (
            Locale::De,
            "%d. %B %Y",
            "3. MÄRZ 2026",
            "2026-03-03T00:00:00Z",
        ),
        (
            Locale::De,
            "%d. %B %Y",
            "3. May 2026",
            "2026-05-03T00:00:00Z",
        ),
        (
            Locale::De,
            "%d. %b %Y",
            "3. Dez. 2026",
            "2026-12-03T00:00:00Z",
        ),
        (
            Locale::De,
            "%d. %b %Y",
            "3. Dez 2026",
            "2026-12-03T00:00:00Z",
        ),
        (Locale::De, "%d.%b.%Y", "3.Dez.2026", "2026-12-03T00:00:00Z"),
        (Locale::De, "%d.%b.%Y", "3.Dez..2026", "type"),
        (Locale::De, "%d. %B %Y", "3. mars 2026", "type"),
        (
            Locale::De,
            "%a, %d. %b %Y",
            "Fr., 3. Apr. 2026",
            "2026-04-03T00:00:00Z",
        ),
        (Locale::De, "%A, %d. %b %Y", "Samstag, 3. Apr. 2026", "type"),
        (
            Locale::Fr,
            "%A %d %B %Y",
            "vendredi 3 avril 2026",
            "2026-04-03T00:00:00Z",
        ),
        (
            Locale::Fr,
            "%d %b %Y",
            "3 févr. 2026",
            "2026-02-03T00:00:00Z",
        ),
        (
            Locale::Fr,
            "%d %B %Y",
            "3 AOÛT 2026",
            "2026-08-03T00:00:00Z",
        ),
        (Locale::Fr, "%d %B %Y", "3 jui 2026", "type"),
        (
            Locale::Es,
            "%d de %B de %Y",
            "3 de abril de 2026",
            "2026-04-03T00:00:00Z",
        ),
        (
            Locale::Es,
            "%a %F",
            "vie 2026-04-03",
            "2026-04-03T00:00:00Z",
        ),
        (Locale::It, "%d %b %Y", "3 mag 2026", "2026-05-03T00:00:00Z"),
        (
            Locale::It,
            "%A %F",
            "venerdì 2026-04-03",
            "2026-04-03T00:00:00Z",
        ),
        (Locale::Nl, "%d %b %Y", "3 mrt 2026", "2026-03-03T00:00:00Z"),
        (Locale::En, "%d %b %Y", "3 Dez 2026", "type"),
    ] {
        let zone = Zone::named("UTC").map(Arc::new);
        let pattern = Pattern::new(format).unwrap().in_language(locale);
        let found = show(datetime(
            text,
            &[Form::Pattern(Box::new(pattern))],
            zone.as_ref(),
        ));
        assert_eq!(found, expected, "{locale:?} {format:?} of {text:?}");
    }
}

#[test]
fn a_pivot_says_the_century() {
    for (pivot, text, expected) in [
        (70, "03.04.69", "2069-04-03T00:00:00Z"),
        (70, "03.04.70", "1970-04-03T00:00:00Z"),
        (0, "03.04.00", "1900-04-03T00:00:00Z"),
        (100, "03.04.99", "2099-04-03T00:00:00Z"),
        (30, "03.04.2026", "type"),
    ] {
        let zone = Zone::named("UTC").map(Arc::new);
        let pattern = Pattern::new("%d.%m.%y").unwrap().pivoted(pivot);
        let found = show(datetime(
            text,
            &[Form::Pattern(Box::new(pattern))],
            zone.as_ref(),
        ));
        assert_eq!(found, expected, "{pivot} {text:?}");
    }
}
