//! The ways that frames of one connection go, side by side.

use ensign_wire::Lane;

/// Every lane, the one that goes first first.
pub(crate) const LANES: [Lane; 3] = [Lane::Signing, Lane::Control, Lane::Bulk];

/// Returns the first byte of a stream of this lane.
pub(crate) const fn id(lane: Lane) -> u8 {
    match lane {
        Lane::Signing => 1,
        Lane::Control => 2,
        Lane::Bulk => 3,
    }
}

/// Reads the first byte of a stream; `None` when there is no such lane.
pub(crate) fn of_id(seen: u8) -> Option<Lane> {
    LANES.into_iter().find(|lane| id(*lane) == seen)
}

/// Returns the priority of a stream as quinn has it: whatever is higher is sent first.
pub(crate) const fn priority(lane: Lane) -> i32 {
    match lane {
        Lane::Signing => 2,
        Lane::Control => 1,
        Lane::Bulk => 0,
    }
}

/// One of a kind for each lane.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PerLane<T> {
    signing: T,
    control: T,
    bulk: T,
}

impl<T> PerLane<T> {
    pub(crate) const fn of(signing: T, control: T, bulk: T) -> Self {
        Self { signing, control, bulk }
    }

    pub(crate) const fn get(&self, lane: Lane) -> &T {
        match lane {
            Lane::Signing => &self.signing,
            Lane::Control => &self.control,
            Lane::Bulk => &self.bulk,
        }
    }

    pub(crate) const fn get_mut(&mut self, lane: Lane) -> &mut T {
        match lane {
            Lane::Signing => &mut self.signing,
            Lane::Control => &mut self.control,
            Lane::Bulk => &mut self.bulk,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_has_a_byte_of_its_own_and_no_other_byte_is_a_lane() {
        let known: Vec<Lane> = (0..=u8::MAX).filter_map(of_id).collect();
        assert_eq!(known, LANES);
        assert!(priority(Lane::Signing) > priority(Lane::Control));
        assert!(priority(Lane::Control) > priority(Lane::Bulk));
    }
}
