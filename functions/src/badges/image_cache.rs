//! ImageCache that were drawn lately. Equal image_cache are asked for again and again, and drawing one takes up
//! to some milliseconds of a processor.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use heartbeat_core::badge::{Badge, card::Card};
use sha2::{Digest, Sha256};
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::http::conditional::Representation;

/// ImageCache that are kept. Strangers choose what is drawn, so there must be a limit: with 64 characters
/// on each side of a badge, this is about ten megabytes.
const MAX_IMAGES: usize = 256;

/// ImageCache of pixels that are drawn at the same time. The other requests need the processors too.
const DRAW_CONCURRENCY: usize = 2;

/// A picture that can be drawn. All that it shows is in here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Image {
    /// A badge as a drawing.
    Svg(Badge),
    /// A badge as pixels, so many in each direction for one of the drawing's.
    Png(Badge, u8),
    /// A badge in words; true if it shows none of our figures.
    Json(Badge, bool),
    /// The picture that links unfold to.
    Card(Card),
}

impl Image {
    fn draw(&self) -> Representation {
        let (content_type, body): (_, Bytes) = match self {
            Self::Svg(badge) => ("image/svg+xml", badge.svg().into()),
            Self::Png(badge, scale) => ("image/png", badge.png(*scale).into()),
            Self::Json(badge, is_error) => ("application/json", badge.json(*is_error).into()),
            Self::Card(card) => ("image/png", card.png().into()),
        };
        let hash = Sha256::digest(&body);
        let version = hash.iter().take(8).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        Representation::new(content_type, &version, body)
    }

    /// Whether drawing it takes long enough to hold up other work.
    fn is_slow(&self) -> bool {
        matches!(self, Self::Png(..) | Self::Card(_))
    }
}

/// The image_cache that this process has drawn lately.
#[derive(Debug)]
pub(crate) struct ImageCache {
    drawn: Mutex<HashMap<Image, Representation>>,
    permits: Arc<Semaphore>,
}

impl Default for ImageCache {
    fn default() -> Self {
        Self { drawn: Mutex::default(), permits: Arc::new(Semaphore::new(DRAW_CONCURRENCY)) }
    }
}

impl ImageCache {
    /// The picture, drawn if it was not drawn lately.
    pub(crate) async fn get(&self, picture: Image) -> Representation {
        match self.find(&picture) {
            Some(drawn) => drawn,
            None if picture.is_slow() => self.draw_aside(picture).await,
            None => self.keep(picture.clone(), picture.draw()),
        }
    }

    /// Draws on another thread, when it is this picture's permit.
    async fn draw_aside(&self, picture: Image) -> Representation {
        let permits = Arc::clone(&self.permits);
        let permit = permits.acquire_owned().await.expect("a semaphore that is never closed");
        // Many ask for a new picture at once; the first one draws it for all.
        if let Some(drawn) = self.find(&picture) {
            return drawn;
        }
        let drawing = spawn_blocking(move || {
            // Drawing goes on when the one who asked has hung up; the permit lasts as long.
            (picture.draw(), picture, permit)
        });
        let (drawn, picture, _turn) = drawing.await.expect("drawing does not panic");
        self.keep(picture, drawn)
    }

    fn find(&self, picture: &Image) -> Option<Representation> {
        self.drawn().get(picture).cloned()
    }

    fn keep(&self, picture: Image, drawn: Representation) -> Representation {
        let mut all = self.drawn();
        if all.len() >= MAX_IMAGES {
            all.clear();
        }
        all.insert(picture, drawn.clone());
        drawn
    }

    fn drawn(&self) -> MutexGuard<'_, HashMap<Image, Representation>> {
        // Nothing panics while it holds the lock.
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
