//! The user that the database runs as. PostgreSQL refuses to run as root, which Heartbeat may do in a container.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use super::EmbeddedError;

/// User id that root is mapped to in the database's user namespace. Any but 0 works.
const MAPPED_UID: &str = "1000";

/// The identity that PostgreSQL's programs run with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Identity {
    /// The current user, which is not root.
    CurrentUser,
    /// Root, mapped to another user id in a user namespace. Files stay root's, so it works in folders that only
    /// root can enter.
    Namespace,
    /// An unprivileged user.
    User(User),
}

/// The ids of a user, as in `/etc/passwd` and in the metadata of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Identity {
    /// Chooses the identity: the current user, unless it is root. Otherwise the owner of `data`, if that is not root
    /// either; then a user namespace; then an unprivileged user of the system.
    pub(super) async fn choose(data: Option<(PathBuf, User)>) -> Result<Self, EmbeddedError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::CurrentUser);
        }
        let namespaces = succeeds(&mut Self::Namespace.command("true")).await;
        match data {
            Some((_, owner)) if owner.uid != 0 => return Ok(Self::User(owner)),
            Some((path, _)) if !namespaces => return Err(EmbeddedError::DataOwnedByRoot(path)),
            _ if namespaces => return Ok(Self::Namespace),
            _ => {}
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| find_user(&users, name))
            .map(Self::User)
            .ok_or(EmbeddedError::NoUnprivilegedUser)
    }

    /// Returns a command that runs `program` with this identity, in a process group of its own: Ctrl+C at the
    /// terminal must reach Heartbeat alone, which then shuts the database down.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = match self {
            Self::CurrentUser => Command::new(program),
            Self::Namespace => {
                let mut command = Command::new("unshare");
                command.arg("--user").arg(format!("--map-user={MAPPED_UID}")).arg("--").arg(program);
                command
            }
            Self::User(user) => {
                let mut command = Command::new(program);
                command.uid(user.uid).gid(user.gid);
                command
            }
        };
        // Messages in English, since this program searches them.
        command.env("LC_ALL", "C").process_group(0).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Whether a program with this identity can enter `folder` and all folders above it.
    pub(super) fn can_enter(&self, folder: &Path) -> bool {
        let is_world_executable = |folder: &Path| {
            fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0)
        };
        !matches!(self, Self::User(_)) || folder.ancestors().all(is_world_executable)
    }

    /// Lets this identity enter `folder`, but not list its files.
    pub(super) fn grant_entry(&self, folder: &Path) -> Result<(), EmbeddedError> {
        if !matches!(self, Self::User(_)) {
            return Ok(());
        }
        let mode = fs::metadata(folder).map_err(EmbeddedError::file(folder))?.permissions().mode();
        fs::set_permissions(folder, fs::Permissions::from_mode(mode | 0o011))
            .map_err(EmbeddedError::file(folder))
    }

    /// Makes this identity the owner of `path`, where it must be able to write.
    pub(super) fn chown(&self, path: &Path) -> Result<(), EmbeddedError> {
        match self {
            Self::User(user) => std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid))
                .map_err(EmbeddedError::file(path)),
            Self::CurrentUser | Self::Namespace => Ok(()),
        }
    }
}

/// Whether the command can be run and succeeds.
async fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().await.is_ok_and(|status| status.success())
}

/// Finds a user in the text of `/etc/passwd` (passwd(5)).
fn find_user(users: &str, name: &str) -> Option<User> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(User { uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/bash\npostgres2:x:7:7::/:/bin/sh\npostgres:x:101:104:admin,,,:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(find_user(users, "postgres"), Some(User { uid: 101, gid: 104 }));
        assert_eq!(find_user(users, "nobody"), None);
    }
}
