//! What kind of output a script makes, by the rules of Bitcoin Core.

use bitcoin::Script;
use bitcoin::opcodes::all as opcode;
use bitcoin::script::Instruction;
use ensign_musig::XOnlyPublicKey;
use ensign_primitives::TaggedHasher;

/// Most bytes of a script that can run (`MAX_SCRIPT_SIZE` of Bitcoin Core).
const SCRIPT_BYTES_MAX: usize = 10_000;
/// Most bytes that a script can push at once (`MAX_SCRIPT_ELEMENT_SIZE`).
const PUSH_BYTES_MAX: usize = 520;
/// Most opcodes of a script, pushes aside (`MAX_OPS_PER_SCRIPT`).
const OPCODES_MAX: usize = 201;
/// What pay-to-anchor outputs are locked with ([`ANCHOR` in Bitcoin Core 28]).
///
/// [`ANCHOR` in Bitcoin Core 28]: <https://bitcoincore.org/en/releases/28.0/>
const ANCHOR: [u8; 4] = [0x51, 0x02, 0x4e, 0x73];
/// Satoshi for each virtual byte below which an output is dust (`DUST_RELAY_TX_FEE`, 3000 sat/kvB).
const DUST_SAT_PER_VBYTE: u64 = 3;
/// Virtual bytes of an input that spends a witness output: 32 + 4 + 1 + 107/4 + 4
/// (`GetDustThreshold`, which counts a P2WPKH signature for every version).
const WITNESS_INPUT_VBYTES: u64 = 67;
/// The same for any other output.
const LEGACY_INPUT_VBYTES: u64 = 148;
/// Most bytes of an `OP_RETURN` script that nodes relayed before Bitcoin Core 30, which raised
/// `MAX_OP_RETURN_RELAY` and allows several.
pub(crate) const DATA_BYTES_RELAYED: usize = 83;
/// Most keys of a bare multisig that nodes relay (`IsStandard` of Bitcoin Core).
pub(crate) const MULTISIG_KEYS_RELAYED: u8 = 3;

/// What can be said of an output from its script alone.
///
/// The names follow `TxoutType` of Bitcoin Core, whose `Solver` knows the same kinds, and tell
/// further apart what it calls `NONSTANDARD` and `WITNESS_UNKNOWN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputKind {
    /// P2PKH.
    PubkeyHash,
    /// P2SH.
    ScriptHash,
    /// P2WPKH.
    WitnessPubkeyHash,
    /// P2WSH.
    WitnessScriptHash,
    /// P2TR, with a key on the curve.
    Taproot,
    /// Looks like P2TR, but its 32 bytes are no point of the curve: nobody can ever spend it.
    NotAPoint,
    /// P2A: anybody may take it, on purpose.
    Anchor,
    /// A witness program without rules as yet: any miner may take it.
    FutureWitness {
        /// The witness version, 1 to 16.
        version: u8,
    },
    /// `OP_RETURN`: carries data, can never be spent.
    Data {
        /// Bytes of the script.
        bytes: usize,
        /// Whether pushes alone follow, without which no node relays it.
        is_pushes: bool,
    },
    /// P2PK: a bare public key, relayed, without an address to compare.
    Pubkey,
    /// Bare multisig; relayed up to three keys.
    Multisig {
        /// Keys in it.
        keys: u8,
    },
    /// No script at all: anybody may take it.
    Empty,
    /// A script that asks for nothing, such as pushes that end in true: anybody may take it.
    AnyoneCanSpend,
    /// A script that fails however it is run, as with keys that are no points of the curve.
    Unspendable,
    /// Any other script: whom it asks for what is not plain. No node relays it.
    NonStandard,
}

impl OutputKind {
    /// Tells what kind of output `script` makes.
    ///
    /// Cost: linear in the script; for taproot one square root, about 3 µs.
    pub fn of(script: &Script) -> Self {
        let bytes = script.as_bytes();
        match bytes {
            [] => Self::Empty,
            [0x6a, rest @ ..] => {
                let is_pushes = is_push_only(Script::from_bytes(rest));
                Self::Data { bytes: bytes.len(), is_pushes }
            }
            _ if script.is_p2pkh() => Self::PubkeyHash,
            // The program is what the script leaves behind, and false there ends all.
            [_, _, program @ ..]
                if script.is_witness_program() && !script.is_p2tr() && !is_true(program) =>
            {
                Self::Unspendable
            }
            _ if script.is_p2sh() => Self::ScriptHash,
            _ if script.is_p2wpkh() => Self::WitnessPubkeyHash,
            _ if script.is_p2wsh() => Self::WitnessScriptHash,
            [0x51, 0x20, key @ ..] if script.is_p2tr() => {
                let key = key.try_into().ok().map(XOnlyPublicKey::from_byte_array);
                if key.is_some_and(|key| key.is_ok()) { Self::Taproot } else { Self::NotAPoint }
            }
            _ if bytes == ANCHOR => Self::Anchor,
            [0, ..] if script.is_witness_program() => Self::Unspendable,
            [version, ..] if script.is_witness_program() => {
                Self::FutureWitness { version: version.saturating_sub(0x50) }
            }
            _ => Self::of_bare(script),
        }
    }

