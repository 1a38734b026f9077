//! A PostgreSQL server for one test, which may be killed, frozen and restarted.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection, PgConnection};
use tokio::process::{Child, Command};

use crate::{Database, eventually};

/// Tablespace on a small file system, for tests of a full disk.
const SMALL_DISK: &str = "small_disk";

/// PostgreSQL server with default settings, so that commits are durable; stopped when dropped.
#[derive(Debug)]
pub struct Cluster {
    data: PathBuf,
    /// Command line that runs the program, such as `unshare …`; empty for none.
    wrapper: Vec<String>,
    /// Time that each flush of the write-ahead log takes longer.
    flush_delay: Duration,
    postmaster: Child,
}

impl Cluster {
    /// Runs initdb, and starts the server.
    pub async fn start() -> Self {
        Self::start_with_flush_delay(Duration::ZERO).await
    }

    /// Starts a server with a slow disk: each flush of its write-ahead log takes `flush_delay` longer.
    pub async fn start_with_flush_delay(flush_delay: Duration) -> Self {
        let data = init_data_directory().await;
        Self::start_in(data, unprivileged_user(), flush_delay).await
    }

    /// Starts a server with a [small disk](Self::database_on_small_disk) beside its main one. `None` where
    /// mounting file systems is not allowed.
    pub async fn start_with_small_disk() -> Option<Self> {
        // In namespaces of its own, a process may mount file systems that only it sees.
        let namespaces = ["unshare", "--user", "--map-root-user", "--mount"];
        let allowed = Command::new(namespaces[0]).args(&namespaces[1..]).arg("true").status().await;
        if !allowed.is_ok_and(|status| status.success()) {
            return None;
        }
        let data = init_data_directory().await;
        let disk = data.with_extension(SMALL_DISK);
        fs::create_dir(&disk).expect("a folder");
        let script = r#"mount -t tmpfs -o size=16m tmpfs "$0" && exec unshare --user --map-user=1000 "$@""#;
        let mut wrapper = namespaces.map(str::to_owned).to_vec();
        wrapper.extend(["sh", "-c", script, &disk.display().to_string()].map(str::to_owned));
        let cluster = Self::start_in(data, wrapper, Duration::ZERO).await;
        let statement = format!("CREATE TABLESPACE {SMALL_DISK} LOCATION '{}'", disk.display());
        let mut connection = cluster.connect().await.expect("a connection");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.expect("a small disk");
        Some(cluster)
    }

    async fn start_in(data: PathBuf, wrapper: Vec<String>, flush_delay: Duration) -> Self {
        let postmaster = spawn(&data, &wrapper, flush_delay);
        let cluster = Self { data, wrapper, flush_delay, postmaster };
        cluster.wait_until_ready().await;
        cluster
    }

    /// Restarts the server after it was [killed](Self::kill), and waits until it accepts connections.
    pub async fn restart(&mut self) {
        self.postmaster = spawn(&self.data, &self.wrapper, self.flush_delay);
        self.wait_until_ready().await;
    }

    /// Waits until it accepts connections.
    pub async fn wait_until_ready(&self) {
        eventually("a database that accepts connections", async || self.connect().await.is_ok()).await;
    }

    /// Creates an empty database on the main disk.
    pub async fn database(&self) -> Database {
        Database::create_on(&self.url(), "").await
    }

    /// Creates an empty database on the small disk. The write-ahead log is on the main one, which does not fill up.
    pub async fn database_on_small_disk(&self) -> Database {
        Database::create_on(&self.url(), &format!("TABLESPACE {SMALL_DISK}")).await
    }

    /// Has the server ask everybody but its own user for a password.
    pub async fn require_passwords(&self) {
        let lines = r#""local all heartbeat trust\nlocal all all scram-sha-256\n""#;
        self.run(&format!("printf {lines} > pg_hba.conf")).await;
        let mut connection = self.connect().await.expect("a connection");
        sqlx::raw_sql("SELECT pg_reload_conf()").execute(&mut connection).await.expect("a reload");
        let url = self.url().replace("%s", "postgres").replace("heartbeat@", "nobody:wrong@");
        eventually("a server that asks for passwords", async || {
            let refusal = PgConnection::connect(&url).await.expect_err("there is no such user");
            // invalid_password; without passwords, the user would be refused as unknown.
            refusal.as_database_error().is_some_and(|error| error.code().as_deref() == Some("28P01"))
        })
        .await;
    }

    /// Fills the small disk.
    pub async fn fill_disk(&self) {
        self.run("dd if=/dev/zero of=\"$(echo ../*.small_disk)/ballast\" bs=8k || true").await;
    }

    /// Frees the small disk again.
    pub async fn free_disk(&self) {
        self.run("rm ../*.small_disk/ballast").await;
    }

    /// Stops all processes with SIGSTOP.
    pub async fn freeze(&self) {
        freeze_server(self.pid()).await;
    }

    /// Resumes all processes.
    pub fn thaw(&self) {
        let postmaster = self.pid();
        for child in children(postmaster) {
            signal(child, Signal::CONT);
        }
        signal(postmaster, Signal::CONT);
    }

    /// Kills all processes at once with SIGKILL.
    pub async fn kill(&mut self) {
        kill_server(self.pid()).await;
        self.postmaster.wait().await.expect("a status");
    }

