//! What keeps a coordinator from starting.

use ensign_coordinator::{Coordinator, Event, OpeningError, StartError, Work};
use ensign_store::{MemoryStore, OpenError, Opening};
use ensign_transport::BindError;

use super::party::{NETWORK, Party, keys, loopback};

#[tokio::test]
async fn port_in_use_is_named_and_the_first_goes_on() {
    let mut party = Party::new(1).await;
    let folder = tempfile::tempdir().unwrap();
    let address = party.wallets[0].address();
    let start = || Coordinator::builder(NETWORK, keys(1), folder.path().to_owned());
    let error = start().listen(address).start().await.unwrap_err();
    assert_eq!(error, StartError::Bind(BindError::PortInUse { addr: address }));
    let asked = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await;
    party.all_done(asked.id).await;
    // The store is free again.
    assert!(start().listen(loopback()).start().await.is_ok());
}

#[tokio::test]
async fn store_of_a_running_coordinator_is_refused() {
    let party = Party::new(1).await;
    let folder = party.wallets[0].folder.clone();
    let builder = Coordinator::builder(NETWORK, keys(1), folder);
    let error = builder.listen(loopback()).start().await.unwrap_err();
    assert!(matches!(error, StartError::Store(OpeningError::Open(OpenError::InUse { .. }))));
}

#[tokio::test]
async fn damaged_store_is_named_and_left_as_it_is() {
    let mut party = Party::new(1).await;
    let asked = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await;
    party.all_done(asked.id).await;
    let stopped = party.wallets.remove(0).stop().await;
    let path = stopped.folder().join("store.redb");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.truncate(bytes.len() / 2);
    std::fs::write(&path, &bytes).unwrap();
    let builder = Coordinator::builder(NETWORK, keys(0), stopped.folder().to_owned());
    let error = builder.listen(loopback()).start().await.unwrap_err();
    assert!(matches!(error, StartError::Store(_)), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[tokio::test]
async fn store_below_a_missing_folder_or_in_a_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing").join("home");
    let notes = folder.path().join("notes");
    std::fs::write(&notes, "some notes").unwrap();
    for path in [missing, notes] {
        let builder = Coordinator::builder(NETWORK, keys(0), path);
        let error = builder.listen(loopback()).start().await.unwrap_err();
        assert!(matches!(error, StartError::Store(_)), "{error}");
    }
}

#[tokio::test]
async fn keys_that_are_new_are_no_keys_of_a_store_that_was_used() {
    let folder = tempfile::tempdir().unwrap();
    let start = || Coordinator::builder(NETWORK, keys(1), folder.path().to_owned());
    let (first, _) = start().new_keys().listen(loopback()).start().await.unwrap();
    first.shutdown().await;
    let error = start().new_keys().listen(loopback()).start().await.unwrap_err();
    assert_eq!(error, StartError::Store(OpeningError::NotNew));
    let (again, mut events) = start().listen(loopback()).start().await.unwrap();
    again.shutdown().await;
    assert!(events.next().await.is_none(), "nothing is to be warned of");
}

#[tokio::test]
async fn regression_own_store_that_was_restored_was_taken_for_whole() {
    let store = MemoryStore::new();
    let builder = || Coordinator::builder(NETWORK, keys(1), "unused".into()).listen(loopback());
    let first = builder().new_keys().store(Box::new(store.clone()), Opening::New);
    first.start().await.unwrap().0.shutdown().await;
    for (found, is_told) in [(Opening::Continued, false), (Opening::Copied, true)] {
        let again = builder().store(Box::new(store.clone()), found);
        let (again, mut events) = again.start().await.unwrap();
        again.shutdown().await;
        let told = events.next().await;
        let is_warning = |event: &Event| matches!(event, Event::Warning { problem, .. } if problem.code == "E-STO-004");
        assert_eq!(told.as_ref().is_some_and(is_warning), is_told, "{told:?}");
    }
}
