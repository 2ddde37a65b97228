//! Sequence numbers and target durations of channels. Playlists promise that they never go back, whatever happens to the host, so
//! numbers are taken off the store before they are used; what was reserved and not used is skipped.

use mast_model::ChannelId;
use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use crate::StoreError;
use crate::db::Fault;
use crate::schema::{SEQUENCES, TARGET_DURATIONS};

/// The first of the numbers reserved: media sequence, discontinuity sequence.
pub(crate) fn reserve(
    transaction: &WriteTransaction,
    channel: ChannelId,
    count: u64,
    discontinuities: u64,
) -> Result<(u64, u64), Fault> {
    let mut sequences = transaction.open_table(SEQUENCES)?;
    let first = sequences.get(channel.0)?.map_or((0, 0), |numbers| numbers.value());
    let media = first.0.checked_add(count).ok_or(StoreError::OutOfIds("media sequence"))?;
    let discontinuity = first.1.checked_add(discontinuities).ok_or(StoreError::OutOfIds("discontinuity sequence"))?;
    sequences.insert(channel.0, (media, discontinuity))?;
    Ok(first)
}

pub(crate) fn target_duration(transaction: &ReadTransaction, channel: ChannelId) -> Result<Option<u32>, Fault> {
    Ok(transaction.open_table(TARGET_DURATIONS)?.get(channel.0)?.map(|seconds| seconds.value()))
}

pub(crate) fn set_target_duration(
    transaction: &WriteTransaction,
    channel: ChannelId,
    seconds: u32,
) -> Result<(), Fault> {
    transaction.open_table(TARGET_DURATIONS)?.insert(channel.0, seconds)?;
    Ok(())
}
