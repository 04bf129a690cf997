//! Which coins requests of ours have signatures for: a second spend of one is worth a word.

use std::collections::{BTreeMap, BTreeSet};

use ensign_ledger::{Coin, Signed, SignedCoins};
use ensign_primitives::{RequestId, UnixTime};
use ensign_psbt::{CoinState, CoinUse, OutPoint};

/// Most coins that are remembered; above it those that were signed for first are forgotten. Guess: two
/// thousand transactions of as many coins as one may have.
const COINS_MAX: usize = 65_536;

/// The coins of signed requests, each with the one that was signed last. As long as the store tells of
/// a request, which is 90 days behind its end, and a bounded number of coins.
#[derive(Debug, Default)]
pub struct Coins {
    signed: BTreeMap<Coin, Signed>,
    order: BTreeSet<(UnixTime, Coin)>,
}

/// Names a coin as the store does.
pub fn coin_of(outpoint: &OutPoint) -> Coin {
    (*AsRef::<[u8; 32]>::as_ref(&outpoint.txid), outpoint.vout)
}

impl Coins {
    /// Goes on with what the store tells of signed requests.
    pub fn new(kept: impl IntoIterator<Item = SignedCoins>) -> Self {
        let mut coins = Self::default();
        kept.into_iter().for_each(|it| coins.sign(it.signed, it.coins));
        coins
    }

    /// Remembers that a request has its signatures.
    pub fn sign(&mut self, signed: Signed, coins: impl IntoIterator<Item = Coin>) {
        let at = signed.at;
        for coin in coins {
            if let Some(earlier) = self.signed.get(&coin).map(|earlier| earlier.at) {
                if earlier > at {
                    continue;
                }
                self.order.remove(&(earlier, coin));
            }
            self.signed.insert(coin, signed);
            self.order.insert((at, coin));
            if self.order.len() > COINS_MAX
                && let Some((_, oldest)) = self.order.pop_first()
            {
                self.signed.remove(&oldest);
            }
        }
    }

    /// Returns which of these coins other requests have signatures for.
    pub fn signed<'a>(
        &'a self,
        coins: impl Iterator<Item = OutPoint> + 'a,
        except: Option<&'a RequestId>,
    ) -> impl Iterator<Item = CoinUse> + 'a {
        coins.filter_map(move |outpoint| {
            let Signed { request, handle, at } = *self.signed.get(&coin_of(&outpoint))?;
            let (is_other, number) = (Some(&request) != except, handle.map(|handle| handle.0));
            let state = CoinState::Signed;
            is_other.then_some(CoinUse { outpoint, request, number, state, at })
        })
    }
}

#[cfg(test)]
mod tests {
    use ensign_ledger::Handle;

    use super::*;

    fn outpoint(number: u32) -> OutPoint {
        OutPoint { vout: number, ..OutPoint::null() }
    }

    fn coin(number: u32) -> Coin {
        coin_of(&outpoint(number))
    }

    fn request(byte: u8) -> RequestId {
        RequestId::from_bytes([byte; 32])
    }

    fn signed(request_byte: u8, seconds: u64) -> Signed {
        let (request, at) = (request(request_byte), UnixTime::from_millis(seconds * 1_000));
        Signed { request, handle: Some(Handle(request_byte.into())), at }
    }

    fn who(coins: &Coins, number: u32, except: Option<u8>) -> Option<RequestId> {
        let except = except.map(request);
        coins.signed([outpoint(number)].into_iter(), except.as_ref()).next().map(|it| it.request)
    }

    #[test]
    fn coin_is_the_last_signed_requests_and_no_other_one_of_itself() {
        let mut coins = Coins::default();
        coins.sign(signed(2, 20), [coin(1), coin(2)]);
        coins.sign(signed(1, 10), [coin(1)]);
        assert_eq!(who(&coins, 1, None), Some(request(2)), "whatever order they are read in");
        assert_eq!(who(&coins, 1, Some(2)), None);
        assert_eq!(who(&coins, 2, Some(1)), Some(request(2)));
        assert_eq!(who(&coins, 3, None), None);
        let named = coins.signed([outpoint(2)].into_iter(), None).next().unwrap();
        assert_eq!(named.number, Some(2), "it is named as this home calls it");
    }

    #[test]
    fn coins_are_bounded_and_the_oldest_go() {
        let mut coins = Coins::default();
        for number in 0..COINS_MAX as u32 + 10 {
            coins.sign(signed(1, number.into()), [coin(number)]);
        }
        assert_eq!((coins.signed.len(), coins.order.len()), (COINS_MAX, COINS_MAX));
        assert_eq!((who(&coins, 9, None), who(&coins, 10, None)), (None, Some(request(1))));
    }
}
