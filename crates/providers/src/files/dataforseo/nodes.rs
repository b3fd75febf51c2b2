//! The parser's side of the walk: which JSON value may stand where.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::super::json_tap::Keep;
use super::super::source::Sink;
use super::{Level, Walk};

/// One object of a level.
pub(super) struct Node<'a, 's, S> {
    pub(super) walk: &'a mut Walk<'s, S>,
    pub(super) level: Level,
}

impl<'de, S: Sink> DeserializeSeed<'de> for Node<'_, '_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        if self.level == Level::Item {
            let line = self.walk.seen.line();
            let keep = Keep {
                seen: &self.walk.seen,
                first_byte_read: true,
            };
            let bytes = keep.deserialize(parser)?;
            self.walk.item(line, bytes);
            if self.walk.sink.has_room(self.walk.waiting.len()) {
                return Ok(());
            }
            // The sink refuses one of them now and says why.
            let refusal = self.walk.flush().err();
            self.walk.stopped = refusal;
            return Err(serde::de::Error::custom("too many rows"));
        }
        parser.deserialize_any(self)
    }
}

impl<S: Sink> Node<'_, '_, S> {
    fn not_an_object(self) {
        self.walk.bad(format!("a {} is not an object", self.level));
    }
}

impl<'de, S: Sink> Visitor<'de> for Node<'_, '_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {}", self.level)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { walk, level } = self;
        walk.enter(level);
        while let Some(key) = walk.noting_a_break(map.next_key::<String>())? {
            let read = walk.field(level, &key, &mut map);
            walk.noting_a_break(read)?;
        }
        walk.leave(level).map_err(|stopped| {
            walk.stopped = Some(stopped);
            serde::de::Error::custom("too many rows")
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        let Self { walk, level } = self;
        if level == Level::Response {
            return Nodes { walk, of: level }.visit_seq(list);
        }
        walk.bad(format!("a {level} is not an object"));
        IgnoredAny.visit_seq(list).map(drop)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.not_an_object();
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.not_an_object();
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.not_an_object();
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.not_an_object();
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.not_an_object();
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.not_an_object();
        Ok(())
    }
}

/// A list of objects of a level, or null.
pub(super) struct Nodes<'a, 's, S> {
    pub(super) walk: &'a mut Walk<'s, S>,
    pub(super) of: Level,
}

impl<'de, S: Sink> DeserializeSeed<'de> for Nodes<'_, '_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_any(self)
    }
}

impl<S: Sink> Nodes<'_, '_, S> {
    fn not_a_list(self) {
        self.walk.bad(format!("not a list of {}s", self.of));
    }
}

impl<'de, S: Sink> Visitor<'de> for Nodes<'_, '_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {}s", self.of)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { walk, of: level } = self;
        loop {
            let walk = &mut *walk;
            let next = list.next_element_seed(Node { walk, level });
            if walk.noting_a_break(next)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        IgnoredAny.visit_map(map)?;
        self.not_a_list();
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.not_a_list();
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.not_a_list();
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.not_a_list();
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.not_a_list();
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.not_a_list();
        Ok(())
    }
}
