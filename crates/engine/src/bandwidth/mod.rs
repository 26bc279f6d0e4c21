//! What the path to the peer carries, by the peer's transport-wide feedback.
//!
//! The stack's own estimator is not used: its events are means over three seconds, it takes seconds to see a path that
//! becomes narrow, and after losses it rests far below what the path carries, all the more so where feedback is rare
//! (LiveKit's server sends it for twenty packets at a time). The stack still paces, and still sends the packets of a
//! probe: [`Steering`] is how it is made to.

mod answers;
mod clock;
mod doubt;
mod drive;
mod gate;
mod hold;
mod path;
mod probe;
mod reports;
mod standing;
mod steering;
mod trips;

use std::time::{Duration, Instant};

use str0m::rtp::rtcp::Twcc;

use clock::Clock;
pub(crate) use clock::RequestId;
pub(crate) use gate::Gate;
use path::Path;
use probe::Prober;
use reports::{Report, UnderWay};
pub(crate) use steering::Steering;

/// A report that is so much later than usual, and at least so late, means that something happened, seconds.
const LATE: f64 = 2.5;
const LEAST_LATE: f64 = 0.2;
/// … where so much is under way, seconds at the present rate.
const UNDER_WAY: f64 = 0.2;
/// What is sent while nothing is heard, and how soon it becomes less again, seconds.
const WHILE_SILENT: f64 = 0.5;
const SILENT_STEP: f64 = 0.3;
/// An answer so young shows that the peer is there.
const ALIVE: Duration = Duration::from_millis(200);
/// What goes out without a number is measured over this.
const UNNUMBERED: f64 = 1.0;
/// What encoders made too much is made up for within this time, seconds.
const CAUGHT_UP: f64 = 1.0;
/// … while they still get this share of the rate.
const LEAST_NEW: f64 = 0.5;
/// How far above the estimate packets are paced, where the path is wide enough for everything and where it is not.
const ABOVE: f64 = 2.5;
const ABOVE_LIMITED: f64 = 1.1;
/// A change by less than this share is not told.
const NEWS: f64 = 0.02;

/// The estimate and where it comes from.
#[derive(Debug)]
pub(crate) struct Bandwidth {
    under_way: UnderWay,
    report: Report,
    path: Path,
    clock: Clock,
    prober: Prober,
    /// What could be sent if there was room, bit/s.
    wanted: f64,
    /// Anything numbered was sent.
    began: bool,
    last_report: Option<f64>,
    interval: f64,
    /// The rate before nothing was heard any more, and when it was made less the last time.
    silent: Option<(f64, f64)>,
    unnumbered: Unnumbered,
    /// Bytes that wait for their turn in the pacer.
    waiting: usize,
    told: Option<u64>,
    probing: Option<u64>,
}

impl Bandwidth {
    pub(crate) fn new(initial: u64, now: Instant) -> Self {
        Self {
            under_way: UnderWay::new(now),
            report: Report::default(),
            path: Path::new(initial as f64),
            clock: Clock::default(),
            prober: Prober::new(),
            wanted: 0.0,
            began: false,
            last_report: None,
            interval: 0.1,
            silent: None,
            unnumbered: Unnumbered::default(),
            waiting: 0,
            told: None,
            probing: None,
        }
    }

    /// What the path carries in all, bits per second; `None` before anything was measured.
    pub(crate) fn bitrate(&self) -> Option<u64> {
        self.told
    }

    /// What numbered packets are paced by, bits per second. Where the path was never seen to be too narrow for all that
    /// is wanted, key pictures need not wait. Near its limit a tenth more than the estimate lets them through, and while
    /// a queue empties nothing more than it.
    pub(crate) fn paced(&self) -> u64 {
        let above = if !self.path.is_clear() {
            1.0
        } else if self.path.is_limited() || self.path.rate() < self.wanted {
            ABOVE_LIMITED
        } else {
            ABOVE
        };
        (self.path.rate() * above) as u64
    }

    /// Takes the rate that would be sent if there was room, bits per second.
    pub(crate) fn want(&mut self, wanted: u64) {
        self.wanted = wanted as f64;
    }

    /// Tells how many bytes wait for their turn in the pacer.
    pub(crate) fn waits(&mut self, bytes: usize) {
        self.waiting = bytes;
    }

    /// A packet left, with its transport-wide number if it has one.
    pub(crate) fn sent(&mut self, number: Option<u16>, bytes: usize, now: Instant) {
        self.clock.sent(number.is_some(), bytes, now);
        match number {
            Some(number) => {
                self.began = true;
                self.under_way.sent(number, bytes, now);
            }
            None => {
                let now = self.under_way.seconds(now);
                self.unnumbered.count(bytes, now);
            }
        }
    }

