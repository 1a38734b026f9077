//! A PostgreSQL of a test's own, which may be killed, frozen and started again.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection, PgConnection};
use tokio::process::{Child, Command};

use crate::{Database, eventually};

/// The tablespace that is soon full.
const SMALL_DISK: &str = "small_disk";

/// A running PostgreSQL with the settings that it comes with: what it commits is on the disk. It ends when
/// it goes out of scope.
#[derive(Debug)]
pub struct Cluster {
    data: PathBuf,
    /// The words before the name of the program.
    before: Vec<String>,
    postmaster: Child,
}

impl Cluster {
    /// Sets one up, and starts it.
    pub async fn start() -> Self {
        let data = set_up().await;
        Self::start_in(data, user()).await
    }

    /// The same, with a [small disk](Self::database_on_small_disk) beside the one that all else is on. `None` where
    /// mounting file systems is not allowed.
    pub async fn start_with_small_disk() -> Option<Self> {
        // Root in namespaces of its own may mount file systems that only it sees.
        let namespaces = ["unshare", "--user", "--map-root-user", "--mount"];
        let allowed = Command::new(namespaces[0]).args(&namespaces[1..]).arg("true").status().await;
        if !allowed.is_ok_and(|status| status.success()) {
            return None;
        }
        let data = set_up().await;
        let disk = data.with_extension(SMALL_DISK);
        fs::create_dir(&disk).expect("a folder");
        let script = r#"mount -t tmpfs -o size=16m tmpfs "$0" && exec unshare --user --map-user=1000 "$@""#;
        let mut before = namespaces.map(str::to_owned).to_vec();
        before.extend(["sh", "-c", script, &disk.display().to_string()].map(str::to_owned));
        let cluster = Self::start_in(data, before).await;
        let statement = format!("CREATE TABLESPACE {SMALL_DISK} LOCATION '{}'", disk.display());
        let mut connection = cluster.connect().await.expect("a connection");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.expect("a small disk");
        Some(cluster)
    }

    async fn start_in(data: PathBuf, before: Vec<String>) -> Self {
        let postmaster = spawn(&data, &before);
        let cluster = Self { data, before, postmaster };
        cluster.answers().await;
        cluster
    }

    /// Starts it again after it was [killed](Self::kill), and waits until it answers.
    pub async fn restart(&mut self) {
        self.postmaster = spawn(&self.data, &self.before);
        self.answers().await;
    }

    /// Waits until it answers.
    pub async fn answers(&self) {
        eventually("a database that answers", async || self.connect().await.is_ok()).await;
    }

    /// A new, empty database on it.
    pub async fn database(&self) -> Database {
        Database::create_on(&self.url(), "").await
    }

    /// The same on the small disk; the write-ahead log is elsewhere, and not in danger.
    pub async fn database_on_small_disk(&self) -> Database {
        Database::create_on(&self.url(), &format!("TABLESPACE {SMALL_DISK}")).await
    }

    /// Fills the small disk.
    pub async fn fill_disk(&self) {
        self.run("dd if=/dev/zero of=\"$(echo ../*.small_disk)/ballast\" bs=8k || true").await;
    }

    /// Makes room on it again.
    pub async fn make_room(&self) {
        self.run("rm ../*.small_disk/ballast").await;
    }

    /// Stops all its processes where they are.
    pub async fn freeze(&self) {
        let postmaster = self.pid();
        // When it stands still it starts no more of them.
        signal(postmaster, Signal::STOP);
        eventually("it stands still", async || status(postmaster).is_some_and(|(state, _)| state == 'T'))
            .await;
        for child in children(postmaster) {
            signal(child, Signal::STOP);
        }
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        let postmaster = self.pid();
        for child in children(postmaster) {
            signal(child, Signal::CONT);
        }
        signal(postmaster, Signal::CONT);
    }

