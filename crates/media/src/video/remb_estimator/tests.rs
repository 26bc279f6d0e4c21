use std::time::{Duration, Instant};

use lk_testkit::{Link, Network, start};

use super::*;

/// A sender that sends what the estimates allow, with at most 1.5 times as much, over a link of a rate that changes.
struct Run {
    estimates: Vec<(f64, u64)>,
    worst_queue: Duration,
}

fn run(rates: &[(u64, u64)], jitter: Duration, want: u64) -> Run {
    let begin = start();
    let mut estimator = RembEstimator::new(RembConfig::default());
    estimator.set_rtt(Duration::from_millis(40));
    let mut link = Link::clean();
    link.jitter = jitter;
    link.queue = Duration::from_secs(2);
    let mut network: Network<Instant> = Network::new(link, 5);
    let mut run = Run {
        estimates: Vec::new(),
        worst_queue: Duration::ZERO,
    };
    let mut allowed = 300_000.0_f64;
    let mut credit = 0.0;
    let mut answers: std::collections::VecDeque<(Instant, u64)> = Default::default();
    let mut now = begin;
    let mut at = 0;
    let end: u64 = rates.iter().map(|(seconds, _)| seconds).sum();
    while now < begin + Duration::from_secs(end) {
        let elapsed = (now - begin).as_secs();
        let mut until = 0;
        let rate = rates.iter().find(|(seconds, _)| {
            until += seconds;
            elapsed < until
        });
        network.link.rate = rate.map(|(_, rate)| *rate);
        while answers.front().is_some_and(|(due, _)| *due <= now) {
            allowed = answers.pop_front().unwrap().1 as f64;
        }
        credit += allowed.min(want as f64) / 8.0 * 0.001;
        while credit >= 1_000.0 {
            credit -= 1_000.0;
            network.send(now, 1_000, now);
        }
        while let Some(sent) = network.receive(now) {
            // The clock of the sender is another one, and at times a turn of 64 s off.
            let turns = (at / 700) % 3;
            let sent_at = sent + Duration::from_secs(99 + 64 * turns);
            estimator.on_packet(now, sent_at, 1_000);
            let queue = (now - sent).saturating_sub(Duration::from_millis(20) + jitter);
            if at > 3_000 {
                run.worst_queue = run.worst_queue.max(queue);
            }
        }
        if let Some(estimate) = estimator.due(now) {
            answers.push_back((now + Duration::from_millis(20), estimate));
        }
        if at % 100 == 0
            && let Some(estimate) = estimator.estimate()
        {
            run.estimates.push(((now - begin).as_secs_f64(), estimate));
        }
        at += 1;
        now += Duration::from_millis(1);
    }
    run
}

fn between(run: &Run, from: f64, to: f64) -> (u64, u64, u64) {
    let mut all: Vec<u64> = run
        .estimates
        .iter()
        .filter(|(at, _)| (from..to).contains(at))
        .map(|(_, estimate)| *estimate)
        .collect();
    all.sort_unstable();
    (all[0], all[all.len() / 2], all[all.len() - 1])
}

#[test]
fn an_unlimited_path_is_found_to_carry_what_is_wanted() {
    let run = run(&[(60, 100_000_000)], Duration::ZERO, 3_000_000);
    let (least, _, most) = between(&run, 50.0, 60.0);
    assert!(least >= 3_000_000, "{least}");
    assert!(most <= 5_000_000, "{most}");
}

#[test]
fn jitter_alone_is_no_congestion() {
    let run = run(&[(40, 100_000_000)], Duration::from_millis(4), 2_000_000);
    assert!(between(&run, 35.0, 40.0).0 >= 1_000_000);
}

#[test]
fn a_narrow_path_is_followed_down_and_up_without_a_long_queue() {
    let run = run(
        &[(40, 2_000_000), (30, 500_000), (60, 2_000_000)],
        Duration::ZERO,
        5_000_000,
    );
    let (_, wide, _) = between(&run, 30.0, 40.0);
    assert!((1_400_000..2_300_000).contains(&wide), "{wide}");
    let (_, narrow, most) = between(&run, 50.0, 70.0);
    assert!((350_000..600_000).contains(&narrow), "{narrow}");
    assert!(most < 800_000, "{most}");
    let (_, again, _) = between(&run, 120.0, 130.0);
    assert!(again > 1_000_000, "{again}");
    assert!(
        run.worst_queue < Duration::from_millis(1_500),
        "{:?}",
        run.worst_queue
    );
}

