//! Texts with a form of their own: UUIDs, e-mail addresses and URLs. Only their form is judged; nothing is
//! looked up.

/// The longest host name (RFC 1035, 2.3.4, without the root), in bytes.
const MAX_HOST_BYTES: usize = 253;
/// The longest label of a host name, in bytes.
const MAX_LABEL_BYTES: usize = 63;

/// The value of each byte as a hexadecimal digit; 255 where it is none.
const HEX: [u8; 256] = {
    let mut table = [255; 256];
    let mut value = 0;
    while value < 16 {
        let digit = b"0123456789abcdef"[value];
        table[digit as usize] = value as u8;
        table[digit.to_ascii_uppercase() as usize] = value as u8;
        value += 1;
    }
    table
};

/// A byte that may stand before the `@` of an e-mail address.
const ATOM: u8 = 1;
/// A byte of a host name's label.
const LABEL: u8 = 2;

/// What each byte may be part of.
const PARTS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        if (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'-' {
            table[byte] = ATOM | LABEL;
        }
        byte += 1;
    }
    let others = b".!#$%&'*+/=?^_`{|}~";
    let mut index = 0;
    while index < others.len() {
        table[others[index] as usize] = ATOM;
        index += 1;
    }
    table
};

/// Before an e-mail address.
const BEGIN: u8 = 0;
/// Before the `@`, behind a byte.
const IN_LOCAL: u8 = 1;
/// Where a label begins.
const BEFORE_LABEL: u8 = 2;
/// Behind a letter or digit of a label.
const IN_LABEL: u8 = 3;
/// Behind a hyphen of a label.
const BEHIND_HYPHEN: u8 = 4;
/// It is no e-mail address.
const WRONG: u8 = 5;
/// States in the table: a power of two, so that no index has to be checked.
const STATES: usize = 8;

/// The next state for each state and byte of an e-mail address, whose labels may have any length here.
static EMAIL: [[u8; 256]; STATES] = {
    let mut table = [[WRONG; 256]; STATES];
    let mut byte = 0;
    while byte < 128 {
        if PARTS[byte] & ATOM != 0 {
            table[BEGIN as usize][byte] = IN_LOCAL;
            table[IN_LOCAL as usize][byte] = IN_LOCAL;
        }
        if PARTS[byte] & LABEL != 0 {
            let hyphen = byte as u8 == b'-';
            let next = if hyphen { BEHIND_HYPHEN } else { IN_LABEL };
            if !hyphen {
                table[BEFORE_LABEL as usize][byte] = next;
            }
            table[IN_LABEL as usize][byte] = next;
            table[BEHIND_HYPHEN as usize][byte] = next;
        }
        byte += 1;
    }
    table[IN_LOCAL as usize][b'@' as usize] = BEFORE_LABEL;
    table[IN_LABEL as usize][b'.' as usize] = BEFORE_LABEL;
    table
};

fn is_part(part: u8, byte: u8) -> bool {
    PARTS[usize::from(byte)] & part != 0
}

/// Reads 32 hexadecimal digits, plain or in the five groups of RFC 9562, in small or capital letters.
pub fn uuid(text: &str) -> Option<[u8; 16]> {
    let bytes = text.as_bytes();
    if let Ok(dashed) = <&[u8; 36]>::try_from(bytes) {
        let dashes = [8, 13, 18, 23].map(|at: usize| dashed[at]);
        return of_digits(dashed, &DASHED).filter(|_| dashes == [b'-'; 4]);
    }
    of_digits(<&[u8; 32]>::try_from(bytes).ok()?, &PLAIN)
}

