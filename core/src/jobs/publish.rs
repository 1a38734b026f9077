//! Moves the public figures on to the last boundary, where nobody looks: the fewer beats there are since, the less it takes.

use crate::{
    database::{Reads, SharedSession},
    publication,
    settings::Choices,
};

/// Does what a reader of the stats does. `configured` are the settings that the configuration sets.
pub(super) async fn run(session: SharedSession, configured: &Choices) {
    // The session has logged an error where it happened.
    let _ = publication::read(&Reads::new(session), configured).await;
}
