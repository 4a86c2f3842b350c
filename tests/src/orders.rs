//! Generated orders as CSV, with their truth, for the spec [`SPEC`].
//!
//! Promises: record `ordinal` of a seed is a pure function of both, so a file of any size is streamed, and any document of
//! a target is checked by its ordinal alone. About 3 % of the records are bad, in every way of [`BAD_KINDS`]; about 1 % are
//! dropped. Numbers of orders are unique up to 100 million.

use serde_json::{Map, Value, json};

use crate::moment::Moment;
use crate::random::Random;
use crate::truth::{Generated, Problem, Truth, code};

/// The spec that reads these files, as it stands in `tests/specs/orders-e2e.toml`.
pub const SPEC: &str = include_str!("../specs/orders-e2e.toml");

/// Put behind [`SPEC`]: a pause behind each small batch, so that a load of few records has a middle. About 8,000 records a
/// second.
pub const SLOW: &str = "batch = { records = 200 }\nrate = { pause = \"25ms\" }\n";

/// The header row, which comes before the first record.
pub const HEADER: &str =
    "Order No,E-Mail,Ordered at,Deliver on,Total,Currency,Quantity,Weight,Status,Paid,Note\n";

/// How many ways there are for a record to be bad.
pub const BAD_KINDS: u64 = 17;

/// 2020-01-01T00:00:00Z.
const FIRST_SECOND: i64 = 1_577_836_800;
const SEVEN_YEARS_MINUTES: u64 = 7 * 365 * 24 * 60;

/// A record before it is written: what stands in each cell, and what the document then holds.
struct Order {
    cells: Vec<Vec<u8>>,
    document: Map<String, Value>,
    amount: Map<String, Value>,
    status: &'static str,
}

/// The records 0 to `records` - 1 of `seed`, without the header.
pub fn orders(seed: u64, records: u64) -> impl Iterator<Item = Generated> {
    (0..records).map(move |ordinal| order(seed, ordinal))
}

/// Record `ordinal` (from 0) of `seed`.
pub fn order(seed: u64, ordinal: u64) -> Generated {
    let mut random = Random::of_item(seed, ordinal);
    let blank_lines = u64::from(random.once_in(500));
    let bad_kind = (random.below(1_000) < 30).then(|| random.below(BAD_KINDS));
    let mut order = good_order(&mut random, ordinal);
    let problems = bad_kind.map(|kind| spoil(&mut order, kind, &mut random));
    let mut bytes = vec![b'\n'; usize::from(blank_lines > 0)];
    for (index, cell) in order.cells.iter().enumerate() {
        if index > 0 {
            bytes.push(b',');
        }
        write_cell(cell, random.once_in(16), &mut bytes);
    }
    bytes.extend_from_slice(if random.once_in(16) { b"\r\n" } else { b"\n" });
    Generated {
        bytes,
        truth: problems.map_or_else(|| order.truth(), Truth::Rejected),
        blank_lines,
    }
}

impl Order {
    /// Adds a cell and, unless it is empty, its value.
    fn add(&mut self, name: &str, cell: impl Into<Vec<u8>>, value: impl Into<Value>) {
        let cell = cell.into();
        if !cell.is_empty() {
            self.document.insert(name.to_owned(), value.into());
        }
        self.cells.push(cell);
    }

    fn truth(mut self) -> Truth {
        if self.status == "test" {
            return Truth::Dropped("test_orders");
        }
        if self.status == "done" && !self.amount.contains_key("total") {
            return Truth::bad_field("done_without_total", "total");
        }
        self.document
            .insert("amount".to_owned(), Value::Object(self.amount));
        Truth::Loaded(Value::Object(self.document))
    }
}

