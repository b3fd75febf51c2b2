//! Physical lines of bounded length.

use std::io::{self, BufRead};

/// One line, its line feed included when it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its number in the file, from 1.
    pub(crate) number: u64,
    /// Its bytes; only the first ones when `too_long`.
    pub(crate) bytes: Vec<u8>,
    /// More bytes than the limit; the rest were skipped.
    pub(crate) too_long: bool,
}

/// Reads lines and never holds more than `max` bytes of one.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: R,
    number: u64,
    max: usize,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(input: R, max: usize) -> Self {
        Self {
            input,
            number: 0,
            max,
        }
    }

    /// The next line, or `None` at the end of the input.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<Line>> {
        let mut line = Line {
            number: self.number + 1,
            bytes: Vec::new(),
            too_long: false,
        };
        loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                break;
            }
            self.number = line.number;
            let end = buffer.iter().position(|&byte| byte == b'\n');
            let taken = end.map_or(buffer.len(), |at| at + 1);
            let kept = taken.min(self.max.saturating_sub(line.bytes.len()));
            line.bytes.extend_from_slice(&buffer[..kept]);
            line.too_long |= kept < taken;
            self.input.consume(taken);
            if end.is_some() {
                break;
            }
        }
        Ok((self.number == line.number).then_some(line))
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn a_line_past_the_limit_is_cut_and_the_next_one_is_whole() {
        let text = b"abcdefghij\nxy\n\nlast";
        let mut lines = Lines::new(BufReader::with_capacity(3, &text[..]), 4);
        let mut seen = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            seen.push((line.number, line.bytes, line.too_long));
        }
        let expected: Vec<(u64, Vec<u8>, bool)> = vec![
            (1, b"abcd".to_vec(), true),
            (2, b"xy\n".to_vec(), false),
            (3, b"\n".to_vec(), false),
            (4, b"last".to_vec(), false),
        ];
        assert_eq!(seen, expected);
    }
}
