//! Points in time for generated input: the calendar and the summer time of Berlin, computed by the rules themselves, so
//! that a time zone library is tested against something else than itself.

/// Seconds since 1970-01-01T00:00:00Z, a whole number of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

const HOUR_SECONDS: i64 = 3_600;
const DAY_SECONDS: i64 = 24 * HOUR_SECONDS;

/// Date and time of day as a clock shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The year.
    pub year: i64,
    /// The month, from 1.
    pub month: i64,
    /// The day of the month, from 1.
    pub day: i64,
    /// The hour, from 0.
    pub hour: i64,
    /// The minute.
    pub minute: i64,
    /// The second.
    pub second: i64,
}

impl Moment {
    /// What a clock shows that is `offset_seconds` ahead of UTC.
    pub fn clock(self, offset_seconds: i64) -> Clock {
        let shown = self.0 + offset_seconds;
        let (days, second) = (shown.div_euclid(DAY_SECONDS), shown.rem_euclid(DAY_SECONDS));
        let (year, month, day) = date_of(days);
        Clock {
            year,
            month,
            day,
            hour: second / HOUR_SECONDS,
            minute: second / 60 % 60,
            second: second % 60,
        }
    }

    /// How far Berlin's clocks are ahead of UTC: 2 h from 01:00 UTC on the last Sunday of March to 01:00 UTC on the last
    /// Sunday of October, else 1 h (directive 2000/84/EC, in force since 2002).
    pub fn berlin_offset_seconds(self) -> i64 {
        let year = self.clock(0).year;
        let summer = summer_start(year)..summer_end(year);
        if summer.contains(&self.0) {
            2 * HOUR_SECONDS
        } else {
            HOUR_SECONDS
        }
    }

    /// Whether Berlin's clocks show this time twice in the year.
    pub fn is_ambiguous_in_berlin(self) -> bool {
        (self.0 - summer_end(self.clock(0).year)).abs() <= HOUR_SECONDS
    }

    /// RFC 3339 in UTC, without a fraction.
    pub fn rfc3339(self) -> String {
        format!("{}Z", self.clock(0).iso())
    }
}

impl Clock {
    /// `2026-04-03T09:00:00`.
    pub fn iso(self) -> String {
        let Clock {
            hour,
            minute,
            second,
            ..
        } = self;
        format!("{}T{hour:02}:{minute:02}:{second:02}", self.iso_date())
    }

    /// `2026-04-03`.
    pub fn iso_date(self) -> String {
        let Clock {
            year, month, day, ..
        } = self;
        format!("{year:04}-{month:02}-{day:02}")
    }
}

fn summer_start(year: i64) -> i64 {
    last_sunday(year, 3) * DAY_SECONDS + HOUR_SECONDS
}

fn summer_end(year: i64) -> i64 {
    last_sunday(year, 10) * DAY_SECONDS + HOUR_SECONDS
}

/// The day of the last Sunday of a month that has 31 days.
fn last_sunday(year: i64, month: i64) -> i64 {
    let last = days_to(year, month, 31);
    // Day 0 was a Thursday, the fourth day after a Sunday.
    last - (last + 4).rem_euclid(7)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar (<https://howardhinnant.github.io/date_algorithms.html>).
fn days_to(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The date that is `days` days after 1970-01-01: the inverse of [`days_to`].
fn date_of(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted - era * 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds: i64, utc: &str, berlin: &str) {
        let moment = Moment(seconds);
        assert_eq!(moment.rfc3339(), utc);
        assert_eq!(moment.clock(moment.berlin_offset_seconds()).iso(), berlin);
    }

    #[test]
    fn clocks_show_what_date_shows() {
        // From `date -u -d @N` and `TZ=Europe/Berlin date -d @N`.
        check(0, "1970-01-01T00:00:00Z", "1970-01-01T01:00:00");
        check(951_782_400, "2000-02-29T00:00:00Z", "2000-02-29T01:00:00");
        check(1_774_745_999, "2026-03-29T00:59:59Z", "2026-03-29T01:59:59");
        check(1_774_746_000, "2026-03-29T01:00:00Z", "2026-03-29T03:00:00");
        check(1_792_889_999, "2026-10-25T00:59:59Z", "2026-10-25T02:59:59");
        check(1_792_890_000, "2026-10-25T01:00:00Z", "2026-10-25T02:00:00");
        check(1_735_689_599, "2024-12-31T23:59:59Z", "2025-01-01T00:59:59");
    }

    #[test]
    fn only_the_hours_around_the_end_of_summer_time_are_ambiguous() {
        let end = 1_792_890_000;
        for (seconds, expected) in [
            (end - 3_601, false),
            (end - 3_600, true),
            (end + 3_599, true),
            (end + 3_601, false),
        ] {
            assert_eq!(
                Moment(seconds).is_ambiguous_in_berlin(),
                expected,
                "{seconds}"
            );
        }
    }
}