fn good_order(random: &mut Random, ordinal: u64) -> Order {
    let mut order = Order {
        cells: Vec::new(),
        document: Map::new(),
        amount: Map::new(),
        status: "new",
    };
    let order_id = format!(
        "{}-{:08}",
        random.pick(&["DE", "AT", "CH", "FR", "NL"]),
        ordinal % 100_000_000
    );
    order.add("order_id", order_id.clone(), order_id);

    let email = unless(random.once_in(20), || {
        format!("customer.{ordinal}@example.org")
    });
    order.add("customer", email.clone(), json!({ "email": email }));

    let moment = unambiguous_moment(random);
    let local = moment.clock(moment.berlin_offset_seconds());
    let shown = format!(
        "{:02}/{:02}/{:04} {:02}:{:02}",
        local.day, local.month, local.year, local.hour, local.minute
    );
    order.add("ordered_at", shown, moment.rfc3339());
    order
        .document
        .insert("day".to_owned(), local.iso_date().into());

    let days = i64::try_from(random.below(30)).unwrap_or(0);
    let deliver_on = unless(random.once_in(10), || {
        Moment(moment.0 + days * 86_400).clock(0).iso_date()
    });
    order.add("deliver_on", deliver_on.clone(), deliver_on);

    // Statuses are drawn here because a done order has a total, but for the few that the spec's step refuses.
    order.status = match random.below(100) {
        0 => "test",
        1..34 => "done",
        34..67 => "sent",
        _ => "new",
    };
    let without_total = if order.status == "done" {
        random.once_in(400)
    } else {
        random.once_in(30)
    };
    let total = unless(without_total, || decimal(random));
    if !total.is_empty() {
        order
            .amount
            .insert("total".to_owned(), total.clone().into());
    }
    order.cells.push(total.into());

    let currency = random.pick(&["EUR", "USD", "GBP", ""]);
    let stored = if currency.is_empty() { "EUR" } else { currency };
    order.amount.insert("currency".to_owned(), stored.into());
    order.cells.push(currency.into());

    let quantity = random.below(1_000) + 1;
    order.add("quantity", quantity.to_string(), quantity);

    // Eighths are exact as doubles and never whole, so that 2.0 against 2 is no question.
    let weight = random.below(1_000) as f64 + (random.below(7) + 1) as f64 / 8.0;
    order.add(
        "weight",
        unless(random.once_in(10), || weight.to_string()),
        weight,
    );

    let status = order.status;
    let shown = match random.below(4) {
        0 => status.to_uppercase(),
        1 => format!("  {status} "),
        2 if status == "new" => String::new(),
        _ => status.to_owned(),
    };
    order.cells.push(shown.into());
    order.document.insert("status".to_owned(), status.into());

    let paid = random.pick(&["true", "false", "1", "0", ""]);
    order.add("paid", paid, matches!(paid, "true" | "1"));

    let note = note(random);
    order.add("note", note.clone(), note);
    order
}

