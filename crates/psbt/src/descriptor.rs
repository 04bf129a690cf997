//! The group's address as a descriptor, for wallets that watch it and make PSBTs.

use bitcoin::hex::DisplayHex as _;

use crate::Group;

/// The characters of descriptors, in the order of [BIP-0380].
///
/// [BIP-0380]: <https://github.com/bitcoin/bips/blob/master/bip-0380.mediawiki#character-set>
const CHARACTERS: &[u8; 95] = b"0123456789()[],'/*abcdefgh@:$%{}\
    IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
/// The characters of checksums, those of bech32.
const CHECKSUM_CHARACTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const CHECKSUM_LENGTH: u32 = 8;
const GENERATOR: [u64; 5] =
    [0xf5_dee5_1989, 0xa9_fdca_3312, 0x1b_ab10_e32d, 0x37_06b1_677a, 0x64_4d62_6ffd];

impl Group {
    /// Returns `tr(musig(KEY,..))#CHECKSUM`, the descriptor of [`address`](Self::address), with the
    /// keys in the group's order ([BIP-0390]).
    ///
    /// A reader of it sorts the keys before it aggregates them, so it describes the group's address
    /// only if they are sorted; `None` if they are not. A group of one key is not aggregated with
    /// anybody, and yet goes through the same computation.
    ///
    /// [BIP-0390]: <https://github.com/bitcoin/bips/blob/master/bip-0390.mediawiki>
    pub fn descriptor(&self) -> Option<String> {
        let keys: Vec<_> = self.keys().as_slice().iter().map(|key| key.to_bytes()).collect();
        let list: Vec<_> = keys.iter().map(|key| key.to_lower_hex_string()).collect();
        keys.is_sorted().then(|| with_checksum(format!("tr(musig({}))", list.join(","))))
    }

    /// Returns `tr(KEY)#CHECKSUM` with the aggregate key as internal key: the same address, for
    /// wallets that do not know `musig()`. They cannot tell who the signers are.
    pub fn plain_descriptor(&self) -> String {
        let key = self.aggregate_key().x_only_public_key().0.to_byte_array();
        with_checksum(format!("tr({})", key.to_lower_hex_string()))
    }

    /// Returns `tr(XPUB/<0;1>/*)#CHECKSUM` with the synthetic extended key of [BIP-0328]: all
    /// addresses of both chains, for any wallet that knows taproot.
    ///
    /// `tr(musig(KEY,..)/<0;1>/*)` would say the same, but [BIP-0390] allows that of extended keys
    /// alone, and signers have plain ones.
    ///
    /// [BIP-0328]: <https://github.com/bitcoin/bips/blob/master/bip-0328.mediawiki>
    /// [BIP-0390]: <https://github.com/bitcoin/bips/blob/master/bip-0390.mediawiki>
    pub fn xpub_descriptor(&self) -> String {
        with_checksum(format!("tr({}/<0;1>/*)", self.xpub()))
    }
}

fn with_checksum(descriptor: String) -> String {
    let checksum = checksum(&descriptor);
    format!("{descriptor}#{checksum}")
}

/// Returns the checksum of [BIP-0380] over a descriptor of its characters; others count as none.
///
/// [BIP-0380]: <https://github.com/bitcoin/bips/blob/master/bip-0380.mediawiki#checksum>
fn checksum(descriptor: &str) -> String {
    let position = |byte: u8| CHARACTERS.iter().position(|other| *other == byte);
    let positions: Vec<u64> =
        descriptor.bytes().filter_map(position).map(|position| position as u64).collect();
    let mut sum = 1;
    for three in positions.chunks(3) {
        // The places within a group of 32 characters, then which groups they were.
        three.iter().for_each(|position| sum = step(sum, position & 31));
        sum = step(sum, three.iter().fold(0, |groups, position| groups * 3 + (position >> 5)));
    }
    sum = (0..CHECKSUM_LENGTH).fold(sum, |sum, _| step(sum, 0)) ^ 1;
    let digit = |index: u32| sum >> (5 * (CHECKSUM_LENGTH - 1 - index)) & 31;
    let letter = |digit: u64| CHECKSUM_CHARACTERS.get(usize::try_from(digit).unwrap_or(0));
    (0..CHECKSUM_LENGTH).filter_map(|index| letter(digit(index))).map(|c| char::from(*c)).collect()
}

/// Takes one symbol of five bits into the remainder of the polynomial.
fn step(sum: u64, symbol: u64) -> u64 {
    let top = sum >> 35;
    let shifted = (sum & 0x7_ffff_ffff) << 5 ^ symbol;
    (0..)
        .zip(GENERATOR)
        .filter(|(bit, _)| top >> bit & 1 == 1)
        .fold(shifted, |sum, (_, term)| sum ^ term)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_bip380_and_bitcoin_core() {
        for (descriptor, sum) in [
            ("raw(deadbeef)", "89f8spxm"),
            // From `doc/descriptors.md` of Bitcoin Core.
            ("pkh(02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5)", "8fhd9pwu"),
        ] {
            assert_eq!(checksum(descriptor), sum);
        }
        assert_ne!(checksum("raw(deedbeef)"), "89f8spxm");
    }
}
