//! What the engine knows of each RTP source, ours and the peer's, beside what the stack keeps.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use lk_types::{MediaKind, Mid, Pt, Rid, Ssrc};
use str0m::media::{Mid as StackMid, Rid as StackRid};
use str0m::stats::{MediaEgressStats, MediaIngressStats};

use crate::counters::Reception;
use crate::nack::Missing;
use crate::wire::ClearRtp;
use crate::{
    Event, InboundStats, KeyframeKind, OutboundStats, RemoteReceiverStats, RemoteSenderStats,
    SendError, SenderReport, convert,
};

/// Packets whose way through the pacer is timed at once.
const TIMED: usize = 2_048;

/// Bytes of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PacketSize {
    pub(crate) header: usize,
    pub(crate) payload: usize,
}

/// An m-line as far as packets need it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) mid: Mid,
    pub(crate) kind: MediaKind,
    /// What is lost is asked for again, by us.
    pub(crate) asks: bool,
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
    header_bytes: u64,
    /// Packets that have not left: their numbers' low bits, and since when.
    waiting: VecDeque<(u16, Instant)>,
    send_delay: Duration,
    retransmitted: (u64, u64),
    /// Key frames asked for, as they came; the stack tells the sum once a second.
    plis: u64,
    firs: u64,
    egress: Option<MediaEgressStats>,
    total_rtt: Duration,
    rtt_measurements: u64,
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
            header_bytes: 0,
            waiting: VecDeque::new(),
            send_delay: Duration::ZERO,
            retransmitted: (0, 0),
            plis: 0,
            firs: 0,
            egress: None,
            total_rtt: Duration::ZERO,
            rtt_measurements: 0,
        }
    }

    /// Counts a packet that is given to the pacer.
    pub(crate) fn count(&mut self, pt: Pt, sequence: u64, size: usize, now: Instant) {
        self.pt = Some(pt);
        self.packets += 1;
        self.bytes += size as u64;
        if self.waiting.len() >= TIMED {
            self.waiting.pop_front();
        }
        // The low bits are what the packet shows when it leaves.
        let low = u16::try_from(sequence & u64::from(u16::MAX)).unwrap_or_default();
        self.waiting.push_back((low, now));
    }

    /// Counts a packet that leaves.
    fn left(&mut self, packet: ClearRtp, now: Instant) {
        self.header_bytes += packet.header as u64;
        let Some(at) = self
            .waiting
            .iter()
            .position(|(sequence, _)| *sequence == packet.sequence)
        else {
            return;
        };
        if let Some((_, since)) = self.waiting.drain(..=at).next_back() {
            self.send_delay += now.saturating_duration_since(since);
        }
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
    retransmitted: (u64, u64),
    /// What is lost, where we ask for it; the stack does where there is none and it was agreed on.
    pub(crate) missing: Option<Missing>,
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
            retransmitted: (0, 0),
            missing: None,
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

    /// Takes a source in that no description announced; tells whether we ask for what is lost of it.
    pub(crate) fn discover(&mut self, ssrc: Ssrc, mid: StackMid, rid: Option<StackRid>) -> bool {
        let Some(line) = self.line(mid) else {
            return false;
        };
        let asks = line.asks;
        let mut inbound = Inbound::new(
            line.mid.clone(),
            line.kind,
            rid.map(|rid| Rid::new(&rid)),
            None,
            false,
        );
        inbound.missing = asks.then(Missing::default);
        self.inbound.insert(ssrc, inbound);
        asks
    }

    /// The source whose packets are sent again from that one.
    fn repaired_by(&mut self, rtx: Ssrc) -> Option<(&Ssrc, &mut Inbound)> {
        // Nearly all packets are no retransmissions.
        if self.inbound.contains_key(&rtx) {
            return None;
        }
        self.inbound
            .iter_mut()
            .find(|(_, inbound)| inbound.rtx_ssrc == Some(rtx))
    }

    /// A packet of a source of retransmissions came in: which packet it repeats, where the stack will not give that.
    pub(crate) fn repaired(&mut self, rtx: Ssrc, original: u16) -> Option<(Ssrc, u64)> {
        let (ssrc, inbound) = self.repaired_by(rtx)?;
        let sequence = inbound.missing.as_mut()?.repaired(original)?;
        Some((*ssrc, sequence))
    }

    /// When [`Self::ask`] has something.
    pub(crate) fn ask_at(&self) -> Option<Instant> {
        self.inbound
            .values()
            .filter_map(|inbound| inbound.missing.as_ref()?.deadline())
            .min()
    }

    /// A source of which packets are to be asked for now, and which; see [`Missing::due`].
    pub(crate) fn ask(
        &mut self,
        now: Instant,
        rtt: Option<Duration>,
    ) -> Option<(Ssrc, Vec<(u16, u16)>)> {
        self.inbound.iter_mut().find_map(|(ssrc, inbound)| {
            let packets = inbound.missing.as_mut()?.due(now, rtt);
            let some = !packets.is_empty();
            inbound.nacks += u64::from(some);
            some.then_some((*ssrc, packets))
        })
    }

    /// A packet of ours leaves; `overhead` bytes of it authenticate.
    pub(crate) fn left(&mut self, packet: ClearRtp, size: usize, overhead: usize, now: Instant) {
        if let Some(outbound) = self.outbound.get_mut(&packet.ssrc) {
            outbound.left(packet, now);
        } else if !packet.padded
            && let Some(outbound) = self
                .outbound
                .values_mut()
                .find(|outbound| outbound.rtx_ssrc == Some(packet.ssrc))
        {
            count_again(&mut outbound.retransmitted, packet, size, overhead);
        }
    }

    /// A packet came in that may be a retransmission, which the stack gives as what it repeats.
    pub(crate) fn arrived(&mut self, packet: ClearRtp, size: usize, overhead: usize) {
        if packet.padded {
            return;
        }
        if let Some((_, inbound)) = self.repaired_by(packet.ssrc) {
            count_again(&mut inbound.retransmitted, packet, size, overhead);
        }
    }

    /// Counts a packet and says whose it is.
    pub(crate) fn received(
        &mut self,
        ssrc: Ssrc,
        pt: Pt,
        sequence: u64,
        timestamp: u32,
        arrival: Instant,
        size: PacketSize,
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
        if let Some(missing) = &mut inbound.missing {
            missing.arrived(sequence, arrival);
        }
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
        &mut self,
        mid: StackMid,
        rid: Option<StackRid>,
        kind: KeyframeKind,
    ) -> Option<Event> {
        let outbound = self
            .outbound
            .values_mut()
            .find(|outbound| belongs(outbound, mid, rid))?;
        match kind {
            KeyframeKind::Pli => outbound.plis += 1,
            KeyframeKind::Fir => outbound.firs += 1,
        }
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
        if let Some(rtt) = stats.rtt {
            outbound.total_rtt += rtt;
            outbound.rtt_measurements += 1;
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
        if let Some(inbound) = stream.filter(|inbound| inbound.missing.is_none()) {
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
                header_bytes_received: inbound
                    .reception
                    .as_ref()
                    .map_or(0, |reception| reception.header_bytes),
                last_packet: inbound
                    .reception
                    .as_ref()
                    .and_then(|reception| reception.last),
                rtx_ssrc: inbound.rtx_ssrc,
                retransmitted_packets_received: inbound.retransmitted.0,
                retransmitted_bytes_received: inbound.retransmitted.1,
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
                        total_rtt: outbound.total_rtt,
                        rtt_measurements: outbound.rtt_measurements,
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
                    header_bytes_sent: outbound.header_bytes,
                    send_delay: outbound.send_delay,
                    retransmitted_packets_sent: outbound.retransmitted.0,
                    retransmitted_bytes_sent: outbound.retransmitted.1,
                    nacks: egress.map_or(0, |egress| egress.nacks),
                    plis: egress.map_or(0, |egress| egress.plis).max(outbound.plis),
                    firs: egress.map_or(0, |egress| egress.firs).max(outbound.firs),
                    remote,
                }
            })
            .collect()
    }
}

/// Counts a retransmission: what it repeats follows two bytes of original number (RFC 4588 §4).
fn count_again(sum: &mut (u64, u64), packet: ClearRtp, size: usize, overhead: usize) {
    sum.0 += 1;
    sum.1 += size.saturating_sub(packet.header + overhead + 2) as u64;
}

fn belongs(outbound: &Outbound, mid: StackMid, rid: Option<StackRid>) -> bool {
    convert::mid(&outbound.mid) == mid && outbound.rid.as_ref().map(convert::rid) == rid
}
