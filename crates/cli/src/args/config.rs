//! The command line of settings.

use clap::Subcommand;

/// `ensign config`.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Print each setting: value, where it comes from, unit, range, default
    Show {
        /// Only this one, with what it is
        key: Option<String>,
    },
    /// Read settings, rules and groups as a node does when it starts, and say what is wrong
    Check,
    /// Change a setting in `ensign.toml`; everything else in the file stays as it is
    Set {
        /// The setting, with its section: `policy.fee_max`
        key: String,
        /// What it is from now on; of several, with commas between them
        #[arg(required_unless_present = "default", allow_hyphen_values = true)]
        value: Option<String>,
        /// Take it out of the file, so that its default holds
        #[arg(long, conflicts_with = "value")]
        default: bool,
    },
    /// Take a setting out of `ensign.toml`, so that its default holds, or a line that is no setting
    Unset {
        /// The setting, with its section, or what stands there by mistake: `policy.fe_max`
        key: String,
    },
}
