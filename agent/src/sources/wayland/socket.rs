//! Sockets that may be a compositor's.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
};

use rustix::io::Errno;

use crate::unix_socket::connect;

/// How the names of compositors' sockets begin.
const PREFIX: &str = "wayland-";

/// Whether this is a Wayland session. `Xwayland`, which there is in many, sees the input of X windows alone.
pub(in super::super) fn is_wayland_session() -> bool {
    let is_listening = |path: &PathBuf| matches!(connect(path), Ok(_) | Err(Errno::AGAIN));
    variable("WAYLAND_DISPLAY").is_some() || candidates().iter().any(is_listening)
}

/// Paths that may lead to the compositor of this session, best first. An agent that systemd started before the session
/// has no `WAYLAND_DISPLAY`, and a compositor that was restarted may have another name than the one there.
pub(super) fn candidates() -> Vec<PathBuf> {
    let display = variable("WAYLAND_DISPLAY");
    // A compositor in a window of X.org sees the input of its own windows alone.
    let is_x11_session = display.is_none() && variable("XDG_SESSION_TYPE").is_some_and(|kind| kind == "x11");
    let runtime = variable("XDG_RUNTIME_DIR").filter(|_| !is_x11_session);
    paths(display.as_deref(), runtime.as_deref().map(Path::new))
}

fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

fn paths(display: Option<&OsStr>, runtime: Option<&Path>) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    if let Some(display) = display.map(Path::new) {
        match runtime {
            Some(folder) => paths.push(folder.join(display)),
            None if display.is_absolute() => paths.push(display.to_owned()),
            None => {}
        }
    }
    let mut others = runtime.map(sockets).unwrap_or_default();
    // The compositor that runs inside another one began later, so its number is higher.
    others.sort_by_key(|path| number(path).unwrap_or(u32::MAX));
    others.retain(|path| !paths.contains(path));
    paths.extend(others);
    paths
}

/// Compositors' sockets in `folder`, or what they left there.
fn sockets(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_socket = |entry: &fs::DirEntry| {
        entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.file_type().is_ok_and(|kind| kind.is_socket())
    };
    entries.flatten().filter(is_socket).map(|entry| entry.path()).collect()
}

fn number(path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.strip_prefix(PREFIX)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use rustix::net::listen;

    use super::*;

    #[test]
    fn the_named_socket_comes_first_and_the_others_follow_by_number() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let _listeners = ["wayland-10", "wayland-2", "wayland-kiosk", "pipewire-0", "wayland-0"]
            .map(|name| UnixListener::bind(path(name)).expect("a socket"));
        fs::write(path("wayland-0.lock"), "").expect("a lock file");
        let found = |display: Option<&str>| paths(display.map(OsStr::new), Some(folder.path()));

        let by_number = ["wayland-0", "wayland-2", "wayland-10", "wayland-kiosk"].map(path);
        assert_eq!(found(None), by_number);
        let named = ["wayland-2", "wayland-0", "wayland-10", "wayland-kiosk"].map(path);
        assert_eq!(found(Some("wayland-2")), named);
        // Names may be paths, which begin elsewhere.
        assert_eq!(found(Some("/elsewhere/desktop"))[0], Path::new("/elsewhere/desktop"));
        assert_eq!(found(Some("gone"))[..2], [path("gone"), path("wayland-0")]);
        assert_eq!(paths(Some(OsStr::new("/a/b")), None), [Path::new("/a/b")]);
        assert_eq!(paths(Some(OsStr::new("wayland-0")), None), Vec::<PathBuf>::new());
    }

    #[test]
    fn sockets_that_are_left_over_and_sockets_that_accept_nothing_do_not_block() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("wayland-0");
        assert_eq!(connect(&path).err(), Some(Errno::NOENT));
        let listener = UnixListener::bind(&path).expect("a socket");
        listen(&listener, 0).expect("a shorter queue");
        let waiting = connect(&path);
        assert!(waiting.is_ok());
        assert_eq!(connect(&path).err(), Some(Errno::AGAIN));
        drop(listener);
        assert_eq!(connect(&path).err(), Some(Errno::CONNREFUSED));
    }
}
