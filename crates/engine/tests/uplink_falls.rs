//! An uplink that falls, behind a server that reports rarely: its queue is known by the round trips of requests among the
//! packets, long before the server reports of it.

mod common;

use std::time::Duration;

use common::feedback::RareFeedback;
use common::{Call, Line, Session};
use lk_engine::Event;
use lk_testkit::{Link, Rng, Side};

/// What the encoders make at most.
const WANTED: u64 = 2_300_000;
const FRAMES: u64 = 30;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn path(rate: u64) -> Link {
    let mut link = Link::clean();
    link.delay = ms(10);
    link.rate = Some(rate);
    link.queue = ms(1_000);
    link
}

/// A sender of video that follows the estimate with its next picture, and what its uplink's queue did.
struct Uplink {
    call: Call,
    number: u64,
    estimate: u64,
    /// When the next picture is due, from the start.
    picture: Duration,
    /// What makes the path stand still now and then, and until when each way does.
    stalls: Option<Rng>,
    still: [Duration; 2],
}

/// How some time went.
#[derive(Debug, Default)]
struct Course {
    /// The longest queue.
    queue: Duration,
    /// The last estimate, kbit/s.
    last: u64,
    /// What arrived of the video, kbit/s.
    arrived: u64,
}

impl Uplink {
    fn new(link: Link) -> Self {
        let mut back = Link::clean();
        back.delay = link.delay;
        back.jitter = link.jitter;
        back.loss = link.loss;
        let mut call = Call::connected(Session::new(vec![Line::video("v", 1000)]), link);
        *call.pair.network_from(Side::B) = back;
        call.pair.with(Side::B, |node, _| {
            node.rare = Some(RareFeedback::default());
        });
        call.with(Side::A, |engine, now| engine.set_bitrate(WANTED, now));
        let picture = call.pair.elapsed();
        Self {
            call,
            number: 0,
            estimate: 300_000,
            picture,
            stalls: None,
            still: [Duration::ZERO; 2],
        }
    }

    fn send(&mut self, milliseconds: u64) -> Course {
        let mut course = Course::default();
        let mut bytes = 0;
        for _ in 0..milliseconds {
            if self.call.pair.elapsed() >= self.picture {
                self.picture += Duration::from_micros(1_000_000 / FRAMES);
                let mut left = self.estimate.min(WANTED) / 8 / FRAMES;
                while left > 0 {
                    let size = left.min(1_100);
                    let size_of = usize::try_from(size).expect("small");
                    self.call
                        .send_video(Side::A, 1000, self.number, size_of)
                        .expect("sent");
                    self.number += 1;
                    left -= size;
                }
            }
            self.stall();
            self.call.run(1);
            let queue = self.call.pair.queue_from(Side::A);
            course.queue = course.queue.max(queue);
            for (_, event) in self.call.pair.take_events(Side::A) {
                if let Event::Bandwidth { bitrate, .. } = event {
                    self.estimate = bitrate;
                }
            }
            for (_, event) in self.call.pair.take_events(Side::B) {
                if let Event::Rtp(packet) = event {
                    bytes += packet.payload.len() as u64;
                }
            }
        }
        course.last = self.estimate / 1000;
        course.arrived = bytes * 8 / milliseconds;
        course
    }

    /// Every third of a second, about, what is under way one way takes up to 65 ms longer.
    fn stall(&mut self) {
        let Some(rng) = &mut self.stalls else { return };
        let now = self.call.pair.elapsed();
        for (still, side) in self.still.iter_mut().zip([Side::A, Side::B]) {
            if now >= *still && rng.chance(1.0 / 300.0) {
                *still = now + ms(5 + rng.below(60));
            }
            // Not all at the same time, for that would change the order.
            let more = still.saturating_sub(now).mul_f64(0.9);
            self.call.pair.network_from(side).delay = ms(10) + more;
        }
    }

    fn narrow(&mut self, rate: u64) {
        *self.call.pair.network_from(Side::A) = path(rate);
    }
}

