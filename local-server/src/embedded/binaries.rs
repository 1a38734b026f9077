//! Finds the PostgreSQL programs on the machine.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use tokio::process::Command;

use super::EmbeddedError;

/// Oldest supported major version.
const OLDEST_MAJOR: u32 = 14;

/// Folders with a subfolder for each installed version, and the path of the programs in it.
const VERSIONED_FOLDERS: [(&str, &str); 6] = [
    ("/usr/lib/postgresql", "bin"),            // Debian, Ubuntu, Alpine
    ("/usr", "bin"),                           // Fedora's and PostgreSQL's own RPMs: /usr/pgsql-17
    ("/opt/homebrew/opt", "bin"),              // Homebrew on Apple silicon
    ("/usr/local/opt", "bin"),                 // Homebrew on Intel
    ("/home/linuxbrew/.linuxbrew/opt", "bin"), // Homebrew on Linux
    ("/Applications/Postgres.app/Contents/Versions", "bin"), // Postgres.app
];

/// An installed version of PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) major: u32,
    folder: PathBuf,
}

impl Version {
    /// Returns the path of one of its programs.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// All supported versions on this machine, newest first; never empty.
#[derive(Debug)]
pub(super) struct Binaries(Vec<Version>);

impl Binaries {
    /// Searches the folders where PostgreSQL is usually installed.
    pub(super) async fn find() -> Result<Self, EmbeddedError> {
        let mut known = HashSet::new();
        let usual = with_programs(usual_folders(), &mut known);
        let (mut versions, named) = tokio::join!(versions(usual), folder_of_pg_config());
        versions.extend(self::versions(with_programs(named, &mut known)).await);
        Self::newest_first(versions)
    }

    fn newest_first(mut versions: Vec<Version>) -> Result<Self, EmbeddedError> {
        versions.sort_by_key(|version| std::cmp::Reverse(version.major));
        if versions.is_empty() {
            return Err(EmbeddedError::NoBinaries(format!(
                "no PostgreSQL {OLDEST_MAJOR} or later found (looked for postgres and initdb in PATH, where pg_config \
                 says, in /usr/lib/postgresql, /usr/pgsql-*, and the folders of Homebrew and Postgres.app); \
                 install it: {}",
                install_command()
            )));
        }
        Ok(Self(versions))
    }

    /// Returns the newest version.
    pub(super) fn newest(&self) -> &Version {
        &self.0[0]
    }

    /// Returns the version that made the data in `folder`, whose major version is `needed`.
    pub(super) fn with_major(&self, needed: u32, folder: &Path) -> Result<&Version, EmbeddedError> {
        self.0.iter().find(|version| version.major == needed).ok_or_else(|| {
            let found: Vec<String> = self.0.iter().map(|version| version.major.to_string()).collect();
            EmbeddedError::OtherVersion { folder: folder.to_owned(), needed, found: found.join(", ") }
        })
    }
}

/// Returns the folders in the `PATH`, and those of [`VERSIONED_FOLDERS`].
fn usual_folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for (parent, programs) in VERSIONED_FOLDERS {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        folders.extend(entries.map(|entry| entry.path().join(programs)));
    }
    folders
}

/// Returns the folder that `pg_config` names.
async fn folder_of_pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().await.ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().into())
}

/// Returns those of `folders` that hold both `postgres` and `initdb`, and not by links to `known` programs, which are
/// added to.
fn with_programs(folders: impl IntoIterator<Item = PathBuf>, known: &mut HashSet<PathBuf>) -> Vec<PathBuf> {
    let has_new_programs = |folder: &PathBuf| {
        let programs = ["initdb", "postgres"].map(|name| fs::canonicalize(folder.join(name)));
        let [Ok(initdb), Ok(postgres)] = programs else { return false };
        initdb.is_file() && postgres.is_file() && known.insert(postgres)
    };
    folders.into_iter().filter(has_new_programs).collect()
}

/// Returns the supported versions in `folders`, which are asked all at once: a start waits for the slowest alone.
async fn versions(folders: Vec<PathBuf>) -> Vec<Version> {
    let asked: Vec<_> = folders
        .into_iter()
        .map(|folder| {
            tokio::spawn(async move { Some(Version { major: major_version(&folder).await?, folder }) })
        })
        .collect();
    let mut versions = Vec::new();
    for version in asked {
        versions.extend(version.await.ok().flatten().filter(|version| version.major >= OLDEST_MAJOR));
    }
    versions
}

/// Returns the major version of the programs in `folder`.
async fn major_version(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().await.ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

/// Parses the major version in `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn parse_version(line: &str) -> Option<u32> {
    let version = line.split_once("(PostgreSQL) ")?.1;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Returns the command that installs PostgreSQL on this system.
fn install_command() -> &'static str {
    if cfg!(target_os = "macos") {
        return "brew install postgresql@17";
    }
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    install_command_for(&release)
}

/// Returns the command that installs PostgreSQL on the system that `release` describes (os-release(5)).
fn install_command_for(release: &str) -> &'static str {
    let field = |name: &str| {
        release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
    };
    let names = [field("ID"), field("ID_LIKE")].join(" ");
    let is = |name: &str| names.split([' ', '"']).any(|word| word == name);
    if is("debian") || is("ubuntu") {
        "sudo apt-get install postgresql"
    } else if is("fedora") || is("rhel") {
        "sudo dnf install postgresql-server"
    } else if is("alpine") {
        "apk add postgresql"
    } else if is("arch") {
        "sudo pacman -S postgresql"
    } else if is("suse") || is("opensuse") {
        "sudo zypper install postgresql-server"
    } else {
        "see https://www.postgresql.org/download/"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_any_it_says_where_it_looked_and_how_to_install_it() {
        let message = Binaries::newest_first(Vec::new()).expect_err("nothing to find").to_string();
        assert!(
            message.contains("no PostgreSQL 14 or later found (looked for postgres and initdb in PATH"),
            "{message}"
        );
        assert!(message.contains(&format!("install it: {}", install_command())), "{message}");
    }

    #[test]
    fn versions_of_all_packagings_are_read() {
        assert_eq!(parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_version("postgres (PostgreSQL) 17.2\n"), Some(17));
        assert_eq!(parse_version("postgres (PostgreSQL) 19beta1\n"), Some(19));
        assert_eq!(parse_version("postgres: not found"), None);
    }

    #[test]
    fn the_install_command_suits_the_system() {
        let commands = [
            ("ID=debian\n", "sudo apt-get install postgresql"),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", "sudo apt-get install postgresql"),
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", "sudo dnf install postgresql-server"),
            ("ID=alpine\n", "apk add postgresql"),
            ("ID=plan9\n", "see https://www.postgresql.org/download/"),
        ];
        for (release, command) in commands {
            assert_eq!(install_command_for(release), command, "{release}");
        }
    }
}
