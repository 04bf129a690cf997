//! What a client sends.

use serde::{Deserialize, Serialize};

/// What is to be signed, by `POST /v1/previews` and `/v1/requests`: a PSBT, bare messages, or a drill.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The group's name.
    pub group: String,
    /// A PSBT, in base64 or in any other form that `ensign sign` reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psbt: Option<String>,
    /// Bare messages, each 32 bytes in hex.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<String>,
    /// Whether it is a drill: a message that moves nobody's coins and shows that all can sign.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drill: bool,
}

/// `POST /v1/requests`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// What is to be signed.
    pub job: Job,
    /// What the preview said; the proposal is our consent to exactly that.
    #[serde(default)]
    pub digest: Option<String>,
    /// The names of the grave notes that are accepted.
    #[serde(default)]
    pub accept_notes: Vec<String>,
    /// One line for the others.
    #[serde(default)]
    pub purpose: String,
    /// `fast`, `committed` or `strict`; committed if there is none.
    #[serde(default)]
    pub mode: Option<String>,
    /// How long the request is open; two hours if there is none.
    #[serde(default)]
    pub expires_s: Option<u64>,
    /// Where the result is written, by the process that serves the home.
    #[serde(default)]
    pub target: Option<Target>,
}

/// Where a result is written once it is there, also after a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// For the signed PSBT: an absolute path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out: Option<String>,
    /// For the transaction in hex: an absolute path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extract: Option<String>,
    /// The form of the PSBT, as the writer understands it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
    /// Whether what is there may be overwritten.
    #[serde(default)]
    pub force: bool,
}

/// `POST /v1/requests/{id}/approve`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Yes {
    /// What was shown.
    #[serde(default)]
    pub digest: Option<String>,
    /// The names of the grave notes that are accepted.
    #[serde(default)]
    pub accept_notes: Vec<String>,
}

/// `POST /v1/groups`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewGroup {
    /// What to call it.
    pub name: String,
    /// The contact code of each other member.
    pub members: Vec<String>,
}

/// `PATCH /v1/groups/{name}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupChange {
    /// Another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// New contact codes of members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// `approved`, `declined`, `cancelled`, `withdrawn` or `forgotten`.
    pub done: String,
}

/// `POST /v1/formations`: with `name` and `size` others are invited, with `code` a seat is taken, with `name`
/// alone a group that is there is confirmed by all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewFormation {
    /// What the group is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many members there will be, we among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u8>,
    /// The code of an invitation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// `POST /v1/formations/{name}/confirm`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// What our user has compared with all others, in words.
    pub fingerprint: String,
}
