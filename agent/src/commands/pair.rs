//! `pair URL CODE`: saves the server and the token that it gives for a pairing code.

use std::path::Path;

use crate::{beat::Client, config::TokenSource, exit::Failure, log, paths::Paths, server_url::ServerUrl};

/// Redeems `code` at the server at `url`, and saves what it answers.
pub(super) fn pair(
    paths: &Paths,
    url: &ServerUrl,
    code: &str,
    ca_file: Option<&Path>,
) -> Result<(), Failure> {
    let paired = Client::new(url.clone(), ca_file)?.pair(code)?;
    log::print(&format!("Paired as {}.", paired.name.as_deref().unwrap_or("a device without a name")));
    super::setup::save(paths, url, &TokenSource::Token(paired.token), ca_file)
}
