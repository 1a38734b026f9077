//! WakaTime's older client, started as a plugin of an editor would start it. The newer one, `wakatime-cli`, speaks the
//! same protocol.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use tempfile::TempDir;
use tokio::process::Command;

use crate::skipped;

/// Prints the number of heartbeats in the client's queue.
const COUNT_QUEUED: &str = "import sqlite3, sys; \
    print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM heartbeat_2').fetchone()[0])";

/// A client with a home folder of its own, and a file to edit.
#[derive(Debug)]
pub struct WakaTime {
    home: TempDir,
    file: PathBuf,
}

impl WakaTime {
    /// Returns a client that sends to `url` with `key`. Says "skipped" and returns `None` where it is not installed,
    /// unless that is in CI.
    pub fn installed(url: &str, key: &str) -> Option<Self> {
        if !python().exists() {
            let missing = "WakaTime's client is missing: infra/scripts/install-wakatime installs it";
            assert!(std::env::var_os("CI").is_none(), "{missing}");
            skipped(missing);
            return None;
        }
        let home = TempDir::new().expect("a temporary folder");
        let file = home.path().join("confidential_plan.py");
        fs::write(&file, "import confidential_library\n").expect("a file");
        let client = Self { home, file };
        client.configure(&format!("[settings]\napi_url = {url}\napi_key = {key}\n"));
        Some(client)
    }

    /// Writes its configuration, `~/.wakatime.cfg`.
    pub fn configure(&self, text: &str) {
        fs::write(self.home.path().join(".wakatime.cfg"), text).expect("a configuration");
    }

    /// Says that the file was written now, or at the `time` among the `arguments`; returns what became of it.
    pub async fn write_file(&self, arguments: &[&str]) -> Output {
        let mut command = self.command();
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/start_wakatime.py"));
        command.args(["--write", "--plugin", "vim/9.0 vim-wakatime/8.0.0", "--entity"]).arg(&self.file);
        command.args(arguments).output().await.expect("Python")
    }

    /// Number of heartbeats that it keeps to send them later.
    pub async fn queued(&self) -> u32 {
        let mut command = self.command();
        command.args(["-c", COUNT_QUEUED]).arg(self.home.path().join(".wakatime.db"));
        let output = command.output().await.expect("Python");
        String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or_else(|_| panic!("{output:?}"))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(python());
        command.env_clear().env("HOME", self.home.path());
        command.envs(std::env::var("PATH").map(|path| ("PATH", path)));
        command
    }
}

fn python() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools-wakatime/bin/python")
}
