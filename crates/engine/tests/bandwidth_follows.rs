//! A sender that follows the estimate, on paths that become narrow and wide again, or lose packets.

mod common;

use std::time::Duration;

use common::{Call, Line, Session};
use lk_engine::Event;
use lk_testkit::{Link, Side};

/// What the layers take together at most.
const WANTED: u64 = 2_200_000;

fn path(rate: u64) -> Link {
    let mut link = Link::clean();
    link.delay = Duration::from_millis(10);
    link.rate = Some(rate);
    link.queue = Duration::from_millis(400);
    link
}

/// A call whose first side sends video in layers: nothing between the sums of their rates.
struct Sender {
    call: Call,
    number: u64,
    estimate: u64,
}

/// How one second went.
#[derive(Debug)]
struct Second {
    /// kbit/s, at its end.
    estimate: u64,
    /// ms, the longest in it.
    queue: u128,
}

impl Sender {
    fn new(link: Link) -> Self {
        let mut call = Call::connected(Session::new(vec![Line::video("v", 1000)]), link);
        call.with(Side::A, |engine, now| engine.set_bitrate(WANTED, now));
        Self {
            call,
            number: 0,
            estimate: 300_000,
        }
    }

    fn layers(&self) -> u64 {
        match self.estimate {
            1_210_000.. => self.estimate.min(WANTED),
            310_000.. => self.estimate.min(610_000),
            _ => self.estimate.min(160_000),
        }
    }

    fn narrow(&mut self, rate: u64) {
        *self.call.pair.network_from(Side::A) = path(rate);
    }

    /// Sends for so many seconds, 30 frames in each.
    fn send(&mut self, seconds: usize) -> Vec<Second> {
        let mut course = Vec::new();
        for _ in 0..seconds {
            let mut queue = 0;
            for _ in 0..30 {
                let mut left = self.layers() / 8 / 30;
                while left > 0 {
                    let size = left.min(1_100);
                    let bytes = usize::try_from(size).expect("small");
                    self.call
                        .send_video(Side::A, 1000, self.number, bytes)
                        .expect("sent");
                    self.number += 1;
                    left -= size;
                }
                for _ in 0..3 {
                    self.call.run(11);
                    queue = queue.max(self.call.pair.queue_from(Side::A).as_millis());
                }
                for (_, event) in self.call.pair.take_events(Side::A) {
                    if let Event::Bandwidth { bitrate, .. } = event {
                        self.estimate = bitrate;
                    }
                }
                self.call.pair.take_events(Side::B);
            }
            course.push(Second {
                estimate: self.estimate / 1000,
                queue,
            });
        }
        course
    }
}

#[test]
fn a_path_that_becomes_narrow_is_followed_within_a_second_and_room_that_comes_back_is_found() {
    let mut sender = Sender::new(path(3_000_000));
    let wide = sender.send(12);
    assert!(wide[4].estimate > 1_500, "{:?}", wide[4]);
    assert!(wide.iter().skip(3).all(|second| second.queue < 150));

    sender.narrow(500_000);
    let fallen = sender.send(20);
    assert!(fallen[1].estimate < 500, "{:?}", fallen[1]);
    for second in &fallen[2..] {
        assert!(second.queue < 150, "{second:?}");
        assert!((250..650).contains(&second.estimate), "{second:?}");
    }

    sender.narrow(3_000_000);
    let back = sender.send(10);
    assert!(back[6].estimate > 1_500, "{:?}", back[6]);
    assert!(back.iter().skip(1).all(|second| second.queue < 150));
}

#[test]
fn packets_that_get_lost_for_no_reason_do_not_make_the_path_narrow() {
    let mut link = path(3_000_000);
    link.loss = 0.1;
    let mut sender = Sender::new(link);
    let course = sender.send(20);
    let least = course[14..].iter().map(|second| second.estimate).min();
    assert!(least > Some(1_200), "{course:?}");
}

#[test]
fn a_sender_that_hears_nothing_becomes_quiet_and_comes_back() {
    let mut sender = Sender::new(path(3_000_000));
    sender.send(8);
    *sender.call.pair.network_from(Side::B) = Link::cut();
    let deaf = sender.send(2);
    assert!(deaf[1].estimate < 800, "{:?}", deaf[1]);
    *sender.call.pair.network_from(Side::B) = Link::clean();
    let back = sender.send(5);
    assert!(back[4].estimate > 1_200, "{:?}", back[4]);
}
