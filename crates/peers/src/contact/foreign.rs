//! Text that somebody else wrote, made safe to print.

use alloc::string::String;

/// Most characters of foreign text that are shown; the rest is cut.
const FOREIGN_CHARS_MAX: usize = 300;

/// Makes text that somebody else wrote safe to print: control characters and those that reorder
/// text are escaped, length is bounded.
pub fn foreign(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(FOREIGN_CHARS_MAX) {
        if c.is_control() || is_invisible(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    if text.chars().nth(FOREIGN_CHARS_MAX).is_some() {
        shown.push_str("..");
    }
    shown
}

/// Characters that print nothing, or change the order of what stands around them.
pub(crate) const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}' | '\u{1d173}'..='\u{1d17a}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn control_and_reordering_characters_are_escaped() {
        assert_eq!(foreign("a\u{1b}[2Jb\r\n"), "a\\u{1b}[2Jb\\u{d}\\u{a}");
        assert_eq!(foreign("pay \u{202e}eve"), "pay \\u{202e}eve");
        for blank in "\u{3164}\u{115f}\u{1160}\u{ffa0}\u{2800}\u{fe0f}\u{200b}".chars() {
            assert_eq!(foreign(&blank.to_string()), blank.escape_unicode().to_string());
        }
        assert_eq!(foreign("Grüße, 東京"), "Grüße, 東京");
        assert_eq!(foreign(&"x".repeat(400)).len(), FOREIGN_CHARS_MAX + 2);
    }
}
