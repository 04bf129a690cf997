//! Lines as wide as the terminal.

use std::borrow::Cow;

/// Fewest columns that lines are fitted to; below, the terminal breaks them.
const COLUMNS_MIN: usize = 20;

/// Breaks lines between words where they are wider than the terminal, and goes on under their own
/// indentation. Words that are wider than it (addresses, hashes) are broken where it ends; nothing is
/// left out. Paths are left to the terminal, which joins what it broke where somebody copies it.
pub(super) fn wrapped(text: &str, columns: usize) -> Cow<'_, str> {
    let is_wide = |line: &str| line.chars().count() > columns;
    if columns < COLUMNS_MIN || !text.split('\n').any(is_wide) {
        return Cow::Borrowed(text);
    }
    let lines: Vec<_> = text.split('\n').map(|line| wrapped_line(line, columns)).collect();
    Cow::Owned(lines.join("\n"))
}

fn wrapped_line(line: &str, columns: usize) -> String {
    if line.chars().count() <= columns {
        return line.to_owned();
    }
    let indent = line.chars().take_while(|c| *c == ' ').count().min(columns / 2);
    let (mut shown, mut width) = (" ".repeat(indent), indent);
    let next = format!("\n{}", " ".repeat((indent + 2).min(columns / 2)));
    for word in line.trim_start_matches(' ').split_inclusive(' ') {
        let letters = word.trim_end_matches(' ').chars().count();
        if width + letters > columns && width > next.len() - 1 {
            shown.push_str(&next);
            width = next.len() - 1;
        }
        let is_whole = is_path(word) && !line.contains(OTHERS_WORDS);
        for c in word.chars() {
            if width >= columns && c != ' ' && !is_whole {
                shown.push_str(&next);
                width = next.len() - 1;
            }
            shown.push(c);
            width += 1;
        }
    }
    shown
}

/// Lines with it carry text of others, who shall not choose where a line of the terminal begins.
const OTHERS_WORDS: &str = "in their words";

/// Whether a word is the whole path of a file, maybe in quotation marks.
fn is_path(word: &str) -> bool {
    word.trim_start_matches(['\'', '`', '"', '(']).starts_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: usize = 40;

    #[test]
    fn lines_are_broken_between_words_and_go_on_below_their_beginning() {
        let text = "  pays:\n    output 0: 0.60000000 BTC to somebody who is not us, short";
        let shown = wrapped(text, COLUMNS);
        assert_eq!(
            shown,
            "  pays:\n    output 0: 0.60000000 BTC to somebody \n      who is not us, short"
        );
    }

    #[test]
    fn regression_a_path_had_line_ends_in_it_where_it_was_copied() {
        let path = "/home/somebody/.local/share/ensign/alice/signed/4eb185bd00112233.psbt";
        assert_eq!(wrapped(&format!("kept in {path}"), COLUMNS), format!("kept in \n  {path}"));
        let hint = format!("  look at '{path}' and go on");
        assert_eq!(wrapped(&hint, COLUMNS), format!("  look at \n    '{path}' \n    and go on"));
        let others = format!("  purpose, in their words: {path}");
        assert!(wrapped(&others, COLUMNS).lines().all(|line| line.chars().count() <= COLUMNS));
    }

    #[test]
    fn nothing_is_left_out_and_nothing_is_wider() {
        let address = "tb1pkv4fc8r70wa09geskhk65q3vuhwwmp4x5u93849kw03ssg6a88nqs9g2z4";
        let texts = [
            format!("    input 0: 1.00000000 BTC at {address}"),
            format!("sign #17: 0.6 BTC to {address}, fee 0.00001 BTC? [y/n] "),
            address.repeat(5),
            " ".repeat(100) + address,
        ];
        for text in texts {
            let shown = wrapped(&text, COLUMNS);
            let letters = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(letters(&shown), letters(&text));
            for line in shown.lines() {
                assert!(line.trim_end().chars().count() <= COLUMNS, "{line:?}");
            }
        }
        assert_eq!(wrapped("short", COLUMNS), "short");
        assert_eq!(wrapped(address, 5), address);
    }
}
