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
    NODE_UNKNOWN = "E-NET-011", exit: Usage, risk: None, retry: false,
        "No node is called so.",
        "A node is named as its member is called here, by its 64 hex digits, or by at least 8 of them that no \
         other known one begins with.",
        "see `ensign net peers` and `ensign net guard` for the nodes there are";
    NET_NEEDS_UP = "E-NET-012", exit: NotReady, risk: None, retry: true,
        "No node runs here that could be asked about its connections.",
        "Connections, and what the guards do, are those of a node that runs; what was said of nodes is kept.",
        "run `ensign up` in another terminal, then try again";
    NODE_FULL = "E-OWN-003", exit: NotReady, risk: None, retry: true,
        "A limit of this node is reached.",
        "A node keeps a bounded number of groups and open requests.",
        "let open requests end, or decline them, then try again";
}
