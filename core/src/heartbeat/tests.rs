//! Tests of the handle with a database that never answers.

use std::{net::TcpListener, pin::pin};

use futures_util::{future::join_all, poll};
use sqlx::postgres::PgConnectOptions;

use super::*;
use crate::database::Pooler;

#[tokio::test]
async fn a_worker_that_panics_is_noticed() {
    let state = start(async { panic!("as this test wants") });
    state.subscribe().wait_for(|state| *state == WorkerState::Ended).await.expect("a state");
}

/// Starts a Heartbeat with a database that never answers, which is there until the listener is dropped.
fn with_silent_database() -> (TcpListener, Heartbeat) {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("a local address").port();
    let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(port);
    let database = Target::new(options, Pooler::None);
    let clock = || OffsetDateTime::UNIX_EPOCH;
    (
        silent,
        Heartbeat::start(&database, clock, Runtime::Server, Subscriptions::default(), Choices::default()),
    )
}

#[tokio::test]
async fn made_up_tokens_leave_room_in_the_queue_for_devices() {
    let token = |number: usize| TokenHash::of(number.to_string().as_bytes());
    let (_silent, heartbeat) = with_silent_database();
    let mut strangers =
        pin!(join_all((0..UNKNOWN_BEATS_CAPACITY).map(|number| heartbeat.beat(token(number), None))));
    assert!(poll!(strangers.as_mut()).is_pending(), "they wait");
    assert_eq!(heartbeat.beat(token(UNKNOWN_BEATS_CAPACITY), None).await, Err(Error::Unavailable));
    let device = token(UNKNOWN_BEATS_CAPACITY + 1);
    heartbeat.known_tokens.insert(device);
    assert!(poll!(pin!(heartbeat.beat(device, None))).is_pending(), "it waits with them");
}

#[tokio::test]
async fn made_up_keys_of_editors_leave_room_for_other_clients_and_for_valid_ones() {
    let credential = |number: usize| EditorCredential::of(number.to_string().as_bytes());
    let client = |number: usize| Some(IpAddr::from([192, 0, 2, u8::try_from(number).expect("small")]));
    let (_silent, heartbeat) = with_silent_database();
    let lookup = |of: usize, number: usize| heartbeat.authenticate_editor(credential(number), client(of));
    let mut first = pin!(join_all((0..UNKNOWN_EDITORS_PER_CLIENT).map(|number| lookup(0, number))));
    assert!(poll!(first.as_mut()).is_pending(), "they wait");
    assert_eq!(lookup(0, UNKNOWN_EDITORS_CAPACITY).await, Err(Error::Unavailable));

    let others = UNKNOWN_EDITORS_PER_CLIENT..UNKNOWN_EDITORS_CAPACITY;
    let mut others = pin!(join_all(others.map(|number| lookup(number / UNKNOWN_EDITORS_PER_CLIENT, number))));
    assert!(poll!(others.as_mut()).is_pending(), "other clients wait with them");
    assert_eq!(lookup(200, UNKNOWN_EDITORS_CAPACITY).await, Err(Error::Unavailable));

    let known = credential(UNKNOWN_EDITORS_CAPACITY);
    heartbeat.known_tokens.insert(*known.as_token());
    assert!(poll!(pin!(heartbeat.authenticate_editor(known, client(0)))).is_pending(), "it waits, too");
}
