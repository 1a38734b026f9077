//! Where the agent keeps its files: in the platform's own places.

use std::path::{Path, PathBuf};

use crate::files;

/// Folders of this user.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    /// Configuration: kept, and readable by its user alone.
    config: PathBuf,
    /// State that is kept.
    state: PathBuf,
    /// State that may go when the session ends.
    runtime: PathBuf,
    /// The user's own folder, in which the folders above may have made theirs.
    home: Option<PathBuf>,
}

/// An environment that does not say where the user's folders are.
#[derive(Debug, thiserror::Error)]
#[error("the environment does not say where your files are: set {0}")]
pub(crate) struct NoHome(pub(crate) &'static str);

impl Paths {
    /// Returns the folders of the user whose environment `variable` reads.
    pub(crate) fn of(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<Self, NoHome> {
        let folder = |name: &str| variable(name).filter(|path| path.is_absolute());
        if cfg!(windows) {
            let roaming = folder("APPDATA").ok_or(NoHome("APPDATA"))?.join("Heartbeat");
            let local = folder("LOCALAPPDATA").ok_or(NoHome("LOCALAPPDATA"))?.join("Heartbeat");
            return Ok(Self { config: roaming, state: local.clone(), runtime: local, home: None });
        }
        let home = folder("HOME").ok_or(NoHome("HOME"))?;
        if cfg!(target_os = "macos") {
            let support = home.join("Library/Application Support/Heartbeat");
            return Ok(Self {
                config: support.clone(),
                state: support.clone(),
                runtime: support,
                home: None,
            });
        }
        // XDG Base Directory Specification 0.8.
        let xdg = |name: &str, default: &str| {
            folder(name).unwrap_or_else(|| home.join(default)).join("heartbeat-agent")
        };
        let state = xdg("XDG_STATE_HOME", ".local/state");
        let runtime = folder("XDG_RUNTIME_DIR").or_else(runtime_folder);
        let runtime = runtime.map_or(state.clone(), |path| path.join("heartbeat-agent"));
        Ok(Self { config: xdg("XDG_CONFIG_HOME", ".config"), state, runtime, home: Some(home) })
    }

    /// Configuration file.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// File that says until when the agent is paused.
    pub(crate) fn pause_file(&self) -> PathBuf {
        self.state.join("paused-until")
    }

    /// File that one running agent holds locked.
    pub(crate) fn lock_file(&self) -> PathBuf {
        self.runtime.join("lock")
    }

    /// What the running agent last saw, for `status`.
    pub(crate) fn report_file(&self) -> PathBuf {
        self.runtime.join("status.json")
    }

    /// Log of an agent that no journal listens to.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.state.join("agent.log")
    }

    /// All files that the agent may have written, which `uninstall` removes.
    pub(crate) fn files(&self) -> [PathBuf; 6] {
        let log = self.log_file();
        let earlier = log.with_extension("old");
        [self.config_file(), self.pause_file(), self.report_file(), self.lock_file(), log, earlier]
    }

    /// All folders, which `uninstall` removes once they are empty, each before the one that it is in.
    pub(crate) fn folders(&self) -> Vec<&Path> {
        let within = self.home.as_deref();
        let kept = [&self.config, &self.state].map(|folder| files::folders_within(within, folder));
        kept.into_iter().flatten().chain([self.runtime.as_path()]).collect()
    }
}

/// Returns the folder that logind makes for this user, which cron and `su` know nothing of: an agent that they start must
/// find the lock of the one in the session.
#[cfg(unix)]
fn runtime_folder() -> Option<PathBuf> {
    let folder = PathBuf::from(format!("/run/user/{}", rustix::process::geteuid().as_raw()));
    folder.is_dir().then_some(folder)
}

/// Windows has none.
#[cfg(windows)]
fn runtime_folder() -> Option<PathBuf> {
    None
}