    /// Kills all its processes at once.
    pub async fn kill(&mut self) {
        self.freeze().await;
        let postmaster = self.pid();
        let children = children(postmaster);
        for child in &children {
            signal(*child, Signal::KILL);
        }
        signal(postmaster, Signal::KILL);
        self.postmaster.wait().await.expect("a status");
        // As long as one of them has the shared memory, no other PostgreSQL starts here.
        eventually("all have ended", async || {
            children.iter().all(|child| status(*child).is_none_or(|(state, _)| state == 'Z'))
        })
        .await;
    }

    fn url(&self) -> String {
        format!("postgresql://heartbeat@localhost/%s?host={}", self.data.display())
    }

    async fn connect(&self) -> sqlx::Result<PgConnection> {
        PgConnection::connect(&self.url().replace("%s", "postgres")).await
    }

    /// Has it run a command, in the folder of its data.
    async fn run(&self, command: &str) {
        let statement = format!("COPY (SELECT) TO PROGRAM '{command}'");
        let mut connection = self.connect().await.expect("a connection");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.expect(command);
    }

    fn pid(&self) -> Pid {
        let id = self.postmaster.id().expect("a running database");
        Pid::from_raw(id.cast_signed()).expect("not zero")
    }
}

impl Drop for Cluster {
    /// Without a word to the disk, but so that it takes its shared memory with it.
    fn drop(&mut self) {
        if self.postmaster.id().is_none() {
            return;
        }
        self.thaw();
        let before = user();
        let mut words = before.into_iter().chain([program("pg_ctl")]);
        let mut pg_ctl = std::process::Command::new(words.next().expect("a program"));
        pg_ctl.args(words).args(["stop", "-s", "-m", "immediate", "-D"]).arg(&self.data);
        // If it fails, `infra/scripts/with-postgres` takes the files away all the same.
        let _ = pg_ctl.status();
    }
}

/// Makes the folder of the data, among the files of the server that tests share: its user can write there.
async fn set_up() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let data = Database::folder().join(format!("cluster_{}_{number}", std::process::id()));
    let mut initdb = command(user(), "initdb");
    initdb.args(["--username=heartbeat", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
    let output = initdb.arg("--pgdata").arg(&data).output().await.expect("initdb");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    data
}

fn spawn(data: &Path, before: &[String]) -> Child {
    let mut postgres = command(before.to_vec(), "postgres");
    let sockets = format!("unix_socket_directories={}", data.display());
    postgres.arg("-D").arg(data).args(["-c", "listen_addresses=", "-c", &sockets]);
    let postgres = postgres.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    postgres.spawn().expect("a database")
}

fn command(before: Vec<String>, name: &str) -> Command {
    let mut words = before.into_iter().chain([program(name)]);
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words);
    command
}

/// A program of PostgreSQL.
fn program(name: &str) -> String {
    let folder = std::env::var("TEST_POSTGRES_PROGRAMS").expect("infra/scripts/with-postgres tells");
    format!("{folder}/{name}")
}

/// The words that make it run as an unprivileged user.
fn user() -> Vec<String> {
    let words = std::env::var("TEST_POSTGRES_USER").expect("infra/scripts/with-postgres tells");
    words.split_whitespace().map(str::to_owned).collect()
}

fn signal(pid: Pid, signal: Signal) {
    // It fails if the process has just ended by itself.
    let _ = kill_process(pid, signal);
}

fn children(parent: Pid) -> Vec<Pid> {
    let numbers = fs::read_dir("/proc").expect("Linux").filter_map(|entry| {
        let name = entry.ok()?.file_name();
        Pid::from_raw(name.to_str()?.parse().ok()?)
    });
    let parent = parent.as_raw_nonzero().get();
    numbers.filter(|pid| status(*pid).is_some_and(|(_, its_parent)| its_parent == parent)).collect()
}

/// The state of a process and the number of its parent (proc(5)).
fn status(pid: Pid) -> Option<(char, i32)> {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = status.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}
