//! What an expression gives, as a value of a record.

use super::check::Kind;
use super::values::{Day, Moment, Number, number};
use crate::record::{Record, Type, Value};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt,
};
use cel::common::value::Val;

/// The most lists and objects inside each other that an expression may give.
const MAX_DEPTH_LEVELS: usize = 32;

/// A value whose texts are not in a record yet.
#[derive(Debug)]
pub enum Made {
    Text(String),
    List(Vec<Made>),
    Object(Vec<(String, Made)>),
    Plain(Value),
}

impl Made {
    /// The value, its texts put into `record`.
    pub fn stored(self, record: &mut Record) -> Value {
        match self {
            Self::Text(text) => Value::Text(record.store(&text)),
            Self::List(items) => {
                Value::List(items.into_iter().map(|item| item.stored(record)).collect())
            }
            Self::Object(entries) => {
                let entries = entries.into_iter().map(|(name, value)| {
                    let name = record.store(&name);
                    (name, value.stored(record))
                });
                Value::Object(entries.collect())
            }
            Self::Plain(value) => value,
        }
    }
}

/// Refuses what can never be a value of `wanted`.
pub fn fits(kind: Kind, wanted: Type) -> Result<(), String> {
    let fits = match (kind, Kind::of(wanted)) {
        (Kind::Any | Kind::Null, _) | (Kind::Integer, Kind::Decimal) => true,
        (kind, wanted) => kind == wanted,
    };
    match fits {
        true => Ok(()),
        false => Err(format!(
            "the expression gives {kind}, the field's type is {}",
            name(wanted)
        )),
    }
}

/// `value` as a value of type `wanted`.
pub fn made(value: &dyn Val, wanted: Type) -> Result<Made, String> {
    if value.downcast_ref::<CelNull>().is_some() {
        return Ok(Made::Plain(Value::Null));
    }
    let made = match wanted {
        Type::String | Type::Email | Type::Url | Type::Time => text(value).map(Made::Text),
        Type::Uuid => text(value)
            .as_deref()
            .and_then(uuid)
            .map(|id| Made::Plain(Value::Uuid(id))),
        Type::Integer | Type::Duration => integer(value).map(|v| Made::Plain(Value::Integer(v))),
        Type::Float => float(value).map(|v| Made::Plain(Value::Float(v))),
        Type::Decimal => number(value).map(|v| Made::Plain(Value::Decimal(v))),
        Type::Boolean => {
            let truth = value.downcast_ref::<CelBool>();
            truth.map(|truth| Made::Plain(Value::Boolean(*truth.inner())))
        }
        Type::Date => {
            let day = value.downcast_ref::<Day>();
            day.map(|Day(days)| Made::Plain(Value::Date(*days)))
        }
        Type::Datetime => {
            let moment = value.downcast_ref::<Moment>();
            moment.map(|moment| Made::Plain(Value::Datetime(moment.ms)))
        }
        Type::List if value.downcast_ref::<CelList>().is_some() => return nested(value, 0),
        Type::Object if value.downcast_ref::<CelMap>().is_some() => return nested(value, 0),
        Type::List | Type::Object => None,
    };
    made.ok_or_else(|| {
        let found = value.get_type().name();
        format!(
            "the expression gives a value of type {found} that is no {}",
            name(wanted)
        )
    })
}

/// A value inside a list or object, by its own type.
fn nested(value: &dyn Val, depth: usize) -> Result<Made, String> {
    if depth > MAX_DEPTH_LEVELS {
        return Err(format!(
            "more than {MAX_DEPTH_LEVELS} lists and objects inside each other"
        ));
    }
    if let Some(list) = value.downcast_ref::<CelList>() {
        let items = list.inner().iter().map(|item| nested(&**item, depth + 1));
        return Ok(Made::List(items.collect::<Result<_, _>>()?));
    }
    if let Some(map) = value.downcast_ref::<CelMap>() {
        let mut entries = Vec::with_capacity(map.inner().len());
        for (key, value) in map.inner() {
            let CelMapKey::String(key) = key else {
                return Err("an object's names are strings".into());
            };
            entries.push((key.inner().to_owned(), nested(&**value, depth + 1)?));
        }
        // A map has no order of its own, and the same record has to give the same document.
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        return Ok(Made::Object(entries));
    }
    if let Some(Number(value)) = value.downcast_ref::<Number>() {
        return Ok(Made::Plain(Value::Decimal(*value)));
    }
    let scalar = if value.downcast_ref::<CelNull>().is_some() {
        Some(Made::Plain(Value::Null))
    } else if let Some(text) = text(value) {
        Some(Made::Text(text))
    } else if let Some(value) = integer(value) {
        Some(Made::Plain(Value::Integer(value)))
    } else if let Some(value) = float(value) {
        Some(Made::Plain(Value::Float(value)))
    } else if let Some(truth) = value.downcast_ref::<CelBool>() {
        Some(Made::Plain(Value::Boolean(*truth.inner())))
    } else if let Some(Day(days)) = value.downcast_ref::<Day>() {
        Some(Made::Plain(Value::Date(*days)))
    } else {
        let moment = value.downcast_ref::<Moment>();
        moment.map(|moment| Made::Plain(Value::Datetime(moment.ms)))
    };
    scalar.ok_or_else(|| {
        format!(
            "a record cannot hold a value of type {}",
            value.get_type().name()
        )
    })
}

fn text(value: &dyn Val) -> Option<String> {
    let text = value.downcast_ref::<CelString>()?;
    Some(text.inner().to_owned())
}

fn integer(value: &dyn Val) -> Option<i64> {
    if let Some(value) = value.downcast_ref::<CelInt>() {
        return Some(*value.inner());
    }
    let value = value.downcast_ref::<CelUInt>()?;
    i64::try_from(*value.inner()).ok()
}

fn float(value: &dyn Val) -> Option<f64> {
    let value = *value.downcast_ref::<CelDouble>()?.inner();
    value.is_finite().then_some(value)
}

/// The bytes of `8-4-4-4-12` hexadecimal digits.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let dashes: Vec<usize> = text.match_indices('-').map(|(at, _)| at).collect();
    if text.len() != 36 || dashes != [8, 13, 18, 23] {
        return None;
    }
    let mut bytes = [0; 16];
    hex::decode_to_slice(text.replace('-', ""), &mut bytes).ok()?;
    Some(bytes)
}

fn name(wanted: Type) -> String {
    format!("{wanted:?}").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Decimal;

    #[test]
    fn a_uuid_is_written_in_one_way() {
        let id = uuid("00112233-4455-6677-8899-aabbccddeeff").unwrap();
        assert_eq!(hex::encode(id), "00112233445566778899aabbccddeeff");
        for text in [
            "",
            "00112233445566778899aabbccddeeff",
            "0011223344-55-6677-8899-aabbccddeeff",
            "00112233-4455-6677-8899-aabbccddeefg",
        ] {
            assert_eq!(uuid(text), None, "{text}");
        }
    }

    #[test]
    fn a_value_is_of_its_type_or_none() {
        let decimal = Number(Decimal::from(1));
        assert!(made(&decimal, Type::Float).is_err());
        assert!(made(&decimal, Type::Integer).is_err());
        assert!(made(&CelInt::from(1), Type::Decimal).is_ok());
        assert!(made(&CelInt::from(1), Type::Float).is_err());
        assert!(made(&CelDouble::from(f64::NAN), Type::Float).is_err());
        assert!(made(&CelString::from("1"), Type::Integer).is_err());
        assert!(made(&CelNull, Type::Date).is_ok());
    }
}
