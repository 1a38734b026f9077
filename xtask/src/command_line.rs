//! Completions for shells, and man pages, of `heartbeat`.

use std::{fs, io, path::Path};

use clap_complete::Shell;
use heartbeat_local_server::cli::command;

/// Shells with completions.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Fish, Shell::Zsh];

/// Writes `completions/` and `man/man1/` into `folder`.
pub(crate) fn write(folder: &Path) -> io::Result<()> {
    let (completions, pages) = (folder.join("completions"), folder.join("man/man1"));
    fs::create_dir_all(&completions)?;
    fs::create_dir_all(&pages)?;
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut command(), "heartbeat", &completions)?;
    }
    clap_mangen::generate_to(command(), &pages)
}
