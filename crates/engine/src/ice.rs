//! The ICE state as the outside sees it.
//!
//! The stack below reports whether checks succeed. It speaks of a lost connection only after some 22 s, keeps
//! saying so when traffic returns, and knows neither *failed* nor *closed*. So the two usual timers run here on
//! inbound traffic: silent for 5 s is disconnected, for 25 s failed.

use std::time::{Duration, Instant};

use str0m::IceConnectionState;

use crate::IceState;

#[derive(Debug)]
pub(crate) struct IceMonitor {
    disconnected_after: Duration,
    failed_after: Duration,
    state: IceState,
    /// Start of the present round of checks, once there is a remote candidate to check.
    checking_since: Option<Instant>,
    /// Latest traffic from the peer.
    heard: Option<Instant>,
}

impl IceMonitor {
    pub(crate) fn new(disconnected_after: Duration, failed_after: Duration) -> Self {
        Self {
            disconnected_after,
            failed_after,
            state: IceState::New,
            checking_since: None,
            heard: None,
        }
    }

    pub(crate) fn state(&self) -> IceState {
        self.state
    }

    /// Credentials are known, for the first time or anew. Returns the new state where it changed.
    pub(crate) fn start(&mut self) -> Option<IceState> {
        self.checking_since = None;
        self.change(IceState::Checking)
    }

    /// There is something to check.
    pub(crate) fn remote_candidate(&mut self, now: Instant) {
        if self.state == IceState::Checking {
            self.checking_since.get_or_insert(now);
        }
    }

    /// Traffic of the peer came in.
    pub(crate) fn heard(&mut self, now: Instant) -> Option<IceState> {
        self.heard = Some(now);
        (self.state == IceState::Disconnected)
            .then(|| self.change(IceState::Connected))
            .flatten()
    }

    /// The stack says how checks go.
    pub(crate) fn stack(&mut self, state: IceConnectionState, now: Instant) -> Option<IceState> {
        use IceConnectionState as Stack;
        match (self.state, state) {
            (IceState::Checking, Stack::Connected) => {
                self.heard = Some(now);
                self.change(IceState::Connected)
            }
            (IceState::Checking | IceState::Connected, Stack::Completed) => {
                self.heard = Some(now);
                self.change(IceState::Completed)
            }
            // A pair was lost or found meanwhile. Whether that matters, the timers tell: entering *connected*
            // again would look like a resumed session.
            _ => None,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<IceState> {
        let deadline = self.deadline()?;
        if now < deadline {
            return None;
        }
        match self.state {
            IceState::Connected | IceState::Completed => self.change(IceState::Disconnected),
            IceState::Checking | IceState::Disconnected => self.change(IceState::Failed),
            IceState::New | IceState::Failed | IceState::Closed => None,
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            IceState::Checking => Some(self.checking_since? + self.failed_after),
            IceState::Connected | IceState::Completed => {
                Some(self.heard? + self.disconnected_after)
            }
            IceState::Disconnected => Some(self.heard? + self.failed_after),
            IceState::New | IceState::Failed | IceState::Closed => None,
        }
    }

    pub(crate) fn close(&mut self) -> Option<IceState> {
        self.change(IceState::Closed)
    }

    fn change(&mut self, to: IceState) -> Option<IceState> {
        if self.state == to || self.state == IceState::Closed {
            return None;
        }
        self.state = to;
        Some(to)
    }
}
