//! The settings of a home, `ensign.toml`.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use ensign_coordinator::QUESTIONS_ALLOWED;
use ensign_deadline::Timeouts;
use ensign_engine::{
    Allowances, Limits, Strangers,
    ratelimit::Allowance,
    reputation::{Config, MINIMUM},
};
use ensign_primitives::Network;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::policy::PolicySettings;
use super::toml_file::{self, line_of};
use super::{CONFIG, io_failure};
use crate::address::reach::Reach;
use crate::address::{Address, listening};
use crate::catalogue as code;
use crate::durable::{self, Existing, Readers};
use crate::failure::{Failure, Result};
use crate::names::check_free;
use crate::words::check_name;
use ensign_peers::contact::ADDRESSES_MAX;

mod edit;
mod given;
mod open;
mod table;
pub(crate) use edit::named;
pub(crate) use given::{Given, Setting, Source, Value, settings_of};
pub(crate) use open::{First, Open, dns_server, first, role_name, role_of};
pub(crate) use table::{AMOUNT_MAX, FEE_MAX, FEE_RATE_MAX, Key, Number, Shape};

/// The settings of a home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// What the signer calls itself.
    pub(crate) name: String,
    /// The chain.
    #[serde(with = "network")]
    pub(crate) network: Network,
    /// Where its node listens.
    pub(crate) listen: SocketAddr,
    /// Where the others dial it, if that is not where it listens; at most [`ADDRESSES_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) advertise: Vec<Address>,
    /// The public signer key, when the secret one is with a process of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signer: Option<String>,
    /// What is never signed, whoever says yes.
    #[serde(default, skip_serializing_if = "PolicySettings::is_empty")]
    pub(super) policy: PolicySettings,
    /// What the file says, every key of the [table].
    #[serde(skip)]
    given: Given,
}

impl Settings {
    /// The settings of a new home.
    pub(crate) fn new(name: String, network: Network, listen: SocketAddr) -> Self {
        let (advertise, signer) = (Vec::new(), None);
        let (policy, given) = (PolicySettings::default(), Given::default());
        Self { name, network, listen, advertise, signer, policy, given }
    }

    /// Returns what the file says.
    pub(crate) const fn given(&self) -> &Given {
        &self.given
    }

    /// Returns a number that has a default.
    pub(crate) fn number(&self, number: &Number) -> i64 {
        self.limit(number).unwrap_or_default()
    }

    /// Returns a number; `None` where there is no limit.
    pub(crate) fn limit(&self, number: &Number) -> Option<i64> {
        match self.given.get(number.name) {
            Some((Value::Number(value), _)) => Some(*value),
            Some((Value::Text(_) | Value::List(_) | Value::Truth(_), _)) | None => number.default,
        }
    }

    /// Returns a number that counts something.
    pub(crate) fn count(&self, number: &Number) -> usize {
        usize::try_from(self.number(number)).unwrap_or_default()
    }

    /// Returns a number of seconds.
    pub(crate) fn seconds(&self, number: &Number) -> Duration {
        Duration::from_secs(u64::try_from(self.number(number)).unwrap_or_default())
    }

