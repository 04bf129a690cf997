//! A case in words: who, what was said, and what that proves.

use std::time::{Duration, UNIX_EPOCH};

use ensign_equivocation::{Case, CaseError, Charge, Claim, Conviction, Verdict};
use ensign_primitives::{PeerId, SignerIndex, UnixTime};
use ensign_wire::{Body, Envelope, PubNonceBytes, Round0};

use crate::catalogue as code;
use crate::failure::Failure;
use crate::group::SignerGroup;
use crate::narrator::fault;
use crate::output::Line;
use crate::words;

/// A case that was checked.
pub(super) struct Told<'a> {
    id: &'a str,
    case: &'a Case,
    verdict: Result<Verdict, CaseError>,
    groups: &'a [SignerGroup],
}

impl<'a> Told<'a> {
    /// Checks a case; `groups` give names where they know them.
    pub(super) fn new(id: &'a str, case: &'a Case, groups: &'a [SignerGroup]) -> Self {
        Self { id, case, verdict: case.verify(), groups }
    }

    /// Returns why nothing is proven or claimed.
    pub(super) fn failure(&self) -> Option<Failure> {
        let error = self.verdict.as_ref().err()?;
        Some(Failure::new(&code::EVIDENCE_REFUSED, format!("NOT PROVEN: {error}")))
    }

    /// Returns one line.
    pub(super) fn summary(&self) -> String {
        let id: String = self.id.chars().take(8).collect();
        match &self.verdict {
            Ok(Verdict::Proven(conviction)) => {
                format!("{id}  PROVEN  {}: {}", self.culprit(conviction), self.what())
            }
            Ok(Verdict::Claimed(claim)) => format!("{id}  CLAIM   {}", self.claimed(claim)),
            Err(error) => format!("{id}  NOT PROVEN  {error}"),
        }
    }

    /// Returns everything.
    pub(super) fn text(&self) -> String {
        let Case { request, attempt, .. } = self.case;
        let about = format!(
            "\n  request  {}, attempt {attempt}, on {}",
            request.id(),
            request.network.name()
        );
        match &self.verdict {
            Ok(Verdict::Proven(conviction)) => {
                let mut text = format!("PROVEN  {}: {}", self.culprit(conviction), self.what());
                text += &format!("\n  node     {}", conviction.peer);
                text += &match conviction.signer {
                    Some((index, key)) => format!(
                        "\n  signer   {key}, number {index} of {}; it lets that node speak",
                        request.signers.len()
                    ),
                    None => "\n  signer   not shown: only the node is convicted".to_owned(),
                };
                text += &about;
                for said in self.statements() {
                    text += &format!("\n  said     {said}");
                }
                text + "\nEvery signature verifies; no clock, log or witness is needed. Nobody \
                        without the key of that node can have made this."
            }
            Ok(Verdict::Claimed(claim)) => format!(
                "CLAIM  {}{}{about}\nA claim is no proof: whoever reports it may be wrong, or may lie.",
                self.claimed(claim),
                self.parties(claim)
            ),
            Err(error) => format!("NOT PROVEN  {error}{about}"),
        }
    }

    /// Returns the event.
    pub(super) fn line(&self) -> Line {
        let Case { request, attempt, .. } = self.case;
        let line = Line::new("evidence").with("evidence", self.id);
        let line = match &self.verdict {
            Ok(Verdict::Proven(conviction)) => line
                .with("verdict", "proven")
                .with("who", vec![self.culprit(conviction)])
                .with("what", self.what())
                .with("node", conviction.peer.to_string())
                .with("signer", conviction.signer.map(|(_, key)| key.to_string()))
                .with("statements", self.statements()),
            Ok(Verdict::Claimed(claim)) => {
                let accused = claim.reports.iter().map(|(_, who)| self.signer(who.0));
                let reporters = claim.reports.iter().map(|(peer, _)| self.node(peer));
                line.with("verdict", "claim")
                    .with("who", distinct(accused))
                    .with("what", "did not answer")
                    .with("reporters", distinct(reporters))
                    .with("accused_signers", self.accused(claim))
                    .with("reporter_nodes", reporter_nodes(claim))
            }
            Err(error) => line.with("verdict", "not_proven").with("what", error.to_string()),
        };
        line.with("request", request.id().to_string())
            .with("attempt", *attempt)
            .with("network", request.network.name())
    }