    /// The peer's feedback.
    pub(crate) fn reported(&mut self, feedback: Twcc, now: Instant) {
        let (origin, next) = (self.under_way.origin(), self.under_way.next());
        let statuses = feedback
            .into_iter(origin, next.into())
            .map(|(number, _, arrival)| (*number, arrival));
        self.under_way.reported(statuses, &mut self.report);
        if let Some(latest) = self.report.arrived.last() {
            self.clock.reported(self.under_way.time(latest.sent));
        }
        let now = self.under_way.seconds(now);
        if let Some(last) = self.last_report.replace(now) {
            self.interval += ((now - last).min(1.0) - self.interval) * 0.2;
        }
        if let Some((before, _)) = self.silent.take() {
            self.path.take(&self.report, now);
            if self.path.is_clear() {
                // It was the report that was late, not the packets.
                self.path.silence(before.max(self.path.rate()));
            }
        } else {
            self.path.take(&self.report, now);
        }
        if self.path.is_clear() {
            let rate = self.path.rate();
            if let Some(proved) = self.prober.take(&self.report.arrived, rate, now) {
                self.path.proved(proved);
            }
        } else {
            // What a probe that is still under way shows is looked at all the same: it may be the queue's reason.
            self.prober.disturbed(now);
        }
    }

    /// Time goes on; to be called some ten times a second while anything numbered is sent.
    pub(crate) fn tick(&mut self, now: Instant) {
        // Answers to our own requests show that it is the reports alone that are late, and a hold has its own end.
        let heard = self.clock.heard();
        let alive = self.clock.holds() || heard.is_some_and(|heard| now < heard + ALIVE);
        // A probe cannot be stopped: none begins where the path may have become narrow.
        let probes = !self.clock.holds() && self.clock.is_heard(now);
        let now = self.under_way.seconds(now);
        let rate = self.path.rate();
        if let Some(last) = self.last_report {
            let silent = !alive
                && now - last > (self.interval * LATE).max(LEAST_LATE)
                && self.under_way.bytes() as f64 * 8.0 > rate * UNDER_WAY;
            match self.silent {
                None if silent => {
                    self.silent = Some((rate, now));
                    self.path.silence(rate * WHILE_SILENT);
                }
                Some((before, since)) if silent && now > since + SILENT_STEP => {
                    self.silent = Some((before, now));
                    self.path.silence(rate * WHILE_SILENT);
                }
                _ => {}
            }
        }
        if self.began && self.silent.is_none() && self.path.is_clear() && probes {
            let probe = self
                .prober
                .due(rate, self.wanted, self.path.is_limited(), now);
            self.probing = probe.map(|rate| rate as u64).or(self.probing);
        }
    }

    /// The rate to probe at now, once for each probe.
    pub(crate) fn take_probe(&mut self) -> Option<u64> {
        self.probing.take()
    }

    /// Whether the path became much narrower and its queue is still full of what was sent before: what was lost then
    /// is not worth its room.
    pub(crate) fn is_fallen(&self) -> bool {
        self.path.is_fallen()
    }

    /// The estimate, where it is another one than what was told the last time, and how much of it goes to packets without
    /// numbers.
    pub(crate) fn news(&mut self, now: Instant) -> Option<(u64, u64)> {
        // Before the first report nobody knows more than what sending begins with.
        self.last_report?;
        let now = self.under_way.seconds(now);
        // What waits in the pacer is sent first.
        let waiting = self.waiting as f64 * 8.0 / CAUGHT_UP;
        let numbered = (self.path.rate() - waiting).max(self.path.rate() * LEAST_NEW);
        let unnumbered = self.unnumbered.rate(now);
        let rate = (numbered + unnumbered) as u64;
        let same = self
            .told
            .is_some_and(|told| (told.abs_diff(rate) as f64) < told as f64 * NEWS);
        if same {
            return None;
        }
        self.told = Some(rate);
        Some((rate, unnumbered as u64))
    }
}

/// The rate of what the peer does not report of: audio.
#[derive(Debug, Default)]
struct Unnumbered {
    since: f64,
    bytes: usize,
    rate: f64,
}

impl Unnumbered {
    fn count(&mut self, bytes: usize, now: f64) {
        self.roll(now);
        self.bytes += bytes;
    }

    fn rate(&mut self, now: f64) -> f64 {
        self.roll(now);
        self.rate
    }

    fn roll(&mut self, now: f64) {
        let span = now - self.since;
        if span >= UNNUMBERED {
            self.rate = self.bytes as f64 * 8.0 / span;
            self.bytes = 0;
            self.since = now;
        }
    }
}

/// How often [`Bandwidth::tick`] wants to be called.
pub(crate) const TICK: Duration = Duration::from_millis(50);
