//! The body on its way to the host: as it is, or in gzip.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use mast_sdk::Result;
use mast_sdk::output::Response;

/// Text that gathers before it goes on.
const FULL: usize = 32 * 1024;

pub(crate) struct Body<'a, 'r> {
    response: &'a mut Response<'r>,
    gzip: Option<GzEncoder<Vec<u8>>>,
    text: Vec<u8>,
}

impl<'a, 'r> Body<'a, 'r> {
    /// A body of a response that was started.
    pub(crate) fn new(response: &'a mut Response<'r>, gzip: bool) -> Self {
        // The host keeps what comes out, so it is compressed once for a guide, while somebody waits: the fast level already makes a
        // fifth of it.
        let gzip = gzip.then(|| GzEncoder::new(Vec::with_capacity(FULL), Compression::fast()));
        Self { response, gzip, text: Vec::with_capacity(2 * FULL) }
    }

    /// Where text is appended; call [`Body::hand_over`] now and then.
    pub(crate) fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// Passes on what has gathered, if it is enough.
    pub(crate) fn hand_over(&mut self) -> Result<()> {
        if self.text.len() < FULL { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<()> {
        match &mut self.gzip {
            None => self.response.write(&self.text)?,
            Some(gzip) => {
                gzip.write_all(&self.text)?;
                self.response.write(gzip.get_ref())?;
                gzip.get_mut().clear();
            }
        }
        self.text.clear();
        Ok(())
    }

    /// The end of it.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.flush()?;
        match self.gzip {
            None => Ok(()),
            Some(gzip) => {
                let rest = gzip.finish()?;
                self.response.write(&rest)
            }
        }
    }
}
