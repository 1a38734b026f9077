//! The user that the database runs as. PostgreSQL refuses to run as root, which Heartbeat may do in a container.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use super::EmbeddedError;

/// Users that root lets the database run as where there is no user namespace, in this order: one made for it, and
/// PostgreSQL's own. Not `nobody`, who has many programs: each of them could read and change the data.
const USERS: [&str; 2] = ["heartbeat", "postgres"];

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
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        match data {
            Some((path, owner)) if owner.uid != 0 => {
                // Heartbeat 0.1.0 left data to this user.
                if find_user(&users, "nobody").is_some_and(|nobody| nobody.uid == owner.uid) {
                    tracing::warn!(
                        folder = %path.display(),
                        "the data belongs to the user nobody, whose every program can change it; stop Heartbeat and \
                         give it to another user (chown -RH)"
                    );
                }
                return Ok(Self::User(owner));
            }
            Some((path, _)) if !namespaces => return Err(EmbeddedError::DataOwnedByRoot(path)),
            _ if namespaces => return Ok(Self::Namespace),
            _ => {}
        }
        choose_user(&users).map(Self::User).ok_or(EmbeddedError::NoUnprivilegedUser)
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
        match self {
            Self::User(user) => folder.ancestors().all(|folder| user.may_enter(folder)),
            Self::CurrentUser | Self::Namespace => true,
        }
    }

    /// Lets this identity enter `folder`, but not list its files, and no other user. Files that were private because
    /// no user could enter, such as a configuration with the secret key, stay so.
    pub(super) fn grant_entry(&self, folder: &Path) -> Result<(), EmbeddedError> {
        let Self::User(user) = self else { return Ok(()) };
        let mode = fs::metadata(folder).map_err(EmbeddedError::file(folder))?.permissions().mode();
        if mode & 0o007 != 0 {
            tracing::warn!(
                "every user of this machine can enter HEARTBEAT_HOME, as Heartbeat 0.1.0 left it; chmod o= closes it"
            );
        }
        if user.may_enter(folder) {
            return Ok(());
        }
        for entry in fs::read_dir(folder).map_err(EmbeddedError::file(folder))?.flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_file()) {
                remove_permissions(&entry.path(), 0o077)?;
            }
        }
        chown(folder, None, Some(user.gid)).map_err(EmbeddedError::file(folder))?;
        remove_permissions(folder, 0o060)?;
        let mode = fs::metadata(folder).map_err(EmbeddedError::file(folder))?.permissions().mode();
        fs::set_permissions(folder, fs::Permissions::from_mode(mode | 0o010))
            .map_err(EmbeddedError::file(folder))
    }

    /// Makes this identity the owner of `path`, where it must be able to write.
    pub(super) fn chown(&self, path: &Path) -> Result<(), EmbeddedError> {
        match self {
            Self::User(user) => {
                chown(path, Some(user.uid), Some(user.gid)).map_err(EmbeddedError::file(path))
            }
            Self::CurrentUser | Self::Namespace => Ok(()),
        }
    }
}

impl User {
    /// Whether a process of this user and group, and of no other group, may enter `folder`.
    fn may_enter(&self, folder: &Path) -> bool {
        fs::metadata(folder).is_ok_and(|metadata| {
            let needed = match (metadata.uid() == self.uid, metadata.gid() == self.gid) {
                (true, _) => 0o100,
                (false, true) => 0o010,
                (false, false) => 0o001,
            };
            metadata.mode() & needed != 0
        })
    }
}

fn remove_permissions(path: &Path, bits: u32) -> Result<(), EmbeddedError> {
    let mode = fs::metadata(path).map_err(EmbeddedError::file(path))?.permissions().mode();
    fs::set_permissions(path, fs::Permissions::from_mode(mode & !bits)).map_err(EmbeddedError::file(path))
}

/// Chooses one of [`USERS`] from the text of `/etc/passwd`.
fn choose_user(users: &str) -> Option<User> {
    USERS.iter().find_map(|name| find_user(users, name))
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

    #[test]
    fn a_user_of_its_own_is_preferred_and_nobody_is_never_chosen() {
        let nobody = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false\n";
        assert_eq!(choose_user(nobody), None);
        let postgres = format!("{nobody}postgres:x:101:104::/var/lib/postgresql:/bin/bash\n");
        assert_eq!(choose_user(&postgres), Some(User { uid: 101, gid: 104 }));
        let own = format!("{postgres}heartbeat:x:998:997::/:/bin/false\n");
        assert_eq!(choose_user(&own), Some(User { uid: 998, gid: 997 }));
    }
}
