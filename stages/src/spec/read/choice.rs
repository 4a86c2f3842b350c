//! A choice as serde sees it: a word (`mode = "insert"`), or a table with one entry (`[format.csv]`). Every entry
//! too many is told at its own place. It decides nothing about which choices there are.

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error as _, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::value::Value;
use super::{Fault, Spot};
use crate::spec::path::Step;
use crate::spec::source::Kind;

/// A key, or a choice that is only a word.
#[derive(Clone, Copy)]
pub(super) struct Key<'de> {
    pub(super) name: &'de str,
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
pub(super) struct Choice<'de, 'r>(Value<'de, 'r>);

impl<'de, 'r> Choice<'de, 'r> {
    /// The entry of a choice's table that counts; every other one is told.
    pub(super) fn of(value: Value<'de, 'r>, known: &'static [&'static str]) -> Result<Self, Fault> {
        let source = value.reader.source;
        let name = |index: usize| match &source.node(index).step {
            Step::Key(name) => name.as_str(),
            _ => "",
        };
        let live: Vec<usize> = value.live().collect();
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
            value.reader.tell_at(other, Spot::Key, &fault);
        }
        Ok(Self(Value::new(value.reader, chosen)))
    }
}

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
