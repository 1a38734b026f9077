//! What the environment says: where the user's files are, and whether there is a desktop.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::paths::NoHome;

/// Environment of a command.
#[derive(Debug, Clone)]
pub(super) struct Environment {
    home: PathBuf,
    config: PathBuf,
    data: Vec<PathBuf>,
    /// Whether this command runs on a desktop of this machine.
    pub(super) has_display: bool,
}

impl Environment {
    /// Reads the environment of this process.
    pub(super) fn of_process() -> Result<Self, NoHome> {
        Self::of(|name| env::var_os(name))
    }

    fn of(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, NoHome> {
        let folder = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = folder("HOME").ok_or(NoHome("HOME"))?;
        let data = variable("XDG_DATA_DIRS").filter(|list| !list.is_empty());
        let data = data.unwrap_or_else(|| "/usr/local/share:/usr/share".into());
        // X11 over ssh is `localhost:10.0`.
        let is_local = |display: OsString| display.as_encoded_bytes().starts_with(b":");
        let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
        Ok(Self {
            config: folder("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")),
            home,
            data: env::split_paths(&data).collect(),
            has_display: is_set("WAYLAND_DISPLAY") || variable("DISPLAY").is_some_and(is_local),
        })
    }

    /// Folder of the user's home.
    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// Folder in which XDG autostart looks for the user's entries.
    pub(super) fn autostart(&self) -> PathBuf {
        self.config.join("autostart")
    }

    /// Folder in which systemd looks for the user's units.
    pub(super) fn units(&self) -> PathBuf {
        self.config.join("systemd/user")
    }

    /// Folders in which systemd looks for units that packages bring.
    pub(super) fn packaged_units(&self) -> Vec<PathBuf> {
        let data = self.data.iter().map(|folder| folder.join("systemd/user"));
        data.chain(["/usr/local/lib/systemd/user", "/usr/lib/systemd/user"].map(PathBuf::from)).collect()
    }

    /// Whether there is a desktop, or one could be started: this command runs on it, or it is installed.
    pub(super) fn has_desktop(&self) -> bool {
        let is_installed = |folder: &PathBuf| {
            let sessions = ["wayland-sessions", "xsessions"].map(|name| folder.join(name));
            sessions.iter().filter_map(|folder| folder.read_dir().ok()).flatten().next().is_some()
        };
        self.has_display || self.data.iter().any(is_installed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let value =
            |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into());
        Environment::of(value).expect("a home folder")
    }

    #[test]
    fn folders_are_those_of_the_base_directory_specification() {
        let usual = environment(&[("HOME", "/home/a")]);
        assert_eq!(usual.autostart(), Path::new("/home/a/.config/autostart"));
        assert_eq!(usual.units(), Path::new("/home/a/.config/systemd/user"));
        let moved =
            environment(&[("HOME", "/home/a"), ("XDG_CONFIG_HOME", "/c"), ("XDG_DATA_DIRS", "/x:/y")]);
        assert_eq!(moved.units(), Path::new("/c/systemd/user"));
        assert_eq!(moved.packaged_units()[1], Path::new("/y/systemd/user"));
        let relative = environment(&[("HOME", "/home/a"), ("XDG_CONFIG_HOME", "c")]);
        assert_eq!(relative.units(), usual.units());
        assert!(Environment::of(|_| None).is_err());
    }

    #[test]
    fn a_display_over_ssh_is_no_desktop_of_this_machine() {
        for (variable, has_display) in [
            (("DISPLAY", ":0"), true),
            (("DISPLAY", "localhost:10.0"), false),
            (("DISPLAY", ""), false),
            (("WAYLAND_DISPLAY", "wayland-1"), true),
            (("WAYLAND_DISPLAY", ""), false),
        ] {
            let found = environment(&[("HOME", "/home/a"), variable]).has_display;
            assert_eq!(found, has_display, "{variable:?}");
        }
    }
}