    /// Returns a text of a section of its own; `None` where the file does not say it.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.given.get(name) {
            Some((Value::Text(text), _)) => Some(text),
            Some((Value::Number(_) | Value::List(_) | Value::Truth(_), _)) | None => None,
        }
    }

    /// Returns the texts of a setting that is several; none where the file does not say it.
    pub(crate) fn texts(&self, name: &str) -> &[String] {
        match self.given.get(name) {
            Some((Value::List(all), _)) => all,
            Some((Value::Number(_) | Value::Text(_) | Value::Truth(_), _)) | None => &[],
        }
    }

    /// How much anybody may ask of this node.
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = self.open_role().map_or_else(Limits::default, Limits::of_role);
        if self.given.get(table::REQUESTS_PER_MINUTE.name).is_some() {
            let per_minute = self.count(&table::REQUESTS_PER_MINUTE) as u64;
            limits.members = Allowances::of_requests(per_minute);
        }
        let given = |name, default: u64| match self.given.get(name) {
            Some((Value::Number(number), _)) => u64::try_from(*number).unwrap_or(default),
            Some((Value::Text(_) | Value::List(_) | Value::Truth(_), _)) | None => default,
        };
        for setting in Limits::SETTINGS {
            let [of_burst, of_minute] = setting.names;
            let Allowance { burst, per_minute } = setting.of(&limits);
            let burst = given(of_burst, burst);
            let per_minute = given(of_minute, per_minute);
            setting.set(&mut limits, Allowance { burst, per_minute });
        }
        limits.open_sessions = self.count(&table::OPEN_SESSIONS);
        limits
    }

    /// What strangers may have of this node.
    pub(crate) fn strangers(&self) -> Strangers {
        // Whatever was set is within the range: the table has it.
        let least = i32::try_from(self.number(&table::MIN_PEER_REPUTATION)).unwrap_or(MINIMUM);
        let reputation = Config::with_minimum(least).unwrap_or_default();
        Strangers { reputation, ..Strangers::default() }
    }

    /// How often this node's user is asked what one member wants, and how much of it may wait.
    pub(crate) fn asked(&self) -> (Allowance, usize) {
        let per_minute = u64::try_from(self.number(&table::ASKED_PER_MINUTE)).unwrap_or_default();
        let waiting = self.count(&table::WAITING_PER_MEMBER);
        (Allowance { per_minute, ..QUESTIONS_ALLOWED }, waiting)
    }

    /// How long each wait of a session may take.
    pub(crate) fn timeouts(&self) -> Timeouts {
        Timeouts {
            init_timeout: self.seconds(&table::INIT_TIMEOUT),
            nonces_timeout: self.seconds(&table::NONCES_TIMEOUT),
            partials_timeout: self.seconds(&table::PARTIALS_TIMEOUT),
            linger_timeout: self.seconds(&table::LINGER_TIMEOUT),
            ..Timeouts::default()
        }
    }

    /// Returns the addresses to give out: those that the user names, else where the node listens.
    pub(crate) fn addresses(&self) -> Vec<Address> {
        if self.advertise.is_empty() {
            return listening::reachable(self.listen).into_iter().map(Address::from).collect();
        }
        self.advertise.clone()
    }
}

/// Refuses addresses that are none to give out, and too many; returns each once.
///
/// # Errors
///
/// [`code::ADVERTISE`].
pub(crate) fn check_advertised(addresses: &[Address]) -> Result<Vec<Address>> {
    let mut each: Vec<Address> = Vec::new();
    for address in addresses {
        let reach = Reach::of(address);
        if reach.is_useless() {
            let what = format!("{address} can be dialled {}", reach.words());
            return Err(Failure::new(&code::ADVERTISE, what));
        }
        if !each.contains(address) {
            each.push(address.clone());
        }
    }
    if each.len() > ADDRESSES_MAX {
        let what = format!(
            "{} addresses are to be given out, a code has room for {ADDRESSES_MAX}",
            each.len()
        );
        return Err(Failure::new(&code::ADVERTISE, what));
    }
    Ok(each)
}

/// Reads settings, and says file, line and what to do about what is wrong in them.
///
/// # Errors
///
/// [`code::HOME_DAMAGED`].
pub(super) fn parse(path: &Path, text: &str) -> Result<Settings> {
    let text = toml_file::without_mark(text);
    let file = toml_file::parse_table(path, text)?;
    let span = file.span();
    let (given, rest) = Given::take(path, text, file.into_inner())?;
    let settings: Settings = toml_file::of_table(path, text, Spanned::new(span, rest))?;
    let settings = Settings { given, ..settings };
    let wrong = |key: &str, what: &str, hint: &str| {
        Err(toml_file::wrong(path, line_of_key(text, key), what, hint))
    };
    if let Err(reason) = check_name(&settings.name) {
        return wrong("name", &reason, code::NAME.hint);
    }
    if let Err(reason) = check_free(&settings.name) {
        return wrong("name", &reason, "write another name");
    }
    if settings.listen.port() == 0 {
        let what = "port 0 is no port to listen at";
        let hint = format!(
            "write the port that the others are to dial, such as `listen = \"{}\"`",
            SocketAddr::new(settings.listen.ip(), 4820)
        );
        return wrong("listen", what, &hint);
    }
    if settings.listen.ip().is_multicast() {
        let hint = "write an address of this machine, or `0.0.0.0` or `[::]` for all it has";
        return wrong("listen", "no node listens at a multicast address", hint);
    }
    if let Err(failure) = check_advertised(&settings.advertise) {
        return wrong("advertise", &failure.what, failure.advice());
    }
    if let Err((line, what)) = settings.check_open() {
        return Err(toml_file::wrong(path, line, &what, "take the code of that node out"));
    }
    if let Some((key, what, hint)) = settings.policy.wrong() {
        return wrong(key, &what, &hint);
    }
    Ok(settings)
}

