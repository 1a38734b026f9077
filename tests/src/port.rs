//! Ports that no other test gets, for servers whose port must be known before they start or stay the same after.

use std::{
    fs::{self, File},
    net::TcpListener,
};

/// Range from which systems give no port to those who ask for any: Linux gives those from 32,768 up, others higher ones.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// Port of this machine that is reserved until this is dropped.
#[derive(Debug)]
pub struct ReservedPort {
    port: u16,
    /// File that is locked for as long as the port is reserved, by whichever process tests run in.
    _lock: File,
}

impl ReservedPort {
    /// Reserves a port that nothing uses.
    pub fn new() -> Self {
        let folder = std::env::temp_dir().join("heartbeat-test-ports");
        fs::create_dir_all(&folder).expect("a folder for locks");
        let reserve = |port: u16| {
            let lock = File::create(folder.join(port.to_string())).ok()?;
            lock.try_lock().ok()?;
            // Another program may use it.
            TcpListener::bind(("127.0.0.1", port)).ok().map(|_| Self { port, _lock: lock })
        };
        PORTS.into_iter().find_map(reserve).expect("a free port")
    }

    /// Number of the port.
    pub fn number(&self) -> u16 {
        self.port
    }
}

impl Default for ReservedPort {
    fn default() -> Self {
        Self::new()
    }
}
