//! Table of assets that `build.rs` embeds into the program, and their URLs.

/// An asset: a file that pages load, uncompressed and compressed.
pub(super) struct Asset {
    pub(super) name: &'static str,
    /// Hash of its content.
    pub(super) version: &'static str,
    pub(super) content_type: &'static str,
    pub(super) plain: &'static [u8],
    pub(super) gzip: Option<&'static [u8]>,
    pub(super) brotli: Option<&'static [u8]>,
}

const ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Returns the URL of an asset, which changes with its content. Templates name only files that exist.
pub(crate) fn url(name: &str) -> String {
    let asset = find(name).expect("a file in functions/assets");
    format!("/assets/{name}?v={}", asset.version)
}

/// Returns the asset called `name`.
pub(super) fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}
