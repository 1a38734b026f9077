//! Finds out from which commit the program is built: `HEARTBEAT_COMMIT` says it where there is no repository, as
//! in the image, else git does. A build from neither, as from an unpacked archive, names its version alone.

use std::{env, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=HEARTBEAT_COMMIT");
    let version = env!("CARGO_PKG_VERSION");
    let given = env::var("HEARTBEAT_COMMIT").ok().filter(|commit| !commit.is_empty());
    let version = match given.or_else(checked_out) {
        Some(commit) => format!("{version} ({commit})"),
        None => version.to_owned(),
    };
    // Does not begin with HEARTBEAT_: `cargo run` hands it to the program, which refuses settings that it
    // does not know.
    println!("cargo::rustc-env=VERSION_AND_COMMIT={version}");
}

/// The commit that is checked out, if this folder belongs to a repository of Heartbeat and not to one around it.
fn checked_out() -> Option<String> {
    if git(&["rev-parse", "--show-prefix"])? != "local-server/" {
        return None;
    }
    // What changes with a commit or a checkout. A file that is missing would have the script run each time.
    for name in ["HEAD", "refs/heads", "packed-refs"] {
        let path = git(&["rev-parse", "--git-path", name])?;
        if Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short", "HEAD"])
}

/// What git answers, unless it is not there or knows of nothing.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
