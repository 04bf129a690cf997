//! The entries about the open network.

use ensign_coordinator::Risk;

use crate::catalogue::{Entry, Exit};

catalogue! { OPEN:
    NET_CLOSED = "E-NET-017", exit: NotReady, risk: None, retry: true,
        "This home is closed.",
        "A home takes part in the open network only when its user says so: until then its node speaks with the members of its \
         groups and looks for nobody else.",
        "`ensign up --open` opens it, from then on; `ensign config set net.open --default` closes it again";
    NET_NOT_FOUND = "E-NET-018", exit: Peer, risk: None, retry: true,
        "Nobody who was asked knows that node or record.",
        "A node is found only while it says where it is: it runs, is open, and has an address that others reach. A record is \
         found until it expires.",
        "ask whoever it is whether `ensign net status` there says `published`, and try again; `ensign net trace` says who was asked";
    NET_NO_ANSWER = "E-NET-019", exit: Peer, risk: None, retry: true,
        "The node does not answer.",
        "Where it says that it is nobody answers who proves to be that node: it is off, it has moved, or a firewall or router is in between.",
        "try again later; `ensign net find` says where it was seen last";
    NET_BUSY = "E-NET-020", exit: NotReady, risk: None, retry: true,
        "Too much is looked for at this time.",
        "A node looks for a bounded number of nodes and records at one time, for all who ask it.",
        "try again in a few seconds";
    NET_BARRED = "E-NET-021", exit: Usage, risk: None, retry: false,
        "You have banned that node.",
        "A node that is banned is neither dialled nor let in, so that it cannot be asked whether it is there.",
        "`ensign net unban` takes that back";
    NET_REFUSED = "E-NET-022", exit: Usage, risk: None, retry: false,
        "The open network was not asked.",
        "What was given cannot be looked for or published.",
        "correct what the message names";
}