    fn url(&self) -> String {
        format!("postgresql://heartbeat@localhost/%s?host={}", self.data.display())
    }

    async fn connect(&self) -> sqlx::Result<PgConnection> {
        PgConnection::connect(&self.url().replace("%s", "postgres")).await
    }

    /// Runs a shell command as the server, in the data directory.
    async fn run(&self, command: &str) {
        // Its input, a line break, is read first: a command that ends before it comes is an error.
        let statement = format!("COPY (SELECT) TO PROGRAM 'cat >/dev/null; {command}'");
        let mut connection = self.connect().await.expect("a connection");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.expect(command);
    }

    fn pid(&self) -> Pid {
        let id = self.postmaster.id().expect("a running database");
        Pid::from_raw(id.cast_signed()).expect("not zero")
    }
}

impl Drop for Cluster {
    /// Stops the server in mode "immediate": nothing is written to disk, but shared memory is released.
    fn drop(&mut self) {
        if self.postmaster.id().is_none() {
            return;
        }
        self.thaw();
        let mut command_line = unprivileged_user().into_iter().chain([program("pg_ctl")]);
        let mut pg_ctl = std::process::Command::new(command_line.next().expect("a program"));
        pg_ctl.args(command_line).args(["stop", "-s", "-m", "immediate", "-D"]).arg(&self.data);
        // If it fails, `infra/scripts/with-postgres` removes the files anyway.
        let _ = pg_ctl.status();
    }
}

/// Kills all processes of a PostgreSQL server at once with SIGKILL, by the id of its main process, and waits for their
/// end: no other PostgreSQL starts on the data while one of them is attached to the shared memory.
pub async fn kill_server(postmaster: Pid) {
    freeze_server(postmaster).await;
    let mut processes = children(postmaster);
    processes.push(postmaster);
    for process in &processes {
        signal(*process, Signal::KILL);
    }
    eventually("the end of all processes", async || {
        processes.iter().all(|process| status(*process).is_none_or(|(state, _)| state == 'Z'))
    })
    .await;
}

async fn freeze_server(postmaster: Pid) {
    // A stopped postmaster forks no more children.
    signal(postmaster, Signal::STOP);
    eventually("a stopped postmaster", async || status(postmaster).is_some_and(|(state, _)| state == 'T'))
        .await;
    for child in children(postmaster) {
        signal(child, Signal::STOP);
    }
}

/// Returns a command that runs a PostgreSQL program as the user of the databases of tests.
pub fn postgres_command(name: &str) -> Command {
    command(unprivileged_user(), name)
}

/// Returns a command that runs `program` as the user of the databases of tests.
pub(crate) fn unprivileged_command(program: &str) -> Command {
    wrapped(unprivileged_user(), program.to_owned())
}

/// Runs initdb in the folder of the server that tests share, where its user can write; returns the data directory.
async fn init_data_directory() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let data = Database::folder().join(format!("cluster_{}_{number}", std::process::id()));
    let mut initdb = postgres_command("initdb");
    initdb.args(["--username=heartbeat", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
    let output = initdb.arg("--pgdata").arg(&data).output().await.expect("initdb");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    data
}

fn spawn(data: &Path, wrapper: &[String], flush_delay: Duration) -> Child {
    let mut postgres = command(wrapper.to_vec(), "postgres");
    let sockets = format!("unix_socket_directories={}", data.display());
    postgres.arg("-D").arg(data).args(["-c", "listen_addresses=", "-c", &sockets]);
    if !flush_delay.is_zero() {
        postgres.env("LD_PRELOAD", flush_delay_library());
        postgres.env("FLUSH_DELAY_MICROSECONDS", flush_delay.as_micros().to_string());
    }
    let postgres = postgres.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    postgres.spawn().expect("a database")
}

/// Path of the library that delays flushes, which is built with the linker that Rust needs as well.
fn flush_delay_library() -> &'static Path {
    static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/flush_delay.c");
        let library = Database::folder().join(format!("flush_delay_{}.so", std::process::id()));
        let mut compiler = std::process::Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"]).args([&library, &source]);
        assert!(
            compiler.arg("-ldl").status().expect("a C compiler").success(),
            "flush_delay.c was not compiled"
        );
        library
    });
    &LIBRARY
}

fn command(wrapper: Vec<String>, name: &str) -> Command {
    wrapped(wrapper, program(name))
}

fn wrapped(wrapper: Vec<String>, program: String) -> Command {
    let mut command_line = wrapper.into_iter().chain([program]);
    let mut command = Command::new(command_line.next().expect("a program"));
    command.args(command_line);
    command
}

/// Path of a PostgreSQL program.
fn program(name: &str) -> String {
    let folder = std::env::var("TEST_POSTGRES_PROGRAMS").expect("infra/scripts/with-postgres sets it");
    format!("{folder}/{name}")
}

/// Command line that runs a program as an unprivileged user; empty unless the tests run as root.
fn unprivileged_user() -> Vec<String> {
    let words = std::env::var("TEST_POSTGRES_USER").expect("infra/scripts/with-postgres sets it");
    words.split_whitespace().map(str::to_owned).collect()
}

fn signal(pid: Pid, signal: Signal) {
    // Fails if the process has just exited by itself.
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

/// State of a process and the id of its parent (proc(5)).
fn status(pid: Pid) -> Option<(char, i32)> {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = status.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}
