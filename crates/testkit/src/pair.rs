//! Two peers on virtual time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::{Link, Network, clock};

/// What a peer wants next.
#[derive(Debug)]
pub enum Step<E> {
    /// Send a datagram.
    Transmit {
        /// From.
        source: SocketAddr,
        /// To.
        destination: SocketAddr,
        /// Content.
        payload: Vec<u8>,
    },
    /// Something happened.
    Event(E),
    /// Nothing more before this instant.
    Timeout(Option<Instant>),
}

/// A sans-IO peer.
pub trait Peer {
    /// What it reports.
    type Event;

    /// A datagram came in.
    fn datagram(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        payload: &[u8],
    );

    /// Its deadline has come.
    fn timeout(&mut self, now: Instant);

    /// Its next wish; called until it is [`Step::Timeout`].
    fn poll(&mut self) -> Step<Self::Event>;
}

/// One of the two peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

type Datagram = (SocketAddr, SocketAddr, Vec<u8>);

struct End<P: Peer> {
    peer: P,
    deadline: Option<Instant>,
    events: Vec<(Instant, P::Event)>,
    /// Towards the other side.
    out: Network<Datagram>,
}

impl<P: Peer> End<P> {
    fn drain(&mut self, now: Instant) {
        loop {
            match self.peer.poll() {
                Step::Transmit {
                    source,
                    destination,
                    payload,
                } => {
                    self.out
                        .send(now, payload.len(), (source, destination, payload));
                }
                Step::Event(event) => self.events.push((now, event)),
                Step::Timeout(at) => {
                    self.deadline = at;
                    return;
                }
            }
        }
    }
}

/// Two peers, the network between them, and the time.
pub struct Pair<P: Peer> {
    now: Instant,
    started: Instant,
    a: End<P>,
    b: End<P>,
}

impl<P: Peer> Pair<P> {
    /// Joins two peers that `make` builds at the virtual start.
    pub fn new(link: Link, seed: u64, mut make: impl FnMut(Side, Instant) -> P) -> Self {
        let now = clock::start();
        let mut end = |side, seed| End {
            peer: make(side, now),
            deadline: None,
            events: Vec::new(),
            out: Network::new(link, seed),
        };
        Self {
            now,
            started: now,
            a: end(Side::A, seed),
            b: end(Side::B, seed ^ 0xffff),
        }
    }

    /// The virtual present.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Virtual time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.now - self.started
    }

    /// A peer, to look at.
    #[must_use]
    pub fn peer(&self, side: Side) -> &P {
        match side {
            Side::A => &self.a.peer,
            Side::B => &self.b.peer,
        }
    }

    /// Does something with a peer, then lets it say what it wants.
    pub fn with<R>(&mut self, side: Side, act: impl FnOnce(&mut P, Instant) -> R) -> R {
        let now = self.now;
        let end = self.end(side);
        let result = act(&mut end.peer, now);
        end.drain(now);
        result
    }

    /// The network away from a peer.
    pub fn network_from(&mut self, side: Side) -> &mut Link {
        &mut self.end(side).out.link
    }

    /// How long what a peer sends now waits in front of a limited link.
    pub fn queue_from(&mut self, side: Side) -> Duration {
        let now = self.now;
        self.end(side).out.queue(now)
    }

    /// Both directions at once.
    pub fn set_links(&mut self, link: Link) {
        self.a.out.link = link;
        self.b.out.link = link;
    }

    /// What a peer reported so far, and when.
    #[must_use]
    pub fn events(&self, side: Side) -> &[(Instant, P::Event)] {
        match side {
            Side::A => &self.a.events,
            Side::B => &self.b.events,
        }
    }

    /// Takes what a peer reported.
    pub fn take_events(&mut self, side: Side) -> Vec<(Instant, P::Event)> {
        std::mem::take(&mut self.end(side).events)
    }

    /// Lets time pass.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.step(end) {}
    }

    /// Lets time pass until `done` holds, for `limit` at most. Whether it held.
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let end = self.now + limit;
        loop {
            if done(self) {
                return true;
            }
            if !self.step(end) {
                return done(self);
            }
        }
    }

    /// Goes to the next moment something happens, not beyond `end`. False at the end.
    fn step(&mut self, end: Instant) -> bool {
        let next = [
            self.a.deadline,
            self.b.deadline,
            self.a.out.next_arrival(),
            self.b.out.next_arrival(),
        ]
        .into_iter()
        .flatten()
        .min()
        .filter(|next| *next < end);
        let Some(next) = next else {
            self.now = end;
            return false;
        };
        self.now = self.now.max(next);
        let now = self.now;
        deliver(&mut self.a, &mut self.b, now);
        deliver(&mut self.b, &mut self.a, now);
        for end in [&mut self.a, &mut self.b] {
            if end.deadline.is_some_and(|deadline| deadline <= now) {
                end.peer.timeout(now);
                end.drain(now);
            }
        }
        true
    }

    fn end(&mut self, side: Side) -> &mut End<P> {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }
}

/// Hands over what has arrived.
fn deliver<P: Peer>(from: &mut End<P>, to: &mut End<P>, now: Instant) {
    while let Some((source, destination, payload)) = from.out.receive(now) {
        to.peer.datagram(now, source, destination, &payload);
        to.drain(now);
    }
}
