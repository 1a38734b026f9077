//! The table of assets that `build.rs` compresses into the program, and their URLs.

/// A file that pages load, as it is and as browsers take it compressed.
pub(super) struct Asset {
    pub(super) name: &'static str,
    /// A hash of its content.
    pub(super) version: &'static str,
    pub(super) content_type: &'static str,
    pub(super) plain: &'static [u8],
    pub(super) gzip: Option<&'static [u8]>,
    pub(super) brotli: Option<&'static [u8]>,
}

const ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The URL of an asset, which changes with its content. Templates name only files that exist.
pub(crate) fn url(name: &str) -> String {
    let asset = find(name).expect("a file in functions/assets");
    format!("/assets/{name}?v={}", asset.version)
}

/// Returns the asset called `name`.
pub(super) fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}
