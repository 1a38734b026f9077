//! Starts the agent without a window. The agent is a program for terminals, for which Windows opens one when nothing
//! else has; this one is not, and passes that on.

#![cfg_attr(windows, windows_subsystem = "windows")]

use std::{
    env, io,
    process::{Command, ExitCode, Stdio},
};

/// Gives a program for terminals one that is never shown (`CREATE_NO_WINDOW`), which the programs that it starts share.
#[cfg(windows)]
const NO_WINDOW: u32 = 0x0800_0000;

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        // There is nowhere to say why.
        Err(_) => ExitCode::FAILURE,
    }
}

/// Starts the agent that is beside this program.
fn start() -> io::Result<()> {
    let name = format!("heartbeat-agent{}", env::consts::EXE_SUFFIX);
    let mut agent = Command::new(env::current_exe()?.with_file_name(name));
    agent.args(["run", "--log-to-file"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    #[cfg(windows)]
    std::os::windows::process::CommandExt::creation_flags(&mut agent, NO_WINDOW);
    agent.spawn().map(drop)
}
