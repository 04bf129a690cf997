//! Which coins requests of ours have signatures for: a second spend of one is worth a word.

use std::collections::{BTreeMap, BTreeSet};

use ensign_primitives::{RequestId, UnixTime};
use ensign_psbt::{CoinState, CoinUse, OutPoint};

/// Most coins that are remembered; above it those that were signed for first are forgotten. Guess: two
/// thousand transactions of as many coins as one may have.
const COINS_MAX: usize = 65_536;

/// The coins of signed requests, each with the one that was signed last. As long as the store tells of
/// a request, which is 90 days behind its end, and at most [`COINS_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Coins {
    signed: BTreeMap<Coin, (RequestId, UnixTime)>,
    order: BTreeSet<(UnixTime, Coin)>,
}

/// The coins of one signed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignedCoins {
    pub(crate) request: RequestId,
    pub(crate) at: UnixTime,
    pub(crate) coins: Vec<Coin>,
}

/// A coin by its transaction, in the order in which it is hashed, and its output.
pub(crate) type Coin = ([u8; 32], u32);

/// Names a coin as the store does.
pub(crate) fn coin_of(outpoint: &OutPoint) -> Coin {
    (*AsRef::<[u8; 32]>::as_ref(&outpoint.txid), outpoint.vout)
}

impl Coins {
    /// Goes on with what the store tells of signed requests.
    pub(crate) fn new(kept: impl IntoIterator<Item = SignedCoins>) -> Self {
        let mut coins = Self::default();
        kept.into_iter().for_each(|it| coins.sign(it.request, it.at, it.coins));
        coins
    }

    /// Remembers that a request has its signatures.
    pub(crate) fn sign(
        &mut self,
        request: RequestId,
        at: UnixTime,
        coins: impl IntoIterator<Item = Coin>,
    ) {
        for coin in coins {
            if let Some((_, earlier)) = self.signed.get(&coin).copied() {
                if earlier > at {
                    continue;
                }
                self.order.remove(&(earlier, coin));
            }
            self.signed.insert(coin, (request, at));
            self.order.insert((at, coin));
            if self.order.len() > COINS_MAX
                && let Some((_, oldest)) = self.order.pop_first()
            {
                self.signed.remove(&oldest);
            }
        }
    }

    /// Returns which of these coins other requests have signatures for.
    pub(crate) fn signed<'a>(
        &'a self,
        coins: impl Iterator<Item = OutPoint> + 'a,
        except: Option<&'a RequestId>,
    ) -> impl Iterator<Item = CoinUse> + 'a {
        coins.filter_map(move |outpoint| {
            let (request, at) = *self.signed.get(&coin_of(&outpoint))?;
            let is_other = Some(&request) != except;
            is_other.then_some(CoinUse { outpoint, request, state: CoinState::Signed, at })
        })
    }
}

#[cfg(test)]
mod tests {
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

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_millis(seconds * 1_000)
    }

    fn who(coins: &Coins, number: u32, except: Option<u8>) -> Option<RequestId> {
        let except = except.map(request);
        coins.signed([outpoint(number)].into_iter(), except.as_ref()).next().map(|it| it.request)
    }

    #[test]
    fn coin_is_the_last_signed_requests_and_no_other_one_of_itself() {
        let mut coins = Coins::default();
        coins.sign(request(2), at(20), [coin(1), coin(2)]);
        coins.sign(request(1), at(10), [coin(1)]);
        assert_eq!(who(&coins, 1, None), Some(request(2)), "whatever order they are read in");
        assert_eq!(who(&coins, 1, Some(2)), None);
        assert_eq!(who(&coins, 2, Some(1)), Some(request(2)));
        assert_eq!(who(&coins, 3, None), None);
    }

    #[test]
    fn coins_are_bounded_and_the_oldest_go() {
        let mut coins = Coins::default();
        for number in 0..COINS_MAX as u32 + 10 {
            coins.sign(request(1), at(number.into()), [coin(number)]);
        }
        assert_eq!((coins.signed.len(), coins.order.len()), (COINS_MAX, COINS_MAX));
        assert_eq!((who(&coins, 9, None), who(&coins, 10, None)), (None, Some(request(1))));
    }
}
