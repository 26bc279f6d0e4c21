//! Datagrams under way.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::Rng;

/// How one direction of the network treats datagrams.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Time under way.
    pub delay: Duration,
    /// Up to this much more, evenly spread; may reorder.
    pub jitter: Duration,
    /// Share lost, 0 to 1.
    pub loss: f64,
    /// Share delivered twice, 0 to 1.
    pub duplicate: f64,
    /// Bits per second, with a queue of `queue` in front; `None` for no limit.
    pub rate: Option<u64>,
    /// Longest wait in front of a limited link; what would wait longer is lost.
    pub queue: Duration,
}

impl Link {
    /// Loses nothing, takes 20 ms.
    #[must_use]
    pub fn clean() -> Self {
        Self {
            delay: Duration::from_millis(20),
            jitter: Duration::ZERO,
            loss: 0.0,
            duplicate: 0.0,
            rate: None,
            queue: Duration::from_millis(200),
        }
    }

    /// As [`clean`](Self::clean), with a share lost.
    #[must_use]
    pub fn lossy(loss: f64) -> Self {
        Self {
            loss,
            ..Self::clean()
        }
    }

    /// Loses everything.
    #[must_use]
    pub fn cut() -> Self {
        Self::lossy(1.0)
    }
}

/// One direction, with what is under way in it.
#[derive(Debug)]
pub struct Network<T> {
    /// May be changed while datagrams are under way; they keep their times.
    pub link: Link,
    rng: Rng,
    under_way: BTreeMap<(Instant, u64), T>,
    next: u64,
    /// When the limited link is free again.
    free: Option<Instant>,
    /// Datagrams put in.
    pub sent: u64,
    /// Datagrams lost.
    pub lost: u64,
}

impl<T: Clone> Network<T> {
    /// An empty network.
    #[must_use]
    pub fn new(link: Link, seed: u64) -> Self {
        Self {
            link,
            rng: Rng::new(seed),
            under_way: BTreeMap::new(),
            next: 0,
            free: None,
            sent: 0,
            lost: 0,
        }
    }

    /// Puts a datagram of `size` bytes in.
    pub fn send(&mut self, now: Instant, size: usize, datagram: T) {
        self.sent += 1;
        if self.rng.chance(self.link.loss) {
            self.lost += 1;
            return;
        }
        let mut leaves = now;
        if let Some(rate) = self.link.rate {
            let start = self.free.map_or(now, |free| free.max(now));
            if start.duration_since(now) > self.link.queue {
                self.lost += 1;
                return;
            }
            leaves = start + Duration::from_secs_f64(size as f64 * 8.0 / rate as f64);
            self.free = Some(leaves);
        }
        if self.rng.chance(self.link.duplicate) {
            self.put(leaves, datagram.clone());
        }
        self.put(leaves, datagram);
    }

    /// How long a datagram that is put in now waits in front of the limited link.
    #[must_use]
    pub fn queue(&self, now: Instant) -> Duration {
        let free = self.free.map(|free| free.saturating_duration_since(now));
        free.unwrap_or_default()
    }

    /// When the next datagram arrives.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Instant> {
        self.under_way.first_key_value().map(|((at, _), _)| *at)
    }

    /// A datagram that has arrived by now.
    pub fn receive(&mut self, now: Instant) -> Option<T> {
        let first = self.under_way.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    fn put(&mut self, leaves: Instant, datagram: T) {
        let jitter = self.link.jitter.mul_f64(self.rng.unit());
        self.under_way
            .insert((leaves + self.link.delay + jitter, self.next), datagram);
        self.next += 1;
    }
}
