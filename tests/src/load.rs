//! Load of beats: devices that send the next one as soon as the last is answered, and a tally of the responses.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
    },
    time::Duration,
};

use reqwest::Method;
use tokio::{task::JoinSet, time::timeout};

use crate::{Client, Database, Server, eventually};

/// Number of concurrent clients that share the token of a device.
const CLIENTS_PER_DEVICE: usize = 3;

/// Timeout of a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Delay before a retry after 503: far less than `Retry-After` asks for.
const RETRY_DELAY: Duration = Duration::from_millis(10);

/// Devices, with a tally of their acknowledged and rejected beats.
#[derive(Debug, Clone)]
pub struct Devices(Arc<Tally>);

#[derive(Debug)]
struct Tally {
    devices: Vec<Device>,
    rejected: AtomicI64,
}

#[derive(Debug)]
struct Device {
    id: i64,
    token: String,
    acknowledged: AtomicI64,
}

impl Devices {
    /// Registers `count` devices as the owner.
    pub async fn register(owner: &Client, count: usize) -> Self {
        let mut devices = Vec::new();
        for number in 0..count {
            let (id, token) = owner.register(&format!("Device {number}")).await;
            devices.push(Device { id, token, acknowledged: AtomicI64::new(0) });
        }
        Self(Arc::new(Tally { devices, rejected: AtomicI64::new(0) }))
    }

    /// Number of beats acknowledged with 200.
    pub fn acknowledged(&self) -> i64 {
        self.0.devices.iter().map(|device| device.acknowledged.load(SeqCst)).sum()
    }

    /// Number of beats rejected with 503.
    pub fn rejected(&self) -> i64 {
        self.0.rejected.load(SeqCst)
    }

    /// Waits until `beats` more were acknowledged.
    pub async fn wait_for_acknowledged(&self, beats: i64) {
        let target = self.acknowledged() + beats;
        eventually("acknowledged beats", async || self.acknowledged() >= target).await;
    }

    /// Asserts that every acknowledged beat is a row, and that all counters agree with the rows. Returns
    /// the number of rows.
    pub async fn assert_durable(&self, server: &Server, database: &Database) -> i64 {
        // Statements of a process that died may still be executing.
        let busy = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'heartbeat'
                    AND datname = current_database() AND state <> 'idle'";
        eventually("an idle database", async || database.number(busy).await == 0).await;
        let mut total = 0;
        for Device { id, acknowledged, .. } in &self.0.devices {
            let rows = format!("SELECT count(*) FROM heartbeat.beats WHERE device = {id}");
            let counted = format!("SELECT num_beats FROM heartbeat.devices WHERE id = {id}");
            let (rows, counted) = (database.number(&rows).await, database.number(&counted).await);
            assert!(acknowledged.load(SeqCst) <= rows, "{acknowledged:?} acknowledged, but {rows} rows");
            assert_eq!(counted, rows);
            total += rows;
        }
        // A commit whose acknowledgment was lost shows when the stats are next read.
        eventually("a total of all rows", async || server.stranger().stats().await["total_beats"] == total)
            .await;
        total
    }
}

/// Running load of all devices.
#[derive(Debug)]
pub struct Load {
    clients: JoinSet<reqwest::Result<()>>,
    stopped: Arc<AtomicBool>,
}

impl Load {
    /// Starts several clients for each device.
    pub fn start(server: &Client, devices: &Devices) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for device in 0..devices.0.devices.len() {
            for _ in 0..CLIENTS_PER_DEVICE {
                let client = server.authorized(&devices.0.devices[device].token);
                clients.spawn(beat(client, Arc::clone(&devices.0), device, Arc::clone(&stopped)));
            }
        }
        Self { clients, stopped }
    }

    /// Waits until the connection of each client has failed.
    pub async fn wait_for_disconnect(self) {
        for ended in self.clients.join_all().await {
            assert!(ended.is_err(), "a client ended without a connection error");
        }
    }

    /// Stops the clients; each of their requests must have been answered.
    pub async fn stop(self) {
        self.stopped.store(true, SeqCst);
        for ended in self.clients.join_all().await {
            ended.expect("a response to each request");
        }
    }
}

async fn beat(
    client: Client,
    tally: Arc<Tally>,
    device: usize,
    stopped: Arc<AtomicBool>,
) -> reqwest::Result<()> {
    while !stopped.load(SeqCst) {
        let response = client.try_send(Method::POST, "/api/beat", Vec::new());
        let response = timeout(REQUEST_TIMEOUT, response).await.expect("a response in time")?;
        if response.status == 200 {
            tally.devices[device].acknowledged.fetch_add(1, SeqCst);
        } else {
            assert_eq!((response.status, response.header("retry-after")), (503, "5"), "{response}");
            tally.rejected.fetch_add(1, SeqCst);
            tokio::time::sleep(RETRY_DELAY).await;
        }
    }
    Ok(())
}
