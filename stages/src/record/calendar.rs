//! Days and milliseconds since 1970 as the texts that every sink writes.
//!
//! The calendar is the proleptic Gregorian one, time is UTC, and nothing here knows a zone or a clock. Years
//! before 0 or behind 9999, which RFC 3339 cannot hold, are written with a sign and six digits
//! (ECMA-262, "expanded years").

const DAY_MS: i64 = 86_400_000;

/// Appends `2026-04-03` for days since 1970-01-01.
pub fn write_date(days: i32, out: &mut Vec<u8>) {
    write_day(i64::from(days), out);
}

/// Appends `2026-04-03T07:00:00Z` for milliseconds since 1970-01-01T00:00:00Z, with `.250` before the `Z` where
/// they are not whole seconds.
pub fn write_datetime(milliseconds: i64, out: &mut Vec<u8>) {
    write_day(milliseconds.div_euclid(DAY_MS), out);
    // Less than a day, so all of it is in range.
    let of_day = milliseconds.rem_euclid(DAY_MS) as u32;
    let (seconds, fraction) = (of_day / 1000, of_day % 1000);
    let mut text = *b"T00:00:00.000Z";
    digits(seconds / 3600, &mut text[1..3]);
    digits(seconds / 60 % 60, &mut text[4..6]);
    digits(seconds % 60, &mut text[7..9]);
    if fraction == 0 {
        text[9] = b'Z';
        out.extend_from_slice(&text[..10]);
    } else {
        digits(fraction, &mut text[10..13]);
        out.extend_from_slice(&text);
    }
}

fn write_day(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil(days);
    let mut text = *b"0000-00-00";
    match year {
        0..=9999 => digits(year as u32, &mut text[..4]),
        _ => {
            out.push(if year < 0 { b'-' } else { b'+' });
            let year = format!("{:06}", year.abs());
            let (first, last) = year.split_at(year.len() - 4);
            out.extend_from_slice(first.as_bytes());
            text[..4].copy_from_slice(last.as_bytes());
        }
    }
    digits(month, &mut text[5..7]);
    digits(day, &mut text[8..]);
    out.extend_from_slice(&text);
}

/// Fills `text` with the last decimal digits of `number`.
fn digits(mut number: u32, text: &mut [u8]) {
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Year, month and day of a day since 1970-01-01. Years are counted from March 1 of year 0, in eras of 400
/// years, all of which are equally long: 146,097 days.
/// <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>
fn civil(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    // Less than an era, so all that follows is in range.
    let of_era = days.rem_euclid(146_097) as u32;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = i64::from(year_of_era) + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(milliseconds: i64, expected: &str) {
        let mut out = Vec::new();
        write_datetime(milliseconds, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), expected, "{milliseconds}");
    }

    #[test]
    fn datetimes_are_rfc_3339_in_utc() {
        check(0, "1970-01-01T00:00:00Z");
        check(-1, "1969-12-31T23:59:59.999Z");
        check(1_775_199_600_000, "2026-04-03T07:00:00Z");
        check(1_775_199_600_250, "2026-04-03T07:00:00.250Z");
        check(951_782_399_000, "2000-02-28T23:59:59Z");
        check(951_868_799_007, "2000-02-29T23:59:59.007Z");
        check(253_402_300_799_999, "9999-12-31T23:59:59.999Z");
        check(253_402_300_800_000, "+010000-01-01T00:00:00Z");
        check(-62_167_219_200_000, "0000-01-01T00:00:00Z");
        check(-62_167_219_200_001, "-000001-12-31T23:59:59.999Z");
    }

    #[test]
    fn every_day_is_the_calendar_s() {
        let mut expected = jiff::civil::date(1599, 12, 31);
        let epoch = jiff::civil::date(1970, 1, 1);
        for _ in 0..=2000 * 366 {
            let days = epoch.until(expected).unwrap().get_days();
            let mut out = Vec::new();
            write_date(days, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected.to_string());
            match expected.tomorrow() {
                Ok(day) if day.year() < 2401 => expected = day,
                _ => break,
            }
        }
        assert_eq!(expected, jiff::civil::date(2400, 12, 31));
    }
}
