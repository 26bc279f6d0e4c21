//! Connectivity checks of our own on the pair in use (RFC 8445 §7.2, as RFC 7675 uses them): their round trips tell of
//! queues. When they are made and what follows from them stands in [`crate::bandwidth`].
//!
//! The stack never hears of them. They say what its own checks say: role, tie-breaker and priority are read off those.

use std::net::SocketAddr;
use std::time::Instant;

use str0m::config::CryptoProvider;
use str0m::ice::{StunMessage, StunMessageBuilder, TransId};

use crate::bandwidth::RequestId;
use crate::wire::{self, Check};
use crate::{Engine, Event, Transmit, Transport};

/// A check with the longest user names that there are has some 650 bytes.
const LONGEST: usize = 1_200;

/// How checks are written.
pub(crate) struct Checks {
    crypto: CryptoProvider,
    like: Option<Like>,
}

/// What a check of the stack's says of us.
#[derive(Clone, Copy)]
struct Like {
    priority: u32,
    /// With the tie-breaker (RFC 8445 §7.3.1.1).
    role: Role,
}

#[derive(Clone, Copy)]
enum Role {
    Controlling(u64),
    Controlled(u64),
}

impl Like {
    fn read(datagram: &[u8]) -> Option<Self> {
        let check = StunMessage::parse(datagram).ok()?;
        let role = match (check.ice_controlling(), check.ice_controlled()) {
            (Some(breaker), _) => Role::Controlling(breaker),
            (_, Some(breaker)) => Role::Controlled(breaker),
            _ => return None,
        };
        let priority = check.prio()?;
        Some(Self { priority, role })
    }
}

impl Checks {
    pub(crate) fn new() -> Self {
        Self {
            crypto: crate::dtls::crypto(),
            like: None,
        }
    }

    /// A check with these names (the peer's first) and the peer's password, and its transaction.
    fn write(&self, names: &str, password: &str) -> Option<(RequestId, Vec<u8>)> {
        let Like { priority, role } = self.like?;
        let check = StunMessageBuilder::new().binding().request();
        let check = check.username(names).prio(priority);
        let check = match role {
            Role::Controlling(breaker) => check.ice_controlling(breaker),
            Role::Controlled(breaker) => check.ice_controlled(breaker),
        };
        let hmac =
            |key: &[u8], parts: &[&[u8]]| self.crypto.sha1_hmac_provider.sha1_hmac(key, parts);
        let mut datagram = vec![0; LONGEST];
        let length = check
            .build(TransId::new())
            .to_bytes(Some(password.as_bytes()), &mut datagram, hmac)
            .ok()?;
        datagram.truncate(length);
        Some((transaction(&datagram)?, datagram))
    }

    /// Whether the peer has signed that answer.
    fn is_signed(&self, answer: &[u8], password: &str) -> bool {
        let hmac =
            |key: &[u8], parts: &[&[u8]]| self.crypto.sha1_hmac_provider.sha1_hmac(key, parts);
        StunMessage::parse(answer).is_ok_and(|answer| {
            answer.is_successful_binding_response() && answer.verify(password.as_bytes(), hmac)
        })
    }
}

/// A message's transaction (RFC 8489 §5).
fn transaction(message: &[u8]) -> Option<RequestId> {
    message.get(8..)?.first_chunk().copied()
}

impl Engine {
    /// A datagram of the stack's leaves: it shows which way is in use, and what checks say.
    pub(crate) fn follow_route(
        &mut self,
        transport: Transport,
        source: SocketAddr,
        destination: SocketAddr,
        datagram: &[u8],
    ) {
        if self
            .requests
            .follow(transport, source, destination, datagram)
        {
            self.bandwidth.rerouted();
        }
        if wire::check(datagram) == Some(Check::Request) {
            let route = Some((transport, source, destination));
            let other = self.requests.route().is_some() && self.requests.route() != route;
            if !other || self.checks.like.is_none() {
                self.checks.like = Like::read(datagram).or(self.checks.like);
            }
        }
    }

    /// A check that is due; `None` where none can be made.
    pub(crate) fn next_check(&mut self) -> Option<Transmit> {
        if !self.bandwidth.take_request(self.now) {
            return None;
        }
        let route = self.requests.route()?;
        if route.0 != Transport::Udp {
            return None;
        }
        let plan = self.plan.as_ref()?;
        let (ours, theirs) = (&plan.local_ice, &plan.remote_ice);
        let names = format!("{}:{}", theirs.ufrag, ours.ufrag);
        let (id, payload) = self.checks.write(&names, &theirs.pwd)?;
        self.bandwidth.requested(id, payload.len(), self.now);
        self.traffic.asked(self.now);
        Some(self.own_datagram(route, payload))
    }

    /// Whether a datagram is the answer to a check of ours, which is taken then.
    pub(crate) fn takes_answer(
        &mut self,
        transport: Transport,
        source: SocketAddr,
        destination: SocketAddr,
        datagram: &[u8],
    ) -> bool {
        if wire::check(datagram) != Some(Check::Response)
            || self.requests.route() != Some((transport, destination, source))
        {
            return false;
        }
        let Some(id) = transaction(datagram) else {
            return false;
        };
        if !self.bandwidth.awaits(&id) {
            return false;
        }
        let password = self.plan.as_ref().map(|plan| plan.remote_ice.pwd.as_str());
        if !password.is_some_and(|password| self.checks.is_signed(datagram, password)) {
            return false;
        }
        self.transport.packets_received += 1;
        self.transport.bytes_received += datagram.len() as u64;
        if let Some(trip) = self.bandwidth.answered(&id, self.now) {
            self.traffic.answered(trip, self.now);
        }
        if let Some(state) = self.ice.heard(self.now) {
            self.events.push_back(Event::Ice(state));
        }
        self.pace();
        true
    }

    /// When something is due that the stack knows nothing of.
    pub(crate) fn own_deadline(&self) -> Option<Instant> {
        [self.request_deadline(), self.pace_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is due by [`Self::own_deadline`]. The datagram to send for it, if there is one.
    pub(crate) fn next_own(&mut self) -> Option<Transmit> {
        self.pace();
        if self.kick {
            return None;
        }
        if let Some(check) = self.next_check() {
            return Some(check);
        }
        let due = self.request_deadline().is_some_and(|at| at <= self.now);
        due.then(|| self.next_request()).flatten()
    }
}
