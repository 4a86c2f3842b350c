//! How far a zone's local time is ahead at a moment: the changes of the years 1900 to 2100 stand in a table, other
//! years are asked of the zone's rules, which say the same.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Seconds of 1900-01-01T00:00:00Z and 2100-01-01T00:00:00Z: what the table covers.
const TABLE_SECONDS: std::ops::Range<i64> = -2_208_988_800..4_102_444_800;

/// The offsets of a zone.
#[derive(Debug)]
pub struct Offsets {
    rules: TimeZone,
    /// Seconds that local time is ahead when the table begins.
    first: i32,
    /// The second of each change, and the seconds that local time is ahead from there on.
    changes: Vec<(i64, i32)>,
}

impl Offsets {
    /// Those of `rules`.
    pub fn of(rules: &TimeZone) -> Self {
        let start = Timestamp::from_second(TABLE_SECONDS.start).unwrap_or_default();
        let changes = rules
            .following(start)
            .map(|change| (change.timestamp().as_second(), change.offset().seconds()));
        Self {
            rules: rules.clone(),
            first: rules.to_offset(start).seconds(),
            changes: changes
                .take_while(|(second, _)| *second < TABLE_SECONDS.end)
                .collect(),
        }
    }

    /// The seconds that local time is ahead at `second`, counted from 1970; `None` where no calendar has it.
    pub fn at(&self, second: i64) -> Option<i32> {
        if !TABLE_SECONDS.contains(&second) {
            let at = Timestamp::from_second(second).ok()?;
            return Some(self.rules.to_offset(at).seconds());
        }
        let behind = self
            .changes
            .partition_point(|(change, _)| *change <= second);
        let last = behind
            .checked_sub(1)
            .and_then(|last| self.changes.get(last));
        Some(last.map_or(self.first, |(_, offset)| *offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_the_rules_say() {
        for name in [
            "Europe/Berlin",
            "America/New_York",
            "Africa/Casablanca",
            "Asia/Kolkata",
            "UTC",
        ] {
            let zone = TimeZone::get(name).unwrap();
            let offsets = Offsets::of(&zone);
            let mut seconds: Vec<i64> = (0..3000)
                .map(|step| TABLE_SECONDS.start - 86_400 + step * 2_111_111)
                .collect();
            let changes = offsets.changes.iter();
            seconds.extend(changes.flat_map(|(change, _)| [change - 1, *change, change + 1]));
            for second in seconds {
                let expected = zone.to_offset(Timestamp::from_second(second).unwrap());
                assert_eq!(
                    offsets.at(second),
                    Some(expected.seconds()),
                    "{name} at {second}"
                );
            }
        }
    }
}
