//! Starting the agent now, as the session will do from now on.

use std::{
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use super::{
    AutostartError,
    changes::failed,
    environment::Environment,
    program,
    unit::Target,
    user_manager::{self, UserManager},
};
use crate::lock;

/// Delay between two looks at whether the agent runs.
const LOOK_DELAY: Duration = Duration::from_millis(50);

/// Looks until it must run: five seconds, of which it needs some milliseconds.
const LOOK_ATTEMPTS: u32 = 100;

/// What there is to start the agent with.
#[derive(Debug)]
pub(super) struct Start<'a> {
    pub(super) manager: &'a UserManager,
    pub(super) target: Target,
    pub(super) environment: &'a Environment,
    pub(super) program: &'a str,
}

impl Start<'_> {
    /// Starts the agent, if there is a session to start it in and this very program does not run. Returns what it did.
    pub(super) fn now(&self, lock: &Path, has_new_unit: bool) -> Result<Option<String>, AutostartError> {
        let before = lock::holder(lock).map_err(failed(lock))?;
        let is_current = before.is_some_and(|process| program::is_of(process, self.program));
        let by_manager = self.is_by_manager();
        if is_current && !(by_manager && has_new_unit) {
            return Ok(None);
        }
        if by_manager {
            user_manager::restart()?;
        } else if self.environment.has_display || self.target == Target::Login {
            self.detached()?;
        } else {
            return Ok(
                has_new_unit.then(|| "No desktop runs now; the agent starts with the next one.".to_owned())
            );
        }
        for _ in 0..LOOK_ATTEMPTS {
            let runs = lock::holder(lock).map_err(failed(lock))?;
            if let Some(process) = runs.filter(|_| runs != before) {
                let by = if by_manager { " by systemd" } else { "" };
                return Ok(Some(format!("Started the agent{by}, process {process}")));
            }
            thread::sleep(LOOK_DELAY);
        }
        let log = if by_manager { "journalctl --user --unit heartbeat-agent" } else { "heartbeat-agent run" };
        Err(AutostartError::NotRunning(log.to_owned()))
    }

    /// What a later session will lack.
    pub(super) fn limits(&self) -> Option<String> {
        match (self.manager, self.target) {
            (UserManager::Running, _) | (UserManager::Missing, Target::GraphicalSession) => None,
            (UserManager::Silent(why), _) => Some(format!(
                "systemd's user manager does not answer here ({why}); it takes the unit when you next log in."
            )),
            (UserManager::Missing, Target::Login) => Some(format!(
                "Neither systemd nor a desktop is installed, so nothing starts the agent when you next log in. Start \
                 `{} run --replace` in the background from your shell's profile.",
                self.program
            )),
        }
    }

    fn is_by_manager(&self) -> bool {
        match self.target {
            Target::GraphicalSession => self.manager.has_graphical_session(),
            Target::Login => *self.manager == UserManager::Running,
        }
    }

    /// Starts the agent with the environment of this command, as a desktop would. A process group of its own keeps
    /// it running when the terminal closes.
    fn detached(&self) -> Result<(), AutostartError> {
        let mut command = Command::new(self.program);
        command.args(["run", "--replace"]).current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn().map_err(failed(Path::new(self.program)))?;
        Ok(())
    }
}
