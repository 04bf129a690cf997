//! What people compare before they trust a group: one hash over everything that it is, as words.

use core::fmt;

use ensign_primitives::{Network, TaggedHasher};
use serde::{Deserialize, Serialize};

/// How many words people compare: 48 bits, which somebody who has to commit before the others reveal
/// meets by chance only.
pub const FINGERPRINT_WORDS: usize = 6;

/// The tagged hash over a roster and one random value of each member: what the members sign, and what
/// people compare in words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Computes it.
    ///
    /// - `roster`: the roster's [digest](crate::Roster::digest).
    /// - `values`: of each member in the roster's order.
    pub fn new(network: Network, roster: &[u8; 32], values: &[[u8; 32]]) -> Self {
        let hasher = TaggedHasher::new("ensign/certificate/v1", network).bytes(roster);
        Self(values.iter().fold(hasher, |hasher, value| hasher.bytes(value)).finish())
    }

    /// Takes the 32 bytes as they are.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes, which each member signs with its node key (BIP340).
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the words that people compare: one for each of the first [`FINGERPRINT_WORDS`] bytes.
    pub fn words(&self) -> [&'static str; FINGERPRINT_WORDS] {
        let mut words = [""; FINGERPRINT_WORDS];
        for (word, byte) in words.iter_mut().zip(self.0) {
            *word = WORDS.get(usize::from(byte)).copied().unwrap_or_default();
        }
        words
    }

    /// Tells whether text is its words, between which may stand whatever is no letter, in either case.
    pub fn is_spelled(&self, text: &str) -> bool {
        let typed = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty());
        let same = |(typed, word): (&str, &&str)| typed.eq_ignore_ascii_case(word);
        typed.clone().count() == FINGERPRINT_WORDS && typed.zip(&self.words()).all(same)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, word) in self.words().into_iter().enumerate() {
            f.write_str(if at == 0 { "" } else { "-" })?;
            f.write_str(word)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// The word of each byte. A list of our own: words of BIP39 would look like a backup, which nobody should
/// read to anybody.
#[rustfmt::skip]
const WORDS: [&str; 256] = [
    "acorn", "actor", "amber", "angle", "ankle", "apple", "apron", "arrow", "aspen", "atlas",
    "autumn", "bacon", "badge", "bagel", "baker", "bamboo", "banjo", "barley", "basil", "basket",
    "beach", "beard", "beaver", "bench", "berry", "bishop", "blanket", "bottle", "bread", "brick",
    "bridge", "broom", "brush", "bucket", "butter", "button", "cabin", "cactus", "camel",
    "candle", "canoe", "carpet", "carrot", "castle", "cattle", "cedar", "cellar", "cello",
    "cement", "cereal", "chair", "chalk", "cherry", "chess", "chimney", "circus", "citrus",
    "clock", "cloud", "clover", "cobalt", "coffee", "comet", "copper", "coral", "cotton",
    "cradle", "crane", "crayon", "cricket", "crystal", "curtain", "daisy", "dancer", "desert",
    "diary", "dolphin", "donkey", "dragon", "drawer", "drum", "eagle", "easel", "echo", "elbow",
    "elder", "elephant", "ember", "engine", "falcon", "farmer", "feather", "fence", "ferry",
    "fiddle", "finger", "flag", "flame", "flute", "forest", "fossil", "fountain", "fox", "galaxy",
    "garden", "garlic", "ginger", "glacier", "glove", "goat", "goose", "guitar", "hammer",
    "harbor", "hazel", "hedge", "helmet", "heron", "hockey", "honey", "hornet", "hotel", "igloo",
    "insect", "island", "ivory", "jacket", "jaguar", "jasmine", "jelly", "jersey", "juice",
    "jungle", "kayak", "kettle", "kitchen", "kitten", "ladder", "lagoon", "lamp", "lantern",
    "lemon", "lettuce", "lily", "lizard", "lobster", "lotus", "magnet", "mango", "maple",
    "marble", "market", "meadow", "melon", "mirror", "mitten", "monkey", "mosaic", "moss",
    "mountain", "muffin", "museum", "napkin", "nectar", "needle", "nickel", "noodle", "nutmeg",
    "oasis", "ocean", "olive", "onion", "orbit", "orchid", "otter", "oven", "owl", "oyster",
    "paddle", "palace", "panda", "paper", "parrot", "pasta", "peach", "peanut", "pebble",
    "pelican", "pencil", "pepper", "piano", "pickle", "pigeon", "pillow", "pilot", "pirate",
    "planet", "plum", "pocket", "pony", "poplar", "potato", "prairie", "pumpkin", "puzzle",
    "quartz", "quilt", "rabbit", "radish", "raft", "raven", "ribbon", "river", "robin", "rocket",
    "saddle", "saffron", "sailor", "salmon", "saturn", "scarf", "shadow", "shell", "silver",
    "sparrow", "spider", "squirrel", "statue", "summit", "sunset", "swan", "temple", "thunder",
    "tiger", "timber", "tomato", "tulip", "tunnel", "turtle", "umbrella", "valley", "vanilla",
    "velvet", "violin", "volcano", "waffle", "walnut", "walrus", "whale", "willow", "window",
    "winter", "wizard", "yogurt", "zebra", "zipper",
];

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, string::ToString};

    use super::*;

    #[test]
    fn each_byte_has_a_word_of_its_own_in_rising_order() {
        assert_eq!(WORDS.iter().collect::<BTreeSet<_>>().len(), 256);
        assert!(WORDS.is_sorted());
        assert!(WORDS.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase())));
    }

    #[test]
    fn words_are_read_however_they_are_written() {
        let mut bytes = [0; 32];
        bytes[5] = 255;
        let fingerprint = Fingerprint::from_bytes(bytes);
        assert_eq!(fingerprint.to_string(), "acorn-acorn-acorn-acorn-acorn-zipper");
        assert!(fingerprint.is_spelled(" Acorn acorn, ACORN acorn-acorn zipper\n"));
        for wrong in ["", "acorn", "acorn acorn acorn acorn acorn zipper zipper", "zipper acorn"] {
            assert!(!fingerprint.is_spelled(wrong), "{wrong}");
        }
    }

    #[test]
    fn each_value_and_its_place_are_part_of_it() {
        let of = |values: &[[u8; 32]]| Fingerprint::new(Network::Regtest, &[1; 32], values);
        assert_ne!(of(&[[2; 32], [3; 32]]), of(&[[3; 32], [2; 32]]));
        assert_ne!(of(&[[2; 32]]), of(&[[2; 32], [2; 32]]));
    }
}
