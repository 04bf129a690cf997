//! The entries, one after the other.

use ensign_coordinator::Risk;

use super::{Entry, Exit};

/// Defines each entry under its name, and the list of all.
macro_rules! catalogue {
    ($list:ident: $(
        $name:ident = $code:literal, exit: $exit:ident, risk: $risk:ident, retry: $retry:literal,
        $title:literal, $why:literal, $hint:literal;
    )*) => {
        $(
            #[doc = $title]
            pub(crate) const $name: Entry = Entry {
                code: $code,
                title: $title,
                why: $why,
                hint: $hint,
                risk: Risk::$risk,
                retry_is_safe: $retry,
                exit: Exit::$exit,
            };
        )*

        /// Every entry of this program, by area.
        pub(in crate::catalogue) static $list: &[Entry] = &[$($name),*];
    };
}

mod guarded;
pub(crate) use guarded::*;
mod open;
pub(crate) use open::*;

catalogue! { ENTRIES:
    INTERNAL = "E-INT-001", exit: Internal, risk: CheckFirst, retry: false,
        "Something broke that should not.",
        "The program met a state that it holds to be impossible, and stopped before it could do harm.",
        "please report it, with the output of the command";

    COMMAND_LINE = "E-USE-001", exit: Usage, risk: None, retry: false,
        "The command line is not understood.",
        "An argument is missing, unknown or malformed.",
        "run the command with --help";
    MESSAGE_LENGTH = "E-USE-002", exit: Usage, risk: None, retry: false,
        "The message is not 32 bytes in hex.",
        "`sign --message` takes exactly 64 hex digits: the 32 bytes that are signed as they are.",
        "give 64 hex digits; to sign something longer, give its hash";
    UNKNOWN_CODE = "E-USE-003", exit: Usage, risk: None, retry: false,
        "No error has this code.",
        "`ensign explain` takes a code as an error message shows it.",
        "look the code up in docs/operate/errors.md";
    LIFETIME = "E-USE-004", exit: Usage, risk: None, retry: false,
        "The request would be open for too short or too long.",
        "A request lives for at least one second and at most a day: a forgotten one must not be \
         signed much later.",
        "give --expires between 1s and 1d";
    FILE_READ = "E-FIL-001", exit: Usage, risk: None, retry: true,
        "A file cannot be read.",
        "The file that the command names is missing, too large, or not readable by this user.",
        "check the path";
    FILE_WRITE = "E-FIL-002", exit: Usage, risk: None, retry: true,
        "A file cannot be written.",
        "The folder is missing, the disk is full, or this user may not write there. What was signed \
         is kept in the folder `signed` of the home.",
        "check the path and the free space";
    FILE_EXISTS = "E-FIL-010", exit: Usage, risk: None, retry: true,
        "A file is there already.",
        "A result takes the place of a file only when that is said: it may be one that somebody needs.",
        "name another file, or add --force to replace it";
    FILE_GUARDED = "E-FIL-011", exit: Usage, risk: None, retry: false,
        "A result is never written there.",
        "In the folder of a home are its keys, settings and records, and a vault may have the only copy of \
         a key. No option replaces them by a result. Nothing was written.",
        "name a file outside of every home, and no vault";
    RESULT_KEPT = "E-FIL-012", exit: Usage, risk: None, retry: false,
        "It is signed, but the result was not written where it was wanted.",
        "The signature is kept in the home. The same command again would be a new request, for which all \
         would have to sign once more.",
        "`ensign request show ID --out FILE` writes the result to another file";

    HOME_MISSING = "E-HOM-001", exit: NotReady, risk: None, retry: true,
        "There is no home here.",
        "A home is the folder with a signer's keys, settings and groups; `ensign init` makes it.",
        "run `ensign init --name NAME`, or name another folder with --home";
    HOME_EXISTS = "E-HOM-002", exit: Usage, risk: None, retry: false,
        "There is a home here already.",
        "`ensign init` never overwrites keys: whoever loses a signer key loses the coins of each \
         group that it belongs to.",
        "use the home that is there, or give another folder with --home";
    HOME_IN_USE = "E-HOM-003", exit: NotReady, risk: None, retry: true,
        "Another process uses this home.",
        "Two processes with the same keys could answer the same request twice, so one at a time may \
         use a home.",
        "end the other process, then try again";
    HOME_OPEN_TO_OTHERS = "E-HOM-004", exit: NotReady, risk: CheckFirst, retry: true,
        "Other users of this machine can read the keys.",
        "The folder of a home must have mode 0700, and its key files and its vault mode 0600. If \
         somebody else may have read keys that are not encrypted, move the coins to a new group.",
        "take the permissions away";
    HOME_DAMAGED = "E-HOM-005", exit: NotReady, risk: CheckFirst, retry: false,
        "A file of the home cannot be understood.",
        "A file was edited, cut off, or comes from another version.",
        "take the file from a backup; leave the files store.* alone";
    HOME_IO = "E-HOM-006", exit: NotReady, risk: None, retry: true,
        "The home cannot be read or written.",
        "The operating system refused: permissions, a full disk, or a folder that is not there.",
        "check that the folder is there, that this user may write it, and that its disk has room";
    ENTROPY = "E-HOM-007", exit: NotReady, risk: None, retry: true,
        "The operating system gives no random bytes.",
        "Keys and nonces come from the random number generator of the operating system only.",
        "try again once the system has started completely";
    KEYS_MISSING = "E-HOM-009", exit: NotReady, risk: Keys, retry: true,
        "A secret key of this home is gone.",
        "A home has its keys in `vault.ens`, or in `node.key` and `signer.key` where they are not \
         encrypted. Without them the coins of its groups cannot be moved.",
        "look where the file went; else restore a backup into another folder: `ensign --home NEW \
         key restore FILE`";
    STORE = "E-HOM-008", exit: NotReady, risk: CheckFirst, retry: false,
        "The store cannot be used.",
        "The store records which nonces count as used. Without it nothing is signed, so that no \
         nonce is used twice. Nothing in it was overwritten.",
        "keep a copy of the files store.* as they are, and report it with the message";
    HOME_MOVED = "E-HOM-020", exit: NonceSafety, risk: CheckFirst, retry: false,
        "This home was made on another machine.",
        "A home that runs on two machines answers the same request twice: each may join an attempt \
         that the other has joined. The copy here has done nothing yet.",
        "switch the other one off for good, then run `ensign up --moved` here: what was open is \
         closed and can be proposed again";
    STORE_NO_ROOM = "E-HOM-021", exit: NotReady, risk: None, retry: true,
        "The disk has no room for the store.",
        "Nothing was lost: what was stored before is on disk.",
        "free some room, then try again";

    CLOCK_BACK = "E-HOM-022", exit: NotReady, risk: None, retry: true,
        "The clock of this machine was set back.",
        "The store was last written later than it is now. Nothing in it is lost or removed for that, \
         but other signers refuse messages from a wrong clock, and requests seem to be open for \
         longer.",
        "set the clock by a time server; keys are safe, and no nonce depends on the clock";

    VAULT_PASSPHRASE = "E-VLT-001", exit: NotReady, risk: None, retry: true,
        "The passphrase is wrong.",
        "The file is whole: its checksum fits. It was written under another passphrase. Upper and \
         lower case, spaces and the layout of the keyboard count.",
        "try again; if it is lost, `ensign key restore` a backup whose passphrase is known";
    VAULT_DAMAGED = "E-VLT-002", exit: NotReady, risk: Keys, retry: false,
        "The file with the keys is damaged.",
        "Bytes were changed or cut off since it was written, most likely by the disk. No passphrase \
         opens it, and none was tried.",
        "keep the file; restore a backup into another folder: `ensign --home NEW key restore FILE`";
    VAULT_ALTERED = "E-VLT-003", exit: NotReady, risk: CheckFirst, retry: false,
        "Somebody has altered the file with the keys.",
        "The passphrase is right and the checksum fits, but what is encrypted does not belong \
         together. That does not happen by accident. Whoever did it does not know the passphrase, \
         and no key was used.",
        "find out who can write to the folder; restore a backup into another folder";
    VAULT_FOREIGN = "E-VLT-004", exit: Usage, risk: None, retry: false,
        "The file is no vault.",
        "A vault begins with `ensvault`. This is another file, or its first bytes are damaged.",
        "check the path; if it should be a vault, keep the file and restore a backup";
    VAULT_VERSION = "E-VLT-005", exit: NotReady, risk: None, retry: false,
        "The vault has a version that this program does not know.",
        "It was written by a newer version of the program, and is not damaged.",
        "update this program";
    VAULT_COST = "E-VLT-006", exit: NotReady, risk: CheckFirst, retry: false,
        "Unlocking the vault would cost too much.",
        "The file asks for more memory or time than any vault of this program does. Nothing was \
         derived. It may have been made to stop this machine.",
        "find out where the file comes from; restore a backup";
    VAULT_MEMORY = "E-VLT-007", exit: NotReady, risk: None, retry: true,
        "The memory does not suffice to derive the key.",
        "Deriving a key from a passphrase takes 256 MiB on purpose: it makes guessing dear.",
        "end other programs, or raise the memory limit of this one";
    VAULT_WRITE = "E-VLT-008", exit: NotReady, risk: None, retry: true,
        "The file with the keys cannot be written.",
        "The folder is read-only or missing, the disk is full, or a file is there already. The keys \
         that were there are there, unchanged.",
        "check the path and the free space";
    PASSPHRASE_NEEDED = "E-VLT-009", exit: NotReady, risk: None, retry: true,
        "A passphrase is needed, and nobody can be asked.",
        "The keys are encrypted. A passphrase is typed on a terminal, or comes from a file, a \
         descriptor or a systemd credential; never from an argument or a variable, which other \
         programs can read.",
        "run it on a terminal without --json, or give --passphrase-file FILE, --passphrase-fd N or \
         the credential `ensign-passphrase`; for tests there is `ensign init --no-passphrase`";
    PASSPHRASE_SOURCE = "E-VLT-010", exit: Usage, risk: None, retry: true,
        "The passphrase cannot be taken from there.",
        "The file or descriptor is missing, empty, too long, or readable by other users.",
        "check the path; a passphrase has 1 to 1024 bytes, and its file mode 0600";
    PASSPHRASE_WEAK = "E-VLT-011", exit: Usage, risk: None, retry: false,
        "The new passphrase is too short.",
        "Whoever gets the file can try passphrases for as long as they like.",
        "take at least 8 bytes; five words drawn at random are better";
    KEYS_ENCRYPTED = "E-VLT-012", exit: Usage, risk: None, retry: false,
        "The keys are encrypted already.",
        "The home has a vault, and no key lies beside it.",
        "to change the passphrase, use `ensign key passphrase`";
    KEYS_PLAIN = "E-VLT-013", exit: NotReady, risk: None, retry: false,
        "The keys of this home are not encrypted.",
        "There is no passphrase that could be changed.",
        "encrypt them with `ensign key encrypt`";
    BACKUP_OTHER = "E-VLT-014", exit: NotReady, risk: CheckFirst, retry: false,
        "The backup is not one of this home.",
        "It opens, but the keys in it are other keys: it does not protect this home.",
        "make a new one with `ensign key backup FILE`, and keep the old one apart";
    BACKUP_KIND = "E-VLT-015", exit: Usage, risk: None, retry: false,
        "The file is a vault, but no backup of a home.",
        "A backup holds the settings, the groups and both keys of a home; this file does not, or \
         says something else in them.",
        "name a file that `ensign key backup` has made";

    BACKUP_DAMAGED = "E-VLT-020", exit: NotReady, risk: CheckFirst, retry: false,
        "The backup is damaged.",
        "Bytes were changed or cut off since it was written, most likely by the medium. No passphrase \
         opens it, and none was tried.",
        "keep it and try another copy; while the home is whole, make a new one at once: `ensign key \
         backup FILE`";

    SIGNER_ELSEWHERE = "E-VLT-016", exit: NotReady, risk: None, retry: true,
        "The signer key is not in this home.",
        "`ensign key split` has moved it into a vault of its own, and a process of its own signs with \
         it.",
        "start `ensign signer VAULT --socket SOCKET`, and give --signer SOCKET";
    SIGNER_PROCESS = "E-VLT-017", exit: NotReady, risk: None, retry: true,
        "The process that signs cannot be used.",
        "Nobody listens at the socket, it holds another key, or its user said no. The key is safe \
         with it.",
        "look at its terminal; start it with `ensign signer VAULT --socket SOCKET`";
    SIGNER_VAULT = "E-VLT-018", exit: Usage, risk: None, retry: false,
        "The file is a vault, but not of a signer alone.",
        "`ensign signer` takes a vault that has one signer key and nothing else.",
        "make one with `ensign key split FILE`";
    SIGNER_SOCKET = "E-VLT-019", exit: NotReady, risk: None, retry: true,
        "The socket cannot be listened at.",
        "Another signer listens there, something else has the name, the folder cannot be written, or \
         the path is longer than the system allows, about 100 bytes.",
        "choose another path with --socket";

    CONTACT_CODE = "E-CON-001", exit: Usage, risk: None, retry: false,
        "A contact code is not complete.",
        "The code begins with `ensign1` and ends with a checksum. A letter was changed, or a part \
         was not copied.",
        "ask for the output of `ensign contact show` again and paste all of it";
    CONTACT_NETWORK = "E-CON-002", exit: Usage, risk: None, retry: false,
        "A contact code is for another network.",
        "Signers of one group work on one network, so that test money and real money never meet.",
        "ask for a code of a home on this network, or use --home with another one";
    CONTACT_VERSION = "E-CON-003", exit: Usage, risk: None, retry: false,
        "A contact code has a version that this program does not know.",
        "It comes from a newer version of the program.",
        "update this program";
    CONTACT_KEY = "E-CON-004", exit: Usage, risk: None, retry: false,
        "A contact code holds bytes that are no key.",
        "The checksum is right, but a key in it is no point on the curve: whoever made the code \
         made it wrong.",
        "do not use the code; ask its owner how it was made";
    NAME = "E-CON-005", exit: Usage, risk: None, retry: false,
        "A name is not acceptable.",
        "Names of signers and groups become file names and are shown in sentences, so they are \
         short and plain.",
        "choose 1 to 32 letters, digits, `-`, `_` or `.`";
    NAME_TAKEN = "E-CON-006", exit: Usage, risk: CheckFirst, retry: false,
        "Two signers would have names that look alike.",
        "What a signer calls itself is a claim. In this home each name is one signer's, and none looks \
         like another: upper and lower case, `0` and `o`, `1`, `l` and `i` count as the same.",
        "give it a name of your own: --member NAME=CODE";
    ADVERTISE = "E-CON-007", exit: Usage, risk: None, retry: false,
        "An address cannot be given out.",
        "An address in a contact code is where others dial this node: an IP address or a host name, and \
         a UDP port; at most 8.",
        "give the address and port under which the others reach this machine";

    GROUP_UNKNOWN = "E-GRP-001", exit: Usage, risk: None, retry: false,
        "There is no group of this name.",
        "Groups are kept in the home, under the name that this user gave them.",
        "see `ensign group list`, or make it with `ensign group new`";
    GROUP_EXISTS = "E-GRP-002", exit: Usage, risk: None, retry: false,
        "A group of this name exists already.",
        "A group is never overwritten: its file says whom to sign with.",
        "choose another name, or use `ensign group show`";
    GROUP_SAME = "E-GRP-006", exit: Usage, risk: None, retry: false,
        "A group of these members exists already.",
        "The same signer keys give the same address, so a second name would be the same group twice.",
        "use the group that is there; `ensign group rename OLD NEW` calls it otherwise, and `ensign group \
         update NAME --member CODE` takes new addresses of its members";
    GROUP_NODE = "E-GRP-007", exit: Usage, risk: CheckFirst, retry: false,
        "A code has other keys than the member it would stand for.",
        "New addresses of the same two keys are an update. A signer key with another node, or a node with \
         another signer key, is a new member: somebody may want to speak for the old one.",
        "ask its owner on another way, by voice at best, whether the home was made anew";
    GROUP_NOT_MEMBER = "E-GRP-008", exit: Usage, risk: None, retry: false,
        "The code is of nobody in the group.",
        "The members of a group never change: its address is made of their keys.",
        "see `ensign group show`; with other members, make another group: `ensign group new`";
    GROUP_BUSY = "E-GRP-009", exit: NotReady, risk: None, retry: true,
        "The group has open requests.",
        "A group that is forgotten takes part in nothing, and the others would wait.",
        "see `ensign request list`; cancel or decline them first";
    GROUP_KEPT = "E-GRP-010", exit: Usage, risk: None, retry: false,
        "The group was not forgotten.",
        "Coins at a group's address move only when all its members sign, and a home that has forgotten the \
         group does not.",
        "type the name of the group when asked, or give --yes";
    GROUP_DUPLICATE = "E-GRP-003", exit: Usage, risk: None, retry: false,
        "A member stands twice.",
        "Each signer key and each node belongs to a group once; otherwise one could speak for two.",
        "give each code once";
    GROUP_SIZE = "E-GRP-004", exit: Usage, risk: None, retry: false,
        "A group has too few or too many members.",
        "A group is yourself and 1 to 255 others.",
        "give each other member's code with --member";
    FORMATION = "E-GRP-011", exit: Usage, risk: None, retry: false,
        "A group cannot form like that.",
        "It forms already, has another number of members, or what was asked for does not come next.",
        "see `ensign group show NAME` for how far it is";
    FINGERPRINT = "E-GRP-012", exit: Usage, risk: CheckFirst, retry: false,
        "The fingerprint is another one.",
        "Members confirm what all of them see. If the words of two members differ, somebody stands between \
         them, or one of them has typed it wrong.",
        "compare names and words again, by phone or in one room; confirm nothing that differs";
    FORMATION_ENDED = "E-GRP-013", exit: Declined, risk: None, retry: true,
        "No group has come of it.",
        "A group is there once every member has confirmed it; before that it leaves nothing behind.",
        "talk to the others, and invite again";
    UNCERTIFIED = "E-GRP-014", exit: NotReady, risk: CheckFirst, retry: false,
        "The group has no certificate.",
        "Its members have not confirmed to each other that they mean the same group, so one of them may have \
         a changed code. Nobody is told where to pay it before that.",
        "`ensign group confirm NAME` where `ensign up` runs; the others do the same";
    INVITATION = "E-GRP-015", exit: Usage, risk: None, retry: false,
        "An invitation code is not complete.",
        "The code begins with `ensigninvite1` and ends with a checksum. A letter was changed, or a part \
         was not copied.",
        "ask who invited for the code again, and paste all of it";
    GROUP_NONE = "E-GRP-005", exit: NotReady, risk: None, retry: true,
        "There is no group to be up for.",
        "A signer connects only to members of its groups.",
        "make a group with `ensign group invite NAME --size N`, or `ensign group join CODE`";

    PSBT_DRAFT = "E-PSB-010", exit: Usage, risk: None, retry: false,
        "The PSBT cannot be made so.",
        "Coins, payments and fee rate do not go together, or no node would relay the transaction. Coins and \
         payments are counted from 0. Nothing was written.",
        "correct what the message names, and give the command again";

    PAYEE_ADDRESS = "E-PAY-001", exit: Usage, risk: CheckFirst, retry: false,
        "A payee's address is none, or none of this network.",
        "A mistyped address pays nobody or somebody else.",
        "ask the payee for the address again, and compare it by another way";
    PAYEE_EXISTS = "E-PAY-002", exit: Usage, risk: CheckFirst, retry: false,
        "The payee is on the list already.",
        "Each name on the list is one address, each address one name, and no name looks like another.",
        "see `ensign payee list`; `ensign payee remove NAME` takes one away";
    PAYEE_UNKNOWN = "E-PAY-003", exit: Usage, risk: None, retry: false,
        "No payee has this name.",
        "Payees have the names under which they were entered.",
        "see `ensign payee list`";

    PSBT_BYTES = "E-PSB-001", exit: Usage, risk: None, retry: false,
        "The file is no PSBT.",
        "A PSBT of version 0 or 2, binary or base64, was expected; the message says where the bytes stop \
         making sense.",
        "export the PSBT again in the wallet that made it";
    PSBT_REFUSED = "E-PSB-002", exit: Policy, risk: None, retry: false,
        "This PSBT cannot be signed by this group.",
        "Every input must spend a coin of the group by key path, name that coin, and ask for a \
         signature over the whole transaction.",
        "check that it is the right group, and that the wallet filled in the spent outputs";

    HOST_LOOKUP = "E-NET-010", exit: Network, risk: None, retry: true,
        "A host name cannot be looked up.",
        "The resolver of this machine gives no address for it: there is no network, the name is wrong, or \
         it has no address now. Its other addresses are dialled all the same, and whoever it is can dial us.",
        "check the name and the network; it is looked up again when the node starts the next time";
    PORT_IN_USE = "E-NET-001", exit: Network, risk: None, retry: true,
        "Another process uses the port.",
        "The UDP port of this home's address is taken, perhaps by another program.",
        "end the other process, or choose another port with --listen IP:PORT";
    LISTEN = "E-NET-002", exit: Network, risk: None, retry: true,
        "The address cannot be listened on.",
        "The address does not belong to this machine, or the system forbids it.",
        "choose an address of this machine with --listen IP:PORT";

    NODE_TWICE = "E-NET-003", exit: NotReady, risk: CheckFirst, retry: true,
        "A home runs twice.",
        "Two processes run with the same keys and push each other off: the home was copied, and each copy \
         may forget what the other has joined.",
        "see that each home runs once, on one machine; end every other copy for good";

    KEY_ELSEWHERE = "E-NET-004", exit: NotReady, risk: CheckFirst, retry: true,
        "Your signer key speaks through two nodes.",
        "A member's node has shown a delegation by your key to another node. The one with the higher number counts \
         everywhere; the other one counts for nothing. If you did not make it, somebody else has your signer key.",
        "if you moved this home, end the old one; if not, move the money of your groups to new keys";

    OWN_NO = "E-OWN-001", exit: Declined, risk: None, retry: true,
        "You said no.",
        "Nothing was proposed to anybody.",
        "give the command again when you want to sign";
    NOBODY_ASKED = "E-OWN-004", exit: Declined, risk: None, retry: true,
        "Nobody could be asked, so nothing was proposed.",
        "A question counts only where it can be seen and answered: on a terminal, with standard error \
         and standard input. A pipe, a file or silence is no yes.",
        "run it on a terminal, or look at it first (`ensign psbt show`) and give --yes";
    NOBODY_ASKS = "E-OWN-006", exit: Usage, risk: CheckFirst, retry: false,
        "Neither the node nor its signer would ask anybody.",
        "With `up --approve` for groups the node says yes by itself, and a signer with `--yes-to-all` \
         does. Together nobody sees what is signed, which has to be meant on both sides.",
        "let one of them ask; or give --nobody-asks to both, `ensign up` and `ensign signer`";
    GRAVE = "E-OWN-005", exit: Declined, risk: CheckFirst, retry: true,
        "What would be signed has a grave warning that nobody accepted.",
        "Money is probably lost by it, or nobody can tell what it does. A yes in advance covers that \
         only where it names the note.",
        "look at the warnings; if it shall be so, name each with --accept-note";
    INTERRUPTED = "E-OWN-002", exit: Open, risk: None, retry: true,
        "Interrupted before the signature was complete.",
        "You consented, and the others may still be deciding. Nothing is lost.",
        "run `ensign up`: it takes the request up again, and keeps the result in `signed`";

    REQUEST_UNKNOWN = "E-REQ-001", exit: Usage, risk: None, retry: false,
        "There is no such request.",
        "A request is named by its id or by the beginning of it; this home remembers none that \
         begins so.",
        "see `ensign request list` and `ensign request history`";
    REQUEST_AMBIGUOUS = "E-REQ-002", exit: Usage, risk: None, retry: false,
        "Several requests begin so.",
        "The beginning of an id names a request only if no other one begins with it.",
        "give more of its digits";
    REQUEST_NOT_OPEN = "E-REQ-003", exit: Usage, risk: None, retry: false,
        "The request does not wait for this.",
        "It is over already, or it was decided before.",
        "see `ensign request show ID`";
    REQUEST_NEEDS_UP = "E-REQ-004", exit: NotReady, risk: None, retry: true,
        "The request can only be approved while a node runs.",
        "What is approved is what the running node has checked and shown.",
        "run `ensign up` in another terminal";
    REQUEST_NO_RESULT = "E-REQ-005", exit: Open, risk: None, retry: true,
        "The request has no signatures.",
        "It is still open, or it ended without them.",
        "see `ensign request show ID`";
    REQUEST_BY_PREFIX = "E-REQ-010", exit: Usage, risk: CheckFirst, retry: false,
        "The beginning of an id approves nothing.",
        "Whoever proposes can make an id that begins as they like, so a yes needs the request's number \
         in this home, or its whole id.",
        "see `ensign request list` for its number, then `ensign request approve '#NUMBER'`";
    REQUEST_NO_DIGEST = "E-REQ-011", exit: Usage, risk: None, retry: false,
        "The yes does not say to what.",
        "Off a terminal a yes carries the digest of what was shown: request, amounts, notes, rules.",
        "look at `ensign request show`, and give its digest with --digest";
    REQUEST_NOT_ACCEPTED = "E-REQ-012", exit: Usage, risk: CheckFirst, retry: false,
        "A grave note was not accepted by its name.",
        "Money is probably lost by what would be signed, or nobody can tell what it means.",
        "look at the notes; if it shall be so, name each with --accept-note";
    REQUEST_CHANGED = "E-REQ-006", exit: Open, risk: None, retry: true,
        "What would be signed is not what the yes was given to.",
        "Since it was shown, the request, what is remarkable about it or the rules of this home have \
         changed: another request may have taken one of its coins. Nothing was signed.",
        "look at it again as it is now, and answer again";
    EVIDENCE_UNKNOWN = "E-EVI-001", exit: Usage, risk: None, retry: false,
        "There is no such evidence.",
        "Evidence is named by its id or by the beginning of it, if only one begins so.",
        "see `ensign evidence list`";
    EVIDENCE_DAMAGED = "E-EVI-002", exit: Usage, risk: CheckFirst, retry: false,
        "The file is no evidence, it is damaged, or it is of another version.",
        "Bytes were changed or lost, or it is another file. Nobody can be blamed on its account.",
        "ask for the file again; export it with `ensign evidence export`";
    EVIDENCE_REFUSED = "E-EVI-003", exit: Policy, risk: CheckFirst, retry: false,
        "The file proves nothing.",
        "It is whole, but its statements do not convict anybody.",
        "blame nobody on its account; ask whoever gave it to you where it comes from";
    CONTROL = "E-CTL-001", exit: NotReady, risk: None, retry: true,
        "The running node cannot be asked.",
        "Another process uses the home and does not answer on its socket as expected.",
        "try again; if it happens again, end that process";
    STOPPING = "E-CTL-002", exit: NotReady, risk: None, retry: true,
        "The node is stopping.",
        "A node that was told to end takes leave of the others, which can take some seconds.",
        "try again in a moment";
    AUDIT_FAILED = "E-NON-001", exit: NonceSafety, risk: CheckFirst, retry: false,
        "The audit of the nonces has found a violation.",
        "A mark in the store is missing or stands where none may stand.",
        "stop using this home, keep a copy of it, and report this";

    DEMO_SIGNER = "E-DEM-001", exit: Internal, risk: None, retry: true,
        "A signer of the demo failed.",
        "The demo starts each signer as a process of its own; one ended early or said that it cannot \
         go on.",
        "read what the signer said; if the machine is very busy, try again";
    DEMO_REFUSED = "E-DEM-002", exit: Policy, risk: None, retry: false,
        "Bitcoin's consensus rules refuse the demo's transaction.",
        "The signed transaction was checked with Bitcoin Core's code; no money is involved.",
        "please report it, with the output of the command";
    DEMO_TIMEOUT = "E-DEM-003", exit: Open, risk: None, retry: true,
        "The demo did not finish in time.",
        "The signers are on one machine, so minutes are long enough unless something hangs.",
        "try again with fewer signers; if it happens again, please report it";
}
