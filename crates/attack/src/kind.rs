//! The attacks there are.

use std::{str::FromStr, time::Duration};

/// One attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Pong,
    Ping,
    Hold,
    Partial,
    Handshakes,
    Initials,
    Frames,
    Sources,
    Slots,
    Limits,
    Cids,
    Washing,
    Fill,
    Bulk,
    Churn,
    Silence,
    Attempts,
    Drown,
}

impl Kind {
    /// Every attack: strangers' first, then members'.
    pub(crate) const ALL: [Self; 18] = [
        Self::Pong,
        Self::Ping,
        Self::Hold,
        Self::Partial,
        Self::Handshakes,
        Self::Initials,
        Self::Frames,
        Self::Sources,
        Self::Slots,
        Self::Limits,
        Self::Cids,
        Self::Washing,
        Self::Fill,
        Self::Bulk,
        Self::Churn,
        Self::Silence,
        Self::Attempts,
        Self::Drown,
    ];

    /// Whether it takes a member's keys; any stranger can do the others.
    pub(crate) const fn is_members(self) -> bool {
        match self {
            Self::Pong
            | Self::Ping
            | Self::Partial
            | Self::Handshakes
            | Self::Initials
            | Self::Frames
            | Self::Limits
            | Self::Cids => false,
            // What they prove is that a member gets in.
            Self::Hold | Self::Sources | Self::Slots => true,
            Self::Washing
            | Self::Fill
            | Self::Bulk
            | Self::Churn
            | Self::Silence
            | Self::Attempts
            | Self::Drown => true,
        }
    }

    /// Whether it takes several addresses, which only loopback has.
    pub(crate) const fn is_from_many_addresses(self) -> bool {
        matches!(self, Self::Hold | Self::Sources | Self::Slots)
    }

    /// Returns its name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pong => "pong",
            Self::Ping => "ping",
            Self::Hold => "hold",
            Self::Partial => "partial",
            Self::Handshakes => "handshakes",
            Self::Initials => "initials",
            Self::Frames => "frames",
            Self::Sources => "sources",
            Self::Slots => "slots",
            Self::Limits => "limits",
            Self::Cids => "cids",
            Self::Washing => "washing",
            Self::Fill => "fill",
            Self::Bulk => "bulk",
            Self::Churn => "churn",
            Self::Silence => "silence",
            Self::Attempts => "attempts",
            Self::Drown => "drown",
        }
    }

    /// Returns what it does.
    pub(crate) const fn about(self) -> &'static str {
        match self {
            Self::Pong => "strangers ping without end and never read a pong",
            Self::Ping => "strangers ping without end and read the pongs",
            Self::Hold => "strangers take every place; then members that moved want in",
            Self::Partial => "strangers send frames of 78 KB without their last byte",
            Self::Handshakes => "strangers connect and leave, again and again",
            Self::Initials => "first packets of connections at --rate, from sixteen addresses",
            Self::Frames => "strangers say every valid frame they may at full rate, and dial again",
            Self::Sources => {
                "handshakes from 200 addresses; a member dials 100 times from elsewhere"
            }
            Self::Slots => "strangers of every network take the places; members want in",
            Self::Limits => "a thousand strangers, each at the limit of what it may say",
            Self::Cids => "an observer reads connection ids and looks for the node behind them",
            Self::Washing => {
                "a member brings ended requests back: after thousands of others, after a restart"
            }
            Self::Fill => "a member fills the store with payloads of 1 MB",
            Self::Bulk => {
                "a member announces requests for 1,024 messages, each under a key of its own"
            }
            Self::Churn => "a member announces and cancels what is approved automatically",
            Self::Silence => "a member makes the node forget signatures that it holds",
            Self::Attempts => "a member opens attempt after attempt",
            Self::Drown => {
                "a member proposes, cancels, and sends payloads and early statements at full rate"
            }
        }
    }

    /// Returns how long it may take, where a phase is not long enough for what it proves.
    pub(crate) fn time_max(self, phase: Duration) -> Duration {
        match self {
            Self::Washing => phase * 18,
            Self::Hold | Self::Slots => phase * 9,
            Self::Fill | Self::Sources => phase * 4,
            Self::Pong
            | Self::Ping
            | Self::Partial
            | Self::Handshakes
            | Self::Initials
            | Self::Frames
            | Self::Limits
            | Self::Cids
            | Self::Bulk
            | Self::Churn
            | Self::Silence
            | Self::Attempts
            | Self::Drown => phase,
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|kind| kind.name()).collect();
            format!("write all or one of {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert!("syn".parse::<Kind>().unwrap_err().contains("pong, ping"));
    }
}
