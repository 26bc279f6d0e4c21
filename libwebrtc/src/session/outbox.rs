//! What the engine wants sent and told, gathered while it is borrowed.

use std::time::Instant;

use lk_engine::{Engine, Event, Output, Transmit};
use lk_net::UdpSockets;

/// Output of the engine between two turns of the loop.
#[derive(Default)]
pub(crate) struct Outbox {
    transmits: Vec<Transmit>,
    events: Vec<Event>,
    deadline: Option<Instant>,
    /// Datagrams of one run, joined for segmentation by the system.
    joined: Vec<u8>,
}

impl Outbox {
    /// Drains the engine; must follow every call that changes it.
    pub(crate) fn drain(&mut self, engine: &mut Engine) {
        loop {
            match engine.poll() {
                Output::Transmit(transmit) => self.transmits.push(transmit),
                Output::Event(event) => self.events.push(event),
                Output::Timeout(deadline) => {
                    self.deadline = deadline;
                    return;
                }
            }
        }
    }

    /// When the engine wants to be woken.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Events so far; the place is empty afterwards.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Sends everything, runs of equal datagrams to one peer in one system call.
    pub(crate) fn flush(&mut self, sockets: &UdpSockets) {
        let mut rest = self.transmits.as_slice();
        while let [first, ..] = rest {
            let run = run_length(rest);
            if run == 1 {
                sockets.send(first.source, first.destination, &first.payload);
            } else {
                self.joined.clear();
                for transmit in &rest[..run] {
                    self.joined.extend_from_slice(&transmit.payload);
                }
                sockets.send_segments(
                    first.source,
                    first.destination,
                    &self.joined,
                    first.payload.len(),
                );
            }
            rest = &rest[run..];
        }
        self.transmits.clear();
    }
}

/// How many of the first transmits share addresses and length (the last one may be shorter).
fn run_length(transmits: &[Transmit]) -> usize {
    let Some(first) = transmits.first() else {
        return 0;
    };
    let mut run = 1;
    for next in &transmits[1..] {
        if next.source != first.source
            || next.destination != first.destination
            || next.payload.len() > first.payload.len()
        {
            break;
        }
        run += 1;
        if next.payload.len() < first.payload.len() {
            break;
        }
    }
    run
}

#[cfg(test)]
mod tests {
    use lk_engine::Transport;

    use super::*;

    fn transmit(port: u16, length: usize) -> Transmit {
        Transmit {
            transport: Transport::Udp,
            source: ([127, 0, 0, 1], 1).into(),
            destination: ([127, 0, 0, 1], port).into(),
            payload: vec![0; length],
        }
    }

    #[test]
    fn a_run_ends_with_a_shorter_datagram_or_another_peer() {
        let list = [
            transmit(5, 100),
            transmit(5, 100),
            transmit(5, 60),
            transmit(5, 60),
        ];
        assert_eq!(run_length(&list), 3);
        assert_eq!(run_length(&list[3..]), 1);
        assert_eq!(run_length(&[transmit(5, 10), transmit(6, 10)]), 1);
        assert_eq!(run_length(&[transmit(5, 10), transmit(5, 11)]), 1);
        assert_eq!(run_length(&[]), 0);
    }
}
