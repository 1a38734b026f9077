//! D-Bus without a desktop: a private bus (dbus-daemon), and services on it that say what a test wants
//! (python-dbusmock).

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use zbus::{Connection, DynamicType, Variant, connection::Builder};

/// Programs that this needs.
pub const PROGRAMS: &[&str] = &["dbus-daemon"];

/// The Python that Debian's package of dbusmock belongs to; another one may come first in `PATH`.
const PYTHON: &str = "/usr/bin/python3";

const MOCK: &str = "org.freedesktop.DBus.Mock";

/// A running bus, killed when dropped.
#[derive(Debug)]
pub struct Bus {
    process: Child,
    folder: Arc<TempDir>,
    socket: PathBuf,
}

/// A service on a bus, killed when dropped.
#[derive(Debug)]
pub struct Mock {
    process: Child,
    connection: Connection,
    service: String,
    path: String,
}

/// Whether the programs and dbusmock are installed. Where our scripts install them, they must be.
pub fn installed() -> bool {
    let mock = Path::new("/usr/lib/python3/dist-packages/dbusmock");
    if !mock.exists() {
        assert!(std::env::var_os("CI").is_none(), "infra/scripts/install-desktops installs python3-dbusmock");
        crate::skipped("not installed: python3-dbusmock; infra/scripts/install-desktops installs it");
        return false;
    }
    super::installed(PROGRAMS)
}

impl Bus {
    /// Starts a bus.
    pub async fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let socket = folder.path().join("bus");
        Self::start_at(Arc::new(folder), socket).await
    }

    /// Starts a bus at a socket.
    pub async fn start_in(socket: &Path) -> Self {
        Self::start_at(Arc::new(TempDir::new().expect("a temporary folder")), socket.to_owned()).await
    }

    async fn start_at(folder: Arc<TempDir>, socket: PathBuf) -> Self {
        // Nothing of this machine: neither its services nor its policies.
        let services = folder.path().join("services");
        let configuration = format!(
            "<busconfig><listen>unix:path={}</listen><servicedir>{}</servicedir><policy context='default'>\
             <allow send_destination='*'/><allow receive_sender='*'/><allow own='*'/></policy></busconfig>",
            socket.display(),
            services.display()
        );
        fs::create_dir_all(&services).expect("a folder");
        let file = folder.path().join("bus.conf");
        fs::write(&file, configuration).expect("a configuration");
        let mut process = Command::new("dbus-daemon")
            .args(["--nofork", "--nopidfile", "--nosyslog", "--print-address"])
            .arg(format!("--config-file={}", file.display()))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("dbus-daemon");
        // It prints its address when it listens.
        let stdout = process.stdout.take().expect("its standard output");
        BufReader::new(stdout).lines().next_line().await.expect("a line").expect("an address");
        Self { process, folder, socket }
    }

    /// Value of `DBUS_SYSTEM_BUS_ADDRESS` and `DBUS_SESSION_BUS_ADDRESS`.
    pub fn address(&self) -> String {
        format!("unix:path={}", self.socket.display())
    }

    /// Offers a service that the bus starts when it is asked for; returns a file that exists once it was.
    pub fn offer(&self, service: &str) -> PathBuf {
        let started = self.folder.path().join(format!("{service} started"));
        let text =
            format!("[D-BUS Service]\nName={service}\nExec=/usr/bin/touch \"{}\"\n", started.display());
        fs::write(self.folder.path().join(format!("services/{service}.service")), text).expect("a file");
        started
    }

    /// Kills the bus.
    pub async fn kill(&mut self) {
        self.process.kill().await.expect("a running bus");
    }

    /// Starts it again after it was killed, at the same address.
    pub async fn restart(&mut self) {
        *self = Self::start_at(Arc::clone(&self.folder), self.socket.clone()).await;
    }

    /// Starts a mock of logind.
    pub async fn logind(&self) -> Mock {
        let arguments = ["--template", "logind"];
        self.spawn(&arguments, "org.freedesktop.login1", "/org/freedesktop/login1").await
    }

    /// Starts a mock of a service with one object, whose methods are to come.
    pub async fn mock(&self, service: &str, path: &str, interface: &str) -> Mock {
        self.spawn(&[service, path, interface], service, path).await
    }

    /// Starts a mock of a screen saver.
    pub async fn screen_saver(&self, service: &str) -> Mock {
        let mock = self.mock(service, &format!("/{}", service.replace('.', "/")), service).await;
        mock.answer(service, "GetActive", "", "b", "False").await;
        mock
    }

    /// Connects to the bus.
    pub async fn connect(&self) -> Connection {
        Builder::address(self.address().as_str()).build().await.expect("a connection")
    }

    /// Waits until a service is there.
    pub async fn has(&self, service: &str) {
        let connection = self.connect().await;
        let bus = Some("org.freedesktop.DBus");
        crate::eventually(service, async || {
            let asked = connection.call_method(bus, "/", bus, "NameHasOwner", &service).await;
            asked.is_ok_and(|reply| reply.body().deserialize().unwrap_or(false))
        })
        .await;
    }

    async fn spawn(&self, arguments: &[&str], service: &str, path: &str) -> Mock {
        let process = Command::new(PYTHON)
            .args(["-m", "dbusmock"])
            .args(arguments)
            .env("DBUS_SYSTEM_BUS_ADDRESS", self.address())
            .env("DBUS_SESSION_BUS_ADDRESS", self.address())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("dbusmock");
        let connection = self.connect().await;
        self.has(service).await;
        Mock { process, connection, service: service.to_owned(), path: path.to_owned() }
    }
}

