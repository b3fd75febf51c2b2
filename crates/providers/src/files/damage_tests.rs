//! Files that were cut off or damaged: nothing panics, and rows that are whole
//! before the damage are kept.

use std::fs;
use std::path::{Path, PathBuf};

use super::search::FileSearch;
use super::testing::read;

const CSV: &str = "url,title,description,keyword,location\n\
    https://a.example/,\"A, \"\"B\"\"\",\"two\nlines\",k,usa\r\n\
    https://möbel.example/,Möbel 🎈,,k,uk\n\nhttps://c.example/,N\0L,x,,\n";
const LINES: &str = "{\"url\":\"https://a.example/\",\"title\":\"\\ud83c\\udf88 🎈\",\"location\":2840}\n\n\
    {\"url\":\"https://b.example/\",\"keyword\":\"k\",\"location\":\"uk\"}\r\n{\"url\":\"https://c.example/\"}";
const RESPONSE: &str = r#"[{"status_code":20000,"tasks":[{"status_code":20000,
 "data":{"keyword":"k","location_code":2840},"result":[{"keyword":"k","items":[
 {"type":"organic","url":"https://a.example/","title":"\ud83c\udf88 \u0000"},
 {"type":"paid","x":[1,{"y":-1.5e3}]},
 {"type":"organic","url":"https://möbel.example/","description":null}]},{"items":null}]}]},
 {"tasks":[{"result":[{"items":[{"type":"organic","url":"https://c.example/"}]}]}]}]"#;

fn rows(bytes: &[u8]) -> u64 {
    read(bytes).map_or(0, |(_, report)| report.rows_read)
}

/// Where each of the three rows has come to its end.
fn ends(text: &str, marks: [&str; 3]) -> [usize; 3] {
    marks.map(|mark| text.find(mark).unwrap() + mark.len())
}

#[test]
fn every_prefix_keeps_the_rows_that_came_whole_before_the_cut() {
    let samples = [
        (CSV, ends(CSV, ["\",k,usa", "k,uk", "L,x,,"])),
        (LINES, ends(LINES, ["2840}", "\"uk\"}", "c.example/\"}"])),
        (
            RESPONSE,
            ends(RESPONSE, ["\\u0000\"}", "null}", "c.example/\"}"]),
        ),
    ];
    for (text, ends) in samples {
        assert_eq!(rows(text.as_bytes()), 3);
        for cut in 0..text.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count() as u64;
            let kept = rows(&text.as_bytes()[..cut]);
            assert!(
                kept >= whole,
                "{cut}: {kept} of {whole} in {:?}",
                &text.as_bytes()[..cut]
            );
        }
    }
}

/// Numbers that are the same in each run (Knuth's MMIX constants).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

#[test]
fn damaged_bytes_never_panic_and_spare_the_rows_before_them() {
    let mut numbers = Numbers(24);
    let first_ends = [
        (CSV, ends(CSV, ["usa\r\n", "usa\r\n", "usa\r\n"])[0]),
        (LINES, ends(LINES, ["2840}\n", "2840}\n", "2840}\n"])[0]),
        (
            RESPONSE,
            ends(RESPONSE, ["\\u0000\"}", "null}", "null}"])[0],
        ),
    ];
    for (text, end) in first_ends {
        for _ in 0..4_000 {
            let mut bytes = text.as_bytes().to_vec();
            let mut first = bytes.len();
            for _ in 0..=numbers.below(3) {
                let at = numbers.below(bytes.len());
                bytes[at] ^= 1 << numbers.below(8);
                first = first.min(at);
            }
            let kept = rows(&bytes);
            assert!(
                kept > 0 || first < end,
                "{:?}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/results")
}

#[test]
fn shipped_files_cut_anywhere_lose_at_most_the_row_of_the_cut() {
    let folder = shipped();
    let mut files = vec![folder.join("results.csv")];
    for entry in fs::read_dir(folder.join("dataforseo")).unwrap() {
        files.push(entry.unwrap().path());
    }
    assert_eq!(files.len(), 13);
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let (_, whole) = FileSearch::open(&file).unwrap();
        let mut before = 0;
        for cut in (0..bytes.len()).step_by(1_499) {
            let kept = rows(&bytes[..cut]);
            assert!(
                before <= kept + 1 && kept <= whole.rows_read,
                "{} {cut}",
                file.display()
            );
            before = before.max(kept);
        }
        assert!(before > 0);
    }
}
