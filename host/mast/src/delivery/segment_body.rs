//! The body of a segment: its pages as they are, one after the other.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use mast_media::Pages;

pub(super) struct SegmentBody {
    pages: Pages,
    offset: usize,
}

impl SegmentBody {
    pub(super) fn new(pages: Pages) -> Self {
        Self { pages, offset: 0 }
    }
}

impl HttpBody for SegmentBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = self.pages.at(self.offset);
        self.offset += bytes.as_ref().map_or(0, Bytes::len);
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.offset >= self.pages.len()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact((self.pages.len() - self.offset) as u64)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn all_of_a_segment_comes_and_its_length_is_told_before() {
        for len in [0, 1, 32 * 1024, 100_000] {
            let bytes: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
            let body = SegmentBody::new(Pages::from(&bytes[..]));
            assert_eq!(body.size_hint().exact(), Some(len as u64));
            assert_eq!(body.is_end_stream(), len == 0);
            assert_eq!(body.collect().await.expect("it cannot fail").to_bytes(), bytes);
        }
    }
}
