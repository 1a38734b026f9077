//! The unit of systemd's user manager.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::environment::Environment;

/// Name of the unit.
pub(super) const NAME: &str = "heartbeat-agent.service";

/// Unit as packages bring it.
const PACKAGED: &str = include_str!("../../../linux/heartbeat-agent.service");

/// Program that the packaged unit starts.
const PACKAGED_PROGRAM: &str = "/usr/bin/heartbeat-agent";

/// What starts the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// Start of a desktop.
    GraphicalSession,
    /// First login of the user, on machines that have no desktop.
    Login,
}

impl Target {
    /// Every target.
    pub(super) const ALL: [Self; 2] = [Self::GraphicalSession, Self::Login];

    /// Link by which the target wants the unit, as `systemctl --user enable` makes it. Made here, it can be made where
    /// no user manager runs.
    pub(super) fn link(self, environment: &Environment) -> PathBuf {
        let target = match self {
            Self::GraphicalSession => "graphical-session.target",
            Self::Login => "default.target",
        };
        environment.units().join(format!("{target}.wants")).join(NAME)
    }
}

/// File of the unit that `install` writes.
pub(super) fn file(environment: &Environment) -> PathBuf {
    environment.units().join(NAME)
}

/// Returns the unit that a package brings, if it starts this program.
pub(super) fn packaged(environment: &Environment, program: &str) -> io::Result<Option<PathBuf>> {
    for folder in environment.packaged_units() {
        let file = folder.join(NAME);
        match fs::read_to_string(&file) {
            Ok(text) => return Ok(text.contains(&format!("\n{}\n", exec_start(program))).then_some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Text of the unit that starts `program`.
pub(super) fn text(program: &str) -> String {
    let text = PACKAGED.replace(&exec_start(PACKAGED_PROGRAM), &exec_start(program));
    format!("# Written by `heartbeat-agent install`; `heartbeat-agent uninstall` removes it.\n{text}")
}

/// Whether the link leads to the unit.
pub(super) fn is_linked(link: &Path, unit: &Path) -> bool {
    fs::read_link(link).is_ok_and(|target| target == unit)
}

/// Line that starts `program`.
fn exec_start(program: &str) -> String {
    let word = quote(program);
    if program.contains(['"', '\'', '\\']) {
        // systemd does not take such characters in the path of a program, only in arguments, where `$` is special.
        let word = word.replace('$', "$$");
        return format!(r#"ExecStart=/bin/sh -c 'exec "$$0" run --replace' {word}"#);
    }
    format!("ExecStart={word} run --replace")
}

/// Quotes a word as systemd.syntax(7) and the specifiers of systemd.unit(5) ask for, if it needs that.
fn quote(word: &str) -> String {
    let word = word.replace('\\', r"\\").replace('"', r#"\""#).replace('%', "%%");
    if word.chars().all(|character| character.is_alphanumeric() || "/._-+%".contains(character)) {
        word
    } else {
        format!("\"{word}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_as_systemd_asks_for() {
        for (program, line) in [
            ("/usr/bin/heartbeat-agent", "ExecStart=/usr/bin/heartbeat-agent run --replace"),
            ("/a b/c", r#"ExecStart="/a b/c" run --replace"#),
            ("/100%/c", "ExecStart=/100%%/c run --replace"),
            ("/a$b/c", r#"ExecStart="/a$b/c" run --replace"#),
            ("/a'$b/c", r#"ExecStart=/bin/sh -c 'exec "$$0" run --replace' "/a'$$b/c""#),
            (r#"/a"\b/c"#, r#"ExecStart=/bin/sh -c 'exec "$$0" run --replace' "/a\"\\b/c""#),
        ] {
            assert_eq!(exec_start(program), line);
            assert!(text(program).contains(&format!("\n{line}\n")), "{program}");
        }
    }
}
