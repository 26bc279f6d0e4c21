//! How late packets come, relative to the fastest of the recent past.
//!
//! `transit = arrival - timestamp` is known up to a constant. Its minimum over a window stands for a packet that met
//! no queue, and follows clock drift and route changes by itself.

use std::collections::VecDeque;

use super::ms;

/// Length of the window of the minimum.
const WINDOW: i64 = ms(2_000);

/// A silence of the network that may be a stall or a sender's pause.
const PAUSE: i64 = ms(200);

/// A rise of transit after a pause that asks which of the two it was.
const SUSPICIOUS: i64 = ms(100);

/// Time after a pause within which a stall shows by its backlog.
const VERDICT: i64 = ms(200);

/// Bound on the window's entries, whatever the network does.
const MAX_ENTRIES: usize = 512;

/// The time after a pause, until it is known what that was.
#[derive(Debug)]
struct Suspicion {
    since: i64,
    lowest: i64,
    highest: i64,
}

/// The windowed minimum of transit, and jitter.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    /// (arrival, transit), transit rising from front to back: the front is the minimum.
    window: VecDeque<(i64, i64)>,
    last: Option<(i64, i64)>,
    suspicion: Option<Suspicion>,
    /// RFC 3550 §6.4.1, in frames times 16.
    jitter16: i64,
}

impl Arrivals {
    /// Registers a packet. Returns its lateness in frames where it should count for the delay's target.
    pub(super) fn observe(&mut self, arrival: i64, timestamp: i64) -> Option<i64> {
        let transit = arrival - timestamp;
        let last = self.last.replace((arrival, transit));
        if let Some((_, last_transit)) = last {
            let change = (transit - last_transit).abs().min(ms(10_000));
            self.jitter16 += change - self.jitter16 / 16;
        }

        // A sender that stops and goes on without having advanced its timestamps looks like a stall of the network:
        // everything from here on is late by the pause. Were it taken for lateness, the delay would grow by it. So the
        // base starts anew; if it was a stall, its backlog follows at once and brings the old base back.
        if let (Some((last_arrival, _)), Some(base)) = (last, self.base())
            && arrival - last_arrival > PAUSE
        {
            self.suspicion = Some(Suspicion {
                since: arrival,
                lowest: transit,
                highest: transit,
            });
            if transit - base > SUSPICIOUS {
                self.window.clear();
            }
        }
        self.extend_window(arrival, transit);

        let Some(suspicion) = &mut self.suspicion else {
            return self.base().map(|base| transit - base);
        };
        // A backlog may come in any order: until it is through, single packets say nothing; then it counts once.
        suspicion.lowest = suspicion.lowest.min(transit);
        suspicion.highest = suspicion.highest.max(transit);
        if arrival - suspicion.since <= VERDICT {
            return None;
        }
        let spread = suspicion.highest - suspicion.lowest;
        self.suspicion = None;
        (spread > SUSPICIOUS).then_some(spread)
    }

    /// Transit of the fastest recent packet; `None` before the first.
    pub(super) fn base(&self) -> Option<i64> {
        self.window.front().map(|(_, transit)| *transit)
    }

    /// When the last packet came, in frames.
    pub(super) fn last_arrival(&self) -> Option<i64> {
        self.last.map(|(arrival, _)| arrival)
    }

    /// Transit of the last packet.
    pub(super) fn last_transit(&self) -> Option<i64> {
        self.last.map(|(_, transit)| transit)
    }

    /// Inter-arrival jitter in frames.
    pub(super) fn jitter(&self) -> f64 {
        self.jitter16 as f64 / 16.0
    }

    /// Starts anew for another timeline; the jitter stays.
    pub(super) fn reset(&mut self) {
        self.window.clear();
        self.last = None;
        self.suspicion = None;
    }

    fn extend_window(&mut self, arrival: i64, transit: i64) {
        while self
            .window
            .front()
            .is_some_and(|(seen, _)| arrival - seen > WINDOW)
        {
            self.window.pop_front();
        }
        while self
            .window
            .back()
            .is_some_and(|(_, other)| *other >= transit)
        {
            self.window.pop_back();
        }
        if self.window.len() == MAX_ENTRIES {
            // The largest of the window; the minimum is not touched.
            self.window.pop_back();
        }
        self.window.push_back((arrival, transit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_counted_from_the_fastest_packet() {
        let mut arrivals = Arrivals::default();
        assert_eq!(arrivals.observe(10_000, 0), Some(0));
        assert_eq!(arrivals.observe(11_060, 960), Some(100));
        assert_eq!(arrivals.observe(11_900, 1_920), Some(0));
        assert_eq!(arrivals.base(), Some(9_980));
        assert!(arrivals.jitter() > 0.0);
    }

    #[test]
    fn the_base_follows_a_slower_route_within_the_window() {
        let mut arrivals = Arrivals::default();
        for index in 0..300 {
            let route = if index < 100 { 0 } else { 2_000 };
            arrivals.observe(index * 960 + route, index * 960);
        }
        assert_eq!(arrivals.base(), Some(2_000));
    }

    #[test]
    fn a_sender_that_paused_with_its_clock_is_not_late() {
        let mut arrivals = Arrivals::default();
        for index in 0..50 {
            arrivals.observe(index * 960, index * 960);
        }
        assert_eq!(arrivals.observe(50 * 960 + ms(700), 50 * 960), None);
        let counted: Vec<i64> = (51..100)
            .filter_map(|index| arrivals.observe(index * 960 + ms(700), index * 960))
            .collect();
        assert!(counted.len() > 30);
        assert!(counted.iter().all(|late| *late == 0));
    }

    #[test]
    fn a_stall_with_its_backlog_counts_once() {
        let mut arrivals = Arrivals::default();
        for index in 0..50 {
            arrivals.observe(index * 960, index * 960);
        }
        let back = 50 * 960 + ms(400);
        // In no particular order.
        assert_eq!(arrivals.observe(back, 50 * 960), None);
        for index in (60..70).chain(51..60) {
            assert_eq!(arrivals.observe(back, index * 960), None);
        }
        let counted: Vec<i64> = (70..100)
            .filter_map(|index| arrivals.observe(index * 960, index * 960))
            .collect();
        assert_eq!(counted[0], ms(400), "the first packet's lateness");
        assert!(counted[1..].iter().all(|late| *late == 0));
        assert_eq!(arrivals.base(), Some(0));
    }
}
