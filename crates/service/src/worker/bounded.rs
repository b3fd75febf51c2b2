use std::{future::Future, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{Stop, heartbeat::HeldRun};

/// What ended an attempt before it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The run has lost its job or its lease.
    Stopped(Stop),
    /// The job's deadline has passed.
    Overdue,
    /// The worker stops.
    Abandoned,
}

/// Does the work for as long as the run may: while it is held, until the
/// deadline, and unless it is abandoned. The work is dropped where it waits.
pub(crate) async fn bounded<T>(
    held: &mut HeldRun,
    time_left: Option<Duration>,
    abandon: &CancellationToken,
    work: impl Future<Output = T>,
) -> Result<T, Cut> {
    // A wait of no time would still let the work begin.
    if time_left == Some(Duration::ZERO) {
        return Err(Cut::Overdue);
    }
    let deadline = async {
        match time_left {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        stop = held.stopped() => Err(Cut::Stopped(stop)),
        () = deadline => Err(Cut::Overdue),
        () = abandon.cancelled() => Err(Cut::Abandoned),
        done = work => Ok(done),
    }
}
