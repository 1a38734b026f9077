//! Writes the lines of a dump.

use tokio::io::{AsyncWrite, AsyncWriteExt, BufWriter};

use super::{DumpError, line::Line};

/// Size of the output buffer, in bytes.
const BUFFER_CAPACITY: usize = 1 << 16;

/// Writer of lines.
pub(super) struct Writer<W> {
    output: BufWriter<W>,
    /// Buffer of the line, used again for each.
    line: Vec<u8>,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    pub(super) fn new(output: W) -> Self {
        Self { output: BufWriter::with_capacity(BUFFER_CAPACITY, output), line: Vec::new() }
    }

    pub(super) async fn write(&mut self, line: &Line<'_>) -> Result<(), DumpError> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line).map_err(std::io::Error::from)?;
        self.line.push(b'\n');
        Ok(self.output.write_all(&self.line).await?)
    }

    pub(super) async fn flush(&mut self) -> Result<(), DumpError> {
        Ok(self.output.flush().await?)
    }
}