#[test]
fn the_queue_of_an_uplink_that_falls_stays_short_and_its_room_is_used() {
    for offset in [0, 7, 14, 21, 28] {
        let mut uplink = Uplink::new(path(3_000_000));
        let wide = uplink.send(12_000 + offset);
        assert!(wide.last > 1_800, "{wide:?}");
        uplink.narrow(500_000);
        let fallen = uplink.send(1_000);
        // Reports alone: a second, and the queue full.
        assert!(fallen.queue < ms(160), "{offset}: {fallen:?}");
        assert!(fallen.arrived > 350, "{offset}: {fallen:?}");
        let after = uplink.send(8_000);
        assert!(after.queue < ms(160), "{offset}: {after:?}");
        assert!(after.arrived > 350, "{offset}: {after:?}");
        uplink.narrow(3_000_000);
        let back = uplink.send(10_000);
        assert!(back.last > 1_500, "{offset}: {back:?}");
    }
}

#[test]
fn a_path_that_stands_still_now_and_then_is_followed_all_the_same() {
    for seed in 1..=12 {
        let mut uplink = Uplink::new(path(3_000_000));
        uplink.stalls = Some(Rng::new(seed));
        uplink.send(12_000);
        uplink.narrow(500_000);
        let fallen = uplink.send(2_000);
        assert!(fallen.queue < ms(450), "{seed}: {fallen:?}");
        assert!(fallen.arrived > 300, "{seed}: {fallen:?}");
        let after = uplink.send(7_000);
        assert!(after.queue < ms(300), "{seed}: {after:?}");
        assert!(after.arrived > 200, "{seed}: {after:?}");
        uplink.narrow(3_000_000);
        let back = uplink.send(8_000);
        assert!(back.last > 1_500, "{seed}: {back:?}");
    }
}

#[test]
fn answers_that_come_unevenly_or_not_at_all_cost_no_rate() {
    for (jitter, loss) in [(10, 0.0), (0, 0.05), (0, 0.10)] {
        let mut link = path(3_000_000);
        link.jitter = ms(jitter);
        link.loss = loss;
        let mut uplink = Uplink::new(link);
        // How long it takes to become fast is another matter, and one of luck.
        uplink.send(10_000);
        let wide = uplink.send(20_000);
        assert!(wide.arrived > 2_150, "{jitter} ms, {loss}: {wide:?}");
    }
}

#[test]
fn video_goes_on_where_requests_are_not_answered_any_more() {
    let mut uplink = Uplink::new(path(3_000_000));
    uplink.send(8_000);
    uplink.call.pair.with(Side::A, |node, _| {
        // RFC 8489 §5: a success response.
        node.filter = Some(|datagram| !matches!(datagram, [1, 1, ..]));
    });
    let deaf = uplink.send(1_000);
    assert!(deaf.arrived > 1_200, "{deaf:?}");
    let later = uplink.send(3_000);
    assert!(later.arrived > 2_000, "{later:?}");
}

#[test]
fn a_longer_way_is_no_queue() {
    let mut uplink = Uplink::new(path(3_000_000));
    uplink.send(8_000);
    uplink.call.pair.network_from(Side::A).delay = ms(50);
    uplink.send(2_000);
    let later = uplink.send(5_000);
    assert!(later.arrived > 2_000, "{later:?}");
}

/// Requests that a side has made so far.
fn requests(call: &Call, side: Side) -> u64 {
    let pair = call.engine(side).stats().pair;
    pair.expect("a pair is in use").requests_sent
}

#[test]
fn requests_are_made_for_video_that_matters_and_not_for_audio() {
    let mut uplink = Uplink::new(path(3_000_000));
    uplink.send(8_000);
    let before = requests(&uplink.call, Side::A);
    uplink.send(4_000);
    // 2.3 Mbit/s are 115 times 2.5 kB in a second.
    let made = requests(&uplink.call, Side::A) - before;
    assert!((250..500).contains(&made), "{made}");
    assert!(requests(&uplink.call, Side::B) < 60);

    let session = Session::new(vec![Line::audio("a", 1, 2), Line::video("v", 1000)]);
    let mut call = Call::connected(session, path(3_000_000));
    call.run(2_000);
    let before = requests(&call, Side::A);
    for number in 0..200 {
        call.send_audio(Side::A, 1, number, &[0; 160])
            .expect("sent");
        call.run(20);
    }
    // The stack's own.
    let made = requests(&call, Side::A) - before;
    assert!(made < 10, "{made}");
}
