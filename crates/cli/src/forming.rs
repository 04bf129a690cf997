//! What happens to a group that forms, in words: for whoever follows it, and for a node that is up.

use ensign_api::view::FormationView;
use serde_json::Value;

use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::names::check_free;
use crate::output::Line;
use crate::words::{self, foreign};

/// Returns an event of a group that forms as a line and in words; nothing for other events.
pub(crate) fn told(event: &Value) -> Option<(Line, String)> {
    let (group, who) = (text(event, "group"), text(event, "who"));
    let number = |name: &str| event.get(name).and_then(Value::as_u64).unwrap_or_default();
    let seats = || format!("{} of {} seats are taken", number("taken"), number("size"));
    let (name, said) = match event.get("event")?.as_str()? {
        "seat_taken" => ("seat_taken", format!("{who} has taken a seat; {}", seats())),
        "seated" => ("seated", format!("you have a seat; {}", seats())),
        "gathered" => {
            let members = words::list(&names(event, "members"));
            ("gathered", format!("all are there: {members}"))
        }
        "fingerprint" => {
            ("fingerprint", format!("the fingerprint is {}", text(event, "fingerprint")))
        }
        "member_confirmed" => {
            ("member_confirmed", format!("{who} has confirmed; {} have", number("confirmed")))
        }
        "fingerprint_differs" => (
            "fingerprint_differs",
            format!(
                "{who} has confirmed ANOTHER fingerprint: compare the words with {who} once more, by \
                 phone or in one room. If they differ, somebody stands between you: do not confirm"
            ),
        ),
        "member_contradicts" => (
            "member_contradicts",
            format!(
                "{who} says different things to different members: its program is broken, or it cheats. \
                 Ask {who}; if the group does not come about, begin anew"
            ),
        ),
        "other_members" => {
            let members = words::list(&names(event, "members"));
            let what = format!(
                "{who} has put together other members: {members}. One of you has pasted another code"
            );
            ("other_members", what)
        }
        "member_refused" => ("member_refused", format!("{who} does not want it")),
        "formed" => ("formed", "all have confirmed: the group is certified".to_owned()),
        "formation_ended" => ("formation_ended", format!("it ended: {}", text(event, "what"))),
        "group_kept" => ("group_kept", "the group is kept in this home".to_owned()),
        _ => return None,
    };
    let fields = event.as_object()?.iter().filter(|(field, _)| *field != "event");
    let line = fields.fold(Line::new(name), |line, (field, value)| {
        line.with_owned(field.clone(), value.clone())
    });
    Some((line, format!("{group}: {said}")))
}

/// Refuses to have members compared of whom one calls itself by a word that means somebody else on the screen.
///
/// # Errors
///
/// [`code::NAME`].
pub(crate) fn check_names(view: &FormationView) -> Result<()> {
    let wrong = view.members.iter().find_map(|name| Some((name, check_free(name).err()?)));
    let Some((name, reason)) = wrong else { return Ok(()) };
    let what =
        format!("a member of group {} calls itself `{}`: {reason}", view.name, foreign(name));
    let hint = "confirm nothing: ask it to change `name` in its ensign.toml, and begin anew; if nobody of yours \
                is called so, somebody else has a seat";
    Err(Failure::new(&code::NAME, what).hint(hint))
}

/// Says what all members compare, and how.
pub(crate) fn shown(view: &FormationView) -> String {
    let members = view.members.iter().map(|name| format!("\n    {}", foreign(name)));
    format!(
        "group {}: compare with all others, by phone or in one room, before you confirm\n  members, {} \
         and no others; each name is what its member calls itself: hear the words from each{}\n  words\n    {}",
        foreign(&view.name),
        view.members.len(),
        members.collect::<String>(),
        view.fingerprint.as_deref().map(foreign).unwrap_or_default().replace('-', "  "),
    )
}

/// Returns a field of an event that is text, to be printed.
pub(crate) fn text(event: &Value, name: &str) -> String {
    foreign(event.get(name).and_then(Value::as_str).unwrap_or_default())
}

fn names(event: &Value, name: &str) -> Vec<String> {
    let names = event.get(name).and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).map(foreign).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(members: &[&str]) -> FormationView {
        let members = members.iter().map(|name| (*name).to_owned()).collect();
        FormationView {
            name: "treasury".into(),
            members,
            fingerprint: Some("acid-apex".into()),
            ..FormationView::default()
        }
    }

    #[test]
    fn names_are_shown_as_what_members_call_themselves() {
        let shown = shown(&view(&["alice", "bob"]));
        assert!(shown.contains("each name is what its member calls itself"), "{shown}");
        assert!(shown.contains("    alice\n    bob\n"), "{shown}");
    }

    #[test]
    fn member_who_calls_itself_you_is_not_confirmed() {
        assert!(check_names(&view(&["alice", "bob"])).is_ok());
        for name in ["you", "Y0u", "me", "nobody"] {
            let refused = check_names(&view(&["alice", name])).unwrap_err();
            assert_eq!(refused.entry.code, code::NAME.code);
            assert!(refused.what.contains(name), "{}", refused.what);
        }
    }
}
