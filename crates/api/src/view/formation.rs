//! Groups that form: how far they have come, and what happens to them, with members under the names that
//! they call themselves.

use std::collections::BTreeMap;

use ensign_coordinator::Roster;
use ensign_coordinator::forming::{Ended, Event, Happened, SeatRefusal, Step, View};
use ensign_primitives::{PeerId, SignerIndex};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A group that forms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormationView {
    /// Its name.
    pub name: String,
    /// The id of the group that comes of it, once all members are known.
    #[serde(default)]
    pub group_id: Option<String>,
    /// `inviting`, `joining`, `revealing` or `confirming`.
    pub step: String,
    /// How many members there will be, where that is known.
    pub size: Option<usize>,
    /// Who has a seat, or everybody once all have one, by what they call themselves.
    pub members: Vec<String>,
    /// The code for the others, where we invite.
    pub code: Option<String>,
    /// What all members compare, once it is there.
    pub fingerprint: Option<String>,
    /// Whose turn it is.
    pub missing: Vec<String>,
    /// Until when it waits; null once our user has confirmed.
    pub expires_ms: Option<u64>,
}

impl FormationView {
    /// Takes a group that forms.
    pub fn new(view: &View) -> Self {
        let made = Self {
            name: view.name.clone(),
            expires_ms: view.expires.map(ensign_primitives::UnixTime::as_millis),
            ..Self::default()
        };
        match &view.step {
            Step::Inviting { seated, size, code } => Self {
                step: "inviting".to_owned(),
                size: Some((*size).into()),
                members: seated.clone(),
                code: Some(code.clone()),
                ..made
            },
            Step::Joining { .. } => Self { step: "joining".to_owned(), ..made },
            Step::Revealing { roster, missing } => {
                Self { step: "revealing".to_owned(), ..made.of_roster(roster, missing) }
            }
            Step::Confirming { roster, fingerprint, missing } => Self {
                step: "confirming".to_owned(),
                fingerprint: Some(fingerprint.to_string()),
                ..made.of_roster(roster, missing)
            },
        }
    }

    fn of_roster(self, roster: &Roster, missing: &[SignerIndex]) -> Self {
        let members = names(roster);
        let name = |it: &SignerIndex| members.get(it.as_usize()).cloned();
        let missing = missing.iter().filter_map(name).collect();
        let keys = roster.keys().ok();
        let group_id = keys.map(|keys| keys.group_id(roster.network).to_string());
        Self { size: Some(members.len()), missing, members, group_id, ..self }
    }
}

fn names(roster: &Roster) -> Vec<String> {
    roster.members.iter().map(|member| member.name.clone()).collect()
}

/// Who the members of the groups that form are, to be named in what happens to them.
#[derive(Clone, Debug, Default)]
pub struct Forming(BTreeMap<String, Roster>);

impl Forming {
    /// Takes the groups that form.
    pub fn know(&mut self, views: &[View]) {
        for view in views {
            match &view.step {
                Step::Revealing { roster, .. } | Step::Confirming { roster, .. } => {
                    self.0.insert(view.name.clone(), (**roster).clone());
                }
                Step::Inviting { .. } | Step::Joining { .. } => {}
            }
        }
    }

    fn note(&mut self, event: &Event) {
        if let Happened::Gathered { roster } | Happened::Fingerprint { roster, .. } = &event.what {
            self.0.insert(event.name.clone(), (**roster).clone());
        }
    }

    fn name(&self, group: &str, who: SignerIndex) -> String {
        let member = self.0.get(group).and_then(|roster| roster.members.get(who.as_usize()));
        member.map_or_else(|| format!("member {who}"), |member| member.name.clone())
    }

    fn node(&self, group: &str, peer: &PeerId) -> String {
        let roster = self.0.get(group);
        let member = roster.and_then(|it| it.members.iter().find(|member| member.peer == *peer));
        member.map_or_else(|| format!("node {}", peer.short()), |member| member.name.clone())
    }

    /// Words an event: its name, which group, and what is particular about it.
    pub fn told(&mut self, event: &Event) -> Value {
        self.note(event);
        let group = event.name.as_str();
        let who = |who: &SignerIndex| self.name(group, *who);
        let (name, more) = match &event.what {
            Happened::SeatTaken { member, taken, size, .. } => {
                ("seat_taken", json!({ "who": member, "taken": taken, "size": size }))
            }
            Happened::Seated { taken, size } => ("seated", json!({ "taken": taken, "size": size })),
            Happened::Gathered { roster } => ("gathered", json!({ "members": names(roster) })),
            Happened::Fingerprint { roster, fingerprint } => (
                "fingerprint",
                json!({ "members": names(roster), "fingerprint": fingerprint.to_string() }),
            ),
            Happened::Confirmed { by, confirmed } => {
                ("member_confirmed", json!({ "who": who(by), "confirmed": confirmed }))
            }
            Happened::Differs { by } => ("fingerprint_differs", json!({ "who": who(by) })),
            Happened::Contradicts { by } => ("member_contradicts", json!({ "who": who(by) })),
            Happened::OtherRoster { by, roster } => {
                let who = self.node(group, by);
                ("other_members", json!({ "who": who, "members": names(roster) }))
            }
            Happened::Refused { by } => ("member_refused", json!({ "who": who(by) })),
            Happened::Formed { certificate, .. } => {
                ("formed", json!({ "fingerprint": certificate.fingerprint().to_string() }))
            }
            Happened::Ended(why) => ("formation_ended", json!({ "what": self.ended(group, *why) })),
        };
        let mut all = Map::new();
        all.insert("event".to_owned(), name.into());
        all.insert("group".to_owned(), group.into());
        if let Value::Object(more) = more {
            all.extend(more);
        }
        Value::Object(all)
    }

    fn ended(&self, group: &str, why: Ended) -> String {
        match why {
            Ended::Expired => "its time is over, and not everybody had confirmed".to_owned(),
            Ended::NotSeated(why) => format!("there is no seat: {}", refusal(why)),
            Ended::Refused { by } => format!("{} does not want it", self.name(group, by)),
            Ended::StartedOver { by } => {
                format!("{} began anew, so that everybody has to", self.name(group, by))
            }
            Ended::WrongProofs => {
                "somebody tried codes that are not the one given out, so it was closed".to_owned()
            }
            Ended::StoreRestored => {
                "this home was restored or copied meanwhile, so it begins anew".to_owned()
            }
        }
    }
}

/// Says why there is no seat, and what to do.
const fn refusal(why: SeatRefusal) -> &'static str {
    match why {
        SeatRefusal::Unknown => {
            "who invited knows no such invitation; it is over, or the code is not complete"
        }
        SeatRefusal::WrongProof => "the code is not the one that was given out",
        SeatRefusal::Expired => "the invitation is over; ask for a new code",
        SeatRefusal::Full => "every seat is taken; ask who else has the code",
        SeatRefusal::Occupied => {
            "somebody has one whose name looks the same, or with the same key; use another name"
        }
        SeatRefusal::Invalid => "our key was not accepted; is a clock wrong?",
        SeatRefusal::Closed => "who invited has given it up",
    }
}