/// Where each byte of a UUID begins.
const PLAIN: [u8; 16] = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30];
/// The same with four dashes.
const DASHED: [u8; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/// The bytes whose digits stand at `places`. All are read before any is judged: so there is one branch.
#[inline(always)]
fn of_digits<const N: usize>(text: &[u8; N], places: &[u8; 16]) -> Option<[u8; 16]> {
    let (mut out, mut seen) = ([0; 16], 0);
    for (byte, at) in out.iter_mut().zip(places) {
        let high = HEX[usize::from(text[usize::from(*at)])];
        let low = HEX[usize::from(text[usize::from(*at) + 1])];
        seen |= high | low;
        *byte = high << 4 | low & 15;
    }
    (seen < 16).then_some(out)
}

/// Whether this is a valid e-mail address by the rule of HTML
/// (<https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address>): stricter than RFC 5322 before the
/// `@`, and ASCII only.
pub fn is_email(text: &str) -> bool {
    if text.len() <= MAX_LABEL_BYTES {
        // No label can be too long.
        let step = |state: u8, byte: u8| EMAIL[usize::from(state) % STATES][usize::from(byte)];
        return text.bytes().fold(BEGIN, step) == IN_LABEL;
    }
    let bytes = text.as_bytes();
    match bytes.iter().position(|byte| !is_part(ATOM, *byte)) {
        Some(at) => at > 0 && bytes[at] == b'@' && is_host_name(&bytes[at + 1..]),
        None => false,
    }
}

/// Labels of letters, digits and inner hyphens, at most 63 bytes each (RFC 1034, 3.5).
fn is_host_name(bytes: &[u8]) -> bool {
    let (mut start, mut last) = (0, b'.');
    for (at, &byte) in bytes.iter().enumerate() {
        if byte == b'.' {
            if at == start || at - start > MAX_LABEL_BYTES || last == b'-' {
                return false;
            }
            start = at + 1;
        } else if !is_part(LABEL, byte) || byte == b'-' && at == start {
            return false;
        }
        last = byte;
    }
    let len = bytes.len();
    len <= MAX_HOST_BYTES && len > start && len - start <= MAX_LABEL_BYTES && last != b'-'
}

/// Whether this is an absolute `http` or `https` URL with a host, as RFC 3986 writes it; letters beyond ASCII are
/// let through, as browsers show them (RFC 3987).
pub fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return false;
    }
    let wrong =
        |char: char| char.is_whitespace() || char.is_control() || "\"<>\\^`{|}".contains(char);
    if rest.contains(wrong) {
        return false;
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let (host, port) = match host.strip_prefix('[') {
        Some(inner) => match inner.split_once(']') {
            Some((address, "")) => (address, None),
            Some((address, port)) if port.starts_with(':') => (address, Some(&port[1..])),
            _ => return false,
        },
        None => match host.rsplit_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        },
    };
    let is_six = authority.contains('[');
    let host_fits = if is_six {
        host.parse::<std::net::Ipv6Addr>().is_ok()
    } else {
        !host.is_empty() && !host.contains([':', '[', ']', '@'])
    };
    // An empty port is allowed by RFC 3986, 3.2.3.
    let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let port_fits = |port: &str| digits(port) && (port.is_empty() || port.parse::<u16>().is_ok());
    host_fits && port.is_none_or(port_fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids() {
        let expected = [
            0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54,
            0x32, 0x10,
        ];
        for text in [
            "01234567-89ab-cdef-fedc-ba9876543210",
            "01234567-89AB-CDEF-FEDC-BA9876543210",
            "0123456789abcdeffedcba9876543210",
        ] {
            assert_eq!(uuid(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "01234567-89ab-cdef-fedc-ba987654321",
            "0123456789ab-cdef-fedc-ba9876543210-",
            "g1234567-89ab-cdef-fedc-ba9876543210",
            "{0123456789abcdeffedcba987654321}",
            "+123456789abcdeffedcba9876543210",
        ] {
            assert_eq!(uuid(text), None, "{text}");
        }
    }

    #[test]
    fn emails() {
        for (text, expected) in [
            ("a@b", true),
            ("first.last+tag@example.co.uk", true),
            ("o'brien@example.org", true),
            ("a@b-c.d", true),
            ("", false),
            ("a", false),
            ("@b", false),
            ("a@", false),
            ("a@b@c", false),
            ("a b@c", false),
            ("a@-b", false),
            ("a@b..c", false),
            ("a@b.", false),
            ("ä@b", false),
            ("a@ä", false),
            ("a@b_c", false),
            ("a@b-", false),
            (".!#$%&'*+/=?^_`{|}~-@b", true),
            ("a(@b", false),
            ("a\"@b", false),
        ] {
            assert_eq!(is_email(text), expected, "{text:?}");
        }
    }

    #[test]
    fn short_and_long_ones_are_judged_alike() {
        for text in [
            "a@b",
            "a.b@c-d.e",
            "a@-b",
            "a@b-",
            "a@b..c",
            "a@.b",
            "a@b.",
            "@b",
            "a@b@c",
            "ä@b",
            "a@b-.c",
        ] {
            // Sixty bytes before the `@` change nothing about the rest.
            let long = format!("{}{text}", "x".repeat(60));
            let expected = is_email(text) || text.starts_with('@') && is_email(&format!("x{text}"));
            assert_eq!(is_email(&long), expected, "{text:?}");
        }
    }

    #[test]
    fn labels_of_an_email_are_bounded() {
        let label = "a".repeat(63);
        assert!(is_email(&format!("a@{label}.{label}")));
        assert!(!is_email(&format!("a@{label}a.b")));
        assert!(!is_email(&format!("a@b.{label}a")));
        let host = [&*label, &label, &label, &label[..61]].join(".");
        assert!(is_email(&format!("a@{host}")));
        assert!(!is_email(&format!("a@{host}b")));
    }

    #[test]
    fn urls() {
        for (text, expected) in [
            ("http://a", true),
            ("https://example.org/a/b?c=d#e", true),
            ("HTTPS://user:pw@example.org:8443/", true),
            ("http://[::1]:80/x", true),
            ("http://[::1]", true),
            ("https://müller.example/straße", true),
            ("http://a:", true),
            ("http://", false),
            ("http:///path", false),
            ("http://a:99999", false),
            ("http://a:8x", false),
            ("http://[::g]", false),
            ("http://a b", false),
            ("ftp://a", false),
            ("example.org", false),
            ("//example.org", false),
            ("javascript:alert(1)", false),
            ("", false),
        ] {
            assert_eq!(is_url(text), expected, "{text:?}");
        }
    }
}
