//! The thread that spawns. The kernel ties a worker to the thread that spawned it (PR_SET_PDEATHSIG), and threads of the runtime may
//! end before the host does; this one does not. It also takes the wait for `exec` off the runtime.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::group::Group;

/// Requests that may wait; further ones make their callers wait.
const QUEUE: usize = 64;

type Spawned = io::Result<(Child, Arc<Group>)>;

struct Request {
    command: Command,
    runtime: Handle,
    answer: oneshot::Sender<Spawned>,
}

static SPAWNER: Mutex<Option<mpsc::Sender<Request>>> = Mutex::new(None);

/// Spawns a command, which must ask for its own process group, from a thread that lives as long as the host.
pub(crate) async fn spawn(command: Command) -> Spawned {
    let (answer, answered) = oneshot::channel();
    let request = Request { command, runtime: Handle::current(), answer };
    let gone = |_| io::Error::other("the spawning thread ended");
    spawner()?.send(request).await.map_err(|_| gone(()))?;
    answered.await.map_err(|_| gone(()))?
}

fn spawner() -> io::Result<mpsc::Sender<Request>> {
    let mut spawner = SPAWNER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(sender) = spawner.as_ref().filter(|sender| !sender.is_closed()) {
        return Ok(sender.clone());
    }
    let (sender, mut requests) = mpsc::channel::<Request>(QUEUE);
    let serve = move || {
        while let Some(mut request) = requests.blocking_recv() {
            if request.answer.is_closed() {
                continue;
            }
            let _runtime = request.runtime.enter();
            let spawned = request.command.spawn().map(|child| {
                let group = Arc::new(Group::led_by(&child));
                (child, group)
            });
            // Nobody waits any more: the group's guard ends what was spawned.
            let _ = request.answer.send(spawned);
        }
    };
    std::thread::Builder::new().name("ffmpeg-spawner".to_owned()).spawn(serve)?;
    Ok(spawner.insert(sender).clone())
}
