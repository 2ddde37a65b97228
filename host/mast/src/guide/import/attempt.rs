//! One attempt: fetch, open, run the importer, judge what came of it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use mast_plugin::CallFailure;
use mast_plugin::records::Pairs;
use mast_plugin::services::{BoxFuture, ByteStream, ServiceError};
use mast_store::guide::{Keep, Provenance, StagingOptions};
use mast_store::{StoreError, Validator};

use super::judge::{self, Judged};
use super::{Failure, GuideTask, Memory, WANTED};
use crate::guide::fetch::{DownloadRequest, Fetched, Input, Patterns, Piece};
use crate::guide::open::{self, ByteSizeCap, Hint, Progress};
use crate::guide::sink::{Filter, Held, Remarks, Sink};
use crate::guide::source::GuideInput;
use crate::guide::status::Running;

/// Times that files are read again because they changed meanwhile.
const READS: u32 = 3;
const BETWEEN_READS: Duration = Duration::from_secs(1);

/// What only has to be committed.
pub(super) enum Ready {
    Unchanged,
    Staged {
        staging: Held,
        provenance: Provenance,
        remarks: Remarks,
        /// Bytes that the importer read.
        text: u64,
    },
}

/// What the importer said, of all files together.
#[derive(Default)]
struct Said {
    unchanged: bool,
    attrs: Pairs,
    text: u64,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self { message: format!("could not be stored: {error}"), ..Self::default() }
    }
}

impl GuideTask {
    /// Nothing is changed yet. `accept`: an operator wants it whatever it has lost.
    pub(super) async fn import(
        &self,
        memory: &mut Memory,
        accept: bool,
        running: &Arc<Running>,
    ) -> Result<Ready, Failure> {
        let tried = self.tried();
        let validators = if accept { Vec::new() } else { self.validators(memory, &tried.0) };
        memory.tried_for.clone_from(&tried);
        if !self.entry.settings.keep_all && self.guide.shared.catalog.channel_ids().is_empty() {
            let message = "there are no channels yet, so that nothing would be kept; add a source, or set keep = \"all\" under [guide]";
            return Err(Failure { message: message.to_owned(), idle: true, ..Failure::default() });
        }
        let mut reads = 0;
        loop {
            let Fetched::New(input) = self.fetch(&validators, running).await? else { return Ok(Ready::Unchanged) };
            // Only from here on: a provider that takes hours to hand out its guide must not keep the others waiting.
            running.step("queued");
            let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
            let sink = self.begin(running).await?;
            let outcome = self.read(&input.pieces, &sink, running).await;
            let (input, unchanged) = tokio::task::spawn_blocking(move || {
                let unchanged = input.pieces.iter().all(Piece::is_unchanged);
                (input, unchanged)
            })
            .await
            .map_err(|panic| Failure { message: panic.to_string(), ..Failure::default() })?;
            if unchanged {
                return self.judge(input, sink, outcome?, tried.0, accept, memory).await;
            }
            reads += 1;
            if reads == READS {
                let message = "a file changes whenever it is read; write it under another name and rename it";
                return Err(Failure { message: message.to_owned(), ..Failure::default() });
            }
            tracing::info!(guide = %self.entry.id, "a file changed while it was read, and is read again");
            tokio::time::sleep(BETWEEN_READS).await;
        }
    }

    async fn fetch(&self, validators: &[Validator], running: &Running) -> Result<Fetched, Failure> {
        let progress = running.step("fetching");
        let fetched = match self.entry.input.clone() {
            GuideInput::Own => Ok(Fetched::New(Input { pieces: Vec::new(), validators: Vec::new() })),
            GuideInput::Url { url, rules, route, headers } => {
                let instance = self.entry.id.clone();
                let request = DownloadRequest { instance, url, rules, route, headers };
                self.guide.shared.downloads.fetch(&request, validators, &progress).await
            }
            GuideInput::Files { paths, granted } => {
                let validators = validators.to_vec();
                let found = tokio::task::spawn_blocking(move || Patterns { paths, granted }.fetch(&validators)).await;
                found.map_err(|panic| Failure { message: panic.to_string(), ..Failure::default() })?
            }
        };
        fetched.map_err(|error| {
            let retry_after = error.retry_after();
            Failure { message: error.to_string(), retry_after, ..Failure::default() }
        })
    }

    async fn begin(&self, running: &Arc<Running>) -> Result<Sink, Failure> {
        let (guide, id, all) = (self.guide.clone(), self.entry.id.clone(), self.entry.settings.keep_all);
        let (config, now) = (&self.guide.shared.config, Timestamp::now());
        let keep = Keep { from: now.checked_sub(config.past).ok(), until: now.checked_add(config.future).ok() };
        let options = StagingOptions { keep, search: config.search };
        let begin = move || {
            let filter = if all { Filter::All } else { Filter::Wanted(Box::new(guide.demand(&id))) };
            Ok::<_, StoreError>((guide.shared.store.begin(&id, options)?, filter))
        };
        let begun = tokio::task::spawn_blocking(begin).await;
        let (staging, filter) =
            begun.map_err(|panic| Failure { message: panic.to_string(), ..Failure::default() })??;
        Ok(Sink::new(staging, filter, self.entry.settings.shift, Arc::clone(running)))
    }

