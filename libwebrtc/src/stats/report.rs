//! The session's figures as W3C dictionaries.
//!
//! A report on one sender or receiver holds its streams and everything they refer to (W3C webrtc-stats §3.2,
//! the "stats selection algorithm").

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lk_engine::{
    CandidateKind, CandidateStats, CertificateStats as EngineCertificate, ChannelState,
    ChannelStats, DtlsState, IceState, InboundStats, OutboundStats, PairStats, RemoteReceiverStats,
    RemoteSenderStats,
};
use lk_jsep::TransceiverId;
use lk_types::{Codec, Mid, Pt, Ssrc};

use super::{
    CandidatePairStats, CertificateStats, CodecStats, DataChannelStats, DtlsRole,
    DtlsTransportState, IceCandidatePairState, IceCandidateType, IceRole, IceTransportState,
    InboundRtpStats, LocalCandidateStats, MediaSourceStats, OutboundRtpStats, PeerConnectionStats,
    RemoteCandidateStats, RemoteInboundRtpStats, RemoteOutboundRtpStats, RtcStats, TransportStats,
    dictionaries,
};
use crate::data_channel::DataChannelState;
use crate::media_stream_track::MediaStreamTrack;
use crate::session::{MediaEntry, SessionStats};

/// There is one transport, for everything is bundled.
const TRANSPORT: &str = "T01";

/// Figures of everything.
pub(crate) fn all(stats: &SessionStats) -> Vec<RtcStats> {
    let mut report = Report::new(stats);
    report.peer_connection();
    report.data_channels();
    for inbound in &stats.engine.inbound {
        report.inbound(inbound);
    }
    for outbound in &stats.engine.outbound {
        report.outbound(outbound);
    }
    report.finish()
}

/// Figures of what one sender sends.
pub(crate) fn sender(stats: &SessionStats, id: TransceiverId) -> Vec<RtcStats> {
    let mut report = Report::new(stats);
    let mid = report.mid(id);
    for outbound in stats
        .engine
        .outbound
        .iter()
        .filter(|outbound| Some(&outbound.mid) == mid)
    {
        report.outbound(outbound);
    }
    report.finish()
}

/// Figures of what one receiver receives.
pub(crate) fn receiver(stats: &SessionStats, id: TransceiverId) -> Vec<RtcStats> {
    let mut report = Report::new(stats);
    let mid = report.mid(id);
    for inbound in stats
        .engine
        .inbound
        .iter()
        .filter(|inbound| Some(&inbound.mid) == mid)
    {
        report.inbound(inbound);
    }
    report.finish()
}

/// Entries so far, and what they refer to.
struct Report<'a> {
    stats: &'a SessionStats,
    timestamp: i64,
    /// The same moment on the clock of the figures.
    now: Instant,
    entries: Vec<RtcStats>,
    codecs: BTreeSet<(usize, Pt)>,
    sources: BTreeSet<String>,
}

