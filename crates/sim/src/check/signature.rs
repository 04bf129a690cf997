//! No signature is handed out that does not verify.

use std::{collections::BTreeMap, sync::Arc};

use ensign_engine::signing::{Event, Record};
use ensign_musig::{KeyAggCtx, verify_schnorr};
use ensign_primitives::RequestId;
use ensign_session::Event as SessionEvent;
use ensign_wire::{Envelope, KeyTweak, SigningRequest};

use super::{Cast, Checker, Seen, Sight};

#[derive(Debug, Default)]
pub(super) struct Signature {
    /// What honest people consented to: whose signatures there may be.
    requests: BTreeMap<RequestId, Arc<Record>>,
    /// Signatures that were verified, so that each is once.
    verified: BTreeMap<RequestId, Vec<Vec<[u8; 64]>>>,
}

impl Checker for Signature {
    fn name(&self) -> &'static str {
        "every signature verifies"
    }

    fn check(&mut self, _: &Cast, sight: &Sight, _: Option<&Envelope>) -> Result<(), String> {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the rest is no business of this checker"
        )]
        let handed_out = match &sight.what {
            Seen::Persist { record } => match record.as_ref() {
                Record::Consented { request, .. } => {
                    self.requests.entry(request.request.id()).or_insert_with(|| Arc::clone(record));
                    return Ok(());
                }
                Record::Finished { request, signatures, .. } => {
                    Some((*request, signatures.iter().map(|it| it.0).collect()))
                }
                Record::Decided { .. }
                | Record::Joined { .. }
                | Record::Burned { .. }
                | Record::Partials { .. }
                | Record::Closed { .. }
                | Record::Undecided(_)
                | Record::Case(_)
                | Record::Delegated(_)
                | Record::Horizon(_) => None,
            },
            Seen::Event(Event::Session { request, event: SessionEvent::Done(done), .. }) => {
                Some((*request, done.signatures.clone()))
            }
            _ => None,
        };
        let Some((request, signatures)) = handed_out else { return Ok(()) };
        self.on_signatures(request, signatures).map_err(|why| {
            format!("node {} hands out signatures for request {request}: {why}", sight.node)
        })
    }
}

impl Signature {
    fn on_signatures(&mut self, id: RequestId, signatures: Vec<[u8; 64]>) -> Result<(), String> {
        let verified = self.verified.entry(id).or_default();
        if verified.contains(&signatures) {
            return Ok(());
        }
        let Some(Record::Consented { request, .. }) = self.requests.get(&id).map(Arc::as_ref)
        else {
            return Err("nobody honest has consented to it".to_owned());
        };
        let falls = first_false(&request.request, &signatures);
        if let Some(at) = falls {
            return Err(format!("the one for message {at} does not verify"));
        }
        verified.push(signatures);
        Ok(())
    }
}

/// The first message whose signature does not verify under its key, by BIP340.
fn first_false(request: &SigningRequest, signatures: &[[u8; 64]]) -> Option<usize> {
    if signatures.len() != request.messages.len() {
        return Some(signatures.len().min(request.messages.len()));
    }
    let keys: Vec<_> = request.signers.as_slice().iter().map(|key| *key.as_public_key()).collect();
    let Ok(group) = KeyAggCtx::new(&keys) else { return Some(0) };
    let mut known: BTreeMap<KeyTweak, _> = BTreeMap::new();
    request.messages.iter().zip(signatures).position(|(message, signature)| {
        let key = known.entry(message.tweak).or_insert_with(|| match message.tweak {
            KeyTweak::None => Some(group.agg_key()),
            KeyTweak::Taproot { path, merkle_root } => {
                let child = group.derive(&path);
                let output = child.and_then(|child| child.taproot(merkle_root.as_ref()));
                output.ok().map(|tweaked| tweaked.agg_key())
            }
        });
        !key.is_some_and(|key| verify_schnorr(&key, &message.digest, signature))
    })
}
