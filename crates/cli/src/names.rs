//! Names of signers in this home: each name is one signer's, and none looks like another.

use ensign_identity::SignerKey;
pub(crate) use ensign_wire::look_alike;

use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::words::{check_name, foreign};
use ensign_peers::contact::Contact;

/// Words that stand for somebody in what the program says or takes: nobody is called so.
const RESERVED: [&str; 15] = [
    "all",
    "any",
    "anybody",
    "ask",
    "everybody",
    "everyone",
    "group",
    "me",
    "myself",
    "nobody",
    "none",
    "self",
    "this",
    "you",
    "yourself",
];

/// Refuses a name that would be read as somebody else than who has it, such as `you`.
///
/// # Errors
///
/// A sentence that says so.
pub(crate) fn check_free(name: &str) -> Result<(), String> {
    match RESERVED.into_iter().find(|word| look_alike(word, name)) {
        Some(word) => Err(format!(
            "the name `{}` would be read as the word `{word}`, which the program uses itself",
            foreign(name)
        )),
        None => Ok(()),
    }
}

/// Splits `NAME=CODE`, which gives a signer a name of this user's choice, from a code alone.
///
/// # Errors
///
/// [`code::NAME`].
pub(crate) fn split(text: &str) -> Result<(Option<String>, &str)> {
    // Mail leaves `=` at the end of lines, and a name is short.
    let parts = text.split_once('=').filter(|(name, code)| {
        name.chars().count() < 2 * crate::words::NAME_CHARS_MAX && !code.trim().is_empty()
    });
    let Some((name, code)) = parts else { return Ok((None, text)) };
    let name = name.trim();
    check_name(name).map_err(|reason| Failure::new(&code::NAME, reason))?;
    Ok((Some(name.to_owned()), code))
}

/// Refuses a name that belongs to another signer of this home, or looks as if it did, and one that
/// stands for somebody in sentences.
///
/// - `known`: every signer of the home, ourselves included.
///
/// # Errors
///
/// [`code::NAME_TAKEN`], [`code::NAME`].
pub(crate) fn check_unique<'a>(
    new: &Contact,
    known: impl IntoIterator<Item = (&'a str, SignerKey)>,
) -> Result<()> {
    let name = new.called();
    check_free(name).map_err(|reason| {
        let hint = "give it a name of your own: --member NAME=CODE";
        Failure::new(&code::NAME, reason).who([name.to_owned()]).hint(hint)
    })?;
    let is_other = |(known, key): &(&str, SignerKey)| *key != new.signer && look_alike(known, name);
    let Some((known, _)) = known.into_iter().find(is_other) else { return Ok(()) };
    let calls = if new.alias.is_some() { "is to be called" } else { "calls itself" };
    let what = if known == name {
        format!("a signer {calls} {name}, and another one has that name here")
    } else {
        format!("a signer {calls} {name}, which looks like {known}, the name of another one here")
    };
    let hint = format!(
        "give it a name of your own: --member NAME=CODE, with a name that is not like `{known}`"
    );
    Err(Failure::new(&code::NAME_TAKEN, what).who([name.to_owned()]).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_reader_could_confuse_look_alike() {
        for (one, other) in [("bob", "Bob"), ("bob", "b0b"), ("lil", "I1L"), ("O0o", "0oO")] {
            assert!(look_alike(one, other), "{one} {other}");
        }
        for (one, other) in [("bob", "rob"), ("n1", "n10"), ("a-b", "a_b")] {
            assert!(!look_alike(one, other), "{one} {other}");
        }
    }

    #[test]
    fn words_of_the_program_are_no_names() {
        for taken in ["you", "You", "Y0U", "ALL", "a11", "nobody", "me", "self"] {
            assert!(check_free(taken).is_err(), "{taken}");
        }
        for free in ["yousef", "al", "meg", "bob", "i"] {
            assert_eq!(check_free(free), Ok(()), "{free}");
        }
    }

    #[test]
    fn a_name_stands_in_front_of_a_code() {
        assert_eq!(split("bob=ensign1xyz").unwrap(), (Some("bob".to_owned()), "ensign1xyz"));
        assert_eq!(split("ensign1xyz").unwrap(), (None, "ensign1xyz"));
        let wrapped = format!("ensign1{}=\nxyz", "q".repeat(70));
        assert_eq!(split(&wrapped).unwrap(), (None, wrapped.as_str()));
        assert_eq!(split("b/b=ensign1xyz").unwrap_err().entry.code, code::NAME.code);
        assert_eq!(split("=ensign1xyz").unwrap_err().entry.code, code::NAME.code);
    }
}
