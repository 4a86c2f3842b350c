//! Durations as texts: read from a spec, written in each of the ways that a load reads.

use super::chance::Chance;

/// A duration of a spec in seconds: ISO 8601 without years and months, colons, or digits.
pub fn seconds(text: &str) -> Option<i64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let Some(parts) = rest.strip_prefix('P') else {
        let parts = rest.split(':').map(|part| part.parse::<i64>().ok());
        return Some(
            sign * parts
                .collect::<Option<Vec<_>>>()?
                .into_iter()
                .fold(0, |sum, part| sum * 60 + part),
        );
    };
    let (mut sum, mut digits) = (0, String::new());
    for char in parts.chars() {
        let unit = match char {
            'T' => continue,
            '0'..='9' => {
                digits.push(char);
                continue;
            }
            'W' => 604_800,
            'D' => 86_400,
            'H' => 3600,
            'M' => 60,
            'S' => 1,
            _ => return None,
        };
        sum += digits.parse::<i64>().ok()?.checked_mul(unit)?;
        digits.clear();
    }
    Some(sign * sum)
}

/// Seconds as a duration is written.
pub fn duration(seconds: i64, chance: &mut Chance) -> String {
    let sign = if seconds < 0 { "-" } else { "" };
    let all = seconds.unsigned_abs();
    let (hours, minutes, rest) = (all / 3600, all / 60 % 60, all % 60);
    match chance.below(4) {
        0 => format!("{sign}{all}"),
        1 => format!("{sign}{hours}:{minutes:02}:{rest:02}"),
        2 => format!("{sign}PT{all}S"),
        _ => format!("{sign}P{}DT{}H{minutes}M{rest}S", all / 86_400, hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for number in 0..200 {
            let mut chance = Chance::of(1, 2, number);
            let all = chance.between(-1_000_000, 1_000_000) as i64;
            let text = duration(all, &mut chance);
            assert_eq!(seconds(&text), Some(all), "{text}");
        }
        for (text, expected) in [
            ("P1W", Some(604_800)),
            ("PT1M", Some(60)),
            ("soon", None),
            ("P1Y", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