    /// Returns a word for programs, such as `p2wpkh`; it stays what it is.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PubkeyHash => "p2pkh",
            Self::ScriptHash => "p2sh",
            Self::WitnessPubkeyHash => "p2wpkh",
            Self::WitnessScriptHash => "p2wsh",
            Self::Taproot => "p2tr",
            Self::NotAPoint => "not_a_point",
            Self::Anchor => "anchor",
            Self::FutureWitness { .. } => "future_witness",
            Self::Data { .. } => "data",
            Self::Pubkey => "p2pk",
            Self::Multisig { .. } => "multisig",
            Self::Empty => "empty",
            Self::AnyoneCanSpend => "anyone_can_spend",
            Self::Unspendable => "unspendable",
            Self::NonStandard => "nonstandard",
        }
    }

    /// Tells kinds without an address apart.
    fn of_bare(script: &Script) -> Self {
        if let [len, key @ .., 0xac] = script.as_bytes()
            && is_key_of(*len, key)
        {
            return if is_point(key) { Self::Pubkey } else { Self::Unspendable };
        }
        if let Some(multisig) = Multisig::read(script.as_bytes()) {
            return multisig.kind();
        }
        match fate(script) {
            Fate::Fails => Self::Unspendable,
            Fate::Succeeds => Self::AnyoneCanSpend,
            Fate::Depends => Self::NonStandard,
        }
    }

    /// Appends what the kind says.
    pub(crate) fn hash(self, hasher: TaggedHasher) -> TaggedHasher {
        let (number, detail) = match self {
            Self::PubkeyHash => (0, 0),
            Self::ScriptHash => (1, 0),
            Self::WitnessPubkeyHash => (2, 0),
            Self::WitnessScriptHash => (3, 0),
            Self::Taproot => (4, 0),
            Self::NotAPoint => (5, 0),
            Self::Anchor => (6, 0),
            Self::FutureWitness { version } => (7, u64::from(version)),
            Self::Data { bytes, is_pushes } => (8 + u8::from(is_pushes), bytes as u64),
            Self::Pubkey => (10, 0),
            Self::Multisig { keys } => (11, u64::from(keys)),
            Self::Empty => (12, 0),
            Self::AnyoneCanSpend => (13, 0),
            Self::Unspendable => (14, 0),
            Self::NonStandard => (15, 0),
        };
        hasher.bytes(&[number]).u64(detail)
    }
}

/// Returns the amount below which nodes do not relay an output with this script, in satoshi
/// (`GetDustThreshold` of Bitcoin Core at its default rate).
pub(crate) fn dust_threshold(script: &Script) -> u64 {
    let bytes = script.len();
    if script.is_op_return() || bytes > SCRIPT_BYTES_MAX {
        return 0;
    }
    let prefix = if bytes < 0xfd { 1 } else { 3 };
    let output = 8 + prefix + bytes as u64;
    let input =
        if script.is_witness_program() { WITNESS_INPUT_VBYTES } else { LEGACY_INPUT_VBYTES };
    (output + input) * DUST_SAT_PER_VBYTE
}

/// A bare multisig: `m`, keys, `n`, `OP_CHECKMULTISIG`.
struct Multisig {
    /// Signatures wanted, `m`.
    required: u8,
    /// Keys, `n`.
    keys: u8,
    /// Keys that a signature can fulfil.
    points: u8,
}

impl Multisig {
    /// Up to 16 keys. A number above that has no opcode, and nobody pays to so many bare keys.
    fn read(script: &[u8]) -> Option<Self> {
        let [required, pushes @ .., total, 0xae] = script else { return None };
        let (required, total) = (small_number(*required)?, small_number(*total)?);
        let (mut keys, mut points, mut rest) = (0_u8, 0_u8, pushes);
        while let Some((len, after)) = rest.split_first() {
            let (key, after) = after.split_at_checked(usize::from(*len))?;
            if !is_key_of(*len, key) {
                return None;
            }
            points += u8::from(is_point(key));
            (keys, rest) = (keys.checked_add(1).filter(|keys| *keys <= total)?, after);
        }
        (keys == total).then_some(Self { required, keys, points })
    }

