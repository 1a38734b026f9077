//! Devices that beat as fast as they are answered, and what they were told.

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

/// So many clients share the token of a device.
const CLIENTS_EACH: usize = 3;

/// When a server that should answer is taken to hang.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a client that was turned away waits: far less than it is asked to.
const RETRY_DELAY: Duration = Duration::from_millis(10);

/// Devices, and how often their beats were acknowledged.
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
    /// Registers so many, as the owner.
    pub async fn register(owner: &Client, how_many: usize) -> Self {
        let mut devices = Vec::new();
        for number in 0..how_many {
            let (id, token) = owner.register(&format!("Device {number}")).await;
            devices.push(Device { id, token, acknowledged: AtomicI64::new(0) });
        }
        Self(Arc::new(Tally { devices, rejected: AtomicI64::new(0) }))
    }

    /// How many beats were acknowledged.
    pub fn acknowledged(&self) -> i64 {
        self.0.devices.iter().map(|device| device.acknowledged.load(SeqCst)).sum()
    }

    /// How many were answered with 503.
    pub fn rejected(&self) -> i64 {
        self.0.rejected.load(SeqCst)
    }

    /// Waits until so many more beats were acknowledged.
    pub async fn acknowledged_more(&self, beats: i64) {
        let enough = self.acknowledged() + beats;
        eventually("acknowledged beats", async || self.acknowledged() >= enough).await;
    }

    /// Asserts that every acknowledged beat is a row, and that all counters agree with the rows. Returns
    /// the number of rows.
    pub async fn assert_kept(&self, server: &Server, database: &Database) -> i64 {
        // What was sent before a process died may still be on its way into the table.
        let busy = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'heartbeat'
                    AND datname = current_database() AND state <> 'idle'";
        eventually("an idle database", async || database.number(busy).await == 0).await;
        let mut all = 0;
        for Device { id, acknowledged, .. } in &self.0.devices {
            let rows = format!("SELECT count(*) FROM heartbeat.beats WHERE device = {id}");
            let counted = format!("SELECT num_beats FROM heartbeat.devices WHERE id = {id}");
            let (rows, counted) = (database.number(&rows).await, database.number(&counted).await);
            assert!(acknowledged.load(SeqCst) <= rows, "{acknowledged:?} acknowledged, but {rows} rows");
            assert_eq!(counted, rows);
            all += rows;
        }
        // A commit whose acknowledgement was lost is found when the figures are next read.
        eventually("a total of all rows", async || server.stranger().stats().await["total_beats"] == all)
            .await;
        all
    }
}

/// All devices at it.
#[derive(Debug)]
pub struct Load {
    clients: JoinSet<reqwest::Result<()>>,
    enough: Arc<AtomicBool>,
}

impl Load {
    /// Starts several clients for each device.
    pub fn start(server: &Client, devices: &Devices) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for device in 0..devices.0.devices.len() {
            for _ in 0..CLIENTS_EACH {
                let client = server.authorized(&devices.0.devices[device].token);
                clients.spawn(beat(client, Arc::clone(&devices.0), device, Arc::clone(&enough)));
            }
        }
        Self { clients, enough }
    }

    /// Waits until each client has lost its server.
    pub async fn lost_server(self) {
        for ended in self.clients.join_all().await {
            assert!(ended.is_err(), "it was never told to stop");
        }
    }

    /// Tells the clients to stop, all of which must have been answered to the last.
    pub async fn stop(self) {
        self.enough.store(true, SeqCst);
        for ended in self.clients.join_all().await {
            ended.expect("an answer to each request");
        }
    }
}

async fn beat(
    client: Client,
    tally: Arc<Tally>,
    device: usize,
    enough: Arc<AtomicBool>,
) -> reqwest::Result<()> {
    while !enough.load(SeqCst) {
        let answer = client.try_send(Method::POST, "/api/beat", Vec::new());
        let answer = timeout(ANSWER_TIMEOUT, answer).await.expect("an answer in time")?;
        if answer.status == 200 {
            tally.devices[device].acknowledged.fetch_add(1, SeqCst);
        } else {
            assert_eq!((answer.status, answer.header("retry-after")), (503, "5"), "{answer}");
            tally.rejected.fetch_add(1, SeqCst);
            tokio::time::sleep(RETRY_DELAY).await;
        }
    }
    Ok(())
}
