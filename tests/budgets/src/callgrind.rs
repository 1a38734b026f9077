//! A program under valgrind, which counts its instructions.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{
    io::AsyncReadExt,
    process::{Child, ChildStderr, Command},
};

use crate::fixture;

/// The function that ends a part of the program: the instructions of each part are counted by themselves.
const BOUNDARY: &str = "*section::boundary*";

/// A program that is being counted, killed when dropped.
#[derive(Debug)]
pub(crate) struct Callgrind {
    /// The process.
    pub(crate) process: Child,
    counts: PathBuf,
}

impl Callgrind {
    /// Starts a program with this environment and no other. The number of its threads is that on one processor,
    /// which makes counts the same on machines that have more. Its counts go to `target/instructions`, in a folder
    /// called `name`, and stay there.
    pub(crate) fn start(
        name: &str,
        program: &Path,
        arguments: &[&str],
        environment: &[(String, String)],
    ) -> Self {
        let counts = fixture::program("").join("../instructions").join(name);
        // There may be none of an earlier run.
        let _ = fs::remove_dir_all(&counts);
        fs::create_dir_all(&counts).expect("a folder");
        let process = Command::new("taskset")
            .args(["--cpu-list", &first_processor(), "valgrind", "--tool=callgrind", "--log-file=/dev/null"])
            .arg(format!("--dump-before={BOUNDARY}"))
            .arg(format!("--callgrind-out-file={}", counts.join("callgrind.out").display()))
            .arg(program)
            .args(arguments)
            .env_clear()
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("valgrind: infra/scripts/install-valgrind installs it");
        Self { process, counts }
    }

    /// Instructions of the whole program, which has ended.
    pub(crate) fn total(&self) -> i64 {
        self.files().iter().map(|file| count(file)).sum()
    }

    /// Instructions between the last two boundaries of the program, which has ended.
    pub(crate) fn last_section(&self) -> i64 {
        // Files are numbered; the one without a number is of what came after the last boundary.
        let number = |file: &PathBuf| file.extension()?.to_str()?.parse::<u32>().ok();
        let files = self.files();
        let last = files.iter().filter(|file| number(file).is_some()).max_by_key(|file| number(file));
        count(last.expect("boundaries"))
    }

    fn files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(&self.counts).expect("counts");
        files.map(|file| file.expect("a file").path()).collect()
    }
}

/// Reads how many instructions a file of callgrind is about.
fn count(file: &Path) -> i64 {
    let text = fs::read_to_string(file).expect("counts");
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    total.and_then(|number| number.trim().parse().ok()).expect("a total")
}

/// The first processor that this process may use.
fn first_processor() -> String {
    let status = fs::read_to_string("/proc/self/status").expect("the status of this process");
    let allowed =
        status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).expect("processors");
    allowed.trim().split(['-', ',']).next().expect("a processor").to_owned()
}

/// Reads what a program says, to its end.
pub(crate) async fn read(mut output: ChildStderr) -> String {
    let mut text = String::new();
    // What is no text is no message of ours.
    let _ = output.read_to_string(&mut text).await;
    text
}
