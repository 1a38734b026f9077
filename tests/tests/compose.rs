//! The database of `compose.yaml`, from its entry point on: a real PostgreSQL behind a stand-in for the entry point of
//! its image. `infra/scripts/check-compose` tests the rest, with Docker.

use std::{
    fs,
    net::Ipv4Addr,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Output,
};

use heartbeat_tests::{Server, ServerBuilder, eventually, server::SECRET_KEY, skipped};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// User of Heartbeat's image.
const HEARTBEAT_USER: u32 = 65532;

/// A container's worth of folders and settings.
struct Container {
    folder: TempDir,
    /// Loopback address of this container alone, so that its port is free.
    address: Ipv4Addr,
}

impl Container {
    fn new(number: u8) -> Self {
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let folder = TempDir::new().expect("a temporary folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("an open folder");
        for (name, mode) in [("bin", 0o755), ("credentials", 0o755), ("init", 0o755), ("sockets", 0o777)] {
            let path = folder.path().join(name);
            fs::create_dir(&path).expect("a folder");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
        }
        let entrypoint = folder.path().join("bin/docker-entrypoint.sh");
        symlink(infra("scripts/stand-in-entrypoint"), entrypoint).expect("an entry point");
        if !geteuid().is_root() {
            symlink("/bin/true", folder.path().join("bin/chown")).expect("a stand-in");
        }
        Self { folder, address: Ipv4Addr::new(127, 64 + number, high, low) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let programs = std::env::var("TEST_POSTGRES_PROGRAMS").expect("infra/scripts/with-postgres sets it");
        let path = std::env::var("PATH").expect("a path");
        let mut command = Command::new(program);
        command.env("PATH", format!("{}:{programs}:{path}", self.path("bin").display()));
        command.env("PGDATA", self.path("data")).env("PGHOST", self.path("sockets"));
        command.env("CREDENTIALS", self.path("credentials")).env("INIT_FOLDER", self.path("init"));
        command.kill_on_drop(true);
        command
    }

    /// File for what the database logs.
    fn log(&self) -> fs::File {
        fs::File::options().create(true).append(true).open(self.path("log")).expect("a file")
    }

    /// Starts the database through `entrypoint`, and waits until it can be reached.
    async fn start(&self, mut entrypoint: Command) -> Child {
        let sockets = format!("unix_socket_directories={}", self.path("sockets").display());
        let address = format!("listen_addresses={}", self.address);
        entrypoint.args(["postgres", "-c", &address, "-c", &sockets]);
        let database = entrypoint.stdout(self.log()).stderr(self.log()).spawn().expect("a database");
        eventually("a database", async || {
            let mut command = self.command("pg_isready");
            command.arg("--host").arg(self.address.to_string()).arg("--quiet");
            command.status().await.expect("an answer").success()
        })
        .await;
        database
    }

    /// Starts the database as `compose.yaml` does.
    async fn start_database(&self) -> Child {
        let mut entrypoint = self.command("bash");
        entrypoint.arg(infra("compose/start-database"));
        self.start(entrypoint).await
    }

    /// Starts the database as `compose.yaml` of 0.1.0 did.
    async fn start_database_of_0_1_0(&self) -> Child {
        let mut entrypoint = self.command(self.path("bin/docker-entrypoint.sh"));
        entrypoint.env("POSTGRES_USER", "heartbeat").env("POSTGRES_DB", "heartbeat");
        entrypoint.env("POSTGRES_HOST_AUTH_METHOD", "trust");
        self.start(entrypoint).await
    }

    /// Heartbeat as in its own container: it knows where the password is.
    fn heartbeat(&self) -> ServerBuilder {
        let passwords = self.path("passwords");
        let text = fs::read_to_string(self.path("credentials/pgpass")).unwrap_or_default();
        fs::write(&passwords, text.replace("db:", &format!("{}:", self.address))).expect("a file");
        fs::set_permissions(&passwords, fs::Permissions::from_mode(0o600)).expect("its mode");
        ServerBuilder::bare()
            .environment(
                "HEARTBEAT_DATABASE_DSN",
                &format!("postgresql://heartbeat@{}/heartbeat", self.address),
            )
            .environment("HEARTBEAT_BIND", "127.0.0.1:0")
            .environment("HEARTBEAT_SECRET_KEY", SECRET_KEY)
            .environment("PGPASSFILE", &passwords.display().to_string())
    }

    /// Asks the database from another container, without a password unless `passwords` names a file with one.
    async fn query(&self, role: &str, statement: &str, passwords: &Path) -> Output {
        let mut psql = self.command("psql");
        psql.arg("--host").arg(self.address.to_string()).args([
            "--no-password",
            "--no-psqlrc",
            "--tuples-only",
        ]);
        psql.args(["--no-align", "--username", role, "--dbname", "heartbeat", "--command", statement]);
        psql.env("PGPASSFILE", passwords).output().await.expect("psql")
    }

    /// Asserts that nobody comes in without the password, and that whoever has it is no superuser.
    async fn assert_secured(&self) {
        for role in ["heartbeat", "postgres"] {
            let output = self.query(role, "SELECT 1", Path::new("/dev/null")).await;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success() && said.contains("no password supplied"), "{role}: {said}");
        }
        let statement =
            "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = current_user";
        let output = self.query("heartbeat", statement, &self.path("passwords")).await;
        assert_eq!(String::from_utf8_lossy(&output.stdout), "f\n", "{output:?}");
    }
}

/// Path of a file in `infra`.
fn infra(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra").join(name)
}

async fn stop(mut database: Child) {
    let pid = Pid::from_raw(database.id().expect("a running database").cast_signed()).expect("not zero");
    kill_process(pid, Signal::INT).expect("a running database");
    database.wait().await.expect("an end");
}

async fn total_beats(server: &Server) -> serde_json::Value {
    server.stranger().stats().await["total_beats"].clone()
}

#[tokio::test]
async fn a_new_database_has_a_password_of_its_own_and_a_role_that_is_no_superuser() {
    let container = Container::new(0);
    let database = container.start_database().await;
    let file = fs::metadata(container.path("credentials/pgpass")).expect("a password");
    assert_eq!(file.mode() & 0o777, 0o600);
    if geteuid().is_root() {
        assert_eq!(file.uid(), HEARTBEAT_USER);
    } else {
        skipped("only root can give the password to the user of another container");
    }
    let mut server = container.heartbeat().start().await;
    server.device("Laptop").await.beat().await;
    container.assert_secured().await;
    assert!(server.stop().await.success());
    stop(database).await;

    // The password is made once.
    let password = fs::read(container.path("credentials/pgpass")).expect("a password");
    let database = container.start_database().await;
    assert_eq!(fs::read(container.path("credentials/pgpass")).expect("a password"), password);
    let mut server = container.heartbeat().start().await;
    assert_eq!(total_beats(&server).await, 1);
    assert!(server.stop().await.success());
    stop(database).await;
}

#[tokio::test]
async fn a_database_of_0_1_0_goes_on_and_can_be_secured_while_it_runs() {
    let container = Container::new(1);
    let database = container.start_database_of_0_1_0().await;
    let mut server = container.heartbeat().start().await;
    server.device("Laptop").await.beat().await;
    assert!(server.stop().await.success());
    stop(database).await;

    // After the update, with nothing done.
    let database = container.start_database().await;
    let log = fs::read_to_string(container.path("log")).expect("a log");
    assert!(log.contains("docker compose exec db bash /heartbeat/secure-database"), "{log}");
    let mut server = container.heartbeat().start().await;
    assert_eq!(total_beats(&server).await, 1);
    assert!(container.query("heartbeat", "SELECT 1", Path::new("/dev/null")).await.status.success());

    for _ in 0..2 {
        let mut secure = container.command("bash");
        let output = secure.arg(infra("compose/secure-database")).output().await.expect("an end");
        assert!(output.status.success(), "{output:?}");
        container.assert_secured().await;
    }
    assert_eq!(
        fs::metadata(container.path("data/pg_hba.conf")).expect("a file").uid(),
        container_user(&container)
    );
    let phone = server.device("Phone").await;
    phone.beat().await;
    assert!(server.stop().await.success());
    // Migrations change tables, which only their owner may.
    let (code, output) = container.heartbeat().argument("migrate").run().await;
    assert_eq!(code, 0, "{output}");
    let output = container
        .query("heartbeat", "ALTER TABLE heartbeat.beats ADD x int", &container.path("passwords"))
        .await;
    assert!(output.status.success(), "{output:?}");
    let mut server = container.heartbeat().start().await;
    assert_eq!(total_beats(&server).await, 2);
    assert!(server.stop().await.success());
    stop(database).await;
}

/// User that the database runs as.
fn container_user(container: &Container) -> u32 {
    fs::metadata(container.path("data")).expect("a folder").uid()
}
