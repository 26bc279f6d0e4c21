//! Video over networks that lose, delay and double packets: what is shown is bit-exact, in order and never made from
//! missing references (the session checks each picture), and much of it is shown.

#![expect(clippy::print_stdout, reason = "figures, shown with --nocapture")]

mod video_support {
    pub(crate) mod frames;
    pub(crate) mod retransmission;
    pub(crate) mod session;
}

use std::time::Duration;

use lk_testkit::Link;
use lk_types::Codec;
use video_support::session::{Scenario, run};

/// Codec, mode, with dependency descriptor.
const EVERY: [(Codec, &str, bool); 17] = [
    (Codec::Vp8, "L1T1", false),
    (Codec::Vp8, "L1T3", false),
    (Codec::H264, "L1T1", false),
    (Codec::H264, "L1T2", false),
    (Codec::H265, "L1T1", false),
    (Codec::Vp9, "L1T1", false),
    (Codec::Vp9, "L1T3", false),
    (Codec::Vp9, "L1T3", true),
    (Codec::Vp9, "L2T2", false),
    (Codec::Vp9, "L3T3", true),
    (Codec::Vp9, "L3T3_KEY", false),
    (Codec::Vp9, "L3T3_KEY", true),
    (Codec::Av1, "L1T1", false),
    (Codec::Av1, "L1T1", true),
    (Codec::Av1, "L1T3", true),
    (Codec::Av1, "L3T3_KEY", true),
    (Codec::Av1, "S2T2", true),
];

fn scenarios() -> impl Iterator<Item = Scenario> {
    EVERY.into_iter().map(|(codec, mode, descriptor)| Scenario {
        descriptor,
        ..Scenario::new(codec, mode)
    })
}

#[test]
fn a_clean_network_delivers_every_picture_without_delay() {
    for scenario in scenarios() {
        let outcome = run(&scenario);
        assert_eq!(outcome.frames.len() as u64, scenario.pictures);
        assert!(outcome.delay(1.0) <= Duration::from_millis(21));
        assert_eq!(outcome.stats.frames_dropped, 0);
        assert_eq!(outcome.stats.keyframes_wanted, 0);
    }
}

#[test]
fn reordered_and_doubled_packets_lose_nothing() {
    for mut scenario in scenarios() {
        scenario.link.jitter = Duration::from_millis(15);
        scenario.link.duplicate = 0.2;
        let outcome = run(&scenario);
        assert_eq!(outcome.frames.len() as u64, scenario.pictures);
        assert_eq!(outcome.stats.packets_lost, 0);
        assert!(outcome.stats.packets_duplicated > 0);
    }
}

#[test]
fn retransmission_saves_nine_of_ten_pictures_at_ten_percent_loss() {
    for seed in 1..3 {
        for mut scenario in scenarios() {
            scenario.seed = seed;
            scenario.pictures = 450;
            scenario.link = Link {
                delay: Duration::from_millis(25),
                ..Link::lossy(0.1)
            };
            let outcome = run(&scenario);
            let name = format!("{} {}", scenario.codec, scenario.mode);
            println!(
                "{name}: 10 % loss, RTT 50 ms: shown {:.1} %, in full {:.1} %, delay {:?} / {:?}",
                outcome.shown() * 100.0,
                outcome.shown_in_full() * 100.0,
                outcome.delay(0.5),
                outcome.delay(0.95),
            );
            assert!(outcome.shown() >= 0.95, "{name}: {}", outcome.shown());
        }
    }
}

#[test]
fn without_retransmission_key_frames_bring_the_picture_back() {
    for seed in 1..3 {
        for mut scenario in scenarios() {
            scenario.seed = seed;
            scenario.pictures = 450;
            scenario.retransmit = false;
            scenario.link = Link::lossy(0.01);
            let outcome = run(&scenario);
            let name = format!("{} {}", scenario.codec, scenario.mode);
            println!(
                "{name}: 1 % loss, not repeated: shown {:.1} %, in full {:.1} %, key frames {}",
                outcome.shown() * 100.0,
                outcome.shown_in_full() * 100.0,
                outcome.stats.keyframes
            );
            assert!(outcome.shown() >= 0.2, "{name}: {}", outcome.shown());
            assert!(outcome.stats.keyframes_wanted > 0);
        }
    }
}

#[test]
fn padding_counts_and_is_no_picture() {
    for mut scenario in scenarios() {
        scenario.padding_every = Some(3);
        scenario.link = Link::lossy(0.03);
        let outcome = run(&scenario);
        assert!(outcome.shown() > 0.95, "{}", outcome.shown());
    }
}
