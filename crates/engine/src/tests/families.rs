//! Each kind goes to the part of the node that its family names.

use std::{collections::BTreeSet, fs, path::Path, vec::Vec};

use ensign_wire::{Family, Frame, Header, Kind};

use super::{
    cast::{NETWORK, peer},
    net::Net,
};
use crate::{peers, route::Note, signing::Input};

/// The example of each message in `docs/protocol/wire.md`, from the corpus of the fuzz targets.
fn examples() -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/frame");
    let files = fs::read_dir(corpus).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
    files.filter(|bytes| Frame::decode_whole(bytes, NETWORK).is_ok()).collect()
}

/// Who is told of a frame that node 0 hears from a member.
fn reader(kind: Kind, body: &[u8]) -> Family {
    let mut net = Net::new(2);
    net.run();
    let (now, link) = (net.now(), net.names.link(0, peer(1)));
    net.command(0, |engine, _| {
        engine.on_frame(now, link, (kind, body));
        match engine.notes.pop_front() {
            Some(Note::Signing(Input::Message { .. })) => Family::Signing,
            Some(Note::Formation(ensign_formation::Input::Message { .. })) => Family::Formation,
            // A second hello ends the connection, which is told to whoever counts connections.
            Some(Note::Peers(peers::Input::Down { .. })) | None => Family::Connection,
            Some(note) => panic!("{kind:?}: {note:?}"),
        }
    })
}

#[test]
fn every_kind_is_read_by_the_part_that_its_family_names() {
    let mut seen = BTreeSet::new();
    for bytes in examples() {
        let Header { kind, header_len, .. } = Header::decode(&bytes).unwrap().unwrap();
        // Nobody reads what is of the open network: the guards deny it.
        let reader_of = match kind.family() {
            Family::Dht | Family::Gossip => Family::Connection,
            family => family,
        };
        assert_eq!(reader(kind, &bytes[header_len..]), reader_of, "{kind:?}");
        seen.insert(kind);
    }
    assert_eq!(seen.len(), Kind::ALL.len(), "an example of each kind");
}
