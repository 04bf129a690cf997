//! `ensign status`: everything at a glance.

use crate::failure::Result;
use crate::home::Home;
use crate::kept::Kept;
use crate::output::{Line, Output, unix_micros};
use crate::views;

/// Shows the board of the node that runs, or what the store says where none does.
pub(super) fn run(home: Home, output: Output) -> Result<()> {
    let kept = Kept::open(home)?;
    let board = kept.board()?;
    let fields = views::fields(&board).into_iter();
    let line = fields.fold(Line::new("status"), |line, (name, value)| line.with_owned(name, value));
    output.tell(&line, views::board::text(&board, unix_micros() / 1000));
    if !kept.is_live() {
        output
            .notice("no node runs here: `ensign up` connects, shows and goes on with what is open");
    }
    Ok(())
}