    fn what(&self) -> &'static str {
        match &self.case.charge {
            Charge::Proof { evidence, .. } => fault(evidence),
            Charge::Silence { .. } => "silence",
        }
    }

    fn culprit(&self, conviction: &Conviction) -> String {
        match conviction.signer {
            Some((index, key)) => match self.group() {
                Some(group) => group.name_of(index),
                None => format!("signer {}", key.to_string().chars().take(16).collect::<String>()),
            },
            None => self.node(&conviction.peer),
        }
    }

    fn claimed(&self, claim: &Claim) -> String {
        let accused = distinct(claim.reports.iter().map(|(_, who)| self.signer(who.0)));
        let reporters = distinct(claim.reports.iter().map(|(peer, _)| self.node(peer)));
        let count = reporters.len();
        let plural = if count == 1 { "reporter" } else { "reporters" };
        format!(
            "{} did not answer, says {} ({count} {plural})",
            words::list(&accused),
            words::list(&reporters)
        )
    }

    /// Says in full who is meant: names are only known in a home of the group.
    fn parties(&self, claim: &Claim) -> String {
        let line = |what: &str, keys: Vec<String>| {
            keys.iter().map(|key| format!("\n  {what:8} {key}")).collect::<String>()
        };
        line("signer", self.accused(claim)) + &line("reporter", reporter_nodes(claim))
    }

    fn accused(&self, claim: &Claim) -> Vec<String> {
        let signers = self.case.request.signers.as_slice();
        let keys = claim.reports.iter().filter_map(|(_, who)| signers.get(usize::from(who.0)));
        distinct(keys.map(ToString::to_string))
    }

    fn group(&self) -> Option<&SignerGroup> {
        let id = self.case.request.signers.group_id(self.case.request.network);
        self.groups.iter().find(|group| group.id() == id)
    }

    fn signer(&self, who: u16) -> String {
        match (self.group(), self.case.request.signers.as_slice().get(usize::from(who))) {
            (Some(group), _) => group.name_of(SignerIndex(who)),
            (None, None) => format!("signer {who}"),
            (None, Some(key)) => {
                format!("signer {}", key.to_string().chars().take(16).collect::<String>())
            }
        }
    }

    fn node(&self, peer: &PeerId) -> String {
        let known = self.group().and_then(|group| Some(group.name_of(group.index_of(peer)?)));
        known.unwrap_or_else(|| format!("node {}", peer.short()))
    }

    fn statements(&self) -> Vec<String> {
        let Charge::Proof { evidence, .. } = &self.case.charge else { return Vec::new() };
        evidence.statements().into_iter().map(statement).collect()
    }
}

fn reporter_nodes(claim: &Claim) -> Vec<String> {
    distinct(claim.reports.iter().map(|(peer, _)| peer.to_string()))
}

fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::new();
    for name in names {
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    distinct
}

/// Says what an envelope says.
fn statement(envelope: &Envelope) -> String {
    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else convicts anybody")]
    let said = match envelope.body() {
        Body::SessionJoin(join) => match &join.round0 {
            Round0::Commit(commit) => format!("I join and commit to {}", begin(&commit.commitment)),
            Round0::Reveal(shown) => format!("I join with the nonces {}", nonces(shown)),
        },
        Body::NonceShare(share) => format!("my nonces are {}", nonces(&share.nonces)),
        Body::NoncesComplete(complete) => {
            format!("I see the nonce set {}", begin(&complete.digest))
        }
        Body::PartialSigShare(share) => {
            let partials: Vec<_> = share.partials.iter().take(2).map(|it| begin(it)).collect();
            let (partials, set) = (partials.join(", "), begin(&share.nonces));
            format!("my partial signatures for the nonce set {set} are {partials}")
        }
        other => format!("{:?}", other.kind()),
    };
    format!("\"{said}\" at {} by its clock", time(envelope.sent_at()))
}

fn nonces(nonces: &[PubNonceBytes]) -> String {
    let shown: Vec<_> = nonces.iter().take(2).map(|nonce| begin(&nonce.0)).collect();
    let more =
        if nonces.len() > 2 { format!(" and {} more", nonces.len() - 2) } else { String::new() };
    shown.join(", ") + &more
}

fn begin(bytes: &[u8]) -> String {
    let shown: String = hex::encode(bytes).chars().take(24).collect();
    shown + ".."
}

fn time(at: UnixTime) -> String {
    let since = Duration::from_millis(at.as_millis());
    // A time that no calendar has is shown as it is.
    match UNIX_EPOCH.checked_add(since) {
        Some(time) if at.as_millis() < 253_402_300_800_000 => {
            humantime::format_rfc3339_seconds(time).to_string()
        }
        Some(_) | None => format!("{} ms", at.as_millis()),
    }
}
