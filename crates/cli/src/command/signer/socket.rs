//! A Unix socket that only we can connect to.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::permissions::private_folder;
use crate::home::shown;
use crate::output::{Line, Output};

/// A socket with mode 0600.
pub(super) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

/// The name of a socket; removed when this is dropped.
pub(super) struct SocketFile(PathBuf);

impl Socket {
    /// Listens, in place of a socket that nobody listens at any more.
    ///
    /// # Errors
    ///
    /// [`code::SIGNER_SOCKET`].
    pub(super) fn listen(path: &Path) -> Result<(Self, SocketFile)> {
        let refused = |error: io::Error| {
            let what = format!("cannot listen at {}: {error}", shown(path));
            Failure::new(&code::SIGNER_SOCKET, what)
        };
        if UnixStream::connect(path).is_ok() {
            return Err(refused(io::ErrorKind::AddrInUse.into()));
        }
        let is_other = |metadata: fs::Metadata| {
            use std::os::unix::fs::FileTypeExt as _;
            !metadata.file_type().is_socket()
        };
        if fs::symlink_metadata(path).is_ok_and(is_other) {
            return Err(refused(io::ErrorKind::AlreadyExists.into()));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        // Nobody can connect before it has its mode.
        let hidden = private_folder(".ens-", folder.unwrap_or(Path::new("."))).map_err(refused)?;
        let beside = hidden.path().join("s");
        let listener = UnixListener::bind(&beside).map_err(refused)?;
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).map_err(refused)?;
        fs::rename(&beside, path).map_err(refused)?;
        let path = path.to_owned();
        Ok((Self { listener, path: path.clone() }, SocketFile(path)))
    }

    /// Waits for a process of our user; others are turned away.
    ///
    /// # Errors
    ///
    /// [`code::SIGNER_SOCKET`].
    pub(super) fn accept(&self, output: Output) -> Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept().map_err(|error| {
                let what = format!("cannot accept at {}: {error}", shown(&self.path));
                Failure::new(&code::SIGNER_SOCKET, what)
            })?;
            if is_ours(&stream) {
                return Ok(stream);
            }
            output.talk(&Line::new("turned_away"), "turned away a process of another user");
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // What is left would be replaced by the next signer.
        let _gone = fs::remove_file(&self.0);
    }
}

#[cfg(target_os = "linux")]
fn is_ours(stream: &UnixStream) -> bool {
    let ours = rustix::process::geteuid();
    rustix::net::sockopt::socket_peercred(stream).is_ok_and(|peer| peer.uid == ours)
}

/// The mode of the socket is all there is.
#[cfg(not(target_os = "linux"))]
fn is_ours(_stream: &UnixStream) -> bool {
    true
}