/// Returns the line, from 1, on which a setting stands.
fn line_of_key(text: &str, key: &str) -> usize {
    let is_key = |line: &&str| {
        let rest = line.trim_start().strip_prefix(key);
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    text.lines().find(is_key).map_or(1, |line| line_of(text, line))
}

/// Writes the settings of a new home.
///
/// # Errors
///
/// [`code::HOME_IO`].
pub(super) fn write(folder: &Path, settings: &Settings) -> Result<()> {
    let path = folder.join(CONFIG);
    let text = toml::to_string(settings)
        .map_err(|error| Failure::new(&code::INTERNAL, error.to_string()))?;
    let text = format!("# Settings of a signer, made by `ensign init`.\n{text}");
    durable::write(&path, text.as_bytes(), Existing::Keep, Readers::Owner)
        .map_err(|error| io_failure("write", &path, &error))
}

/// A network by its name.
mod network {
    use ensign_primitives::Network;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(network: &Network, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(network.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Network, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// Returns the table as the page `docs/operate/settings.md`.
#[cfg(test)]
fn page() -> String {
    let mut page = String::from(
        "# Settings\n\nGenerated from `crates/cli/src/home/settings/table.rs`; a test fails when this page is \
         stale\n(`ENSIGN_BLESS=1 cargo test -p ensign-cli settings` rewrites it). Settings stand in \
         `ensign.toml` in the home:\n`section.key` is `key` under `[section]`. `ensign config show` says what \
         each is now and where that comes from,\n`ensign config set KEY VALUE` changes one and leaves the rest \
         of the file alone, `--default` takes it out. A node reads\nthem when it starts, those of `[policy]` \
         and `[diversity]` again on SIGHUP.\n\n| setting | what it is | unit or form | range | default |\n|---|---|---|---|---|\n",
    );
    for key in table::all() {
        let none = if matches!(key, Key::Number(_)) { "no limit" } else { "" };
        let mut default = key.default().unwrap_or_else(|| none.to_owned());
        for (role, value) in key.defaults_of_roles() {
            default += &format!("; {role}: {value}");
        }
        let [name, about, unit, range] = [key.name(), key.about(), key.unit(), &key.range()];
        page += &format!("| `{name}` | {about} | {unit} | {range} | {default} |\n");
    }
    page
}

#[cfg(test)]
mod tests {
    use ensign_coordinator::QUESTIONS_PER_MEMBER_MAX;

    use super::*;

    const GOOD: &str = "name = \"alice\"\nnetwork = \"signet\"\nlisten = \"0.0.0.0:4820\"\n";

    fn refused(text: &str) -> (String, String) {
        let failure = parse(Path::new("ensign.toml"), text).unwrap_err();
        assert_eq!(failure.entry.code, code::HOME_DAMAGED.code);
        let hint = failure.advice().to_owned();
        (failure.what, hint)
    }

    #[test]
    fn waits_of_a_session_are_settings_within_bounds() {
        let settings = parse(Path::new("ensign.toml"), GOOD).unwrap();
        assert_eq!(settings.timeouts(), Timeouts::default());
        assert_eq!(settings.asked(), (QUESTIONS_ALLOWED, QUESTIONS_PER_MEMBER_MAX));
        let more = "[phase_timeouts]\nnonces = 300\npartials = 10\n[limits]\nasked_per_minute = 6\nwaiting_per_member = 2\n";
        let settings = parse(Path::new("ensign.toml"), &format!("{GOOD}{more}")).unwrap();
        let Timeouts { nonces_timeout, partials_timeout, .. } = settings.timeouts();
        assert_eq!([nonces_timeout, partials_timeout], [300, 10].map(Duration::from_secs));
        let (Allowance { per_minute, .. }, waiting) = settings.asked();
        assert_eq!((per_minute, waiting), (6, 2));
        for (value, range) in [(9, "10 and 300"), (301, "10 and 300")] {
            let (what, _) = refused(&format!("{GOOD}[phase_timeouts]\nnonces = {value}\n"));
            assert!(what.contains(&format!("{value} is not between {range} seconds")), "{what}");
        }
    }

    #[test]
    fn settings_say_which_line_is_wrong_and_what_to_do() {
        for (more, what, hint) in [
            ("listn = 1", "line 4: unknown field `listn`", "did you mean `listen`"),
            ("colour = 1", "line 4: unknown field `colour`", "correct that line"),
            (
                "requests_per_minute = 0",
                "line 4: requests_per_minute: 0 is not between 1 and 60000 requests a minute",
                "leave it out for 30 requests a minute",
            ),
            ("requests_per_minute = 60001", ": 60001 is not", "leave it out"),
            ("requests_per_minute = -1", ": -1 is not between", "leave it out"),
            ("requests_per_minute = \"9\"", ": a whole number is expected", "leave it out"),
            ("requests_per_minut = 9", "unknown field", "mean `requests_per_minute`?"),
            ("[polcy]\nfee_max = 1", "line 5: unknown field `polcy.fee_max`", "`policy.fee_max`"),
            ("advertise = [\"host.example\"]", "line 4: `host.example` has no port", "correct"),
            ("advertise = [\"1.1.1.1:0\"]", "line 4: 1.1.1.1:0 can be dialled by nobody", "give"),
            ("advertise = [\"224.0.0.1:5\"]", "by nobody: a multicast address", "give"),
            ("name = \"bob\"", "line 4: duplicate key", "correct that line"),
            ("[policy]\nrefuse = [\"dusty\"]", "line 5: there is no note `dusty`", "mean `dust`?"),
            ("[policy]\nrefuse = [\"xyz\"]", "line 5: there is no note `xyz`", "fee_rate, "),
            (
                "[policy]\nfee_max = 0",
                "line 5: policy.fee_max: 0 is not between 1 and",
                "leave it out for no limit",
            ),
            ("[policy]\nfee_max = 0.5", "line 5: ", "correct that line"),
            (
                "[policy]\nfee_maxi = 5",
                "line 5: unknown field `policy.fee_maxi`",
                "mean `policy.fee_max`?",
            ),
            ("[policy]\npayees = \"lsted\"", "line 5: unknown variant `lsted`", "mean `listed`?"),
            ("= 3", "line 4: ", "correct that line"),
        ] {
            let (seen, advice) = refused(&format!("{GOOD}{more}\n"));
            assert!(seen.contains(what), "{more}: {seen}");
            assert!(advice.contains(hint), "{more}: {advice}");
        }
        let nine = (1..=9).map(|port| format!("\"1.1.1.1:{port}\"")).collect::<Vec<_>>().join(",");
        let (seen, _) = refused(&format!("{GOOD}\n\nadvertise = [{nine}]\n"));
        assert!(seen.contains("line 6: 9 addresses"), "{seen}");
    }

    #[test]
    fn the_page_of_settings_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operate/settings.md");
        if std::env::var_os("ENSIGN_BLESS").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(found, page(), "stale: run `ENSIGN_BLESS=1 cargo test -p ensign-cli settings`");
    }

    #[test]
    fn every_row_has_its_own_name_and_a_default_that_may_be() {
        let mut names: Vec<_> = table::all().map(Key::name).collect();
        let rows = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), rows);
        for key in table::all() {
            assert!(key.about().ends_with('.') && !key.unit().is_empty(), "{}", key.name());
            if let Key::Number(number) = key {
                let default = number.default.unwrap_or(*number.range.start());
                number.check(default).unwrap();
            }
        }
    }

    #[test]
    fn a_port_or_name_that_is_none_is_told() {
        let (what, hint) = refused(&GOOD.replace("4820", "0"));
        assert!(what.ends_with("line 3: port 0 is no port to listen at"), "{what}");
        assert!(hint.contains("listen = \"0.0.0.0:4820\""), "{hint}");
        assert!(refused(&GOOD.replace("4820", "70000")).0.contains("line 3: "));
        assert!(refused(&GOOD.replace("alice", "a/b")).0.contains("line 1: the name"));
        assert!(refused(&GOOD.replace("alice", "y0u")).0.contains("line 1: the name `y0u` would"));
        assert!(refused(&GOOD.replace("signet", "sidenet")).0.contains("line 2: expected one of"));
        assert!(refused(&GOOD.replace("0.0.0.0", "224.0.0.1")).0.contains("multicast"));
    }

    #[test]
    fn addresses_to_give_out_are_those_that_the_user_names() {
        let more = "advertise = [\"203.0.113.7:4820\", \"Host.example:1\"]\n";
        let settings = parse(Path::new("ensign.toml"), &format!("\u{feff}{GOOD}{more}")).unwrap();
        let shown: Vec<_> = settings.addresses().iter().map(Address::to_string).collect();
        assert_eq!(shown, ["203.0.113.7:4820", "host.example:1"]);
        let text = toml::to_string(&settings).unwrap();
        let again = parse(Path::new("ensign.toml"), &text).unwrap();
        assert_eq!((again.advertise, again.listen), (settings.advertise, settings.listen));
    }
}