impl Mock {
    /// Calls the mock itself, at one of its objects.
    async fn control<B: serde::Serialize + DynamicType>(&self, path: &str, method: &str, body: &B) {
        let service = Some(self.service.as_str());
        let reply = self.connection.call_method(service, path, Some(MOCK), method, body).await;
        reply.unwrap_or_else(|error| panic!("{method} of {}: {error}", self.service));
    }

    /// Adds a session of logind, the one in which the agent is.
    pub async fn add_session(&self) {
        self.control(&self.path, "AddSession", &("auto", "seat0", 1000_u32, "user", true)).await;
    }

    /// Adds a property that is a number.
    pub async fn add_number(&self, interface: &str, property: &str, value: u32) {
        self.control(&self.path, "AddProperty", &(interface, property, Variant::from(value))).await;
    }

    /// Changes a property that is a number.
    pub async fn set_number(&self, interface: &str, property: &str, value: u32) {
        let changed = HashMap::from([(property, Variant::from(value))]);
        self.control(&self.path, "UpdateProperties", &(interface, changed)).await;
    }

    /// Changes a property of the agent's session.
    pub async fn set_session(&self, property: &str, value: bool) {
        let changed = HashMap::from([(property, Variant::from(value))]);
        let body = ("org.freedesktop.login1.Session", changed);
        self.control("/org/freedesktop/login1/session/auto", "UpdateProperties", &body).await;
    }

    /// Says that the machine is about to sleep, or has woken up.
    pub async fn prepare_for_sleep(&self, falls_asleep: bool) {
        self.emit("org.freedesktop.login1.Manager", "PrepareForSleep", falls_asleep).await;
    }

    /// Lets a method answer the value of a Python expression, in which `args` are the arguments.
    pub async fn answer(&self, interface: &str, method: &str, takes: &str, returns: &str, value: &str) {
        let code = format!("ret = {value}");
        self.control(&self.path, "AddMethod", &(interface, method, takes, returns, code.as_str())).await;
    }

    /// Shows or hides a screen saver.
    pub async fn set_shown(&self, is_shown: bool) {
        let value = if is_shown { "True" } else { "False" };
        self.answer(&self.service, "GetActive", "", "b", value).await;
        self.emit(&self.service, "ActiveChanged", is_shown).await;
    }

    async fn emit(&self, interface: &str, signal: &str, value: bool) {
        let body = (interface, signal, "b", vec![Variant::from(value)]);
        self.control(&self.path, "EmitSignal", &body).await;
    }

    /// Sends a signal with a number to the process with an id alone.
    pub async fn emit_to(&self, process: u32, interface: &str, signal: &str, number: u32) {
        let receiver = Variant::from(self.name_of(process).await);
        let details = HashMap::from([("destination", receiver)]);
        let body = (interface, signal, "u", vec![Variant::from(number)], details);
        self.control(&self.path, "EmitSignalDetailed", &body).await;
    }

    /// Name on the bus of the process with an id.
    async fn name_of(&self, process: u32) -> String {
        let bus = Some("org.freedesktop.DBus");
        let names = self.connection.call_method(bus, "/", bus, "ListNames", &()).await.expect("names");
        let names: Vec<String> = names.body().deserialize().expect("names");
        for name in names.into_iter().filter(|name| name.starts_with(':')) {
            let method = "GetConnectionUnixProcessID";
            let owner = self.connection.call_method(bus, "/", bus, method, &name).await;
            if owner.is_ok_and(|reply| reply.body().deserialize::<u32>().is_ok_and(|id| id == process)) {
                return name;
            }
        }
        panic!("process {process} is not on the bus");
    }

    /// Stops the process without ending it: it answers no more.
    pub async fn hang(&self) {
        let id = self.process.id().expect("a running process").to_string();
        let status = Command::new("kill").args(["-STOP", &id]).status().await;
        assert!(status.expect("kill").success());
    }

    /// Ends the service.
    pub async fn kill(mut self) {
        self.process.kill().await.expect("a running service");
    }
}
