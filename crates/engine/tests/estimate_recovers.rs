//! A path that becomes narrow and wide again, under a sender that follows the estimate.

mod common;

use std::time::Duration;

use common::{Call, Line, Session};
use lk_engine::Event;
use lk_testkit::{Link, Side};

fn call(link: Link) -> Call {
    Call::connected(Session::new(vec![Line::video("v", 1000)]), link)
}

fn narrow(rate: u64) -> Link {
    let mut link = Link::clean();
    link.delay = Duration::from_millis(1);
    link.rate = Some(rate);
    link.queue = Duration::from_millis(400);
    link
}

/// Sends `share` of the estimate for so many seconds, 30 frames a second, and says how the estimate went.
fn follow(
    call: &mut Call,
    number: &mut u64,
    estimate: &mut u64,
    seconds: u64,
    rate: impl Fn(u64) -> u64,
) -> Vec<u64> {
    let mut course = Vec::new();
    for _ in 0..seconds {
        for _ in 0..30 {
            let mut left = rate(*estimate) / 8 / 30;
            while left > 0 {
                let size = left.min(1_100);
                call.send_video(
                    Side::A,
                    1000,
                    *number,
                    usize::try_from(size).expect("small"),
                )
                .expect("sent");
                *number += 1;
                left -= size;
            }
            call.run(33);
            for (_, event) in call.pair.take_events(Side::A) {
                if let Event::Bandwidth(bitrate) = event {
                    *estimate = bitrate;
                }
            }
        }
        course.push(*estimate / 1000);
    }
    course
}

#[test]
fn room_that_came_back_is_found() {
    let mut call = call(narrow(3_000_000));
    call.with(Side::A, |engine, now| {
        engine.set_bitrate(1_400_000, 2_400_000, now)
    });
    let (mut number, mut estimate) = (0, 300_000);
    // Layers: nothing between 160 and 800 kbit/s, little to show in either.
    let layers = |estimate: u64| match estimate {
        1_400_000.. => (estimate - 100_000).min(2_000_000),
        _ => 110_000,
    };
    let wide = follow(&mut call, &mut number, &mut estimate, 15, layers);

    *call.pair.network_from(Side::A) = narrow(500_000);
    let fallen = follow(&mut call, &mut number, &mut estimate, 20, layers);

    *call.pair.network_from(Side::A) = narrow(3_000_000);
    let back = follow(&mut call, &mut number, &mut estimate, 25, layers);

    assert!(*wide.last().expect("seconds") > 1_500);
    assert!(*fallen.last().expect("seconds") < 700);
    assert!(*back.last().expect("seconds") > 1_500);
}
