//! Packets are being held back: why, until when, and what that shows.

use std::time::{Duration, Instant};

use super::clock::{Answered, Request};

/// What has lasted so much longer than a round trip, and so long at least, has its reason in the path.
const BEYOND_TRIP: Duration = Duration::from_millis(20);
const LEAST_JUDGED: Duration = Duration::from_millis(60);
/// What it shows is looked at so often.
const JUDGED_AGAIN: Duration = Duration::from_millis(20);
/// It ends where nothing is answered for so long, and after this time in any case.
const SILENT: Duration = Duration::from_millis(300);
const LONGEST: Duration = Duration::from_secs(1);
/// What arrives at less than this share of the rate that it was sent at is held up.
const NARROWER: f64 = 0.85;
/// Answers that are so many bytes apart tell a rate.
const MEASURED: u64 = 2_000;

/// Since when packets are held back, and what was answered meanwhile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    since: Instant,
    /// The last answer before anything was late, and the first late one.
    before: Option<Answered>,
    late: Option<Answered>,
    /// When an answer came last.
    heard: Instant,
    /// When what it shows is looked at next, and whether it ever was.
    judge: Instant,
    judged: bool,
}

impl Hold {
    /// Begins, with the last answer that there was. `trip` is the path's own round trip.
    pub(super) fn new(before: Option<Answered>, trip: Duration, now: Instant) -> Self {
        Self {
            since: now,
            before,
            late: None,
            heard: now,
            judge: now + (trip + BEYOND_TRIP).max(LEAST_JUDGED),
            judged: false,
        }
    }

    /// Whether it began before that.
    pub(super) fn began_by(&self, at: Instant) -> bool {
        at >= self.since
    }

    /// The first answer that was late.
    pub(super) fn late(&self) -> Option<Answered> {
        self.late
    }

    /// An answer came.
    pub(super) fn answered(&mut self, answered: Answered) {
        self.heard = answered.at;
        if self.late.is_none() && answered.is_late() {
            self.late = Some(answered);
        }
    }

    /// When it ends although nothing is known.
    pub(super) fn ends(&self) -> Instant {
        (self.heard + SILENT).min(self.since + LONGEST)
    }

    /// When to look at what it shows.
    pub(super) fn judge_at(&self) -> Instant {
        self.judge
    }

    /// It is looked at.
    pub(super) fn judge(&mut self, now: Instant) {
        self.judge = now + JUDGED_AGAIN;
        self.judged = true;
    }

    /// Whether it lasts for longer than something else than the path would explain.
    pub(super) fn is_judged(&self) -> bool {
        self.judged
    }

    /// How fast what was sent arrives, bit/s, by the late answers up to `latest`: all the time between them, the narrowest
    /// place had something to do. Without a bound where they came as fast as they were asked for. `trip` is the path's own
    /// round trip.
    pub(super) fn busy(&self, latest: Answered, trip: Duration) -> Option<f64> {
        let late = self.late?;
        let bytes = bytes_between(&late.request, &latest.request)?;
        let asked = latest.request.at.saturating_duration_since(late.request.at);
        let came = latest.at.saturating_duration_since(late.at);
        if came.mul_f64(NARROWER) < asked {
            return Some(f64::INFINITY);
        }
        // An answer that came late for another reason too makes the ones after it look fast.
        let whole = self.whole(latest, trip).unwrap_or(f64::INFINITY);
        Some(rate(bytes, came).min(whole))
    }

    /// How fast what was sent arrives, from the moment on when the first late answer could have come.
    fn whole(&self, latest: Answered, trip: Duration) -> Option<f64> {
        let (before, late) = (self.before?, self.late?);
        let bytes = bytes_between(&before.request, &latest.request)?;
        let since = before.at.max(late.request.began + trip);
        Some(rate(bytes, latest.at.saturating_duration_since(since)))
    }

    /// The same as far as it can be known at all: by what did not arrive, too. `next` should have been answered next, and
    /// `trip` is the path's own round trip.
    pub(super) fn arriving(
        &self,
        latest: Option<Answered>,
        next: Option<&Request>,
        trip: Duration,
        now: Instant,
    ) -> Option<f64> {
        // No more than this can have come, or it would be answered.
        let missing = || {
            let (latest, next) = (latest?, next?);
            let bytes = bytes_between(&latest.request, next)?;
            let since = latest.at.max(next.began + trip);
            Some(rate(bytes, now.saturating_duration_since(since)))
        };
        let answered = latest.and_then(|latest| {
            self.busy(latest, trip)
                .or_else(|| self.whole(self.late?, trip))
        });
        [answered, missing()].into_iter().flatten().reduce(f64::min)
    }
}

/// Bytes between two requests, where they are enough to tell a rate.
fn bytes_between(first: &Request, second: &Request) -> Option<u64> {
    let bytes = second.before.saturating_sub(first.before);
    (bytes >= MEASURED).then_some(bytes)
}

fn rate(bytes: u64, time: Duration) -> f64 {
    bytes as f64 * 8.0 / time.as_secs_f64().max(0.001)
}