/// Makes a good order bad and says what is wrong then.
fn spoil(order: &mut Order, kind: u64, random: &mut Random) -> Vec<Problem> {
    let field = |code, field| {
        vec![Problem {
            code,
            field: Some(field),
        }]
    };
    let record = |code| vec![Problem { code, field: None }];
    let mut set = |cell: usize, text: &str| order.cells[cell] = text.into();
    match kind {
        0 => {
            set(
                ORDER_ID,
                random.pick(&[
                    "de-00000001",
                    "DE-1",
                    "DE-000000012",
                    "XDE-00000001",
                    "DE-0000000a",
                ]),
            );
            field(code::PATTERN, "order_id")
        }
        1 => {
            set(ORDER_ID, "");
            field(code::REQUIRED, "order_id")
        }
        2 => {
            set(
                ORDERED_AT,
                random.pick(&[
                    "31/02/2026 10:00",
                    "2026-04-03 10:00",
                    "03/04/2026 25:00",
                    "yesterday",
                ]),
            );
            field(code::TYPE, "ordered_at")
        }
        3 => {
            set(ORDERED_AT, "");
            field(code::REQUIRED, "ordered_at")
        }
        4 => {
            set(
                TOTAL,
                random.pick(&["12,50", "1.2.3", "ten", "1 000.00", "0x10"]),
            );
            field(code::TYPE, "total")
        }
        5 => {
            set(
                TOTAL,
                random.pick(&["-0.01", "-1", "-12345678901234567890.5"]),
            );
            field(code::MINIMUM, "total")
        }
        6 => {
            let text = random.pick(&["seven", "1.5", "9223372036854775808", "1 2", "--1"]);
            set(QUANTITY, text);
            let beyond_64_bits = text.len() == 19;
            field(
                if beyond_64_bits {
                    code::NUMBER_RANGE
                } else {
                    code::TYPE
                },
                "quantity",
            )
        }
        7 => {
            set(QUANTITY, random.pick(&["0", "-1", "-9223372036854775808"]));
            field(code::MINIMUM, "quantity")
        }
        8 => {
            set(QUANTITY, random.pick(&["1001", "9223372036854775807"]));
            field(code::MAXIMUM, "quantity")
        }
        9 => {
            set(STATUS, random.pick(&["lost", "new order", "ne w"]));
            field(code::ENUM, "status")
        }
        10 => {
            set(PAID, random.pick(&["maybe", "2", "truth"]));
            field(code::TYPE, "paid")
        }
        11 => {
            set(
                EMAIL,
                random.pick(&["customer at example.org", "@example.org", "customer@"]),
            );
            field(code::TYPE, "email")
        }
        12 => {
            set(
                DELIVER_ON,
                random.pick(&["2026-02-30", "03.04.2026", "2026-13-01"]),
            );
            field(code::TYPE, "deliver_on")
        }
        13 => {
            let cells = usize::try_from(random.below(9)).unwrap_or(0) + 2;
            order.cells.truncate(cells);
            record(code::CELL_COUNT)
        }
        14 => {
            let surplus = random.below(3) + 1;
            order
                .cells
                .extend((0..surplus).map(|_| b"surplus".to_vec()));
            record(code::CELL_COUNT)
        }
        15 => {
            let broken: [&[u8]; 4] = [b"caf\xe9", b"\xff", b"\xc3\x28 and more", b"cut \xe2\x82"];
            order.cells[NOTE] = broken[usize::try_from(random.below(4)).unwrap_or(0)].to_vec();
            record(code::ENCODING)
        }
        _ => {
            set(QUANTITY, "many");
            set(STATUS, "unknown");
            vec![
                Problem {
                    code: code::TYPE,
                    field: Some("quantity"),
                },
                Problem {
                    code: code::ENUM,
                    field: Some("status"),
                },
            ]
        }
    }
}

const ORDER_ID: usize = 0;
const EMAIL: usize = 1;
const ORDERED_AT: usize = 2;
const DELIVER_ON: usize = 3;
const TOTAL: usize = 4;
const QUANTITY: usize = 6;
const STATUS: usize = 8;
const PAID: usize = 9;
const NOTE: usize = 10;

fn unless(empty: bool, text: impl FnOnce() -> String) -> String {
    if empty { String::new() } else { text() }
}

/// A minute whose local time in Berlin names it and no other.
fn unambiguous_moment(random: &mut Random) -> Moment {
    loop {
        let minutes = i64::try_from(random.below(SEVEN_YEARS_MINUTES)).unwrap_or(0);
        let moment = Moment(FIRST_SECOND + minutes * 60);
        if !moment.is_ambiguous_in_berlin() {
            return moment;
        }
    }
}

/// A decimal as it is kept, now and then one that no double holds, of at most 34 digits.
fn decimal(random: &mut Random) -> String {
    match random.below(20) {
        0 => format!("{}", random.below(100_000)),
        1 => format!(
            "{}.{:015}",
            random.below(1_000_000_000_000_000_000),
            random.below(1_000_000_000_000_000)
        ),
        2 => "0.10".to_owned(),
        _ => format!("{}.{:02}", random.below(5_000), random.below(100)),
    }
}

fn note(random: &mut Random) -> String {
    let count = match random.below(10) {
        0..3 => 0,
        3..9 => random.below(6) + 1,
        _ => 60,
    };
    let words: Vec<&str> = (0..count)
        .map(|_| {
            random.pick(&[
                "please",
                "ring, twice",
                "the \"blue\" one",
                "\"",
                ",",
                "line\nbreak",
                "line\r\nbreak",
                "Grüße",
                "北京",
                "🚚",
                "a\tb",
                "'quoted'",
                "$where",
                "{}",
                "—",
                "back\\slash",
                ";",
                "e\u{301}",
                "0",
                "NULL",
            ])
        })
        .collect();
    words.join(" ")
}

fn write_cell(cell: &[u8], quote_anyway: bool, out: &mut Vec<u8>) {
    if !quote_anyway
        && !cell
            .iter()
            .any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'))
    {
        out.extend_from_slice(cell);
        return;
    }
    out.push(b'"');
    for &byte in cell {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests;
