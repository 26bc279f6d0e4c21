//! What the engine knows of each RTP source, ours and the peer's, beside what the stack keeps.

use std::collections::HashMap;
use std::time::Instant;

use lk_types::{MediaKind, Mid, Pt, Rid, Ssrc};
use str0m::media::{Mid as StackMid, Rid as StackRid};
use str0m::stats::{MediaEgressStats, MediaIngressStats};

use crate::counters::Reception;
use crate::{
    Event, InboundStats, KeyframeKind, OutboundStats, RemoteReceiverStats, RemoteSenderStats,
    SendError, SenderReport, convert,
};

/// An m-line as far as packets need it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) mid: Mid,
    pub(crate) kind: MediaKind,
    /// Payload type and clock rate of what can be sent and received.
    pub(crate) formats: Vec<(Pt, u32)>,
}

/// A source of ours.
#[derive(Clone, Debug)]
pub(crate) struct Outbound {
    pub(crate) ssrc: Ssrc,
    pub(crate) rtx_ssrc: Option<Ssrc>,
    pub(crate) mid: Mid,
    pub(crate) rid: Option<Rid>,
    pub(crate) kind: MediaKind,
    /// The m-line lets it send now. A source that may not is kept: its retransmissions' numbers must never start
    /// again under the same keys.
    pub(crate) active: bool,
    pt: Option<Pt>,
    packets: u64,
    bytes: u64,
    egress: Option<MediaEgressStats>,
}

impl Outbound {
    pub(crate) fn new(
        ssrc: Ssrc,
        rtx_ssrc: Option<Ssrc>,
        mid: Mid,
        rid: Option<Rid>,
        kind: MediaKind,
    ) -> Self {
        Self {
            ssrc,
            rtx_ssrc,
            mid,
            rid,
            kind,
            active: true,
            pt: None,
            packets: 0,
            bytes: 0,
            egress: None,
        }
    }

    pub(crate) fn count(&mut self, pt: Pt, size: usize) {
        self.pt = Some(pt);
        self.packets += 1;
        self.bytes += size as u64;
    }
}

/// A source of the peer's.
#[derive(Clone, Debug)]
pub(crate) struct Inbound {
    pub(crate) mid: Mid,
    pub(crate) kind: MediaKind,
    pub(crate) rid: Option<Rid>,
    pub(crate) rtx_ssrc: Option<Ssrc>,
    /// It stands in the plan; others were found in packets.
    pub(crate) announced: bool,
    reception: Option<Reception>,
    pt: Option<Pt>,
    nacks: u64,
    plis: u64,
    firs: u64,
    remote: Option<RemoteSenderStats>,
}

