//! Round trips of small requests among the packets: the earliest sign that the path has become narrower.
//!
//! A peer's reports may take a third of a second behind a path that has just become narrow (LiveKit's server reports of more
//! than twenty packets at a time), and all that time the queue grows. An answer that is late says the same within a round
//! trip. Packets are held back then, until what is under way is what the path carries in a round trip; and where that takes
//! longer than a moment, the spacing of the answers tells how much the path lets through, as TCP's acknowledgements do.
//!
//! Nothing is asked or held where little is sent, so audio alone goes without.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::doubt::{Doubt, Shows};
use super::hold::Hold;
use super::trips::Trips;

/// A request goes out with so many bytes of numbered packets, some 6 % of them …
const EVERY: usize = 2_000;
/// … where they leave within this time (250 kbit/s); and requests are so far apart at least.
const WITHIN: Duration = Duration::from_millis(64);
const APART: Duration = Duration::from_millis(5);
/// Packets wait for an answer that is so many times the usual difference later than usual, and by this time at least.
const OVERDUE: f64 = 1.5;
const LEAST_OVERDUE: Duration = Duration::from_millis(2);
/// While packets are held, answers show how the queue empties.
const APART_HELD: Duration = Duration::from_millis(30);
/// An answer may be so much later where a burst is on the way.
const BURST: Duration = Duration::from_millis(30);
/// A queue so short is none.
const SHORT: Duration = Duration::from_millis(25);
/// Requests that are older are forgotten, and more are not kept.
const FORGOTTEN: Duration = Duration::from_secs(3);
const REMEMBERED: usize = 200;
/// After a lost request more than one must be late, until some twenty were not lost.
const LOSS_GAIN: f64 = 1.0 / 16.0;
const LOSSY: f64 = 0.02;

/// A STUN transaction's identity.
pub(crate) type RequestId = [u8; 12];

/// A request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    id: RequestId,
    pub(super) at: Instant,
    /// Its answer is late from then on.
    late: Instant,
    /// Bytes that left before it.
    pub(super) before: u64,
    /// When the first of them left that no earlier request stands behind.
    pub(super) began: Instant,
    /// It may meet a burst's queue.
    in_burst: bool,
}

/// A request that was answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    pub(super) request: Request,
    pub(super) at: Instant,
}

impl Answered {
    pub(super) fn is_late(&self) -> bool {
        self.at > self.request.late
    }

    fn trip(&self) -> Duration {
        self.at.saturating_duration_since(self.request.at)
    }
}

/// What a hold has shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// The path lets through so much now, bit/s.
    Lets(f64),
    /// It was no queue: the path takes longer than before.
    AnotherWay,
    /// Nothing was heard: whatever the hold had shown before may be wrong.
    Nothing,
}

/// Requests, their answers, and what follows from them.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// Bytes of all kinds that have left.
    left: u64,
    /// Since the latest request: when the first numbered packet left, and how many bytes of them did.
    stretch: Option<(Instant, usize)>,
    due: bool,
    asked: Option<Instant>,
    under_way: VecDeque<Request>,
    latest: Option<Answered>,
    trips: Trips,
    /// The share of requests that were lost of late.
    lost: f64,
    /// Nothing is late before then.
    excused: Option<Instant>,
    /// What was asked before then stood in a queue, and tells nothing of what is usual.
    released: Option<Instant>,
    /// Whether what was asked since is answered in time is not known yet.
    doubt: Option<Doubt>,
    /// The last hold ended because nothing was answered: nothing is late before something is.
    silent: bool,
    /// In the last hold answers were late but came as fast as they were asked for, and of what was asked after it, outside
    /// of holds, nothing was answered on time.
    stalled: bool,
    /// A burst leaves until then.
    burst: Option<Instant>,
    hold: Option<Hold>,
    verdict: Option<Verdict>,
}

impl Clock {
    /// Whether packets are to be held back.
    pub(super) fn holds(&self) -> bool {
        self.hold.is_some()
    }

    /// What a hold has shown since this was asked for the last time.
    pub(super) fn take_verdict(&mut self) -> Option<Verdict> {
        self.verdict.take()
    }

    /// When an answer came last.
    pub(super) fn heard(&self) -> Option<Instant> {
        self.latest.map(|answered| answered.at)
    }

    /// What a round trip usually takes; nothing where that is not known.
    pub(super) fn trip(&self) -> Duration {
        self.trips.usual()
    }

