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
    PREFIX_TABLE = "E-CFG-010", exit: NotReady, risk: None, retry: true,
        "The table of prefixes cannot be used.",
        "The setting `diversity.prefix_table` names a file in RouteViews' pfx2as form, by which a node counts strangers by \
         provider. Without it they are counted by the prefixes of their addresses alone, and the node runs all the same.",
        "put a table there, or take the setting out: `ensign config set diversity.prefix_table --default`; \
         then SIGHUP or a new start of the node";
    PREFIX_LINES = "E-CFG-011", exit: NotReady, risk: None, retry: true,
        "Lines of the table of prefixes were left out.",
        "A line is `prefix`, `length`, `asn` and perhaps a country, with tabs between them. What the others say is in force.",
        "correct these lines, or fetch the table again";
    PREFIXES_OLD = "E-CFG-012", exit: NotReady, risk: None, retry: true,
        "The table of prefixes is old.",
        "Addresses change hands, so that after some months strangers are counted for providers that they are not at. It is \
         in force all the same.",
        "fetch a newer one; see docs/security/diversity.md";
    NODE_UNKNOWN = "E-NET-011", exit: Usage, risk: None, retry: false,
        "No node is called so, or several are.",
        "A node is named as its member is called here in any group, by its 64 hex digits, or by at least 8 of them that no \
         other known one begins with.",
        "see `ensign net peers`, `ensign net guard` and `ensign group show` for the nodes there are";
    NET_NEEDS_UP = "E-NET-012", exit: NotReady, risk: None, retry: true,
        "No node runs here that could be asked about its connections.",
        "Connections, and what the guards do, are those of a node that runs. What you say of nodes (`net ban`, `net unban`, `net trust`) is taken without one.",
        "run `ensign up` in another terminal, then try again";
    NODE_OWN = "E-NET-013", exit: Usage, risk: None, retry: false,
        "That is this node itself.",
        "A ban or trust is about other nodes: a node neither dials itself nor lets itself in. Nothing was changed.",
        "name another node; `ensign net peers` lists who is connected";
    ZONE_NODE = "E-NET-014", exit: Usage, risk: None, retry: false,
        "A node cannot be named by a seed.",
        "Whoever asks a seed dials the addresses that it names, from anywhere. This node has none that can be dialled from \
         everywhere, or is of another network. No line was printed.",
        "name an address in `advertise` in ensign.toml, by number; a host name is not looked up by those who ask a seed";
    SEED_NONE = "E-NET-015", exit: Network, risk: None, retry: true,
        "No seed names a node that can be used.",
        "A seed is a name in the DNS whose TXT records name nodes. None that was asked has a record that this home can use; a seed by a wrong name, of \
         another network, or behind a DNS server that changes answers has none.",
        "check the names and the network; `--resolver` asks another DNS server";
    DNS_SETUP = "E-NET-016", exit: Network, risk: None, retry: true,
        "There is nobody who resolves names.",
        "This machine does not say which DNS server it asks, so that no seed can be asked.",
        "name a DNS server with `--resolver IP`";
    NODE_FULL = "E-OWN-003", exit: NotReady, risk: None, retry: true,
        "A limit of this node is reached.",
        "A node keeps a bounded number of groups and open requests.",
        "let open requests end, or decline them, then try again";
}
