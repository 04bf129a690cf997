//! The entries about settings and about what this node holds against others.

use ensign_coordinator::Risk;

use crate::catalogue::{Entry, Exit};

catalogue! { GUARDED:
    SETTING_UNKNOWN = "E-CFG-001", exit: Usage, risk: None, retry: false,
        "There is no such setting.",
        "Settings are named as they stand in `ensign.toml`, with their section before them: `policy.fee_max`.",
        "see `ensign config show` for every setting there is";
    SETTING_VALUE = "E-CFG-002", exit: Usage, risk: None, retry: false,
        "A setting cannot have this value.",
        "It is out of its range, or of another form. The file was not changed.",
        "see `ensign config show` for what it may be";
    SETTING_FIXED = "E-CFG-003", exit: Usage, risk: None, retry: false,
        "This setting is not changed by itself.",
        "It belongs to the keys of the home, and without them it would be wrong.",
        "do what the message says";
    NODE_FULL = "E-OWN-003", exit: NotReady, risk: None, retry: true,
        "A limit of this node is reached.",
        "A node keeps a bounded number of groups and open requests.",
        "let open requests end, or decline them, then try again";
}
