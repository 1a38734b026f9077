//! As whom the database runs. PostgreSQL refuses to run as root, which Heartbeat may well be in a
//! container.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use super::EmbeddedError;

/// The user id that root has in the namespace made for the database: any but 0 will do.
const MAPPED_USER: &str = "1000";

/// As whom programs of PostgreSQL run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Identity {
    /// As ourselves: we are not root.
    Ourselves,
    /// As root who believes to be somebody else, in a user namespace. The files stay root's, so it
    /// works in folders that only root can enter.
    Namespace,
    /// As an unprivileged user.
    User(User),
}

/// A user, as `/etc/passwd` and the files that belong to it name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Identity {
    /// The best identity to be had: the owner of the data, where there is some already.
    pub(super) async fn choose(data: Option<(PathBuf, User)>) -> Result<Self, EmbeddedError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Ourselves);
        }
        let namespaces = works(&mut Self::Namespace.command("true")).await;
        match data {
            Some((_, owner)) if owner.uid != 0 => return Ok(Self::User(owner)),
            Some((path, _)) if !namespaces => return Err(EmbeddedError::RootsData(path)),
            _ if namespaces => return Ok(Self::Namespace),
            _ => {}
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| find_user(&users, name))
            .map(Self::User)
            .ok_or(EmbeddedError::NoIdentity)
    }

    /// A command that runs `program` with this identity, outside our process group: an interrupt
    /// typed at the terminal is for Heartbeat, which then stops the database in its own time.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = match self {
            Self::Ourselves => Command::new(program),
            Self::Namespace => {
                let mut command = Command::new("unshare");
                command.arg("--user").arg(format!("--map-user={MAPPED_USER}")).arg("--").arg(program);
                command
            }
            Self::User(user) => {
                let mut command = Command::new(program);
                command.uid(user.uid).gid(user.gid);
                command
            }
        };
        // Messages are read by us, not by the user.
        command.env("LC_ALL", "C").process_group(0).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Whether a program with this identity can enter `folder` and all folders above it.
    pub(super) fn can_enter(&self, folder: &Path) -> bool {
        let open_to_all = |folder: &Path| {
            fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0)
        };
        !matches!(self, Self::User(_)) || folder.ancestors().all(open_to_all)
    }

    /// Lets this identity enter `folder`, though not list what is in it.
    pub(super) fn let_in(&self, folder: &Path) -> Result<(), EmbeddedError> {
        if !matches!(self, Self::User(_)) {
            return Ok(());
        }
        let mode = fs::metadata(folder).map_err(EmbeddedError::file(folder))?.permissions().mode();
        fs::set_permissions(folder, fs::Permissions::from_mode(mode | 0o011))
            .map_err(EmbeddedError::file(folder))
    }

    /// Hands `path` to this identity, which must be able to write there.
    pub(super) fn own(&self, path: &Path) -> Result<(), EmbeddedError> {
        match self {
            Self::User(user) => std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid))
                .map_err(EmbeddedError::file(path)),
            Self::Ourselves | Self::Namespace => Ok(()),
        }
    }
}

async fn works(command: &mut Command) -> bool {
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
