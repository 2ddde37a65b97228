//! Channels that the operator keeps playing without viewers. They are tuned like any other, with two differences: they take only
//! connections that are to spare and give them up for channels that somebody watches, and they are never given up.

use std::sync::Arc;

use super::channel::Channel;

/// As long as it exists, its channel is kept warm.
#[derive(Debug)]
pub(crate) struct Warmth {
    channel: Arc<Channel>,
}

impl Warmth {
    pub(crate) fn new(channel: Arc<Channel>) -> Self {
        channel.feeds.send_modify(|feeds| feeds.warm += 1);
        Self { channel }
    }
}

impl Drop for Warmth {
    fn drop(&mut self) {
        self.channel.feeds.send_modify(|feeds| feeds.warm -= 1);
    }
}
