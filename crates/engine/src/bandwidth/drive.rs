//! The engine's part: packets and feedback in, the stack's pace and the estimate out.

use str0m::rtp::RawPacket;
use str0m::rtp::rtcp::Rtcp;

use lk_types::{MediaKind, Ssrc};

use super::TICK;
use crate::engine::Engine;
use crate::{Arrival, DtlsState, Event, convert};

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
        let waiting = self.waiting_video();
        self.bandwidth.waits(waiting);
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
        video
            .filter_map(|outbound| {
                let stream = api.stream_tx(&convert::ssrc(outbound.ssrc))?;
                Some(stream.queue_info()?.byte_size())
            })
            .sum()
    }

    fn follow_bandwidth(&mut self) {
        if self.bandwidth.is_fallen() == self.resends {
            self.resends = !self.resends;
            self.set_resends(self.resends);
        }
        let (paced, probe) = (self.bandwidth.paced(), self.bandwidth.take_probe());
        self.kick |= self.steering.steer(&mut self.rtc, paced, probe, self.now);
        if let Some((bitrate, unnumbered)) = self.bandwidth.news(self.now) {
            self.events.push_back(Event::Bandwidth {
                bitrate,
                unnumbered,
            });
        }
    }
}
