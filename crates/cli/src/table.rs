//! Plain text tables.

/// Rows under a head, columns as wide as their widest cell; columns named in `right` are set flush
/// right.
pub fn table(head: &[&str], right: &[usize], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String]| {
        let mut text = String::new();
        for (i, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            let pad = " ".repeat(width - cell.chars().count());
            if right.contains(&i) {
                text += &pad;
                text += cell;
            } else {
                text += cell;
                text += &pad;
            }
            text += "  ";
        }
        text.trim_end().to_owned() + "\n"
    };
    let mut text = line(&head.iter().map(ToString::to_string).collect::<Vec<_>>());
    let rule: Vec<String> = widths.iter().map(|w| "-".repeat(*w)).collect();
    text += &line(&rule);
    for row in rows {
        text += &line(row);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_line_up_and_numbers_are_flush_right() {
        let rows =
            vec![vec!["ä".to_owned(), "7".to_owned()], vec!["long".to_owned(), "123".to_owned()]];
        let text = super::table(&["name", "n"], &[1], &rows);
        assert_eq!(text, "name    n\n----  ---\nä       7\nlong  123\n");
    }
}