impl<'a> Report<'a> {
    fn new(stats: &'a SessionStats) -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let timestamp = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        Self {
            stats,
            timestamp,
            now: Instant::now(),
            entries: Vec::new(),
            codecs: BTreeSet::new(),
            sources: BTreeSet::new(),
        }
    }

    fn mid(&self, id: TransceiverId) -> Option<&'a Mid> {
        self.stats
            .media
            .iter()
            .find(|entry| entry.media().id() == id)?
            .mid()
    }

    fn entry(&self, mid: &Mid) -> Option<&'a MediaEntry> {
        self.stats
            .media
            .iter()
            .find(|entry| entry.mid() == Some(mid))
    }

    fn rtc(&self, id: String) -> dictionaries::RtcStats {
        dictionaries::RtcStats {
            id,
            timestamp: self.timestamp,
        }
    }

    /// Milliseconds since 1970; 0 where it never was.
    fn milliseconds(&self, at: Option<Instant>) -> f64 {
        let Some(at) = at else { return 0.0 };
        let ago = self.now.saturating_duration_since(at);
        self.timestamp as f64 / 1_000.0 - ago.as_secs_f64() * 1_000.0
    }

    /// Adds the transport with its candidates, and gives the entries.
    fn finish(mut self) -> Vec<RtcStats> {
        self.transport();
        self.entries
    }

    fn peer_connection(&mut self) {
        self.entries
            .push(RtcStats::PeerConnection(PeerConnectionStats {
                rtc: self.rtc("P".to_owned()),
                pc: dictionaries::PeerConnectionStats {
                    data_channels_opened: self.stats.engine.channels_opened,
                    data_channels_closed: self.stats.engine.channels_closed,
                },
            }));
    }

    fn data_channels(&mut self) {
        for (index, channel) in self.stats.engine.channels.iter().enumerate() {
            self.entries.push(RtcStats::DataChannel(DataChannelStats {
                rtc: self.rtc(format!("D{index}")),
                dc: data_channel(channel),
            }));
        }
    }

    fn inbound(&mut self, inbound: &InboundStats) {
        let entry = self.entry(&inbound.mid);
        let stream = self.stream(inbound.ssrc, inbound.kind.as_str(), entry, inbound.pt);
        let id = format!("I{}", inbound.ssrc);
        let remote_id = inbound
            .remote
            .map(|_| format!("RO{}", inbound.ssrc))
            .unwrap_or_default();
        let mut values = dictionaries::InboundRtpStreamStats {
            track_identifier: entry
                .map(|entry| entry.media().receiver_track().id())
                .unwrap_or_default(),
            mid: inbound.mid.to_string(),
            remote_id: remote_id.clone(),
            bytes_received: inbound.bytes_received,
            header_bytes_received: inbound.header_bytes_received,
            last_packet_received_timestamp: self.milliseconds(inbound.last_packet),
            rtx_ssrc: inbound.rtx_ssrc.map_or(0, |Ssrc(ssrc)| ssrc),
            retransmitted_packets_received: inbound.retransmitted_packets_received,
            retransmitted_bytes_received: inbound.retransmitted_bytes_received,
            nack_count: count(inbound.nacks),
            pli_count: count(inbound.plis),
            fir_count: count(inbound.firs),
            ..Default::default()
        };
        if let Some(audio) = entry.and_then(|entry| entry.media().audio()) {
            audio_figures(&mut values, &audio.stats());
        }
        if let Some(video) = entry.and_then(|entry| entry.media().video()) {
            super::video::inbound(&mut values, &video.stats());
        }
        self.entries.push(RtcStats::InboundRtp(InboundRtpStats {
            rtc: self.rtc(id.clone()),
            stream: stream.clone(),
            received: dictionaries::ReceivedRtpStreamStats {
                packets_received: inbound.packets_received,
                packets_lost: inbound.packets_lost,
                jitter: inbound.jitter,
            },
            inbound: values,
        }));
        if let Some(remote) = inbound.remote {
            let entry = RemoteOutboundRtpStats {
                rtc: self.rtc(remote_id),
                stream,
                sent: dictionaries::SentRtpStreamStats {
                    packets_sent: u64::from(remote.packets_sent),
                    bytes_sent: u64::from(remote.bytes_sent),
                },
                remote_outbound: remote_outbound(id, &remote),
            };
            self.entries.push(RtcStats::RemoteOutboundRtp(entry));
        }
    }

    fn outbound(&mut self, outbound: &OutboundStats) {
        let entry = self.entry(&outbound.mid);
        let track = entry.and_then(|entry| entry.media().sender_track());
        let video = match &track {
            Some(MediaStreamTrack::Video(track)) => track.send_stats(),
            _ => None,
        };
        let unused = video.as_ref().is_some_and(|video| {
            let encodings = &video.encodings;
            !encodings.is_empty() && encodings.iter().all(|one| one.ssrc != outbound.ssrc)
        });
        if unused {
            // Negotiated for a size that another stream holds as a layer: nothing is ever sent there.
            return;
        }
        let stream = self.stream(outbound.ssrc, outbound.kind.as_str(), entry, outbound.pt);
        let id = format!("O{}", outbound.ssrc);
        let remote_id = outbound
            .remote
            .map(|_| format!("RI{}", outbound.ssrc))
            .unwrap_or_default();
        let encoding = entry.and_then(|entry| {
            let encodings = entry.encodings();
            encodings
                .iter()
                .find(|encoding| encoding.ssrc == Some(outbound.ssrc))
                .or(encodings.first())
        });
        let mut values = dictionaries::OutboundRtpStreamStats {
            mid: outbound.mid.to_string(),
            media_source_id: track
                .as_ref()
                .map(|track| self.media_source(track))
                .unwrap_or_default(),
            remote_id: remote_id.clone(),
            rid: outbound
                .rid
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            header_bytes_sent: outbound.header_bytes_sent,
            total_packet_send_delay: outbound.send_delay.as_secs_f64(),
            retransmitted_packets_sent: outbound.retransmitted_packets_sent,
            retransmitted_bytes_sent: outbound.retransmitted_bytes_sent,
            rtx_ssrc: outbound.rtx_ssrc.map_or(0, |Ssrc(ssrc)| ssrc),
            nack_count: count(outbound.nacks),
            pli_count: count(outbound.plis),
            fir_count: count(outbound.firs),
            active: encoding.is_none_or(|encoding| encoding.active),
            scalibility_mode: encoding
                .and_then(|encoding| encoding.scalability_mode.clone())
                .unwrap_or_default(),
            ..Default::default()
        };
        if let Some(video) = &video {
            super::video::outbound(&mut values, outbound.ssrc, video);
        }
        if let Some(MediaStreamTrack::Audio(track)) = &track
            && values.active
        {
            values.target_bitrate = f64::from(track.target_bitrate().unwrap_or(0));
        }
        self.entries.push(RtcStats::OutboundRtp(OutboundRtpStats {
            rtc: self.rtc(id.clone()),
            stream: stream.clone(),
            sent: dictionaries::SentRtpStreamStats {
                packets_sent: outbound.packets_sent,
                bytes_sent: outbound.bytes_sent,
            },
            outbound: values,
        }));
        if let Some(remote) = outbound.remote {
            self.remote_inbound(remote_id, id, stream, outbound, &remote);
        }
    }

    fn remote_inbound(
        &mut self,
        id: String,
        local_id: String,
        stream: dictionaries::RtpStreamStats,
        outbound: &OutboundStats,
        remote: &RemoteReceiverStats,
    ) {
        // Lost packets count as sent, so what arrived is the rest.
        let packets_received = outbound.packets_sent.saturating_sub(remote.packets_lost);
        self.entries
            .push(RtcStats::RemoteInboundRtp(RemoteInboundRtpStats {
                rtc: self.rtc(id),
                stream,
                received: dictionaries::ReceivedRtpStreamStats {
                    packets_received,
                    packets_lost: i64::try_from(remote.packets_lost).unwrap_or(i64::MAX),
                    jitter: remote.jitter,
                },
                remote_inbound: dictionaries::RemoteInboundRtpStreamStats {
                    local_id,
                    round_trip_time: remote.rtt.map_or(0.0, |rtt| rtt.as_secs_f64()),
                    fraction_lost: f64::from(remote.fraction_lost),
                    total_round_trip_time: remote.total_rtt.as_secs_f64(),
                    round_trip_time_measurements: remote.rtt_measurements,
                },
            }));
    }

    /// What every stream has; adds its codec once.
    fn stream(
        &mut self,
        ssrc: Ssrc,
        kind: &str,
        entry: Option<&MediaEntry>,
        pt: Option<Pt>,
    ) -> dictionaries::RtpStreamStats {
        let codec_id = pt.and_then(|pt| self.codec(entry?, pt)).unwrap_or_default();
        dictionaries::RtpStreamStats {
            ssrc: ssrc.0,
            kind: kind.to_owned(),
            transport_id: TRANSPORT.to_owned(),
            codec_id,
        }
    }

    fn codec(&mut self, entry: &MediaEntry, pt: Pt) -> Option<String> {
        let plan = entry.plan()?;
        let mut codec = plan.codecs.iter().find(|codec| codec.pt == pt)?;
        // RED (RFC 2198) wraps a codec: that one is said, as Google's WebRTC does.
        if codec.codec == Codec::Red {
            let wrapped = plan.codecs.iter().find(|other| other.codec == Codec::Opus);
            codec = wrapped.unwrap_or(codec);
        }
        let pt = codec.pt;
        let id = format!("C{}_{pt}", plan.index);
        if self.codecs.insert((plan.index, pt)) {
            let parameters = codec.remote_fmtp.iter().map(|(name, value)| {
                if name.is_empty() {
                    value.clone()
                } else {
                    format!("{name}={value}")
                }
            });
            self.entries.push(RtcStats::Codec(CodecStats {
                rtc: self.rtc(id.clone()),
                codec: dictionaries::CodecStats {
                    payload_type: u32::from(pt.0),
                    transport_id: TRANSPORT.to_owned(),
                    mime_type: format!("{}/{}", plan.kind, codec.codec),
                    clock_rate: codec.clock_rate,
                    channels: codec.channels.map_or(0, u32::from),
                    sdp_fmtp_line: parameters.collect::<Vec<_>>().join(";"),
                },
            }));
        }
        Some(id)
    }

    /// Adds a track's source once, and gives its identifier.
    fn media_source(&mut self, track: &MediaStreamTrack) -> String {
        let id = format!("S{}", track.id());
        if self.sources.insert(id.clone()) {
            let audio = match track {
                MediaStreamTrack::Audio(track) => {
                    track.levels().map(|levels| dictionaries::AudioSourceStats {
                        audio_level: levels.audio_level,
                        total_audio_energy: levels.total_audio_energy,
                        total_samples_duration: levels.total_samples_duration,
                        ..Default::default()
                    })
                }
                MediaStreamTrack::Video(_) => None,
            };
            let video = match track {
                MediaStreamTrack::Video(track) => track.send_stats(),
                MediaStreamTrack::Audio(_) => None,
            };
            self.entries.push(RtcStats::MediaSource(MediaSourceStats {
                rtc: self.rtc(id.clone()),
                source: dictionaries::MediaSourceStats {
                    track_identifier: track.id(),
                    kind: track.kind().as_str().to_owned(),
                },
                audio: audio.unwrap_or_default(),
                video: video.as_ref().map(super::video::source).unwrap_or_default(),
            }));
        }
        id
    }

    fn transport(&mut self) {
        let engine = &self.stats.engine;
        for (index, candidate) in engine.local_candidates.iter().enumerate() {
            self.entries
                .push(RtcStats::LocalCandidate(LocalCandidateStats {
                    rtc: self.rtc(format!("L{index}")),
                    local_candidate: ice_candidate(candidate, &engine.local_ufrag),
                }));
        }
        for (index, candidate) in engine.remote_candidates.iter().enumerate() {
            self.entries
                .push(RtcStats::RemoteCandidate(RemoteCandidateStats {
                    rtc: self.rtc(format!("R{index}")),
                    remote_candidate: ice_candidate(candidate, &engine.remote_ufrag),
                }));
        }
        if let Some(pair) = &engine.pair {
            let find = |prefix, list: &[CandidateStats], address| {
                let position = list
                    .iter()
                    .position(|candidate| candidate.address == address);
                position
                    .map(|index| format!("{prefix}{index}"))
                    .unwrap_or_default()
            };
            self.entries
                .push(RtcStats::CandidatePair(CandidatePairStats {
                    rtc: self.rtc("CP".to_owned()),
                    candidate_pair: dictionaries::CandidatePairStats {
                        local_candidate_id: find('L', &engine.local_candidates, pair.local),
                        remote_candidate_id: find('R', &engine.remote_candidates, pair.remote),
                        packets_sent: engine.transport.packets_sent,
                        packets_received: engine.transport.packets_received,
                        bytes_sent: engine.transport.bytes_sent,
                        bytes_received: engine.transport.bytes_received,
                        last_packet_sent_timestamp: self.milliseconds(pair.last_sent),
                        last_packet_received_timestamp: self.milliseconds(pair.last_received),
                        available_incoming_bitrate: self
                            .stats
                            .incoming_bitrate
                            .map_or(0.0, |bitrate| bitrate as f64),
                        ..candidate_pair(pair)
                    },
                }));
        }
        let security = &engine.security;
        let local_certificate_id = self.certificate(&security.local_certificate);
        let remote_certificate_id = security
            .remote_certificate
            .as_ref()
            .map(|certificate| self.certificate(certificate))
            .unwrap_or_default();
        let selected_candidate_pair_id = engine.pair.map(|_| "CP".to_owned()).unwrap_or_default();
        self.entries.push(RtcStats::Transport(TransportStats {
            rtc: self.rtc(TRANSPORT.to_owned()),
            transport: dictionaries::TransportStats {
                packets_sent: engine.transport.packets_sent,
                packets_received: engine.transport.packets_received,
                bytes_sent: engine.transport.bytes_sent,
                bytes_received: engine.transport.bytes_received,
                ice_role: match engine.ice_controlling {
                    None => IceRole::Unknown,
                    Some(true) => IceRole::Controlling,
                    Some(false) => IceRole::Controlled,
                },
                ice_local_username_fragment: engine.local_ufrag.clone(),
                dtls_state: Some(dtls_state(engine.transport.dtls)),
                ice_state: Some(ice_state(engine.transport.ice)),
                selected_candidate_pair_id,
                local_certificate_id,
                remote_certificate_id,
                tls_version: security
                    .version
                    .map(|version| format!("{version:04X}"))
                    .unwrap_or_default(),
                dtls_cipher: security.cipher.unwrap_or_default().to_owned(),
                dtls_role: match security.client {
                    None => DtlsRole::Unknown,
                    Some(true) => DtlsRole::Client,
                    Some(false) => DtlsRole::Server,
                },
                srtp_cipher: security.srtp_profile.unwrap_or_default().to_owned(),
                selected_candidate_pair_changes: engine.transport.selected_pair_changes,
            },
        }));
    }

    /// Adds a certificate, and gives its identifier.
    fn certificate(&mut self, certificate: &EngineCertificate) -> String {
        let id = format!("CF{}", certificate.fingerprint);
        self.entries.push(RtcStats::Certificate(CertificateStats {
            rtc: self.rtc(id.clone()),
            certificate: dictionaries::CertificateStats {
                fingerprint: certificate.fingerprint.clone(),
                fingerprint_algorithm: certificate.algorithm.clone(),
                base64_certificate: base64(&certificate.certificate),
                issuer_certificate_id: String::new(),
            },
        }));
        id
    }
}

