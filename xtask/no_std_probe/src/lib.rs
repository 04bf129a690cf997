//! Links every pure crate of Ensign into one library that has no `std`.
//!
//! It is built and never run. The compiler demands exactly one panic handler in a linked library:
//! this file has one, so a dependency that brings `std`, and with it another, does not build.

#![no_std]

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;

use ensign_book as _;
use ensign_deadline as _;
use ensign_dht as _;
use ensign_diversity as _;
use ensign_engine as _;
use ensign_equivocation as _;
use ensign_formation as _;
use ensign_gate as _;
use ensign_gossip as _;
use ensign_identity as _;
use ensign_musig as _;
use ensign_overlay as _;
use ensign_peers as _;
use ensign_pow as _;
use ensign_primitives as _;
use ensign_ratelimit as _;
use ensign_rendezvous as _;
use ensign_replay as _;
use ensign_reputation as _;
use ensign_session as _;
use ensign_signing as _;
use ensign_watch as _;
use ensign_wire as _;

#[cfg(feature = "canary")]
extern crate std;

/// Has no memory to give: nothing here ever runs.
struct NoMemory;

#[global_allocator]
static ALLOCATOR: NoMemory = NoMemory;

// SAFETY: `alloc` may always fail by returning null, and then there is nothing to deallocate.
#[allow(unsafe_code, reason = "an allocator cannot be declared without it; the library never runs")]
unsafe impl GlobalAlloc for NoMemory {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
