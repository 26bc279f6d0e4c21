//! The engine's part: packets and feedback in, the stack's pace and the estimate out.

use std::time::Instant;

use str0m::rtp::rtcp::Rtcp;
use str0m::rtp::{RawPacket, RtpWrite};

use lk_types::{MediaKind, Ssrc};

use super::TICK;
use crate::engine::Engine;
use crate::{Arrival, DtlsState, Event, SendError, convert};

/// Bytes of an RTP header without anything optional.
const HEADER: usize = 12;

impl Engine {
    /// What the stack sent and received, before encryption and after it.
    pub(crate) fn on_raw(&mut self, packet: RawPacket) {
        match packet {
            RawPacket::RtpTx(header, packet) => {
                let bytes = packet.len().saturating_sub(HEADER);
                self.bandwidth
                    .sent(header.ext_vals.transport_cc, bytes, self.now);
            }
            RawPacket::RtpRx(header, packet) => {
                self.repair(&header, &packet);
                if let Some(sent) = header.ext_vals.abs_send_time {
                    // What ends in padding is as long as it came.
                    let (ssrc, sequence) = (Ssrc(*header.ssrc), header.sequence_number);
                    let whole = self
                        .latest_rtp
                        .filter(|(latest, _)| (latest.ssrc, latest.sequence) == (ssrc, sequence));
                    let bytes = whole.map_or(HEADER + packet.len(), |(_, bytes)| bytes);
                    self.events.push_back(Event::Arrival(Arrival {
                        sent,
                        bytes,
                        at: self.now,
                    }));
                }
            }
            RawPacket::RtcpRx(Rtcp::Twcc(feedback)) => {
                self.bandwidth.reported(feedback, self.now);
                self.follow_bandwidth();
            }
            _ => {}
        }
    }

    /// Time went on.
    pub(crate) fn tick_bandwidth(&mut self) {
        let due = self.ticked.is_none_or(|ticked| self.now >= ticked + TICK);
        if !due || !self.streams.estimating || self.dtls_state() != DtlsState::Connected {
            return;
        }
        self.ticked = Some(self.now);
        self.bandwidth.tick(self.now);
        self.follow_bandwidth();
    }

    /// Bytes of video in the pacer's queues.
    fn waiting_video(&mut self) -> usize {
        let mut api = self.rtc.direct_api();
        let video = self
            .streams
            .outbound
            .values()
            .filter(|outbound| outbound.kind == MediaKind::Video);
        let stack: usize = video
            .filter_map(|outbound| {
                let stream = api.stream_tx(&convert::ssrc(outbound.ssrc))?;
                Some(stream.queue_info()?.byte_size())
            })
            .sum();
        stack + self.gate.bytes()
    }

    /// A packet of ours goes its way: at once, or through the gate where the peer reports of such packets.
    pub(crate) fn write(
        &mut self,
        ssrc: Ssrc,
        packet: RtpWrite,
        bytes: usize,
    ) -> Result<(), SendError> {
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx(&convert::ssrc(ssrc)) else {
            return Err(SendError::UnknownSsrc(ssrc));
        };
        let outbound = self.streams.outbound.get(&ssrc);
        let video = outbound.is_some_and(|outbound| outbound.kind == MediaKind::Video);
        if video && self.streams.estimating && !self.gate.passes(bytes, self.now) {
            self.gate.push(ssrc, packet, bytes);
        } else {
            stream.write_rtp(packet);
            self.kick = true;
        }
        Ok(())
    }

    /// When packets may leave the gate, or an answer is late.
    pub(crate) fn pace_deadline(&self) -> Option<Instant> {
        let late = self.bandwidth.late_at(self.now);
        let leaves = self.gate.deadline(self.now);
        [leaves, late].into_iter().flatten().min()
    }

    /// Gives the stack what may leave by now.
    pub(crate) fn pace(&mut self) {
        self.bandwidth.look(self.now);
        let holds = self.bandwidth.holds();
        if self.gate.hold(holds) || holds {
            self.follow_bandwidth();
        }
        let probe = self.steering.probe().map(|(rate, _)| rate as f64);
        let paced = self.bandwidth.paced() as f64;
        let trip = self.bandwidth.trip();
        loop {
            let rate = self.gate.rate(paced, probe, trip);
            let ahead = self.bandwidth.ahead_until(rate.usual, self.now);
            self.gate.wait(ahead);
            if ahead.is_some() {
                break;
            }
            let Some((ssrc, packet)) = self.gate.pop(rate, self.now) else {
                break;
            };
            // A source that was taken away meanwhile has nothing to send.
            if let Some(stream) = self.rtc.direct_api().stream_tx(&convert::ssrc(ssrc)) {
                stream.write_rtp(packet);
                self.kick = true;
            }
        }
    }

    fn follow_bandwidth(&mut self) {
        let waiting = self.waiting_video();
        self.bandwidth.waits(waiting);
        if self.bandwidth.is_fallen() == self.resends {
            self.resends = !self.resends;
            self.set_resends(self.resends);
        }
        let (paced, probe) = (self.bandwidth.paced(), self.bandwidth.take_probe());
        self.kick |= self.steering.steer(&mut self.rtc, paced, probe, self.now);
        if let Some((_, ends)) = self.steering.probe() {
            self.bandwidth.probes_until(ends);
        }
        if let Some((bitrate, unnumbered)) = self.bandwidth.news(self.now) {
            self.events.push_back(Event::Bandwidth {
                bitrate,
                unnumbered,
            });
        }
    }
}
