//! A date and time of day as the calendar and the clock show them, in no zone. Gregorian, years 0 to 9999.

/// Days before each month of a year that is not a leap year.
const DAYS_BEFORE: [u16; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

/// What a text said, unchecked: [`Civil::days`] and [`Civil::is_time`] check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Civil {
    /// The year, as it counts.
    pub year: u32,
    /// The month, from 1.
    pub month: u32,
    /// The day of the month, from 1.
    pub day: u32,
    /// The hour, 0 to 23.
    pub hour: u32,
    /// The minute, 0 to 59.
    pub minute: u32,
    /// The second, 0 to 59: a leap second is no moment of the time scale that all targets count in.
    pub second: u32,
    /// The fraction of the second.
    pub nanosecond: u32,
}

impl Civil {
    /// Days since 1970-01-01, where the calendar has this day.
    pub fn days(&self) -> Option<i64> {
        let (year, month, day) = (self.year, self.month, self.day);
        if year > 9999 || !(1..=12).contains(&month) || day == 0 || day > days_in(year, month) {
            return None;
        }
        let before = DAYS_BEFORE[month as usize - 1];
        let leap = u32::from(month > 2 && is_leap(year));
        Some(days_before_year(year) + i64::from(u32::from(before) + leap + day - 1))
    }

    /// Sets month and day to those of the day `of_year`, from 1. `None` where the year has fewer.
    pub fn set_day_of_year(&mut self, of_year: u32) -> Option<()> {
        let mut left = of_year;
        for month in 1..=12 {
            let days = days_in(self.year, month);
            if left <= days {
                (self.month, self.day) = (month, left);
                return (left > 0).then_some(());
            }
            left -= days;
        }
        None
    }

    /// Whether the clock shows this time.
    pub fn is_time(&self) -> bool {
        self.hour < 24 && self.minute < 60 && self.second < 60 && self.nanosecond < 1_000_000_000
    }

    /// Seconds since midnight.
    pub fn second_of_day(&self) -> i64 {
        i64::from(self.hour * 3600 + self.minute * 60 + self.second)
    }

    /// Calls `call` with `HH:MM:SS`, and the fraction without its last zeros, where there is one.
    pub fn with_time_text<T>(&self, call: impl FnOnce(&str) -> T) -> T {
        let mut bytes = *b"00:00:00.000000000";
        for (at, value) in [(0, self.hour), (3, self.minute), (6, self.second)] {
            bytes[at] += (value / 10) as u8;
            bytes[at + 1] += (value % 10) as u8;
        }
        let (mut fraction, mut length) = (self.nanosecond, 8);
        for at in (9..18).rev() {
            let digit = (fraction % 10) as u8;
            bytes[at] += digit;
            fraction /= 10;
            if digit != 0 && length == 8 {
                length = at + 1;
            }
        }
        call(std::str::from_utf8(&bytes[..length]).unwrap_or_default())
    }
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 => 28 + u32::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the first of January.
fn days_before_year(year: u32) -> i64 {
    // Year 0 is a leap year: 366 days lie before year 1, and 719,162 between year 1 and 1970.
    match year.checked_sub(1) {
        None => -719_162 - 366,
        Some(past) => i64::from(past * 365 + past / 4 - past / 100 + past / 400) - 719_162,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::Date;

    fn civil(year: u32, month: u32, day: u32) -> Civil {
        Civil {
            year,
            month,
            day,
            ..Civil::default()
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let mut date = Date::new(0, 1, 1).unwrap();
        let mut days = civil(0, 1, 1).days().unwrap();
        assert_eq!(days, -719_528);
        loop {
            let parts = (date.year() as u32, date.month() as u32, date.day() as u32);
            assert_eq!(
                civil(parts.0, parts.1, parts.2).days(),
                Some(days),
                "{date}"
            );
            let mut by_number = civil(parts.0, 0, 0);
            by_number
                .set_day_of_year(date.day_of_year() as u32)
                .unwrap();
            assert_eq!(by_number, civil(parts.0, parts.1, parts.2));
            let Ok(next) = date.tomorrow() else { break };
            (date, days) = (next, days + 1);
        }
        assert_eq!(civil(1970, 1, 1).days(), Some(0));
    }

    #[test]
    fn what_the_calendar_has_not_is_none() {
        for (year, month, day) in [
            (2026, 2, 29),
            (1900, 2, 29),
            (2026, 4, 31),
            (2026, 13, 1),
            (2026, 0, 1),
            (2026, 1, 0),
            (10_000, 1, 1),
        ] {
            assert_eq!(civil(year, month, day).days(), None, "{year}-{month}-{day}");
        }
        assert_eq!(civil(2026, 0, 0).set_day_of_year(366), None);
        assert_eq!(civil(2024, 0, 0).set_day_of_year(366), Some(()));
        assert_eq!(civil(2024, 0, 0).set_day_of_year(0), None);
    }
}
