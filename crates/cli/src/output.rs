//! What the program says to whoever started it. A closed pipe is no reason to fail.

use std::fmt::Display;
use std::io::{Write as _, stderr, stdout};

/// A line, or several, on standard output.
pub(crate) fn say(text: impl Display) {
    let _ = writeln!(stdout().lock(), "{text}");
}

/// An error with its causes on standard error.
pub(crate) fn tell_error(error: &anyhow::Error) {
    let mut stderr = stderr().lock();
    let _ = writeln!(stderr, "error: {error}");
    for cause in error.chain().skip(1) {
        let _ = writeln!(stderr, "  because: {cause}");
    }
}

/// Rows under a heading, in columns as wide as their widest cell.
pub(crate) fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = heading.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let heading = heading.map(str::to_owned);
    std::iter::once(&heading).chain(rows).map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [["1".to_owned(), "dev".to_owned()], ["20".to_owned(), String::new()]];
        assert_eq!(table(["id", "name"], &rows), "id  name\n1   dev\n20");
    }
}
