//! The messages that the page of troubles explains are those of the program.

use std::{fs, path::Path};

use crate::page::{page, top};

/// Where messages come from.
const SOURCES: [&str; 8] = [
    "agent/src",
    "core/src",
    "functions/src",
    "functions/assets/heartbeat.js",
    "local-server/src",
    "infra",
    "xtask/src",
    "tests/src/server.rs",
];

/// All that is said there: without tests, and with lines joined that are one text.
fn sources() -> String {
    let mut all = String::new();
    let mut open: Vec<_> = SOURCES.iter().map(|path| top().join(path)).collect();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("a file").path()));
        } else if let Ok(text) = fs::read_to_string(&path) {
            all.push_str(without_tests(&path, &text));
        }
    }
    let mut joined = String::new();
    let mut pieces = all.split("\\\n");
    joined.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        joined.push_str(piece.trim_start());
    }
    joined.replace("\\\"", "\"")
}

/// Tests of a module stand at its end.
fn without_tests<'a>(path: &Path, text: &'a str) -> &'a str {
    if path.extension().is_some_and(|it| it == "rs") {
        text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default()
    } else {
        text
    }
}

/// The pieces of a message that are always the same. What stands around a colon or a semicolon may come from
/// two places.
fn fixed_pieces(message: &str) -> Vec<&str> {
    let pieces = message.split(['…', ';']).flat_map(|piece| piece.split(": "));
    pieces
        .map(|piece| piece.trim().trim_end_matches(':'))
        .filter(|piece| piece.contains(char::is_alphabetic))
        .collect()
}

#[test]
fn every_message_that_is_explained_is_one_of_the_programs() {
    let sources = sources();
    let messages = page("troubleshooting.md").messages;
    assert!(messages.len() > 80, "{}", messages.len());
    for message in &messages {
        let pieces = fixed_pieces(message);
        assert!(!pieces.is_empty(), "{message} fits everything");
        for piece in pieces {
            assert!(sources.contains(piece), "nothing says {piece:?}, as in {message:?}");
        }
    }
}
