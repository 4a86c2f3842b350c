//! The memory of lists and objects that records before are done with, for those of the next: a list costs an
//! allocation only while there is none to spare.
//!
//! It keeps a bounded number of them, and none that has grown beyond a bound.

use super::{Text, Value};

/// The most lists that are kept, and the most objects.
const MAX_SPARE: usize = 64;
/// The most values that a list or object which is kept has room for.
const MAX_SPARE_VALUES: usize = 64;

/// Empty lists and objects with room in them.
#[derive(Debug, Default)]
pub struct Spare {
    lists: Vec<Vec<Value>>,
    objects: Vec<Vec<(Text, Value)>>,
}

impl Spare {
    /// An empty list.
    pub fn list(&mut self) -> Vec<Value> {
        self.lists.pop().unwrap_or_default()
    }

    /// An empty object.
    pub fn object(&mut self) -> Vec<(Text, Value)> {
        self.objects.pop().unwrap_or_default()
    }

    /// Empties `values`, and takes back the lists and objects in it.
    pub fn take_back(&mut self, values: &mut Vec<Value>) {
        while let Some(value) = values.pop() {
            self.take(value);
        }
    }

    /// Empties `entries`, and takes back the lists and objects in it.
    pub fn take_back_entries(&mut self, entries: &mut Vec<(Text, Value)>) {
        while let Some((_, value)) = entries.pop() {
            self.take(value);
        }
    }

    #[inline(always)]
    fn take(&mut self, value: Value) {
        match value {
            Value::List(items) => self.take_list(items),
            Value::Object(entries) => self.take_object(entries),
            _ => {}
        }
    }

    fn take_list(&mut self, mut items: Vec<Value>) {
        self.take_back(&mut items);
        keep(&mut self.lists, items);
    }

    fn take_object(&mut self, mut entries: Vec<(Text, Value)>) {
        self.take_back_entries(&mut entries);
        keep(&mut self.objects, entries);
    }
}

/// Keeps an empty one.
#[inline]
fn keep<T>(all: &mut Vec<Vec<T>>, one: Vec<T>) {
    if (1..=MAX_SPARE_VALUES).contains(&one.capacity()) && all.len() < MAX_SPARE {
        all.push(one);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `depth` lists and objects inside each other, each with room for `room` values.
    fn nested(depth: usize, room: usize) -> Value {
        let name = Text { start: 0, end: 0 };
        (0..depth).fold(Value::Null, |inner, level| match level % 2 {
            0 => {
                let mut list = Vec::with_capacity(room);
                list.push(inner);
                Value::List(list)
            }
            _ => {
                let mut object = Vec::with_capacity(room);
                object.push((name, inner));
                Value::Object(object)
            }
        })
    }

    #[test]
    fn what_is_taken_back_is_empty_and_has_room() {
        let mut spare = Spare::default();
        spare.take_back(&mut vec![nested(3, 5)]);
        for _ in 0..2 {
            let list = spare.list();
            assert_eq!((list.len(), list.capacity()), (0, 5));
        }
        let object = spare.object();
        assert_eq!((object.len(), object.capacity()), (0, 5));
        assert_eq!(spare.list().capacity() + spare.object().capacity(), 0);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut spare = Spare::default();
        spare.take_back(&mut vec![nested(2, MAX_SPARE_VALUES + 1)]);
        assert_eq!(spare.list().capacity() + spare.object().capacity(), 0);
        for _ in 0..3 {
            spare.take_back(&mut vec![nested(MAX_SPARE, MAX_SPARE_VALUES)]);
        }
        assert_eq!(
            (spare.lists.len(), spare.objects.len()),
            (MAX_SPARE, MAX_SPARE)
        );
    }
}
