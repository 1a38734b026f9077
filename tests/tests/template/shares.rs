//! Shares of the database's connections: reserved concurrency of each function, so that no reader can take those of beats.

use std::collections::BTreeSet;

use crate::{functions, functions_with_database, template, text, texts};

/// Functions that have a share in common, beats first.
const GROUPS: [&[&str]; 6] = [
    &["Beat", "WakatimeHeartbeats"],
    &["Stats", "Health", "Metrics", "History"],
    &["Home", "StatsPage", "BadgeBuilder", "BadgeLastSeen", "BadgeTotalBeats", "Og", "Pictures"],
    &["StreamConnect", "StreamDefault", "StreamDisconnect"],
    &["Owner", "Links", "Manage", "Pair"],
    JOBS,
];

/// Functions that run one at a time.
const JOBS: &[&str] = &["Minutely", "Pusher", "Migrator"];

/// Sizes of a database that the template knows: numbers of connections.
fn sizes() -> Vec<String> {
    let template = template();
    let parameter = &template["Parameters"]["DatabaseConnections"];
    let mut sizes = texts(&parameter["AllowedValues"]);
    assert_eq!((sizes.remove(0), &parameter["Default"]), ("none", &"none".into()));
    sizes.into_iter().map(str::to_owned).collect()
}

/// Returns the reserved concurrency of a function on a database of this size.
fn concurrency(id: &str, size: &str) -> u64 {
    template()["Mappings"]["Shares"][id][size].as_u64().expect("a number")
}

/// Returns the connections that these functions may hold together: a process has one for all its needs.
fn share(ids: &[&str], size: &str) -> u64 {
    ids.iter().map(|id| concurrency(id, size)).sum()
}

#[test]
fn exactly_the_functions_with_a_database_have_a_share() {
    let grouped: BTreeSet<String> = GROUPS.concat().into_iter().map(str::to_owned).collect();
    assert_eq!(grouped.into_iter().collect::<Vec<_>>(), functions_with_database());
    for (id, function) in functions() {
        let reserved = text(&function["ReservedConcurrentExecutions"]);
        let expected = if functions_with_database().contains(&id) {
            format!("HasShares Shares {id} DatabaseConnections AWS::NoValue")
        } else {
            String::new()
        };
        assert_eq!(reserved, expected, "{id}");
    }
}

#[test]
fn all_shares_together_leave_a_tenth_of_the_connections() {
    for size in sizes() {
        let connections: u64 = size.parse().expect("a number");
        let all = share(&GROUPS.concat(), &size);
        assert!(10 * all <= 9 * connections, "{all} of {size}");
    }
}

#[test]
fn beats_have_the_largest_share() {
    for size in sizes() {
        let [beats, others @ ..] = GROUPS.map(|group| share(group, &size));
        assert!(others.iter().all(|other| *other < beats), "{size}: {beats}, {others:?}");
    }
}

#[test]
fn every_function_can_run_on_every_size_and_jobs_run_one_at_a_time() {
    for size in sizes() {
        for id in GROUPS.concat() {
            assert!(concurrency(id, &size) > 0, "{id} on {size}");
        }
        for id in JOBS {
            assert_eq!(concurrency(id, &size), 1, "{id} on {size}");
        }
    }
}

#[test]
fn no_share_is_smaller_on_a_larger_database() {
    for id in GROUPS.concat() {
        let shares: Vec<u64> = sizes().iter().map(|size| concurrency(id, size)).collect();
        assert!(shares.is_sorted(), "{id}: {shares:?}");
    }
}

#[test]
fn the_book_has_the_shares() {
    let book = include_str!("../../../docs/lambda.md");
    for size in sizes() {
        let shares = GROUPS.map(|group| share(group, &size));
        let all: u64 = shares.iter().sum();
        let cells = shares.map(|share| share.to_string()).join(" | ");
        // AWS keeps 100 for functions without a reservation.
        let row = format!("| {size} | {cells} | {all} | {} |", all + 100);
        assert!(book.contains(&row), "docs/lambda.md: expected {row}");
    }
}
