//! One entry of the tree as serde sees it. Faults are told where they happen; lists and maps go on behind a bad
//! entry, everything else is read again by the reader. It decides nothing about meaning.

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};

use super::choice::{Choice, Key};
use super::{Fault, Reader, Spot};
use crate::spec::path::Step;
use crate::spec::source::Kind;

/// The entry at one index.
#[derive(Clone, Copy)]
pub(super) struct Value<'de, 'r> {
    pub(super) reader: &'r Reader<'de>,
    pub(super) index: usize,
}

impl<'de, 'r> Value<'de, 'r> {
    pub(super) fn new(reader: &'r Reader<'de>, index: usize) -> Self {
        Self { reader, index }
    }

    pub(super) fn kind(&self) -> &'de Kind {
        &self.reader.source.node(self.index).kind
    }

    /// The children that are not given up.
    pub(super) fn live(&self) -> impl Iterator<Item = usize> + use<'de, 'r> {
        let reader = self.reader;
        let children = reader.source.children(self.index).iter().copied();
        children.filter(move |child| !reader.is_pruned(*child))
    }

    /// The result of reading this entry once; its fault is told here.
    pub(super) fn told<T>(self, result: Result<T, Fault>) -> Result<T, Fault> {
        result.map_err(|fault| {
            if !matches!(fault, Fault::Told) {
                self.reader.tell(self.index, fault);
            }
            Fault::Told
        })
    }

    fn seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_seq(Items {
            reader: self.reader,
            left: self.live().collect::<Vec<_>>().into_iter(),
        })
    }

    fn table<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(Entries {
            reader: self.reader,
            left: self.live().collect::<Vec<_>>().into_iter(),
            current: None,
        })
    }
}

impl<'de> Deserializer<'de> for Value<'de, '_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.kind() {
            Kind::Table(_) => self.table(visitor),
            Kind::Array(_) => self.seq(visitor),
            Kind::String(text) | Kind::Datetime(text) => visitor.visit_borrowed_str(text),
            Kind::Boolean(value) => visitor.visit_bool(*value),
            Kind::Integer { digits, radix } => {
                if let Ok(number) = i64::from_str_radix(digits, *radix) {
                    visitor.visit_i64(number)
                } else if let Ok(number) = u64::from_str_radix(digits, *radix) {
                    visitor.visit_u64(number)
                } else {
                    Err(Fault::custom("this number does not fit in 64 bits"))
                }
            }
            Kind::Float(text) => match text.parse::<f64>() {
                // Too many digits before the point become infinite without a word.
                Ok(number) if !number.is_infinite() || text.contains("inf") => {
                    visitor.visit_f64(number)
                }
                _ => Err(Fault::custom("this number does not fit in 64 bits")),
            },
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.kind() {
            // Only where anything goes may a date stand for its text.
            Kind::Datetime(text) => Err(Fault::invalid_type(Unexpected::Other(text), &visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        match self.live().count() {
            count if matches!(self.kind(), Kind::Array(_)) && count != len => {
                Err(Fault::invalid_length(count, &visitor))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_tuple(len, visitor)
    }

    // A derived struct would take an array for its fields in order.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.kind() {
            Kind::Table(_) => self.table(visitor),
            _ => Err(Fault::WrongType {
                expected: "a table".to_owned(),
            }),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.kind() {
            Kind::String(name) => visitor.visit_enum(Key { name }),
            Kind::Table(_) => visitor.visit_enum(Choice::of(self, known)?),
            _ => {
                let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
                Err(Fault::WrongType {
                    expected: format!("one of {}", names.join(", ")),
                })
            }
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64 char seq bytes byte_buf map unit
        unit_struct identifier
    }
}

/// The elements of an array.
struct Items<'de, 'r> {
    reader: &'r Reader<'de>,
    left: std::vec::IntoIter<usize>,
}

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let Some(index) = self.left.next() else {
            return Ok(None);
        };
        let value = Value::new(self.reader, index);
        value.told(seed.deserialize(value)).map(Some)
    }

    // Where the type is known (no seed), a bad element is skipped here: reading a long list again for each would
    // be quadratic. A tuple sees too few elements then and is given up without another word.
    fn next_element<T: Deserialize<'de>>(&mut self) -> Result<Option<T>, Fault> {
        for index in self.left.by_ref() {
            match self.reader.read(index) {
                Ok(value) => return Ok(Some(value)),
                Err(fault) if self.reader.is_full() => return Err(fault),
                Err(_) => {}
            }
        }
        Ok(None)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

/// The entries of a table.
struct Entries<'de, 'r> {
    reader: &'r Reader<'de>,
    left: std::vec::IntoIter<usize>,
    current: Option<usize>,
}

impl<'de, 'r> Entries<'de, 'r> {
    fn advance(&mut self) -> Option<(usize, Key<'de>)> {
        let index = self.left.next()?;
        self.current = Some(index);
        match &self.reader.source.node(index).step {
            Step::Key(name) => Some((index, Key { name })),
            _ => None,
        }
    }

    fn value(&mut self) -> Result<Value<'de, 'r>, Fault> {
        let index = self.current.take();
        let index = index.ok_or_else(|| Fault::custom("a value was asked for before its key"))?;
        Ok(Value::new(self.reader, index))
    }
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let Some((index, key)) = self.advance() else {
            return Ok(None);
        };
        seed.deserialize(key).map(Some).map_err(|fault| {
            self.reader.tell_at(index, Spot::Key, &fault);
            Fault::Told
        })
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let value = self.value()?;
        value.told(seed.deserialize(value))
    }

    // As for the elements of an array: with the type known, a bad key costs no second reading of its table.
    fn next_key<K: Deserialize<'de>>(&mut self) -> Result<Option<K>, Fault> {
        while let Some((index, key)) = self.advance() {
            match K::deserialize(key) {
                Ok(key) => return Ok(Some(key)),
                Err(fault) => self.reader.tell_at(index, Spot::Key, &fault),
            }
            if self.reader.is_full() {
                return Err(Fault::Told);
            }
        }
        Ok(None)
    }

    fn next_value<T: Deserialize<'de>>(&mut self) -> Result<T, Fault> {
        let value = self.value()?;
        self.reader.read(value.index)
    }

    fn next_entry<K: Deserialize<'de>, T: Deserialize<'de>>(
        &mut self,
    ) -> Result<Option<(K, T)>, Fault> {
        while let Some(key) = self.next_key()? {
            match self.next_value() {
                Ok(value) => return Ok(Some((key, value))),
                Err(fault) if self.reader.is_full() => return Err(fault),
                Err(_) => {}
            }
        }
        Ok(None)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}