/// RFC 4648 §4.
fn base64(data: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(data.len().div_ceil(3) * 4);
    for group in data.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit) & 63) as usize;
            text.push(if digit <= group.len() {
                char::from(DIGITS[value])
            } else {
                '='
            });
        }
    }
    text
}

pub(super) fn count(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn audio_figures(
    values: &mut dictionaries::InboundRtpStreamStats,
    audio: &lk_media::audio::AudioStats,
) {
    values.packets_discarded = audio.packets_discarded;
    // What leaves the jitter buffer is decoded at once.
    values.total_processing_delay = audio.jitter_buffer_delay;
    values.jitter_buffer_delay = audio.jitter_buffer_delay;
    values.jitter_buffer_target_delay = audio.jitter_buffer_target_delay;
    values.jitter_buffer_minimum_delay = audio.jitter_buffer_minimum_delay;
    values.jitter_buffer_emitted_count = audio.jitter_buffer_emitted_count;
    values.total_samples_received = audio.total_samples_received;
    values.concealed_samples = audio.concealed_samples;
    values.silent_concealed_samples = audio.silent_concealed_samples;
    values.concealment_events = audio.concealment_events;
    values.inserted_samples_for_deceleration = audio.inserted_samples_for_deceleration;
    values.removed_samples_for_acceleration = audio.removed_samples_for_acceleration;
    values.audio_level = audio.audio_level;
    values.total_audio_energy = audio.total_audio_energy;
    values.total_samples_duration = audio.total_samples_duration;
}

fn remote_outbound(
    local_id: String,
    remote: &RemoteSenderStats,
) -> dictionaries::RemoteOutboundRtpStreamStats {
    dictionaries::RemoteOutboundRtpStreamStats {
        local_id,
        remote_timestamp: ntp_to_unix_ms(remote.ntp),
        reports_sent: remote.reports,
        ..Default::default()
    }
}

/// Milliseconds since 1970 of 32.32 fixed-point seconds since 1900 (RFC 5905 §6).
fn ntp_to_unix_ms(ntp: u64) -> f64 {
    const SECONDS_1900_TO_1970: f64 = 2_208_988_800.0;
    let seconds = ntp as f64 / 4_294_967_296.0;
    (seconds - SECONDS_1900_TO_1970).max(0.0) * 1_000.0
}

fn candidate_pair(pair: &PairStats) -> dictionaries::CandidatePairStats {
    let seconds = |duration: Duration| duration.as_secs_f64();
    dictionaries::CandidatePairStats {
        transport_id: TRANSPORT.to_owned(),
        state: Some(IceCandidatePairState::Succeeded),
        nominated: true,
        current_round_trip_time: pair.current_rtt.map_or(0.0, seconds),
        total_round_trip_time: seconds(pair.total_rtt),
        requests_sent: pair.requests_sent,
        requests_received: pair.requests_received,
        responses_sent: pair.responses_sent,
        responses_received: pair.responses_received,
        consent_requests_sent: pair.consent_requests_sent,
        available_outgoing_bitrate: pair
            .available_outgoing_bitrate
            .map_or(0.0, |bitrate| bitrate as f64),
        ..Default::default()
    }
}

fn ice_candidate(candidate: &CandidateStats, ufrag: &str) -> dictionaries::IceCandidateStats {
    dictionaries::IceCandidateStats {
        transport_id: TRANSPORT.to_owned(),
        address: candidate.address.ip().to_string(),
        port: i32::from(candidate.address.port()),
        protocol: candidate.transport.to_string(),
        candidate_type: Some(match candidate.kind {
            CandidateKind::Host => IceCandidateType::Host,
            CandidateKind::ServerReflexive => IceCandidateType::Srflx,
            CandidateKind::PeerReflexive => IceCandidateType::Prflx,
            CandidateKind::Relayed => IceCandidateType::Relay,
        }),
        priority: i32::try_from(candidate.priority).unwrap_or(i32::MAX),
        foundation: candidate.foundation.clone(),
        username_fragment: ufrag.to_owned(),
        ..Default::default()
    }
}

fn data_channel(channel: &ChannelStats) -> dictionaries::DataChannelStats {
    dictionaries::DataChannelStats {
        label: channel.init.label.clone(),
        protocol: channel.init.protocol.clone(),
        data_channel_identifier: channel.id.map_or(-1, i32::from),
        state: Some(match channel.state {
            ChannelState::Connecting => DataChannelState::Connecting,
            ChannelState::Open => DataChannelState::Open,
            ChannelState::Closing => DataChannelState::Closing,
            ChannelState::Closed => DataChannelState::Closed,
        }),
        messages_sent: count(channel.messages_sent),
        bytes_sent: channel.bytes_sent,
        messages_received: count(channel.messages_received),
        bytes_received: channel.bytes_received,
    }
}

fn dtls_state(state: DtlsState) -> DtlsTransportState {
    match state {
        DtlsState::New => DtlsTransportState::New,
        DtlsState::Connecting => DtlsTransportState::Connecting,
        DtlsState::Connected => DtlsTransportState::Connected,
        DtlsState::Closed => DtlsTransportState::Closed,
        DtlsState::Failed => DtlsTransportState::Failed,
    }
}

fn ice_state(state: IceState) -> IceTransportState {
    match state {
        IceState::New => IceTransportState::New,
        IceState::Checking => IceTransportState::Checking,
        IceState::Connected => IceTransportState::Connected,
        IceState::Completed => IceTransportState::Completed,
        IceState::Disconnected => IceTransportState::Disconnected,
        IceState::Failed => IceTransportState::Failed,
        IceState::Closed => IceTransportState::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_pads_what_is_left() {
        for (data, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(data.as_bytes()), text);
        }
        assert_eq!(base64(&[0xff, 0xef, 0xbe]), "/+++");
    }

    #[test]
    fn ntp_time_becomes_unix_time() {
        assert_eq!(ntp_to_unix_ms(2_208_988_800_u64 << 32), 0.0);
        assert_eq!(
            ntp_to_unix_ms((2_208_988_801_u64 << 32) + (1 << 31)),
            1_500.0
        );
        assert_eq!(ntp_to_unix_ms(0), 0.0);
    }
}
