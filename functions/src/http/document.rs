//! HTML documents, plain and compressed. Both forms are made once and shared by all clients, but for gaps, which hold what
//! differs from client to client.

use std::{io::Write, sync::OnceLock};

use axum::{
    http::{
        HeaderMap, HeaderValue,
        header::{CONTENT_ENCODING, VARY},
    },
    response::Response,
};
use bytes::Bytes;
use flate2::{Compression, Crc, write::DeflateEncoder};

use super::{encoding, html};

/// Marks a gap in what a template renders. No text has this character: databases and HTML refuse it, JSON escapes it.
pub(crate) const GAP: &str = "\0";

/// Header of a gzip member (RFC 1952, section 2.3): no name, no time, the fastest compression, any system.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];

/// An empty last block (RFC 1951, section 3.2.6).
const LAST_BLOCK: [u8; 2] = [0x03, 0x00];

/// HTML in pieces, between which there are gaps.
#[derive(Debug)]
pub(crate) struct Document {
    pieces: Vec<Bytes>,
    /// The same pieces compressed, once a client has asked for that.
    compressed: OnceLock<Vec<Vec<u8>>>,
    /// The whole in gzip, if there are no gaps.
    whole: OnceLock<Bytes>,
}

/// Compresses a piece with the least effort: while visitors are few, each of them is the first. The result is blocks (RFC 1951)
/// that end with a whole byte and refer to nothing before them, so that any others may stand between two pieces.
fn compress(piece: &Bytes) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(piece).and_then(|()| encoder.flush()).expect("memory");
    encoder.get_ref().clone()
}

impl Document {
    /// Takes rendered HTML with gaps.
    pub(crate) fn new(html: &Bytes) -> Self {
        let is_gap = |byte: &u8| [*byte] == GAP.as_bytes();
        let pieces = html.split(is_gap).map(|piece| html.slice_ref(piece)).collect();
        Self { pieces, compressed: OnceLock::new(), whole: OnceLock::new() }
    }

    /// Returns the response to a request with these headers, with `fills` in the gaps, in their order.
    pub(crate) fn respond(&self, request: &HeaderMap, fills: &[&str], policy: HeaderValue) -> Response {
        let encoding = encoding::negotiate(request, &["gzip"]);
        let body = if encoding.is_some() { self.gzip(fills) } else { self.plain(fills) };
        let mut response = html::response(body, policy);
        let headers = response.headers_mut();
        headers.extend(encoding.map(|encoding| (CONTENT_ENCODING, HeaderValue::from_static(encoding))));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        response
    }

    fn plain(&self, fills: &[&str]) -> Bytes {
        if let [whole] = self.pieces.as_slice() {
            return whole.clone();
        }
        let mut html = Vec::with_capacity(self.pieces.iter().map(Bytes::len).sum::<usize>() + 64);
        for (index, piece) in self.pieces.iter().enumerate() {
            html.extend_from_slice(piece);
            html.extend_from_slice(fills.get(index).copied().unwrap_or_default().as_bytes());
        }
        html.into()
    }

    fn gzip(&self, fills: &[&str]) -> Bytes {
        match self.pieces.len() {
            1 => self.whole.get_or_init(|| self.assemble(&[])).clone(),
            _ => self.assemble(fills),
        }
    }

    /// Makes a gzip member of the compressed pieces and what fills the gaps.
    fn assemble(&self, fills: &[&str]) -> Bytes {
        let compressed = self.compressed.get_or_init(|| self.pieces.iter().map(compress).collect());
        let mut gzip = Vec::with_capacity(compressed.iter().map(Vec::len).sum::<usize>() + 128);
        gzip.extend_from_slice(&GZIP_HEADER);
        let mut checksum = Crc::new();
        for (index, (piece, blocks)) in self.pieces.iter().zip(compressed).enumerate() {
            gzip.extend_from_slice(blocks);
            checksum.update(piece);
            let fill = fills.get(index).copied().unwrap_or_default().as_bytes();
            push_stored(&mut gzip, fill);
            checksum.update(fill);
        }
        gzip.extend_from_slice(&LAST_BLOCK);
        gzip.extend_from_slice(&checksum.sum().to_le_bytes());
        gzip.extend_from_slice(&checksum.amount().to_le_bytes());
        gzip.into()
    }
}

/// Adds a block that is stored as it is (RFC 1951, section 3.2.4).
fn push_stored(gzip: &mut Vec<u8>, text: &[u8]) {
    if text.is_empty() {
        return;
    }
    let length = u16::try_from(text.len()).expect("a few digits");
    gzip.push(0);
    gzip.extend_from_slice(&length.to_le_bytes());
    gzip.extend_from_slice(&(!length).to_le_bytes());
    gzip.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn decoded(gzip: &[u8]) -> String {
        let mut text = String::new();
        let mut decoder = GzDecoder::new(gzip);
        decoder.read_to_string(&mut text).expect("a valid member with the right checksum");
        assert!(decoder.into_inner().is_empty(), "bytes after the end");
        text
    }

    #[test]
    fn both_forms_are_the_same_whatever_stands_in_the_gaps() {
        let long = "<p>A heartbeat</p>".repeat(10_000);
        for html in ["", "plain", "\0", "\0\0", "a\0b\0c", &format!("{long}\0{long}\0{long}")] {
            let document = Document::new(&Bytes::from(html.to_owned()));
            let gaps = html.matches(GAP).count();
            for fills in [["1", "2"], ["1,234,567", ""], ["", "é📱"]] {
                let mut parts = html.split(GAP);
                let first = parts.next().unwrap_or_default().to_owned();
                let expected = parts.zip(fills).fold(first, |text, (part, fill)| text + fill + part);
                let fills = &fills[..gaps];
                assert_eq!(document.plain(fills), expected.as_bytes());
                assert_eq!(decoded(&document.gzip(fills)), expected);
            }
        }
    }

    #[test]
    fn it_is_compressed_once() {
        let document = Document::new(&Bytes::from_static(b"a\0b"));
        assert!(document.compressed.get().is_none());
        document.gzip(&["1"]);
        let blocks = document.compressed.get().map(Vec::as_ptr);
        document.gzip(&["2"]);
        assert_eq!(document.compressed.get().map(Vec::as_ptr), blocks);
    }
}
