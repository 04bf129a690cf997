//! Columns under headings.

/// Lays rows out under headings, each column as wide as its widest cell. Nothing is cut; the last
/// column, which holds sentences, is not padded.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = headings.map(|heading| heading.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[&str]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&headings)];
    for row in rows {
        let cells: Vec<&str> = row.iter().map(String::as_str).collect();
        lines.push(line(&cells));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["#1".to_owned(), "a".to_owned()], ["#1000".to_owned(), "b c".to_owned()]];
        assert_eq!(table(["NO", "FOR"], &rows), "NO     FOR\n#1     a\n#1000  b c");
        assert_eq!(table(["NO", "FOR"], &[]), "NO  FOR");
    }
}
