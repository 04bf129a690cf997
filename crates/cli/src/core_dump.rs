//! Keys that this process holds in memory do not reach the disk in a core dump.

use std::io;

/// Has the system write no core dump of this process, whatever ends it.
///
/// On Linux no other process of the user can read its memory either; the limit alone would not keep
/// a dump from a program that the system pipes it to.
///
/// # Errors
///
/// What the system says. Lowering a limit needs no permission, so only a sandbox refuses.
#[cfg(unix)]
pub(crate) fn forbid() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};

    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    }
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(())
}

/// Other systems have no core dumps that a process could forbid.
#[cfg(not(unix))]
pub(crate) fn forbid() -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn process_that_forbids_core_dumps_leaves_none_to_a_file_or_a_program() {
        forbid().unwrap();
        assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        assert_eq!(getrlimit(Resource::Core), none);
    }
}
