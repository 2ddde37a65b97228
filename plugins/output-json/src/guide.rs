//! The guide of a channel, and what is on now and next.

use mast_sdk::clock;
use mast_sdk::output::{Filter, Line, Programme, Request, Response};

use crate::listing::List;
use crate::problem::Stop;
use crate::records::{OnChannel, ProgrammeShown};
use crate::{CHANNEL, query};

/// How far ahead the next programme is looked for: whoever wants more asks for the channel's guide.
const AHEAD: u64 = 6 * 3600;

/// `/app/v1/channels/{id}/guide`.
pub(crate) fn of_channel(line: &Line<'_>, request: &Request, response: &mut Response<'_>) -> Result<(), Stop> {
    let id = query::id(request)?;
    let (from, to) = query::window(request, clock::now())?;
    line.find(id, &Filter::of("live")).ok_or(CHANNEL)?;
    let mut list = List::start(response, "programmes")?;
    for programme in line.guide(Some(id), from, to).flatten() {
        list.push(&ProgrammeShown::new(&programme))?;
    }
    Ok(list.end("")?)
}

/// `/app/v1/now`.
pub(crate) fn now(line: &Line<'_>, request: &Request, response: &mut Response<'_>) -> Result<(), Stop> {
    let ids = query::ids(request, "channels")?;
    let now = clock::now();
    let mut list = List::start(response, "channels")?;
    match ids {
        Some(ids) => {
            for id in ids {
                if line.find(id, &Filter::of("live")).is_some() {
                    let mut on = On::new(id);
                    line.guide(Some(id), now, now + AHEAD).flatten().for_each(|programme| on.see(programme, now));
                    on.write(&mut list)?;
                }
            }
        }
        None => all(line, now, &mut list)?,
    }
    Ok(list.end("")?)
}

/// Those of every channel that has any; they come by channel and start.
fn all(line: &Line<'_>, now: u64, list: &mut List<'_, '_>) -> mast_sdk::Result<()> {
    let mut current: Option<On> = None;
    for programme in line.guide(None, now, now + AHEAD).flatten() {
        if let Some(done) = current.take_if(|on| on.channel != programme.channel) {
            done.write(list)?;
        }
        current.get_or_insert_with(|| On::new(programme.channel)).see(programme, now);
    }
    current.map_or(Ok(()), |on| on.write(list))
}

/// What is on a channel, of its programmes from now on in order.
struct On {
    channel: u32,
    now: Option<Programme>,
    next: Option<Programme>,
}

impl On {
    fn new(channel: u32) -> Self {
        Self { channel, now: None, next: None }
    }

    fn see(&mut self, programme: Programme, now: u64) {
        if programme.start > now {
            self.next.get_or_insert(programme);
        } else if programme.stop > now {
            self.now.get_or_insert(programme);
        }
    }

    fn write(&self, list: &mut List<'_, '_>) -> mast_sdk::Result<()> {
        list.push(&OnChannel {
            channel_id: self.channel,
            now: self.now.as_ref().map(ProgrammeShown::new),
            next: self.next.as_ref().map(ProgrammeShown::new),
        })
    }
}