impl Inbound {
    pub(crate) fn new(
        mid: Mid,
        kind: MediaKind,
        rid: Option<Rid>,
        rtx_ssrc: Option<Ssrc>,
        announced: bool,
    ) -> Self {
        Self {
            mid,
            kind,
            rid,
            rtx_ssrc,
            announced,
            reception: None,
            pt: None,
            nacks: 0,
            plis: 0,
            firs: 0,
            remote: None,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Streams {
    pub(crate) lines: HashMap<Mid, Line>,
    pub(crate) outbound: HashMap<Ssrc, Outbound>,
    pub(crate) inbound: HashMap<Ssrc, Inbound>,
    /// Some m-line sends numbered packets, which the estimator lives on.
    pub(crate) estimating: bool,
}

impl Streams {
    /// The source, if it may send this payload type now.
    pub(crate) fn sendable(&mut self, ssrc: Ssrc, pt: Pt) -> Result<&mut Outbound, SendError> {
        let outbound = self
            .outbound
            .get_mut(&ssrc)
            .filter(|outbound| outbound.active)
            .ok_or(SendError::UnknownSsrc(ssrc))?;
        let known = self
            .lines
            .get(&outbound.mid)
            .is_some_and(|line| line.formats.iter().any(|(known, _)| *known == pt));
        if known {
            Ok(outbound)
        } else {
            Err(SendError::UnknownPayloadType(pt))
        }
    }

    pub(crate) fn knows_inbound(&self, ssrc: Ssrc) -> bool {
        self.inbound.contains_key(&ssrc)
    }

    pub(crate) fn discover(&mut self, ssrc: Ssrc, mid: StackMid, rid: Option<StackRid>) {
        let Some(line) = self.line(mid) else { return };
        let inbound = Inbound::new(
            line.mid.clone(),
            line.kind,
            rid.map(|rid| Rid::new(&rid)),
            None,
            false,
        );
        self.inbound.insert(ssrc, inbound);
    }

    /// Counts a packet and says whose it is.
    pub(crate) fn received(
        &mut self,
        ssrc: Ssrc,
        pt: Pt,
        sequence: u64,
        timestamp: u32,
        arrival: Instant,
        size: usize,
    ) -> Option<&Inbound> {
        let inbound = self.inbound.get_mut(&ssrc)?;
        inbound.pt = Some(pt);
        let reception = inbound.reception.get_or_insert_with(|| {
            let fallback = if inbound.kind == MediaKind::Audio {
                48_000
            } else {
                90_000
            };
            let clock_rate = self
                .lines
                .get(&inbound.mid)
                .and_then(|line| line.formats.iter().find(|(known, _)| *known == pt))
                .map_or(fallback, |(_, clock_rate)| *clock_rate);
            Reception::new(sequence, clock_rate)
        });
        reception.count(sequence, timestamp, arrival, size);
        Some(inbound)
    }

    pub(crate) fn count_request(&mut self, ssrc: Ssrc, kind: KeyframeKind) {
        if let Some(inbound) = self.inbound.get_mut(&ssrc) {
            match kind {
                KeyframeKind::Pli => inbound.plis += 1,
                KeyframeKind::Fir => inbound.firs += 1,
            }
        }
    }

    pub(crate) fn keyframe_request(
        &self,
        mid: StackMid,
        rid: Option<StackRid>,
        kind: KeyframeKind,
    ) -> Option<Event> {
        let outbound = self
            .outbound
            .values()
            .find(|outbound| belongs(outbound, mid, rid))?;
        Some(Event::KeyframeRequest {
            mid: outbound.mid.clone(),
            rid: outbound.rid.clone(),
            ssrc: outbound.ssrc,
            kind,
        })
    }

    pub(crate) fn sender_report(&mut self, report: &SenderReport) {
        if let Some(inbound) = self.inbound.get_mut(&report.ssrc) {
            let reports = inbound.remote.map_or(0, |remote| remote.reports) + 1;
            inbound.remote = Some(RemoteSenderStats {
                packets_sent: report.packets,
                bytes_sent: report.octets,
                ntp: report.ntp,
                reports,
            });
        }
    }

    /// Takes the stack's figures of one of our streams; an event, where the peer has reported since the last time.
    pub(crate) fn egress(&mut self, stats: &MediaEgressStats) -> Option<Event> {
        let outbound = self
            .outbound
            .values_mut()
            .find(|outbound| belongs(outbound, stats.mid, stats.rid))?;
        let before = outbound.egress.replace(stats.clone());
        let fraction_lost = stats.loss?;
        if let Some(egress) = &mut outbound.egress {
            egress.rtt = stats.rtt.or(before.and_then(|before| before.rtt));
        }
        Some(Event::ReceiverReport {
            ssrc: outbound.ssrc,
            fraction_lost,
            rtt: stats.rtt,
        })
    }

    pub(crate) fn ingress(&mut self, stats: &MediaIngressStats) {
        let stream = self.inbound.values_mut().find(|inbound| {
            convert::mid(&inbound.mid) == stats.mid
                && inbound.rid.as_ref().map(convert::rid) == stats.rid
        });
        if let Some(inbound) = stream {
            inbound.nacks = stats.nacks;
        }
    }

    pub(crate) fn receives_video(&self) -> bool {
        self.inbound
            .values()
            .any(|inbound| inbound.kind == MediaKind::Video)
    }

    /// A source of ours to speak under, or one that says nothing.
    pub(crate) fn any_local_ssrc(&self) -> Ssrc {
        self.outbound.keys().next().copied().unwrap_or(Ssrc(1))
    }

    pub(crate) fn mid(&self, mid: StackMid) -> Option<Mid> {
        self.line(mid).map(|line| line.mid.clone())
    }

    fn line(&self, mid: StackMid) -> Option<&Line> {
        self.lines
            .values()
            .find(|line| convert::mid(&line.mid) == mid)
    }

    pub(crate) fn inbound_stats(&self) -> Vec<InboundStats> {
        self.inbound
            .iter()
            .map(|(ssrc, inbound)| InboundStats {
                mid: inbound.mid.clone(),
                kind: inbound.kind,
                rid: inbound.rid.clone(),
                ssrc: *ssrc,
                pt: inbound.pt,
                packets_received: inbound
                    .reception
                    .as_ref()
                    .map_or(0, |reception| reception.packets),
                bytes_received: inbound
                    .reception
                    .as_ref()
                    .map_or(0, |reception| reception.bytes),
                packets_lost: inbound.reception.as_ref().map_or(0, Reception::lost),
                jitter: inbound.reception.as_ref().map_or(0.0, Reception::jitter),
                nacks: inbound.nacks,
                plis: inbound.plis,
                firs: inbound.firs,
                remote: inbound.remote,
            })
            .collect()
    }

    pub(crate) fn outbound_stats(&self) -> Vec<OutboundStats> {
        self.outbound
            .values()
            .map(|outbound| {
                let egress = outbound.egress.as_ref();
                let clock_rate = self
                    .lines
                    .get(&outbound.mid)
                    .and_then(|line| line.formats.iter().find(|(pt, _)| Some(*pt) == outbound.pt))
                    .map_or(90_000, |(_, clock_rate)| *clock_rate);
                let remote = egress.and_then(|egress| {
                    let remote = egress.remote.as_ref()?;
                    Some(RemoteReceiverStats {
                        packets_lost: remote.packets_lost,
                        fraction_lost: egress.loss.unwrap_or(0.0),
                        jitter: f64::from(remote.jitter) / f64::from(clock_rate.max(1)),
                        rtt: egress.rtt,
                    })
                });
                OutboundStats {
                    mid: outbound.mid.clone(),
                    kind: outbound.kind,
                    rid: outbound.rid.clone(),
                    ssrc: outbound.ssrc,
                    rtx_ssrc: outbound.rtx_ssrc,
                    pt: outbound.pt,
                    packets_sent: outbound.packets,
                    bytes_sent: outbound.bytes,
                    retransmitted_packets_sent: egress
                        .map_or(0, |egress| egress.packets.saturating_sub(outbound.packets)),
                    nacks: egress.map_or(0, |egress| egress.nacks),
                    plis: egress.map_or(0, |egress| egress.plis),
                    firs: egress.map_or(0, |egress| egress.firs),
                    remote,
                }
            })
            .collect()
    }
}

fn belongs(outbound: &Outbound, mid: StackMid, rid: Option<StackRid>) -> bool {
    convert::mid(&outbound.mid) == mid && outbound.rid.as_ref().map(convert::rid) == rid
}
