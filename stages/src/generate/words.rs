//! Texts as people leave them in files: names of many alphabets, quotes, delimiters, line breaks, white space; and
//! e-mail addresses and URLs that are valid beyond doubt.

use super::chance::Chance;

const WORDS: [&str; 40] = [
    "Anna",
    "Müller",
    "O'Neill",
    "Łukasz",
    "Zoë",
    "李小龙",
    "Ünal",
    "Søren",
    "Peña",
    "Иван",
    "Tom & Ann",
    "say \"hello\"",
    "a,b",
    "x;y",
    "left|right",
    "50%",
    "3 €",
    "#7",
    "a\\b",
    "tab\there",
    "first line\nsecond line",
    "B-12",
    "ring twice",
    "2nd floor",
    "k.k.",
    "ﬁne",
    "naïve",
    "🙂",
    "back office",
    "Straße",
    "ИЖ",
    "São Paulo",
    "North",
    "blue",
    "large",
    "spare part",
    "M8",
    "door",
    "desk",
    "lamp",
];
const HOSTS: [&str; 5] = [
    "example.org",
    "mail.example.com",
    "shop.example",
    "xn--mller-kva.example",
    "a-b.example.net",
];
const NAMES: [&str; 6] = ["ann", "j.mueller", "info", "d_arcy", "bob+shop", "zoe"];
const PATHS: [&str; 5] = ["", "/", "/de", "/a/b?c=d", "/x?code=A1&utm=1"];

/// What other encodings and torn files leave: no UTF-8, wherever it stands, and nothing else than bytes above 0x7f.
pub const NOT_UTF8: [&[u8]; 9] = [
    // "ü" of ISO 8859-1, and a euro sign of Windows-1252.
    b"\xfc",
    b"\x80",
    // "Иван" of KOI8-R, "日本" of EUC-JP, "李" of GBK.
    b"\xe9\xd7\xc1\xce",
    b"\xc6\xfc\xcb\xdc",
    b"\xc0\xee",
    // A byte-order mark of UTF-16.
    b"\xff\xfe",
    // A surrogate by itself, a number beyond all characters, and a character that was cut off.
    b"\xed\xa0\xbd",
    b"\xf4\x90\x80\x80",
    b"\xe2\x82",
];

/// A text of `least` to `most` characters.
pub fn text(least: u64, most: u64, chance: &mut Chance) -> String {
    let mut text = word(chance).to_owned();
    if chance.one_in(3) {
        text.push(' ');
        text.push_str(word(chance));
    }
    while least > 0 && (text.chars().count() as u64) < least {
        text.push(' ');
        text.push_str(word(chance));
    }
    // No text has more characters than bytes.
    if text.len() as u64 <= most {
        return text;
    }
    match text.char_indices().nth(most as usize) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}

/// Letters and digits only, at least one.
pub fn plain(chance: &mut Chance) -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let count = 1 + chance.below(8);
    (0..count)
        .map(|_| char::from(LETTERS[chance.below(LETTERS.len())]))
        .collect()
}

/// An e-mail address whose part before the `@` is so long that the whole has at least `least` characters.
pub fn email(least: u64, chance: &mut Chance) -> String {
    let name = chance.pick(&NAMES).copied().unwrap_or_default();
    let host = chance.pick(&HOSTS).copied().unwrap_or_default();
    let number = chance.below(100_000);
    let mut digits = itoa::Buffer::new();
    let mut address = [name, digits.format(number), "@", host].concat();
    let missing = (least as usize).saturating_sub(address.len());
    address.insert_str(0, &"a".repeat(missing));
    address
}

/// A URL of at least `least` characters.
pub fn url(least: u64, chance: &mut Chance) -> String {
    let scheme = if chance.one_in(4) { "http" } else { "https" };
    let host = chance.pick(&HOSTS).copied().unwrap_or_default();
    let path = chance.pick(&PATHS).copied().unwrap_or_default();
    let mut url = [scheme, "://", host, path].concat();
    if url.len() < least as usize {
        url.push('#');
        let missing = (least as usize).saturating_sub(url.len());
        url.push_str(&"a".repeat(missing));
    }
    url
}

/// Whether this is an e-mail address beyond doubt: fewer are taken than are valid.
pub fn is_plain_email(text: &str) -> bool {
    let atom = |char: char| char.is_ascii_alphanumeric() || "._+-".contains(char);
    match text.split_once('@') {
        Some((name, host)) => !name.is_empty() && name.chars().all(atom) && is_plain_host(host),
        None => false,
    }
}

/// Whether this is a URL beyond doubt.
pub fn is_plain_url(text: &str) -> bool {
    let Some(rest) = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
    else {
        return false;
    };
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let safe = |char: char| char.is_ascii_alphanumeric() || "/?#=&._-+".contains(char);
    is_plain_host(host) && path.chars().all(safe)
}

fn is_plain_host(text: &str) -> bool {
    let letter = |char: char| char.is_ascii_alphanumeric();
    let label = |label: &str| {
        label.len() <= 40
            && label.starts_with(letter)
            && label.ends_with(letter)
            && label.chars().all(|char| letter(char) || char == '-')
    };
    text.len() <= 200 && text.split('.').all(label)
}

fn word(chance: &mut Chance) -> &'static str {
    chance.pick(&WORDS).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_utf8_is_none_between_letters_and_by_itself() {
        for bytes in NOT_UTF8 {
            let among = [b"M", bytes, b"ller"].concat();
            assert!(std::str::from_utf8(bytes).is_err() && std::str::from_utf8(&among).is_err());
            assert!(bytes.iter().all(|byte| *byte > 0x7f), "{bytes:x?}");
        }
    }

    #[test]
    fn lengths_are_kept() {
        for number in 0..300 {
            let mut chance = Chance::of(1, 2, number);
            let count = text(5, 9, &mut chance).chars().count();
            assert!((5..=9).contains(&count));
            assert!(email(60, &mut chance).len() >= 60);
            assert!(url(70, &mut chance).len() >= 70);
        }
    }

    #[test]
    fn what_is_made_is_valid_beyond_doubt() {
        for number in 0..300 {
            let mut chance = Chance::of(1, 2, number);
            let (email, url) = (email(0, &mut chance), url(0, &mut chance));
            assert!(is_plain_email(&email), "{email}");
            assert!(is_plain_url(&url), "{url}");
        }
        for text in ["", "@a", "a@", "a@-b", "a b@c", "a@b..c"] {
            assert!(!is_plain_email(text), "{text}");
        }
        for text in ["", "http://", "ftp://a", "https://a b", "https:///x"] {
            assert!(!is_plain_url(text), "{text}");
        }
    }
}
