//! The table of who announces which addresses: a file that the user names, read beside the node's loop.

mod reading;

use std::sync::Arc;
use std::time::SystemTime;

use ensign_coordinator::Coordinator;

use crate::failure::Failure;
use crate::home::Home;
use crate::output::{Line, Output};

/// Reads the table that the settings of a home name, and gives it to its node. The node runs whatever comes of
/// it: without a table strangers are counted by prefixes alone, and with one that cannot be used as before.
pub(crate) async fn tell(home: Home, coordinator: Coordinator, output: Output) {
    let named = home.settings().text(SETTING).unwrap_or_default();
    if named.is_empty() {
        // One from before is let go of. A node that stops needs none.
        let _stopped = coordinator.know_prefixes(Arc::default()).await;
        return;
    }
    let path = home.path().join(named);
    let read = move || reading::read(&path, SystemTime::now());
    // The other way out is that the process ends.
    let Ok(read) = tokio::task::spawn_blocking(read).await else { return };
    match read {
        Ok(read) => {
            read.warnings.iter().for_each(|warning| output.warning(warning));
            let prefixes = read.table.prefixes();
            if coordinator.know_prefixes(Arc::new(read.table)).await.is_ok() {
                let line = Line::new("prefixes").with("count", prefixes);
                output.talk(&line, format!("strangers are counted by {prefixes} prefixes too"));
            }
        }
        Err(failure) => output.warning(&failure),
    }
}

/// Reads the table that the settings of a home name, as its node does; returns what that would warn of.
pub(crate) fn check(home: &Home) -> Vec<Failure> {
    let named = home.settings().text(SETTING).unwrap_or_default();
    if named.is_empty() {
        return Vec::new();
    }
    match reading::read(&home.path().join(named), SystemTime::now()) {
        Ok(read) => read.warnings,
        Err(failure) => vec![failure],
    }
}

/// The setting that names the file; what is not absolute begins in the home.
const SETTING: &str = "diversity.prefix_table";
