//! `ensign psbt`: make a PSBT, and look at one, without anybody signing.

use std::path::Path;

use ensign_api::view::{Job, PreviewView, WorkView};
use ensign_primitives::UnixTime;
use ensign_psbt::{
    Draft, DraftCoin, DraftError, Drafted, Facts, Form, Psbt, Surroundings, analyze, judge,
};

use crate::args::{self, Coin, NewPsbt};
use crate::catalogue as code;
use crate::durable::Existing;
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::home::Home;
use crate::output::{Line, Output, unix_micros};
use crate::psbt_file::{PsbtFile, psbt_failure};
use crate::remote::Remote;
use crate::target::Target;
use crate::views;
use crate::words::foreign;

mod plain;

/// Makes a PSBT, or says what one does.
pub(super) fn run(home: &Home, args: args::Psbt, output: Output) -> Result<()> {
    match args {
        args::Psbt::New(new) => make(home, new, output),
        args::Psbt::Show { file, group } => show(home, &file, group.as_deref(), output),
    }
}

/// Makes a PSBT of a group's coins, and says what a signer would see.
fn make(home: &Home, new: NewPsbt, output: Output) -> Result<()> {
    let NewPsbt { group, coin, to, fee_rate, out, force } = new;
    let (group, payees) = (home.group(&group)?, home.payees()?);
    let existing = if force { Existing::Replace } else { Existing::Keep };
    let target = Target::new(&out, existing)?;
    target.check()?;
    let address = |(to, amount): (String, u64)| {
        let known = payees.get(&to).cloned();
        (known.unwrap_or(to), amount)
    };
    let payments = to.into_iter().map(address).collect();
    let change = group.keys.next_change();
    let coins = coin.into_iter().map(|coin| coin_of(&group, coin)).collect::<Result<_>>()?;
    let draft = Draft { coins, payments, sat_per_kvb: fee_rate, change };
    let drafted = draft.build(&group.keys).map_err(|error| draft_failure(&error))?;
    let Drafted { psbt, fee, change, dust, .. } = &drafted;
    let work = judged(home, &group, psbt)?;
    output.notice(&work.text);
    if let Some(why) = without_change(&drafted, fee_rate) {
        output.notice(why);
    }
    output.notice(
        "The amounts of the coins are as you gave them: a wrong one makes a signature that the network \
         refuses, and costs nothing else.",
    );
    let line = Line::new("draft")
        .with("group", group.name.as_str())
        .with("txid", psbt.txid().to_string())
        .with("psbt", psbt.to_base64())
        .with("fee_sat", *fee)
        .with("change_sat", *change)
        .with("dust_sat", *dust)
        .with("change_cost_sat", drafted.change_cost);
    output.json(&line);
    if target == Target::Stdout {
        output.text(psbt.to_base64());
        return Ok(());
    }
    target.write(&psbt.to_form(Form::Base64), output)
}

/// Returns a coin with the address that it is at.
fn coin_of(group: &SignerGroup, Coin { outpoint, amount, path }: Coin) -> Result<DraftCoin> {
    match path {
        Some(path) => Ok(DraftCoin { outpoint, amount, path }),
        // A wrong guess costs everybody a signature that the network refuses.
        None if group.keys.issued().receive > 0 => {
            let what = format!("at which address of the group is the coin {outpoint}?");
            let hint = "say it behind the amount: @0/0 is the first one that was handed out, @m the bare \
                        address; `ensign group address NAME` shows the last one with its path";
            Err(Failure::new(&code::PSBT_DRAFT, what).hint(hint))
        }
        None => Ok((outpoint, amount).into()),
    }
}

/// Says why nothing comes back of what is left, and what the fee rate is with it.
fn without_change(drafted: &Drafted, sat_per_kvb: u64) -> Option<String> {
    let Drafted { fee, dust, change_cost, vsize, .. } = *drafted;
    if dust == 0 {
        return None;
    }
    let why = match dust.checked_sub(change_cost) {
        None | Some(0) => format!("change would cost {change_cost} sat of fee, no less than it is"),
        Some(left) => format!(
            "change would cost {change_cost} sat of fee, and the {left} sat then left are dust that \
             nodes do not relay"
        ),
    };
    let rate = |sat: u64, per: u64| {
        let hundredths = sat.saturating_mul(100).checked_div(per).unwrap_or(0);
        format!("{}.{:02}", hundredths / 100, hundredths % 100)
    };
    let (is, asked) = (rate(fee, vsize), rate(sat_per_kvb, 1000));
    Some(format!(
        "note: {dust} sat more than asked for go to the fee, which makes it {is} sat/vB and not \
         {asked}: {why}"
    ))
}

/// Says what a PSBT does.
fn show(home: &Home, file: &Path, group: Option<&str>, output: Output) -> Result<()> {
    let PsbtFile { psbt, .. } = PsbtFile::read(file)?;
    let group = match group {
        Some(name) => Some(home.group(name)?),
        None => home.groups()?.into_iter().find(|group| analyze(&psbt, &group.keys).is_ok()),
    };
    let Some(group) = group else {
        let now = UnixTime::from_millis(unix_micros() / 1000);
        let plain = plain::Plain::read(&psbt, home.settings().network, now)?;
        output.tell(&plain.line(), plain.text());
        output.notice(
            "It is of no group of this home, or not for it to sign: `--group NAME` says why not. What \
             leaves a group, and what other requests spend, is not known.",
        );
        return Ok(());
    };
    analyze(&psbt, &group.keys).map_err(|error| psbt_failure(file, &error))?;
    let work = judged(home, &group, &psbt)?;
    let line = Line::new("psbt").with("group", group.name.as_str());
    let fields = views::fields(&work).into_iter().filter(|(name, _)| name != "text");
    let line = fields.fold(line, |line, (name, value)| line.with_owned(name, value));
    output.tell(&line, format!("group {}\n{}", foreign(&group.name), work.text));
    Ok(())
}

/// Returns what a signer of the group would be shown. A node that runs knows the coins of other
/// requests too.
fn judged(home: &Home, group: &SignerGroup, psbt: &Psbt) -> Result<WorkView> {
    if let Some(node) = Remote::find(home)? {
        let (group, psbt) = (group.name.clone(), Some(psbt.to_base64()));
        let job = Job { group, psbt, ..Job::default() };
        let preview: PreviewView = node.post("/v1/previews", &job)?;
        return Ok(WorkView { digest: None, ..preview.work });
    }
    let spend = analyze(psbt, &group.keys).map_err(|error| {
        Failure::new(&code::PSBT_REFUSED, error.to_string()).hint(error.advice())
    })?;
    let now = UnixTime::from_millis(unix_micros() / 1000);
    let notes = judge(&spend.summary, &Surroundings { now, coins: &[] });
    let sighashes: Vec<[u8; 32]> = spend.messages.iter().map(|message| message.digest).collect();
    Ok(WorkView::new(&Facts::Psbt(&spend.summary), sighashes, &notes))
}

fn draft_failure(error: &DraftError) -> Failure {
    Failure::new(&code::PSBT_DRAFT, error.to_string())
}
