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
    Cids,
    Washing,
    Fill,
    Bulk,
    Churn,
    Silence,
    Attempts,
}

impl Kind {
    /// Every attack: strangers' first, then members'.
    pub(crate) const ALL: [Self; 12] = [
        Self::Pong,
        Self::Ping,
        Self::Hold,
        Self::Partial,
        Self::Handshakes,
        Self::Cids,
        Self::Washing,
        Self::Fill,
        Self::Bulk,
        Self::Churn,
        Self::Silence,
        Self::Attempts,
    ];

    /// Returns its name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pong => "pong",
            Self::Ping => "ping",
            Self::Hold => "hold",
            Self::Partial => "partial",
            Self::Handshakes => "handshakes",
            Self::Cids => "cids",
            Self::Washing => "washing",
            Self::Fill => "fill",
            Self::Bulk => "bulk",
            Self::Churn => "churn",
            Self::Silence => "silence",
            Self::Attempts => "attempts",
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
        }
    }

    /// Returns how long it may take, where a phase is not long enough for what it proves.
    pub(crate) fn time_max(self, phase: Duration) -> Duration {
        match self {
            Self::Washing => phase * 18,
            Self::Hold => phase * 9,
            Self::Fill => phase * 4,
            Self::Pong
            | Self::Ping
            | Self::Partial
            | Self::Handshakes
            | Self::Cids
            | Self::Bulk
            | Self::Churn
            | Self::Silence
            | Self::Attempts => phase,
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