    /// Tells who can spend it.
    const fn kind(&self) -> OutputKind {
        match *self {
            Self { required: 0, .. } => OutputKind::AnyoneCanSpend,
            // A key that is no point fulfils nothing, so those that are must be enough.
            Self { required, points, .. } if required > points => OutputKind::Unspendable,
            Self { keys, .. } => OutputKind::Multisig { keys },
        }
    }
}

/// The number that `OP_0` and `OP_1` to `OP_16` push.
const fn small_number(code: u8) -> Option<u8> {
    match code {
        0 => Some(0),
        0x51..=0x60 => Some(code - 0x50),
        _ => None,
    }
}

/// Whether a push of `len` bytes has the form of a public key (`CPubKey::ValidSize`).
fn is_key_of(len: u8, key: &[u8]) -> bool {
    key.len() == usize::from(len)
        && matches!((len, key.first()), (33, Some(2 | 3)) | (65, Some(4 | 6 | 7)))
}

/// Whether the bytes of a public key are a point of the curve.
fn is_point(key: &[u8]) -> bool {
    bitcoin::secp256k1::PublicKey::from_slice(key).is_ok()
}

/// What becomes of every attempt to run a script.
enum Fate {
    Fails,
    Succeeds,
    Depends,
}

/// What a script leaves on top of the stack, while that is plain to see.
#[derive(Clone, Copy)]
enum Top {
    /// Whatever the spender put there.
    Given,
    /// What the script pushed: true or false.
    Pushed(bool),
    Unknown,
}

/// Tells what running `script` must come to, as far as that is plain to see.
fn fate(script: &Script) -> Fate {
    if script.len() > SCRIPT_BYTES_MAX {
        return Fate::Fails;
    }
    let (mut is_conditional, mut top, mut opcodes) = (false, Top::Given, 0);
    for instruction in script.instructions() {
        let pushed = match instruction {
            Err(_) => return Fate::Fails,
            Ok(Instruction::PushBytes(data)) if data.len() > PUSH_BYTES_MAX => return Fate::Fails,
            Ok(Instruction::PushBytes(data)) => Top::Pushed(is_true(data.as_bytes())),
            Ok(Instruction::Op(code)) => {
                let code = code.to_u8();
                if fails_always(code) || (!is_conditional && fails_when_run(code)) {
                    return Fate::Fails;
                }
                opcodes += usize::from(code > opcode::OP_PUSHNUM_16.to_u8());
                if opcodes > OPCODES_MAX {
                    return Fate::Fails;
                }
                is_conditional |= matches!(code, 0x63 | 0x64);
                match code {
                    _ if does_nothing(code) => continue,
                    _ if pushes_number(code) => Top::Pushed(true),
                    _ => Top::Unknown,
                }
            }
        };
        // Behind an opcode that is not followed here nothing is plain any more.
        top = if matches!(top, Top::Unknown) { Top::Unknown } else { pushed };
    }
    match top {
        Top::Unknown => Fate::Depends,
        Top::Given | Top::Pushed(true) => Fate::Succeeds,
        Top::Pushed(false) => Fate::Fails,
    }
}

fn is_push_only(script: &Script) -> bool {
    script.instructions().all(|instruction| match instruction {
        Ok(Instruction::PushBytes(_)) => true,
        // Core counts OP_RESERVED as a push here.
        Ok(Instruction::Op(code)) => code.to_u8() <= opcode::OP_PUSHNUM_16.to_u8(),
        Err(_) => false,
    })
}

/// Returns whether an element of the stack counts as true: any bit but the sign of the last byte.
fn is_true(element: &[u8]) -> bool {
    element
        .split_last()
        .is_some_and(|(last, rest)| last & 0x7f != 0 || rest.iter().any(|byte| *byte != 0))
}

/// OP_1NEGATE and OP_1 to OP_16.
const fn pushes_number(code: u8) -> bool {
    matches!(code, 0x4f | 0x51..=0x60)
}

/// OP_NOP, OP_NOP1 and OP_NOP4 to OP_NOP10.
const fn does_nothing(code: u8) -> bool {
    matches!(code, 0x61 | 0xb0 | 0xb3..=0xb9)
}

/// Opcodes that make a script fail even where they are not reached: OP_VERIF, OP_VERNOTIF, and
/// those disabled in 2010 (`EvalScript` of Bitcoin Core).
const fn fails_always(code: u8) -> bool {
    matches!(code, 0x65 | 0x66 | 0x7e..=0x81 | 0x83..=0x86 | 0x8d | 0x8e | 0x95..=0x99)
}

/// Opcodes that make a script fail where they are reached: OP_RESERVED, OP_VER, OP_RETURN,
/// OP_RESERVED1, OP_RESERVED2 and all without a meaning.
const fn fails_when_run(code: u8) -> bool {
    matches!(code, 0x50 | 0x62 | 0x6a | 0x89 | 0x8a | 0xba..)
}
