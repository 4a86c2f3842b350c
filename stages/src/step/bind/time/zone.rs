//! A time zone: what moment a local time is. The clock changes of the years 1900 to 2100 are looked up in a table;
//! other years are asked of the zone's rules. The zones are those compiled into the program, never the machine's.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

/// Seconds of 1900-01-01T00:00:00Z and 2100-01-01T00:00:00Z: what the table covers.
const TABLE_SECONDS: std::ops::Range<i64> = -2_208_988_800..4_102_444_800;
/// Local and universal time differ by less.
const MAX_OFFSET_SECONDS: i64 = 86_400 * 2;
/// Seconds of a span of the index, as a power of two: 97 days, in which most zones change their clocks once at most.
const SPAN_BITS: u32 = 23;

/// A zone by its name.
#[derive(Clone, Debug)]
pub struct Zone {
    name: String,
    rules: TimeZone,
    /// Seconds that local time is ahead when the table begins.
    first_offset: i64,
    changes: Vec<Change>,
    /// For each span of the table, the changes whose window ends before it or at its beginning: where a search begins.
    spans: Vec<u32>,
}

/// A moment at which the clocks change. Local times within its window are skipped, or shown twice.
#[derive(Clone, Copy, Debug)]
struct Change {
    window_start: i64,
    window_end: i64,
    skips: bool,
    /// Seconds that local time is ahead from here on.
    offset: i64,
}

impl Zone {
    /// A zone by its IANA name, or an offset such as `+01:00`. `None` where there is none of this name.
    pub fn named(name: &str) -> Option<Self> {
        let rules = match super::iso::offset(name) {
            Some(seconds) => TimeZone::fixed(Offset::from_seconds(seconds).ok()?),
            None => TimeZoneDatabase::bundled().get(name).ok()?,
        };
        let start = Timestamp::from_second(TABLE_SECONDS.start).ok()?;
        let first_offset = i64::from(rules.to_offset(start).seconds());
        let (mut changes, mut before) = (Vec::new(), first_offset);
        for change in rules.following(start) {
            let at = change.timestamp().as_second();
            if at >= TABLE_SECONDS.end {
                break;
            }
            let offset = i64::from(change.offset().seconds());
            changes.push(Change {
                window_start: at + before.min(offset),
                window_end: at + before.max(offset),
                skips: offset > before,
                offset,
            });
            before = offset;
        }
        let spans = (0..=span_of(TABLE_SECONDS.end)).map(|span| {
            let start = TABLE_SECONDS.start + ((span as i64) << SPAN_BITS);
            changes.partition_point(|change| change.window_end <= start) as u32
        });
        Some(Self {
            name: name.to_owned(),
            rules,
            first_offset,
            spans: spans.collect(),
            changes,
        })
    }

    /// The name that the spec gives it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its rules.
    pub fn rules(&self) -> &TimeZone {
        &self.rules
    }

    /// Names of zones that look like `name`, the nearest first, at most three.
    pub fn names_like(name: &str) -> Vec<String> {
        let wanted = name.to_lowercase();
        let city = |name: &str| name.rsplit('/').next().unwrap_or(name).to_lowercase();
        let mut near: Vec<(f64, String)> = TimeZoneDatabase::bundled()
            .available()
            .map(|known| {
                let known = known.as_str().to_owned();
                let whole = strsim::jaro_winkler(&wanted, &known.to_lowercase());
                let part = strsim::jaro_winkler(&city(&wanted), &city(&known));
                (whole.max(part), known)
            })
            .filter(|(likeness, _)| *likeness > 0.87)
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        near.into_iter().take(3).map(|(_, name)| name).collect()
    }

    /// The moment, in seconds since 1970, at which the clocks show `local`, seconds since 1970 as if local time
    /// were universal. Shown twice, it is the earlier moment; `None` where the clocks skip it.
    pub fn to_utc(&self, local: i64) -> Option<i64> {
        let safe = TABLE_SECONDS.start + MAX_OFFSET_SECONDS..TABLE_SECONDS.end - MAX_OFFSET_SECONDS;
        if !safe.contains(&local) {
            return self.by_rules(local);
        }
        let mut next = self.spans[span_of(local)] as usize;
        while self
            .changes
            .get(next)
            .is_some_and(|change| change.window_end <= local)
        {
            next += 1;
        }
        let skipped = |change: &Change| change.skips && change.window_start <= local;
        if self.changes.get(next).is_some_and(skipped) {
            return None;
        }
        // Inside the window of a repeated hour this is still the offset before the change: the earlier moment.
        let before = next.checked_sub(1).and_then(|last| self.changes.get(last));
        Some(local - before.map_or(self.first_offset, |change| change.offset))
    }

    fn by_rules(&self, local: i64) -> Option<i64> {
        let (days, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let date = jiff::civil::date(1970, 1, 1)
            .checked_add(jiff::Span::new().try_days(days).ok()?)
            .ok()?;
        let (hour, minute) = (second / 3600, second / 60 % 60);
        let time = jiff::civil::time(hour as i8, minute as i8, (second % 60) as i8, 0);
        match self
            .rules
            .to_ambiguous_timestamp(DateTime::from_parts(date, time))
            .offset()
        {
            AmbiguousOffset::Unambiguous { offset } => Some(local - i64::from(offset.seconds())),
            AmbiguousOffset::Fold { before, .. } => Some(local - i64::from(before.seconds())),
            AmbiguousOffset::Gap { .. } => None,
        }
    }
}

/// The span of the table in which `local`, which is not before it, lies.
fn span_of(local: i64) -> usize {
    ((local - TABLE_SECONDS.start) >> SPAN_BITS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_the_rules_say() {
        for name in [
            "Europe/Berlin",
            "America/New_York",
            "Australia/Lord_Howe",
            "Africa/Casablanca",
            "Pacific/Apia",
            "Asia/Kolkata",
            "UTC",
            "+05:30",
        ] {
            let zone = Zone::named(name).unwrap();
            // A step that meets every hour and quarter of an hour over the years.
            let mut local = TABLE_SECONDS.start;
            while local < TABLE_SECONDS.end {
                assert_eq!(
                    zone.to_utc(local),
                    zone.by_rules(local),
                    "{name} at {local}"
                );
                local += 86_400 * 3 + 900 * 7;
            }
            for change in &zone.changes {
                for local in [change.window_start, change.window_end] {
                    for near in local - 1..=local + 1 {
                        assert_eq!(zone.to_utc(near), zone.by_rules(near), "{name} at {near}");
                    }
                }
            }
        }
    }

    #[test]
    fn no_zone_is_made_up() {
        for name in ["", "Mars/Olympus", "CET+1", "+25:00", "Europe"] {
            assert!(Zone::named(name).is_none(), "{name}");
        }
        assert_eq!(Zone::names_like("Europe/Berlni")[0], "Europe/Berlin");
        assert_eq!(Zone::names_like("berlin")[0], "Europe/Berlin");
        assert!(Zone::names_like("qqq").is_empty());
    }
}