#[test]
fn a_fall_is_told_at_once_and_silence_tells_nothing() {
    let begin = start();
    let mut estimator = RembEstimator::new(RembConfig::default());
    assert_eq!((estimator.due(begin), estimator.deadline()), (None, None));
    let mut told = Vec::new();
    // Packets of 1,000 bytes each 5 ms; after three seconds they arrive ever later.
    for step in 0..1_200_u32 {
        let sent = f64::from(step) * 0.005;
        let late = (sent - 3.0).max(0.0) * 0.5;
        let arrival = begin + Duration::from_secs_f64(sent + late);
        estimator.on_packet(arrival, begin + Duration::from_secs_f64(sent), 1_000);
        if let Some(estimate) = estimator.due(arrival) {
            told.push((arrival - begin, estimate));
        }
    }
    let fall = told
        .windows(2)
        .find(|pair| pair[1].1 < pair[0].1)
        .expect("the estimate falls");
    let after = fall[1].0.as_secs_f64();
    assert!((3.0..3.6).contains(&after), "{after}");
    assert!(
        told.windows(2)
            .all(|pair| pair[1].0 - pair[0].0 >= LEAST_INTERVAL)
    );
    let last = estimator.last_packet.unwrap();
    assert!(estimator.due(last + Duration::from_secs(5)).is_none());
    assert_eq!(estimator.deadline().filter(|at| *at > last + SILENCE), None);
}

#[test]
fn a_queue_that_stays_makes_the_estimate_fall_further() {
    let begin = start();
    let mut estimator = RembEstimator::new(RembConfig::default());
    // 500 kbit/s; after two seconds a queue builds up within half a second, and whoever sends does not care.
    let mut after = |seconds: f64| {
        let mut estimate = 0;
        for step in 0..(seconds / 0.016) as u32 {
            let sent = f64::from(step) * 0.016;
            let queue = ((sent - 2.0).clamp(0.0, 0.5)) * 0.7;
            estimator.on_packet(
                begin + Duration::from_secs_f64(sent + queue),
                begin + Duration::from_secs_f64(sent),
                1_000,
            );
            estimate = estimator.estimate().unwrap_or_default();
        }
        estimator = RembEstimator::new(RembConfig::default());
        estimate
    };
    let soon = after(5.0);
    assert!((240_000..330_000).contains(&soon), "{soon}");
    let later = after(10.0);
    assert!((170_000..200_000).contains(&later), "{later}");
}

#[test]
fn what_stands_still_for_a_moment_is_no_narrow_path() {
    let begin = start();
    let mut estimator = RembEstimator::new(RembConfig::default());
    let mut least = u64::MAX;
    // 1 Mbit/s; at two seconds everything waits for half a second, and then comes at 2 Mbit/s until it has caught up.
    for step in 0..1_000_u32 {
        let sent = f64::from(step) * 0.008;
        let late = (0.5 - (sent - 2.0) * 0.5).clamp(0.0, 0.5);
        let arrival = sent + if sent < 2.0 { 0.0 } else { late };
        estimator.on_packet(
            begin + Duration::from_secs_f64(arrival),
            begin + Duration::from_secs_f64(sent),
            1_000,
        );
        if sent > 2.0 {
            least = least.min(estimator.estimate().unwrap_or_default());
        }
    }
    assert!(least > 700_000, "{least}");
}

#[test]
fn hostile_send_times_and_sizes_do_no_harm() {
    let mut rng = lk_testkit::Rng::new(11);
    let mut estimator = RembEstimator::new(RembConfig::default());
    let mut now = start() + Duration::from_secs(1 << 14);
    for _ in 0..20_000 {
        now += Duration::from_micros(rng.below(20_000));
        let sent = now + Duration::from_millis(rng.below(1 << 34)) - Duration::from_secs(1 << 13);
        estimator.on_packet(now, sent, rng.below(70_000) as usize);
        if let Some(estimate) = estimator.due(now) {
            assert!((50_000..=50_000_000).contains(&estimate));
        }
    }
}
