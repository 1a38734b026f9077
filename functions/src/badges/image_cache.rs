//! Image cache: badges, pictures and link previews that were drawn recently. Equal images are requested again and again, and
//! drawing one takes up to some milliseconds of CPU time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use heartbeat_core::{
    badge::{Badge, card::Card, picture::Picture},
    shares::Shares,
};
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::http::{
    client_ip::{ClientIp, share_key},
    conditional::Representation,
    problem::Problem,
};

/// Number of images in the cache. Clients choose what is drawn, so memory needs a bound: with 64 characters on each
/// side of a badge, this is about ten megabytes. Pictures are as large as those.
const MAX_IMAGES: usize = 256;

/// Number of images that are drawn at the same time, if drawing takes long: PNGs, and pictures, which measure their texts. Other requests need the CPU, too.
const MAX_CONCURRENT_DRAWINGS: usize = 2;

/// Maximum number of images that wait to be drawn: as many as are drawn in a fraction of a second. A request that waits
/// keeps its connection, so more would keep connections from devices.
const MAX_WAITING: usize = 64;

/// Maximum number of images that wait for one client IP.
const MAX_WAITING_PER_CLIENT: usize = 16;

/// An image that can be drawn. It is its own cache key, so it holds everything that the drawing depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Image {
    /// Badge as SVG.
    Svg(Badge),
    /// Badge as PNG, with its scale: pixels in each direction for one unit of the SVG.
    Png(Badge, u8),
    /// Badge as JSON. True if its message is an error.
    Json(Badge, bool),
    /// Link preview as PNG.
    Card(Card),
    /// Picture as SVG.
    PictureSvg(Box<Picture>),
    /// Picture as PNG.
    PicturePng(Box<Picture>),
}

impl Image {
    fn draw(&self) -> Representation {
        let (content_type, body): (_, Bytes) = match self {
            Self::Svg(badge) => ("image/svg+xml", badge.svg().into()),
            Self::Png(badge, scale) => ("image/png", badge.png(*scale).into()),
            Self::Json(badge, is_error) => ("application/json", (badge.json(*is_error) + "\n").into()),
            Self::Card(card) => ("image/png", card.png().into()),
            Self::PictureSvg(picture) => ("image/svg+xml", picture.svg().into()),
            Self::PicturePng(picture) => ("image/png", picture.png().into()),
        };
        Representation::of(content_type, body)
    }

    /// Whether drawing takes long enough to block other tasks of the same thread.
    fn is_slow(&self) -> bool {
        matches!(self, Self::Png(..) | Self::Card(_) | Self::PictureSvg(_) | Self::PicturePng(_))
    }
}

/// Image cache of this process. When it is full, it is cleared.
#[derive(Debug)]
pub(crate) struct ImageCache {
    images: Mutex<HashMap<Image, Representation>>,
    permits: Arc<Semaphore>,
    /// Places of requests that wait for a drawing.
    queue: Shares,
}

impl Default for ImageCache {
    fn default() -> Self {
        let permits = Arc::new(Semaphore::new(MAX_CONCURRENT_DRAWINGS));
        Self { images: Mutex::default(), permits, queue: Shares::new(MAX_WAITING, MAX_WAITING_PER_CLIENT) }
    }
}

impl ImageCache {
    /// Returns the drawn image, from the cache if it is there. Fails with [`Problem::Overloaded`] where too many wait to
    /// be drawn.
    pub(crate) async fn get_or_draw(
        &self,
        image: Image,
        client: ClientIp,
    ) -> Result<Representation, Problem> {
        match self.get(&image) {
            Some(drawing) => Ok(drawing),
            None if image.is_slow() => {
                let _place = self.queue.take(client.0.map(share_key)).ok_or(Problem::Overloaded)?;
                Ok(self.draw_blocking(image).await)
            }
            None => Ok(self.insert(image.clone(), image.draw())),
        }
    }

    /// Draws on a blocking thread, once there is a permit.
    async fn draw_blocking(&self, image: Image) -> Representation {
        let permits = Arc::clone(&self.permits);
        let permit = permits.acquire_owned().await.expect("a semaphore that is never closed");
        // Requests for a new image come in bursts; the first one draws it for all.
        if let Some(drawing) = self.get(&image) {
            return drawing;
        }
        let task = spawn_blocking(move || {
            // Drawing continues after the client has disconnected, so the task holds the permit.
            (image.draw(), image, permit)
        });
        let (drawing, image, _permit) = task.await.expect("drawing does not panic");
        self.insert(image, drawing)
    }

    fn get(&self, image: &Image) -> Option<Representation> {
        self.lock().get(image).cloned()
    }

    fn insert(&self, image: Image, drawing: Representation) -> Representation {
        let mut images = self.lock();
        if images.len() >= MAX_IMAGES {
            images.clear();
        }
        images.insert(image, drawing.clone());
        drawing
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Image, Representation>> {
        // Nothing panics while it holds the lock.
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
