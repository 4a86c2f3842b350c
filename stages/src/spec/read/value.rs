//! One entry of the tree as serde sees it. Faults are told where they happen; lists and maps go on behind a bad
//! entry, everything else is read again by the reader. It decides nothing about meaning.

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};

use super::{Fault, Reader, Spot};
use crate::spec::source::{Kind, Step};

/// The entry at one index.
#[derive(Clone, Copy)]
pub(super) struct Value<'de, 'r> {
    reader: &'r Reader<'de>,
    index: usize,
}

impl<'de, 'r> Value<'de, 'r> {
    pub(super) fn new(reader: &'r Reader<'de>, index: usize) -> Self {
        Self { reader, index }
    }

    fn kind(&self) -> &'de Kind {
        &self.reader.source.node(self.index).kind
    }

    /// The children that are not given up.
    fn live(&self) -> impl Iterator<Item = usize> + use<'de, 'r> {
        let reader = self.reader;
        let children = reader.source.children(self.index).iter().copied();
        children.filter(move |child| !reader.is_pruned(*child))
    }

    /// The result of reading this entry once; its fault is told here.
    fn told<T>(self, result: Result<T, Fault>) -> Result<T, Fault> {
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

    /// The entry of a choice'de table that counts; every other one is told.
    fn choose(self, known: &'static [&'static str]) -> Result<Value<'de, 'r>, Fault> {
        let source = self.reader.source;
        let name = |index: usize| match &source.node(index).step {
            Step::Key(name) => name.as_str(),
            _ => "",
        };
        let live: Vec<usize> = self.live().collect();
        let chosen = live.iter().copied().find(|at| known.contains(&name(*at)));
        let Some(chosen) = chosen.or_else(|| live.first().copied()) else {
            return Err(Fault::MissingChoice { known });
        };
        for other in live.into_iter().filter(|at| *at != chosen) {
            let choice = name(other).to_owned();
            let fault = if known.contains(&name(other)) {
                let first = name(chosen).to_owned();
                Fault::SecondChoice {
                    choice,
                    first,
                    known,
                }
            } else {
                Fault::UnknownChoice { choice, known }
            };
            self.reader.tell_at(other, Spot::Key, &fault);
        }
        Ok(Value::new(self.reader, chosen))
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
            Kind::Table(_) => visitor.visit_enum(Choice(self.choose(known)?)),
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

/// A key, or a choice that is only a word.
#[derive(Clone, Copy)]
struct Key<'de> {
    name: &'de str,
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(self.name)
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

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64 char str string seq bytes byte_buf map
        unit unit_struct tuple tuple_struct struct identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for Key<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Fault> {
        Ok((seed.deserialize(self)?, self))
    }
}

impl Key<'_> {
    fn needs_settings<T>(self) -> Result<T, Fault> {
        Err(Fault::WrongType {
            expected: format!("a table with the settings of `{}`", self.name),
        })
    }
}

impl<'de> VariantAccess<'de> for Key<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _: S) -> Result<S::Value, Fault> {
        self.needs_settings()
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Fault> {
        self.needs_settings()
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Fault> {
        self.needs_settings()
    }
}

/// A choice keyed by name: the entry of its table.
struct Choice<'de, 'r>(Value<'de, 'r>);

impl<'de> EnumAccess<'de> for Choice<'de, '_> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Fault> {
        let Value { reader, index } = self.0;
        let name = match &reader.source.node(index).step {
            Step::Key(name) => name.as_str(),
            _ => "",
        };
        match seed.deserialize(Key { name }) {
            Ok(variant) => Ok((variant, self)),
            Err(fault) => {
                reader.tell_at(index, Spot::Key, &fault);
                Err(Fault::Told)
            }
        }
    }
}

impl<'de> VariantAccess<'de> for Choice<'de, '_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        let is_empty = matches!(self.0.kind(), Kind::Table(_)) && self.0.live().next().is_none();
        self.0.told(if is_empty {
            Ok(())
        } else {
            Err(Fault::custom("this choice takes no settings"))
        })
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        self.0.told(seed.deserialize(self.0))
    }

    fn newtype_variant<T: Deserialize<'de>>(self) -> Result<T, Fault> {
        self.0.reader.read(self.0.index)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.0.told(self.0.deserialize_tuple(len, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.0.told(self.0.deserialize_struct("", keys, visitor))
    }
}