    /// Has the importer read every file.
    async fn read(&self, pieces: &[Piece], sink: &Sink, running: &Running) -> Result<Said, Failure> {
        let mut said = Said::default();
        if pieces.is_empty() {
            running.step("reading");
            self.call(Box::new(Nothing), sink, &mut said).await.map_err(|failure| failure.with(sink))?;
        }
        for piece in pieces {
            let progress = running.step("reading");
            progress.total.store(piece.length, Ordering::Relaxed);
            let failed = |message: String| Failure { message, ..Failure::default() }.with(sink);
            let file = piece.file.try_clone().map_err(|error| failed(format!("cannot be read: {error}")))?;
            let broken = Arc::new(OnceLock::new());
            let hint = Hint { charset: piece.charset.clone(), cap: ByteSizeCap(self.entry.cap) };
            let text = open::open(file, hint, Arc::<Progress>::clone(&progress), Arc::clone(&broken));
            let outcome = self.call(Box::new(text), sink, &mut said).await;
            if let Some(why) = broken.get() {
                // Whatever the importer made of it.
                return Err(failed(format!("{} {why}", piece.name)));
            }
            outcome.map_err(|failure| failure.with(sink))?;
            said.text += progress.text.load(Ordering::Relaxed);
        }
        Ok(said)
    }

    async fn call(&self, input: Box<dyn ByteStream>, sink: &Sink, said: &mut Said) -> Result<(), Failure> {
        let imported = self.calls.run(input, Box::new(sink.clone())).await.map_err(|error| {
            let retry_after = match &error.failure {
                CallFailure::Plugin { retry_after, .. } => *retry_after,
                _ => None,
            };
            Failure { message: error.to_string(), retry_after, ..Failure::default() }
        })?;
        said.unchanged |= imported.unchanged;
        said.attrs.extend(imported.attrs);
        Ok(())
    }

    /// Whether what was collected is better than what is there.
    async fn judge(
        &self,
        input: Input,
        sink: Sink,
        said: Said,
        wanted: String,
        accept: bool,
        memory: &mut Memory,
    ) -> Result<Ready, Failure> {
        let before = self.record();
        if said.unchanged && before.is_some() && input.pieces.is_empty() {
            return Ok(Ready::Unchanged);
        }
        let mut collected = sink.take();
        if let Some(error) = collected.error {
            let message = format!("could not be stored: {error}");
            return Err(Failure { message, remarks: collected.remarks, ..Failure::default() });
        }
        let Some(mut staging) = collected.staging.take() else { return Err(Failure::default()) };
        let finish = move || staging.finish().map(|counts| (Held::new(staging), counts));
        let finished = tokio::task::spawn_blocking(finish).await;
        let (staging, counts) =
            finished.map_err(|panic| Failure { message: panic.to_string(), ..Failure::default() })??;
        // An importer that asks what is wanted leaves the rest unread, and counts it.
        let unread = said.attrs.iter().filter(|(name, _)| name == "unwanted");
        let unread: u64 = unread.filter_map(|(_, count)| count.parse::<u64>().ok()).sum();
        let seen = collected.seen.saturating_add(unread);
        let judged = Judged { seen, passed: collected.kept, counts };
        if let Some(message) = judge::refusal(&judged, before.as_ref(), self.entry.settings.max_loss, accept) {
            return Err(Failure { message, remarks: collected.remarks, refused: true, ..Failure::default() });
        }
        let mut validators = input.validators;
        if collected.kept_channels.is_some() {
            validators.push(Validator { resource: WANTED.to_owned(), etag: Some(wanted), last_modified: None });
        }
        memory.imported_for = collected.kept_channels;
        let mut attrs = said.attrs;
        attrs.push((judge::SEEN.to_owned(), seen.to_string()));
        let provenance = Provenance { at: Timestamp::now(), validators, attrs };
        Ok(Ready::Staged { staging, provenance, remarks: collected.remarks, text: said.text })
    }
}

impl Failure {
    /// With what was said until then; the staged import goes.
    fn with(mut self, sink: &Sink) -> Self {
        let collected = sink.take();
        self.remarks = collected.remarks;
        if let Some(error) = collected.error {
            self.message = format!("could not be stored: {error}");
        }
        self
    }
}

/// The input of a plugin that makes its own requests.
struct Nothing;

impl ByteStream for Nothing {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<bytes::Bytes>, ServiceError>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}