    /// A packet left.
    pub(super) fn sent(&mut self, numbered: bool, bytes: usize, now: Instant) {
        self.left += bytes as u64;
        if !numbered {
            return;
        }
        let (began, sum) = self.stretch.get_or_insert((now, 0));
        *sum += bytes;
        if now.saturating_duration_since(*began) > WITHIN {
            self.stretch = Some((now, bytes));
        } else if *sum >= EVERY && self.asked.is_none_or(|asked| now >= asked + APART) {
            self.due = true;
        }
    }

    /// A burst leaves until `ends` that finds out how much the path carries: its queue is its own.
    pub(super) fn burst(&mut self, ends: Instant) {
        self.burst = Some(ends);
    }

    /// Whether a request is to be made now; true once for each.
    pub(super) fn take_due(&mut self, now: Instant) -> bool {
        let due = std::mem::take(&mut self.due);
        if due {
            self.asked = Some(now);
        }
        due
    }

    /// A request leaves.
    pub(super) fn requested(&mut self, id: RequestId, bytes: usize, now: Instant) {
        while self.under_way.front().is_some_and(|oldest| {
            now >= oldest.at + FORGOTTEN || self.under_way.len() >= REMEMBERED
        }) {
            self.under_way.pop_front();
        }
        let in_burst = self.burst.is_some_and(|ends| now < ends);
        let more = if in_burst { BURST } else { Duration::ZERO };
        self.under_way.push_back(Request {
            id,
            at: now,
            late: now + self.trips.longest() + more,
            before: self.left,
            began: self.stretch.take().map_or(now, |(began, _)| began),
            in_burst,
        });
        self.left += bytes as u64;
    }

    /// Whether a request of that identity waits for its answer.
    pub(super) fn awaits(&self, id: &[u8]) -> bool {
        self.under_way.iter().any(|request| request.id == id)
    }

    /// A request was answered. Its round trip; older ones without an answer count as lost.
    pub(super) fn answered(&mut self, id: &[u8], now: Instant) -> Option<Duration> {
        let at = self.under_way.iter().position(|request| request.id == id)?;
        self.lose(at);
        self.lost -= self.lost * LOSS_GAIN;
        let request = self.under_way.pop_front()?;
        let answered = Answered { request, at: now };
        self.latest = Some(answered);
        self.trips.seen(answered.trip(), now);
        if self.hold.is_some() {
            self.answered_in_hold(answered);
        } else if self.released.is_none_or(|since| request.at >= since) {
            self.silent = false;
            self.stalled &= answered.is_late();
            self.answered_in_doubt(answered);
            let excused = self.excused.is_some_and(|excused| now < excused);
            if self.doubt.is_none() && !request.in_burst && !excused {
                self.trips.learn(answered.trip());
            }
        } else if answered.is_late() && std::mem::take(&mut self.silent) {
            // Answers do come: it was too early to go on.
            self.doubt = None;
        }
        Some(answered.trip())
    }

    /// The peer reports that a packet arrived which was sent at that time: what was asked before has been answered since,
    /// if the answer is to come at all.
    pub(super) fn reported(&mut self, sent: Instant) {
        let earlier = self
            .under_way
            .iter()
            .take_while(|request| request.at < sent);
        self.lose(earlier.count());
    }

    /// So many of the oldest requests are not answered any more.
    fn lose(&mut self, requests: usize) {
        for _ in self.under_way.drain(..requests) {
            self.lost += (1.0 - self.lost) * LOSS_GAIN;
        }
    }

    /// Whether packets are to wait for the answer to the oldest request: it is overdue, or as much has left behind that
    /// request as leaves at `rate`, bit/s, until it is.
    pub(super) fn is_ahead(&self, rate: f64, now: Instant) -> bool {
        let Some(oldest) = self.oldest() else {
            return false;
        };
        let behind = (self.left - oldest.before) as f64 * 8.0;
        let late = self.trips.variation().mul_f64(OVERDUE);
        let least = if oldest.in_burst {
            BURST
        } else {
            LEAST_OVERDUE
        };
        // Not by the shortest: packets would wait here for a queue that the path's reports do not show then.
        let until = self.trips.usual() + late.max(least);
        behind > rate * until.as_secs_f64() || now > oldest.at + until
    }

    /// Whether every request was answered that should have been by now, as far as any are.
    pub(super) fn is_heard(&self, now: Instant) -> bool {
        let answers = self.trips.is_known() && !self.silent;
        let waits = |oldest: &Request| now > oldest.at + self.trips.usual();
        !(answers && self.oldest().is_some_and(waits))
    }

