//! Determines the commit that the program is built from: `HEARTBEAT_COMMIT` where there is no repository, as in the
//! image, otherwise git's. A build from neither, such as an unpacked archive, has a version without a commit.

use std::{env, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=HEARTBEAT_COMMIT");
    let version = env!("CARGO_PKG_VERSION");
    let from_environment = env::var("HEARTBEAT_COMMIT").ok().filter(|commit| !commit.is_empty());
    let version = match from_environment.or_else(checked_out_commit) {
        Some(commit) => format!("{version} ({commit})"),
        None => version.to_owned(),
    };
    // The name does not begin with HEARTBEAT_: `cargo run` passes it to the program, which rejects unknown
    // settings.
    println!("cargo::rustc-env=VERSION_AND_COMMIT={version}");
}

/// Returns the commit that is checked out, if this folder belongs to Heartbeat's repository and not to one around it.
fn checked_out_commit() -> Option<String> {
    if git(&["rev-parse", "--show-prefix"])? != "local-server/" {
        return None;
    }
    // These change with a commit or a checkout. A missing file would make Cargo run the script on every build.
    for name in ["HEAD", "refs/heads", "packed-refs"] {
        let path = git(&["rev-parse", "--git-path", name])?;
        if Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short", "HEAD"])
}

/// Runs git and returns its output. `None` if git is missing or fails.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
