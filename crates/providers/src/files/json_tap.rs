//! A reader between a file and the JSON parser that knows the current line and
//! can keep the bytes of one value.
//!
//! A value that is skipped while its bytes are kept is parsed on its own
//! afterwards, so that a wrong type, a lone surrogate or invalid UTF-8 in one
//! item does not end the reading of the file.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};
use std::rc::Rc;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny};

/// What the tap saw; shared with the visitors of the parser that reads from it.
#[derive(Debug)]
pub(crate) struct Seen {
    line: Cell<u64>,
    last: Cell<u8>,
    kept: RefCell<Option<Vec<u8>>>,
    too_long: Cell<bool>,
    max: usize,
}

impl Seen {
    /// The line of the byte that was read last, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line.get()
    }

    fn start(&self, already_read: Option<u8>) {
        self.too_long.set(false);
        *self.kept.borrow_mut() = Some(already_read.into_iter().collect());
    }

    fn finish(&self) -> Option<Vec<u8>> {
        let kept = self.kept.borrow_mut().take();
        kept.filter(|_| !self.too_long.get())
    }

    fn note(&self, byte: u8) {
        if self.last.replace(byte) == b'\n' {
            self.line.set(self.line.get() + 1);
        }
        if let Some(kept) = self.kept.borrow_mut().as_mut() {
            if kept.len() < self.max {
                kept.push(byte);
            } else {
                self.too_long.set(true);
            }
        }
    }
}

/// Reads one byte at a time (the parser does so anyway), so that what was seen
/// is never ahead of the parser by more than its one byte of look-ahead.
#[derive(Debug)]
pub(crate) struct Tap<R> {
    input: R,
    seen: Rc<Seen>,
}

impl<R: Read> Tap<R> {
    /// `input` should be buffered. Values longer than `max` bytes are not kept.
    pub(crate) fn new(input: R, max: usize) -> (Self, Rc<Seen>) {
        let seen = Rc::new(Seen {
            line: Cell::new(1),
            last: Cell::new(0),
            kept: RefCell::new(None),
            too_long: Cell::new(false),
            max,
        });
        let tap = Self {
            input,
            seen: Rc::clone(&seen),
        };
        (tap, seen)
    }
}

impl<R: Read> Read for Tap<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(place) = buffer.first_mut() else {
            return Ok(0);
        };
        let count = self.input.read(std::slice::from_mut(place))?;
        if count == 1 {
            self.seen.note(*place);
            // A raw control character makes one string invalid. The parser would
            // stop at it; the value's own bytes still have it.
            if *place < b' ' {
                *place = b' ';
            }
        }
        Ok(count)
    }
}

/// Skips one value and returns its bytes, or `None` when it is too long.
pub(crate) struct Keep<'a> {
    pub(crate) seen: &'a Seen,
    /// True for an element of a list, whose first byte the parser has looked at;
    /// false for a value after a key, where it stands behind the colon.
    pub(crate) first_byte_read: bool,
}

impl<'de> DeserializeSeed<'de> for Keep<'_> {
    type Value = Option<Vec<u8>>;

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<Self::Value, D::Error> {
        let first = self.first_byte_read.then(|| self.seen.last.get());
        self.seen.start(first);
        parser.deserialize_ignored_any(IgnoredAny)?;
        Ok(self.seen.finish())
    }
}
