//! Requests whose answers are on time, late or lost, on a path that the test times itself.

use lk_testkit::start;

use super::*;

/// A path with a clock on it: every millisecond some bytes leave, and answers come back when they are told to.
struct Path {
    clock: Clock,
    passed: u64,
    next: u8,
    /// When each answer comes, in milliseconds.
    answers: Vec<(u64, RequestId)>,
    /// When the narrowest place has sent all that it was given, and how much it sends in a millisecond, in bytes.
    free: f64,
    rate: f64,
    verdicts: Vec<Verdict>,
}

const TRIP: u64 = 20;

impl Path {
    fn new() -> Self {
        let mut path = Self {
            clock: Clock::default(),
            passed: 0,
            next: 0,
            answers: Vec::new(),
            free: 0.0,
            rate: 400.0,
            verdicts: Vec::new(),
        };
        path.run(1_000, 250, |_| Some(0));
        path
    }

    /// What the path lets through, by the last verdict.
    fn told(&self) -> f64 {
        match self.verdicts.last() {
            Some(Verdict::Lets(rate)) => *rate,
            other => panic!("{other:?} of {:?}", self.verdicts),
        }
    }

    fn now(&self) -> Instant {
        start() + Duration::from_millis(self.passed)
    }

    /// So many milliseconds in which `bytes` leave, unless they are held. `more` tells by how much the answer to a request is
    /// later than the path makes it, or that it is lost. For how long packets were held.
    fn run(&mut self, milliseconds: u64, bytes: usize, more: impl Fn(u64) -> Option<u64>) -> u64 {
        let mut held = 0;
        for _ in 0..milliseconds {
            self.passed += 1;
            let now = self.now();
            while let Some(at) = self.answers.iter().position(|(at, _)| *at <= self.passed) {
                let (_, id) = self.answers.remove(at);
                self.clock.answered(&id, now);
            }
            if self.clock.deadline(now).is_some_and(|at| at <= now) {
                self.clock.advance(now);
            }
            if self.clock.holds() {
                held += 1;
            } else {
                self.clock.sent(true, bytes, now);
                self.free = self.free.max(self.passed as f64) + bytes as f64 / self.rate;
            }
            if self.clock.take_due(now) {
                self.next = self.next.wrapping_add(1);
                let id = [self.next; 12];
                self.clock.requested(id, 100, now);
                let queue = (self.free - self.passed as f64).max(0.0) as u64;
                if let Some(more) = more(self.passed) {
                    self.answers.push((self.passed + queue + TRIP + more, id));
                }
            }
            self.verdicts.extend(self.clock.take_verdict());
        }
        held
    }
}

#[test]
fn a_path_that_became_narrow_is_held_until_its_queue_is_gone_and_measured() {
    let mut path = Path::new();
    path.rate = 62.5;
    let held = path.run(60, 250, |_| Some(0));
    assert!(held > 5, "{held}");
    let queue = path.free - path.passed as f64;
    assert!(queue < 180.0, "{queue}");
    let held = path.run(300, 50, |_| Some(0));
    assert!((50..=200).contains(&held), "{held}");
    let rate = path.told();
    assert!((450_000.0..550_000.0).contains(&rate), "{rate}");
}

#[test]
fn answers_that_come_unevenly_hold_little_and_say_nothing() {
    let mut path = Path::new();
    let held = path.run(5_000, 250, |passed| Some(passed * 7 % 11));
    assert!(held < 200, "{held}");
    assert_eq!(path.verdicts, []);
}

#[test]
fn lost_answers_hold_little_and_say_nothing() {
    let mut path = Path::new();
    let held = path.run(5_000, 250, |passed| (passed / 20 % 10 != 0).then_some(0));
    assert!(held < 300, "{held}");
    assert_eq!(path.verdicts, []);
}

#[test]
fn a_path_that_stood_still_for_a_moment_is_no_narrower() {
    let mut path = Path::new();
    let stop = path.passed + 120;
    let held = path.run(400, 250, |passed| Some(stop.saturating_sub(passed)));
    assert!(held > 20, "{held}");
    // What was told meanwhile is taken back.
    let rate = path.told();
    assert!(rate > 10_000_000.0, "{rate}");
}

#[test]
fn packets_go_on_where_nothing_is_answered_any_more() {
    let mut path = Path::new();
    let held = path.run(5_000, 250, |_| None);
    assert!((250..=320).contains(&held), "{held}");
    assert_eq!(path.verdicts.last(), Some(&Verdict::Nothing));
}

#[test]
fn nothing_is_asked_where_little_is_sent() {
    let mut clock = Clock::default();
    for passed in 0..5_000 {
        let now = start() + Duration::from_millis(passed);
        clock.sent(true, 30, now);
        clock.sent(false, 1_000, now);
        assert!(!clock.take_due(now), "after {passed} ms");
    }
    assert_eq!(clock.deadline(start()), None);
}

#[test]
fn a_longer_way_is_got_used_to() {
    // However requests fall among what is sent.
    for bytes in [150, 200, 250, 300, 350] {
        let mut path = Path::new();
        path.run(1_000, bytes, |_| Some(0));
        path.run(2_000, bytes, |_| Some(60));
        path.verdicts.clear();
        let held = path.run(2_000, bytes, |_| Some(60));
        assert_eq!(
            (held, path.verdicts.as_slice()),
            (0, [].as_slice()),
            "{bytes}"
        );
    }
}

#[test]
fn a_hold_that_was_soon_over_says_what_the_path_lets_through_all_the_same() {
    let mut path = Path::new();
    path.rate = 150.0;
    let mut held = 0;
    while held == 0 || path.clock.holds() {
        held += path.run(1, 250, |_| Some(0));
    }
    assert!(held < 60, "{held}");
    let rate = path.told();
    assert!((1_100_000.0..1_300_000.0).contains(&rate), "{rate}");
}

#[test]
fn packets_wait_for_an_answer_that_is_overdue_or_once_enough_are_ahead_of_it() {
    let mut path = Path::new();
    let rate = 4_000_000.0;
    let oldest = path.clock.oldest().copied().expect("asked");
    let due = oldest.at + path.clock.trips.usual();
    let ahead = |path: &Path, rate| path.clock.is_ahead(rate, path.now());
    assert!(path.now() < due && !ahead(&path, rate));
    assert!(
        ahead(&path, rate / 8.0),
        "as much as leaves in twice the time"
    );
    while !ahead(&path, rate) {
        path.passed += 1;
    }
    let late = path.now().saturating_duration_since(due);
    assert!(
        late > LEAST_OVERDUE && late < path.clock.trips.margin(),
        "{late:?}"
    );
}
