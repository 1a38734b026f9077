//! A relay before PostgreSQL, which hands an answer on once the program sleeps. A program that valgrind slows down would
//! else find some answers there before it waits for them, more or fewer of them with the load of the machine, and waiting
//! is a tenth of what a beat costs.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{UnixListener, UnixStream},
};

/// Interval at which the program is looked at. A program that has just asked needs as long to wait for the answer.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// Name of PostgreSQL's socket in its folder.
const SOCKET: &str = ".s.PGSQL.5432";

/// A relay, which lasts as long as the runtime.
#[derive(Debug)]
pub(crate) struct Relay(Arc<AtomicU32>);

impl Relay {
    /// Listens in one folder for connections to the server in another one.
    pub(crate) fn start(folder: &Path, server: &Path) -> Self {
        let listener = UnixListener::bind(folder.join(SOCKET)).expect("a socket");
        let (server, program) = (server.join(SOCKET), Arc::new(AtomicU32::new(0)));
        let relay = Self(Arc::clone(&program));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(hand_on(client, server.clone(), Arc::clone(&program)));
            }
        });
        relay
    }

    /// Hands answers on when this process sleeps.
    pub(crate) fn watch(&self, process: Option<u32>) {
        self.0.store(process.expect("a running process"), Ordering::Relaxed);
    }
}

/// Relays one connection until either side ends it.
async fn hand_on(client: UnixStream, server: PathBuf, program: Arc<AtomicU32>) {
    let Ok(server) = UnixStream::connect(server).await else { return };
    let (mut requests, mut client) = client.into_split();
    let (mut answers, mut server) = server.into_split();
    let answer = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = answers.read(&mut buffer).await {
            loop {
                tokio::time::sleep(POLL_INTERVAL).await;
                if sleeps(program.load(Ordering::Relaxed)) {
                    break;
                }
            }
            if client.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        _ = copy(&mut requests, &mut server) => {}
        () = answer => {}
    }
}

/// Whether all threads of a process sleep (proc(5)).
fn sleeps(process: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    threads.map(|thread| thread.path().join("stat")).all(|path| {
        // A thread that has ended meanwhile asks for nothing. The name before the state may hold anything, but ends
        // with the last parenthesis.
        let stat = fs::read_to_string(path).unwrap_or_default();
        stat.rsplit_once(") ").is_none_or(|(_, fields)| !fields.starts_with(['R', 'D']))
    })
}
