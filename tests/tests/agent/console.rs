//! Terminals: a pseudo-terminal of the test's own, at which it types.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    os::unix::fs::MetadataExt,
};

use heartbeat_tests::{
    eventually,
    rigs::{Xvfb, installed, xvfb},
    skipped,
};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::{beats, set_up};

/// A terminal, and the program in it that reads.
struct Terminal {
    keyboard: File,
    program: BufReader<File>,
}

impl Terminal {
    fn open() -> Option<Self> {
        let open = || {
            let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
            grantpt(&keyboard)?;
            unlockpt(&keyboard)?;
            let name = ptsname(&keyboard, Vec::new())?;
            Ok::<_, rustix::io::Errno>((File::from(keyboard), name))
        };
        let opened = open().map_err(|error| skipped(&format!("no pseudo-terminals here: {error}"))).ok();
        let (keyboard, name) = opened?;
        let program = File::open(name.to_str().expect("a path")).expect("the terminal");
        Some(Self { keyboard, program: BufReader::new(program) })
    }

    /// Types a line, which the program reads.
    fn type_line(&mut self) {
        self.keyboard.write_all(b"ls\n").expect("a terminal");
        self.program.read_line(&mut String::new()).expect("a line");
    }

    /// Types until the kernel has noted it, which it does once in 8 seconds.
    async fn type_on(&mut self) {
        let read = self.read_at();
        eventually("an access time", async || {
            self.type_line();
            self.read_at() != read
        })
        .await;
    }

    fn read_at(&self) -> i64 {
        self.program.get_ref().metadata().expect("a terminal").atime()
    }
}

#[tokio::test]
async fn a_line_that_is_typed_at_a_terminal_is_a_beat() {
    let Some(mut terminal) = Terminal::open() else { return };
    terminal.type_on().await;
    let (_server, database, home) = set_up().await;
    let mut agent = home.start(&[]);
    agent.wait_for("no input since the agent started").await;
    assert_eq!(agent.status().await["source"], "console");
    terminal.type_on().await;
    agent.wait_for("200: recorded").await;
    assert_eq!(beats(&database).await, 1);
}

#[tokio::test]
async fn a_desktop_that_comes_later_replaces_terminals() {
    if !installed(xvfb::PROGRAMS) {
        return;
    }
    let Some(mut terminal) = Terminal::open() else { return };
    // Servers of other tests take the lowest display that is free.
    let display = format!(":{}", 10_000 + std::process::id() % 40_000);
    let (_server, database, home) = set_up().await;
    let mut agent = home.environment("DISPLAY", &display).start(&[]);
    agent.wait_for("no input since the agent started").await;
    assert_eq!(agent.status().await["source"], "console");
    let screen = Xvfb::start_at(&display).await;
    eventually("the desktop", async || agent.status().await["source"] == "x11").await;
    // Now only the desktop counts.
    terminal.type_on().await;
    let seen = agent.status().await["at"].clone();
    eventually("another look", async || agent.status().await["at"] != seen).await;
    assert_eq!(beats(&database).await, 0);
    screen.type_key().await;
    agent.wait_for("200: recorded").await;
}
