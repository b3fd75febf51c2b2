//! The further sections of a report, in the formats that people read.

use std::io::{self, Write};

use super::{Block, Section, escape, markdown};

pub(super) fn write_text(sections: &[Section], out: &mut impl Write) -> io::Result<()> {
    for section in sections {
        writeln!(out, "\n{}", escape::value(&section.title))?;
        for block in &section.blocks {
            write_text_block(block, out)?;
        }
    }
    Ok(())
}

fn write_text_block(block: &Block, out: &mut impl Write) -> io::Result<()> {
    match block {
        Block::Paragraph(text) => writeln!(out, "  {}", escape::shown(text)),
        Block::List(points) => {
            for point in points {
                writeln!(out, "  - {}", escape::shown(point))?;
            }
            Ok(())
        }
        Block::Table { header, rows } => write_text_table(header, rows, out),
        Block::Code { text, .. } => {
            for line in escape::shown_lines(text).lines() {
                writeln!(out, "    {line}")?;
            }
            Ok(())
        }
    }
}

fn write_text_table(
    header: &[String],
    rows: &[Vec<String>],
    out: &mut impl Write,
) -> io::Result<()> {
    let lines: Vec<Vec<String>> = std::iter::once(header)
        .chain(rows.iter().map(Vec::as_slice))
        .map(|cells| cells.iter().map(|cell| escape::value(cell)).collect())
        .collect();
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = lines.iter().filter_map(|cells| cells.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    for cells in lines {
        let line: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        writeln!(out, "  {}", line.join("  ").trim_end())?;
    }
    Ok(())
}

pub(super) fn write_markdown(sections: &[Section], out: &mut impl Write) -> io::Result<()> {
    for section in sections {
        writeln!(out, "\n## {}\n", markdown::plain(&section.title))?;
        for (place, block) in section.blocks.iter().enumerate() {
            if place > 0 {
                writeln!(out)?;
            }
            write_markdown_block(block, out)?;
        }
    }
    Ok(())
}

fn write_markdown_block(block: &Block, out: &mut impl Write) -> io::Result<()> {
    match block {
        Block::Paragraph(text) => writeln!(out, "{}", markdown::plain(text)),
        Block::List(points) => {
            for point in points {
                writeln!(out, "- {}", markdown::plain(point))?;
            }
            Ok(())
        }
        Block::Table { header, rows } => {
            let header: Vec<&str> = header.iter().map(String::as_str).collect();
            markdown::write_header(&header, out)?;
            for cells in rows {
                let mut cells: Vec<String> =
                    cells.iter().map(|cell| markdown::plain(cell)).collect();
                cells.resize(header.len(), String::new());
                markdown::write_row(&cells, out)?;
            }
            Ok(())
        }
        Block::Code { language, text } => markdown::write_code(language, text, out),
    }
}
