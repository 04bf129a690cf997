//! What keeps a coordinator from starting.

use ensign_coordinator::{Coordinator, JournalError, StartError, Work};
use ensign_transport::BindError;

use super::party::{NETWORK, Party, keys, loopback};

#[tokio::test]
async fn port_in_use_is_named_and_the_first_goes_on() {
    let mut party = Party::new(1).await;
    let folder = tempfile::tempdir().unwrap();
    let address = party.wallets[0].address();
    let journal = folder.path().join("journal");
    let start = || Coordinator::builder(NETWORK, keys(1), journal.clone());
    let error = start().listen(address).start().await.unwrap_err();
    assert_eq!(error, StartError::Bind(BindError::PortInUse { addr: address }));
    let asked = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await;
    party.all_done(asked.id).await;
    // The journal is free again.
    assert!(start().listen(loopback()).start().await.is_ok());
}

#[tokio::test]
async fn journal_of_a_running_coordinator_is_refused() {
    let party = Party::new(1).await;
    let path = party.wallets[0].journal.clone();
    let builder = Coordinator::builder(NETWORK, keys(1), path.clone());
    let error = builder.listen(loopback()).start().await.unwrap_err();
    assert_eq!(error, StartError::Journal(JournalError::InUse { path }));
}

#[tokio::test]
async fn damaged_journal_is_named_and_left_as_it_is() {
    let mut party = Party::new(1).await;
    let asked = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await;
    party.all_done(asked.id).await;
    let wallet = party.wallets.remove(0);
    let path = wallet.journal.clone();
    wallet.stop().await;
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let builder = Coordinator::builder(NETWORK, keys(0), path.clone());
    let error = builder.listen(loopback()).start().await.unwrap_err();
    assert!(matches!(error, StartError::Journal(JournalError::Damaged { .. })), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[tokio::test]
async fn journal_in_a_missing_folder_or_of_another_kind_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing").join("journal");
    let notes = folder.path().join("notes");
    std::fs::write(&notes, "some notes, longer than the first line").unwrap();
    for path in [missing, notes, folder.path().to_owned()] {
        let builder = Coordinator::builder(NETWORK, keys(0), path);
        let error = builder.listen(loopback()).start().await.unwrap_err();
        assert!(matches!(error, StartError::Journal(_)), "{error}");
    }
}