    /// When [`Self::advance`] wants to be called, or a request is due.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        if self.due {
            return Some(now);
        }
        let Some(hold) = &self.hold else {
            return self.late_at();
        };
        let asks = self.asked.map_or(now, |asked| asked + APART_HELD);
        Some(hold.ends().min(hold.judge_at()).min(asks))
    }

    /// Time went on.
    pub(super) fn advance(&mut self, now: Instant) {
        let Some(hold) = &mut self.hold else {
            if self.late_at().is_some_and(|at| now >= at) {
                self.hold = Some(Hold::new(self.latest, self.trips.least(), now));
                // Behind everything that has left: its answer ends the hold.
                self.due = true;
            }
            return;
        };
        if now >= hold.ends() {
            self.verdict = Some(Verdict::Nothing);
            self.release(now, true);
            self.silent = true;
            return;
        }
        if now >= hold.judge_at() {
            hold.judge(now);
            let hold = *hold;
            self.verdict = self.arriving(&hold, now).map(Verdict::Lets);
        }
        self.due |= self.asked.is_none_or(|asked| now >= asked + APART_HELD);
    }

    fn answered_in_hold(&mut self, answered: Answered) {
        let Some(hold) = &mut self.hold else { return };
        hold.answered(answered);
        let hold = *hold;
        let now = answered.at;
        if hold.began_by(answered.request.at) {
            // All that was under way has arrived.
            self.judge_at_end(&hold, now);
            self.release(now, true);
            return;
        }
        if !answered.is_late() {
            // Something else was late, not the path: later is usual than it was known to be.
            for answered in hold.late().into_iter().chain([answered]) {
                self.trips.learn(answered.trip());
            }
            self.judge_at_end(&hold, now);
            self.hold = None;
            return;
        }
        let under_way = (self.left - answered.request.before) as f64 * 8.0;
        let trip = self.trips.least() + SHORT;
        if let Some(rate) = hold.busy(answered, self.trips.least())
            && under_way <= rate * trip.as_secs_f64()
        {
            // However short it was: at the old rate the queue would be full again before anything is late.
            if hold.is_judged() || rate.is_finite() {
                self.verdict = Some(Verdict::Lets(rate));
            }
            // The answers to what is still under way are late, too, but not later than that.
            let rest = Duration::try_from_secs_f64(under_way / rate).unwrap_or_default();
            self.excused = Some(now + rest + self.trips.margin());
            // As fast as they were sent, but late, twice: that may be the way itself.
            let stalled = rate.is_infinite();
            let again = std::mem::replace(&mut self.stalled, stalled);
            self.release(now, stalled && again);
        }
    }

    fn answered_in_doubt(&mut self, answered: Answered) {
        let Some(doubt) = &mut self.doubt else { return };
        if !answered.is_late() {
            self.doubt = None;
            return;
        }
        match doubt.late(answered.trip(), answered.at) {
            Shows::Nothing => {}
            // The next late answer is looked at as always.
            Shows::Queue => self.doubt = None,
            Shows::AnotherWay(trip) => {
                self.trips.anew(trip);
                self.verdict = Some(Verdict::AnotherWay);
                self.doubt = None;
            }
        }
    }

    fn release(&mut self, now: Instant, arrived: bool) {
        self.hold = None;
        self.released = Some(now);
        self.doubt = arrived.then(Doubt::default);
        self.silent = false;
        self.stretch = None;
    }

    /// What was told while it lasted is told once more with what is known at the end: where nothing was late after all, that
    /// the path lets everything through.
    fn judge_at_end(&mut self, hold: &Hold, now: Instant) {
        if hold.is_judged() {
            let arriving = hold.late().and_then(|_| self.arriving(hold, now));
            self.verdict = Some(Verdict::Lets(arriving.unwrap_or(f64::INFINITY)));
        }
    }

    fn arriving(&self, hold: &Hold, now: Instant) -> Option<f64> {
        hold.arriving(self.latest, self.oldest(), self.trips.least(), now)
    }

    /// When the oldest request that counts is late.
    pub(super) fn late_at(&self) -> Option<Instant> {
        if self.silent || !self.trips.is_known() {
            return None;
        }
        let oldest = self.oldest()?;
        let usual = oldest.late.saturating_duration_since(oldest.at);
        let more = self
            .doubt
            .map_or(Duration::ZERO, |doubt| doubt.allows(usual));
        let late = oldest.late + more;
        Some(self.excused.map_or(late, |excused| late.max(excused)))
    }

    /// The oldest request without an answer; where some get lost, the one after it.
    fn oldest(&self) -> Option<&Request> {
        self.under_way.get(usize::from(self.lost > LOSSY))
    }
}

#[cfg(test)]
mod tests;
