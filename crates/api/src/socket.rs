//! Where a home's socket is. A path of any length has one, though the system takes 107 bytes.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};
use tokio::time::{Instant, sleep_until};

/// The socket's name in the home.
pub const SOCKET: &str = "api.sock";

/// Longest path that the system takes as it is: Linux has 108 bytes with the zero behind it, others
/// 104.
const PATH_BYTES_MAX: usize = 103;

/// A socket with mode 0600 in a home; removed when this is dropped.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Listens in a home that this process holds: a socket that lies there belongs to a process that
    /// is gone, and gives way.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    pub fn bind(home: &Path) -> io::Result<Self> {
        let path = home.join(SOCKET);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let listener = {
            let short = Short::of(home)?;
            UnixListener::bind(&short.path)?
        };
        let socket = Self { listener, path };
        fs::set_permissions(&socket.path, Permissions::from_mode(0o600))?;
        Ok(socket)
    }

    /// Waits for a process of our user; others are hung up on.
    pub(crate) async fn accept(&self) -> UnixStream {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) if is_ours(&stream) => return stream,
                Ok(_) => {}
                // Out of file descriptors, for one; clients that leave give some back.
                Err(_) => sleep_until(Instant::now() + ACCEPT_PAUSE).await,
            }
        }
    }
}

/// How long accepting pauses after the system refused it.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

impl Drop for Socket {
    fn drop(&mut self) {
        // Whoever finds it later finds nobody behind it.
        let _gone = fs::remove_file(&self.path);
    }
}

/// Connects to the process that serves a home.
///
/// # Errors
///
/// Whatever the system says; [`io::ErrorKind::NotFound`] and [`io::ErrorKind::ConnectionRefused`]
/// where none does.
pub async fn connect(home: &Path) -> io::Result<UnixStream> {
    let short = Short::of(home)?;
    UnixStream::connect(&short.path).await
}

/// A path to the socket that is short enough, valid as long as the folder is open.
struct Short {
    path: PathBuf,
    _folder: Option<File>,
}

impl Short {
    fn of(home: &Path) -> io::Result<Self> {
        let path = home.join(SOCKET);
        if path.as_os_str().len() <= PATH_BYTES_MAX {
            return Ok(Self { path, _folder: None });
        }
        Self::by_folder(home)
    }

    #[cfg(target_os = "linux")]
    fn by_folder(home: &Path) -> io::Result<Self> {
        use std::os::fd::AsRawFd as _;
        let folder = File::open(home)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()));
        Ok(Self { path, _folder: Some(folder) })
    }

    #[cfg(not(target_os = "linux"))]
    fn by_folder(_home: &Path) -> io::Result<Self> {
        let what = "the home's path is too long for a socket on this system; move the home";
        Err(io::Error::new(io::ErrorKind::InvalidInput, what))
    }
}

fn is_ours(stream: &UnixStream) -> bool {
    let ours = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn regression_a_home_path_of_any_length_has_its_socket() {
        let folder = tempfile::tempdir().unwrap();
        for length in [1, 100, 200, 250] {
            let home = folder.path().join("h".repeat(length)).join("d".repeat(length));
            fs::create_dir_all(&home).unwrap();
            let socket = Socket::bind(&home).unwrap();
            let mode = fs::metadata(home.join(SOCKET)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let (client, _server) = tokio::join!(connect(&home), socket.accept());
            client.unwrap();
            drop(socket);
            assert!(!home.join(SOCKET).exists());
            assert_eq!(connect(&home).await.unwrap_err().kind(), io::ErrorKind::NotFound);
        }
    }

    #[tokio::test]
    async fn socket_of_a_process_that_is_gone_gives_way() {
        let folder = tempfile::tempdir().unwrap();
        drop(std::os::unix::net::UnixListener::bind(folder.path().join(SOCKET)).unwrap());
        let refused = connect(folder.path()).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let socket = Socket::bind(folder.path()).unwrap();
        let (client, _server) = tokio::join!(connect(folder.path()), socket.accept());
        client.unwrap();
    }
}
