//! Compresses the assets, and generates the table that embeds them, so that no request waits for compression.

use std::{env, fmt::Write as _, fs, io::Write as _, path::Path};

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

const ASSETS_DIR: &str = "assets";

fn main() {
    println!("cargo::rerun-if-changed={ASSETS_DIR}");
    let out_dir = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let out_dir = Path::new(&out_dir);
    let mut files: Vec<_> = fs::read_dir(ASSETS_DIR)
        .expect("the assets")
        .map(|entry| entry.expect("an asset").file_name().into_string().expect("a plain name"))
        .collect();
    files.sort();
    let mut table = String::from("&[\n");
    for name in files {
        let content = fs::read(Path::new(ASSETS_DIR).join(&name)).expect("an asset");
        let hash = Sha256::digest(&content);
        let version = hash.iter().take(8).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let content_type = content_type(&name);
        // PNGs are compressed already.
        let (gzip, brotli) = if content_type == "image/png" {
            ("None".to_owned(), "None".to_owned())
        } else {
            let gzip = include(out_dir, &format!("{name}.gz"), &gzip(&content));
            let brotli = include(out_dir, &format!("{name}.br"), &brotli(&content));
            (format!("Some({gzip})"), format!("Some({brotli})"))
        };
        writeln!(
            table,
            "Asset {{ name: {name:?}, version: {version:?}, content_type: {content_type:?}, \
             plain: {plain}, gzip: {gzip}, brotli: {brotli} }},",
            plain = include(out_dir, &name, &content),
        )
        .expect("memory");
    }
    table.push(']');
    fs::write(out_dir.join("assets.rs"), table).expect("the table of assets");
}

/// Writes `content` to a file beside the table. Returns the expression that embeds it.
fn include(out_dir: &Path, name: &str, content: &[u8]) -> String {
    let path = out_dir.join(name);
    fs::write(&path, content).expect("an asset");
    format!("include_bytes!({:?})", path.to_str().expect("a path that is text"))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webmanifest") => "application/manifest+json",
        _ => panic!("{name}: unknown content type; add its extension to build.rs"),
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).expect("memory");
    encoder.finish().expect("memory")
}

fn brotli(content: &[u8]) -> Vec<u8> {
    let mut compressed = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams::default();
    brotli::BrotliCompress(&mut &content[..], &mut compressed, &parameters).expect("memory");
    compressed
}
