//! Statistics, outward (`stats.proto`): the W3C dictionaries, field by field.
//!
//! The wire groups fields by dictionary as `libwebrtc` does, so nearly all of this is copying.

use livekit::webrtc::{
    prelude::DataChannelState,
    stats::{
        self, DtlsRole, DtlsTransportState, IceCandidatePairState, IceCandidateType, IceRole,
        IceServerTransportProtocol, IceTcpCandidateType, IceTransportState,
        QualityLimitationReason, RtcStats, dictionaries,
    },
};

use super::map_enum;
use crate::proto::{self, rtc_stats};

map_enum!(DataChannelState => proto::DataChannelState {
    Connecting => DcConnecting,
    Open => DcOpen,
    Closing => DcClosing,
    Closed => DcClosed,
});

map_enum!(QualityLimitationReason => proto::QualityLimitationReason {
    None => LimitationNone,
    Cpu => LimitationCpu,
    Bandwidth => LimitationBandwidth,
    Other => LimitationOther,
});

map_enum!(IceRole => proto::IceRole {
    Unknown => IceUnknown,
    Controlling => IceControlling,
    Controlled => IceControlled,
});

map_enum!(DtlsTransportState => proto::DtlsTransportState {
    New => DtlsTransportNew,
    Connecting => DtlsTransportConnecting,
    Connected => DtlsTransportConnected,
    Closed => DtlsTransportClosed,
    Failed => DtlsTransportFailed,
});

map_enum!(IceTransportState => proto::IceTransportState {
    New => IceTransportNew,
    Checking => IceTransportChecking,
    Connected => IceTransportConnected,
    Completed => IceTransportCompleted,
    Disconnected => IceTransportDisconnected,
    Failed => IceTransportFailed,
    Closed => IceTransportClosed,
});

map_enum!(DtlsRole => proto::DtlsRole {
    Client => DtlsClient,
    Server => DtlsServer,
    Unknown => DtlsUnknown,
});

map_enum!(IceCandidatePairState => proto::IceCandidatePairState {
    Frozen => PairFrozen,
    Waiting => PairWaiting,
    InProgress => PairInProgress,
    Failed => PairFailed,
    Succeeded => PairSucceeded,
});

map_enum!(IceCandidateType => proto::IceCandidateType {
    Host => Host,
    Srflx => Srflx,
    Prflx => Prflx,
    Relay => Relay,
});

map_enum!(IceServerTransportProtocol => proto::IceServerTransportProtocol {
    Udp => TransportUdp,
    Tcp => TransportTcp,
    Tls => TransportTls,
});

map_enum!(IceTcpCandidateType => proto::IceTcpCandidateType {
    Active => CandidateActive,
    Passive => CandidatePassive,
    So => CandidateSo,
});

impl From<RtcStats> for proto::RtcStats {
    fn from(entry: RtcStats) -> Self {
        use rtc_stats::Stats;
        let stats = match entry {
            RtcStats::Codec(s) => Stats::Codec(s.into()),
            RtcStats::InboundRtp(s) => Stats::InboundRtp(s.into()),
            RtcStats::OutboundRtp(s) => Stats::OutboundRtp(s.into()),
            RtcStats::RemoteInboundRtp(s) => Stats::RemoteInboundRtp(s.into()),
            RtcStats::RemoteOutboundRtp(s) => Stats::RemoteOutboundRtp(s.into()),
            RtcStats::MediaSource(s) => Stats::MediaSource(s.into()),
            RtcStats::MediaPlayout(s) => Stats::MediaPlayout(s.into()),
            RtcStats::PeerConnection(s) => Stats::PeerConnection(s.into()),
            RtcStats::DataChannel(s) => Stats::DataChannel(s.into()),
            RtcStats::Transport(s) => Stats::Transport(s.into()),
            RtcStats::CandidatePair(s) => Stats::CandidatePair(s.into()),
            RtcStats::LocalCandidate(s) => Stats::LocalCandidate(s.into()),
            RtcStats::RemoteCandidate(s) => Stats::RemoteCandidate(s.into()),
            RtcStats::Certificate(s) => Stats::Certificate(s.into()),
            RtcStats::Stream(s) => Stats::Stream(s.into()),
            RtcStats::Track => Stats::Track(rtc_stats::Track {}),
        };
        Self { stats: Some(stats) }
    }
}

/// An entry of several dictionaries: each is converted on its own.
macro_rules! entry {
    ($from:ident => $to:ident { $($wire:ident: $own:ident),+ $(,)? }) => {
        impl From<stats::$from> for rtc_stats::$to {
            fn from(entry: stats::$from) -> Self {
                Self { $($wire: entry.$own.into()),+ }
            }
        }
    };
}

entry!(CodecStats => Codec { rtc: rtc, codec: codec });
entry!(InboundRtpStats => InboundRtp { rtc: rtc, stream: stream, received: received, inbound: inbound });
entry!(OutboundRtpStats => OutboundRtp { rtc: rtc, stream: stream, sent: sent, outbound: outbound });
entry!(RemoteInboundRtpStats => RemoteInboundRtp {
    rtc: rtc,
    stream: stream,
    received: received,
    remote_inbound: remote_inbound,
});
entry!(RemoteOutboundRtpStats => RemoteOutboundRtp {
    rtc: rtc,
    stream: stream,
    sent: sent,
    remote_outbound: remote_outbound,
});
entry!(MediaSourceStats => MediaSource { rtc: rtc, source: source, audio: audio, video: video });
entry!(MediaPlayoutStats => MediaPlayout { rtc: rtc, audio_playout: audio_playout });
entry!(PeerConnectionStats => PeerConnection { rtc: rtc, pc: pc });
entry!(DataChannelStats => DataChannel { rtc: rtc, dc: dc });
entry!(TransportStats => Transport { rtc: rtc, transport: transport });
entry!(CandidatePairStats => CandidatePair { rtc: rtc, candidate_pair: candidate_pair });
entry!(LocalCandidateStats => LocalCandidate { rtc: rtc, candidate: local_candidate });
entry!(RemoteCandidateStats => RemoteCandidate { rtc: rtc, candidate: remote_candidate });
entry!(CertificateStats => Certificate { rtc: rtc, certificate: certificate });
entry!(StreamStats => Stream { rtc: rtc, stream: stream });

/// A dictionary whose fields bear the same names and types on both sides.
macro_rules! dictionary {
    ($from:ident => $to:ident { $($field:ident),+ $(,)? }) => {
        impl From<dictionaries::$from> for proto::$to {
            fn from(own: dictionaries::$from) -> Self {
                Self { $($field: own.$field),+ }
            }
        }
    };
}

dictionary!(RtcStats => RtcStatsData {
    id, timestamp,
});

dictionary!(CodecStats => CodecStats {
    payload_type, transport_id, mime_type, clock_rate, channels, sdp_fmtp_line,
});

dictionary!(RtpStreamStats => RtpStreamStats {
    ssrc, kind, transport_id, codec_id,
});

dictionary!(ReceivedRtpStreamStats => ReceivedRtpStreamStats {
    packets_received, packets_lost, jitter,
});

dictionary!(InboundRtpStreamStats => InboundRtpStreamStats {
    track_identifier, mid, remote_id, frames_decoded, key_frames_decoded, frames_rendered,
    frames_dropped, frame_width, frame_height, frames_per_second, qp_sum, total_decode_time,
    total_inter_frame_delay, total_squared_inter_frame_delay, pause_count,
    total_pause_duration, freeze_count, total_freeze_duration,
    last_packet_received_timestamp, header_bytes_received, packets_discarded,
    fec_bytes_received, fec_packets_received, fec_packets_discarded, bytes_received,
    nack_count, fir_count, pli_count, total_processing_delay, estimated_playout_timestamp,
    jitter_buffer_delay, jitter_buffer_target_delay, jitter_buffer_emitted_count,
    jitter_buffer_minimum_delay, total_samples_received, concealed_samples,
    silent_concealed_samples, concealment_events, inserted_samples_for_deceleration,
    removed_samples_for_acceleration, audio_level, total_audio_energy,
    total_samples_duration, frames_received, decoder_implementation, playout_id,
    power_efficient_decoder, frames_assembled_from_multiple_packets, total_assembly_time,
    retransmitted_packets_received, retransmitted_bytes_received, rtx_ssrc, fec_ssrc,
});

dictionary!(SentRtpStreamStats => SentRtpStreamStats {
    packets_sent, bytes_sent,
});

dictionary!(RemoteInboundRtpStreamStats => RemoteInboundRtpStreamStats {
    local_id, round_trip_time, total_round_trip_time, fraction_lost,
    round_trip_time_measurements,
});

dictionary!(RemoteOutboundRtpStreamStats => RemoteOutboundRtpStreamStats {
    local_id, remote_timestamp, reports_sent, round_trip_time, total_round_trip_time,
    round_trip_time_measurements,
});

dictionary!(MediaSourceStats => MediaSourceStats {
    track_identifier, kind,
});

dictionary!(AudioSourceStats => AudioSourceStats {
    audio_level, total_audio_energy, total_samples_duration, echo_return_loss,
    echo_return_loss_enhancement, dropped_samples_duration, dropped_samples_events,
    total_capture_delay, total_samples_captured,
});

dictionary!(VideoSourceStats => VideoSourceStats {
    width, height, frames, frames_per_second,
});

dictionary!(AudioPlayoutStats => AudioPlayoutStats {
    kind, synthesized_samples_duration, synthesized_samples_events, total_samples_duration,
    total_playout_delay, total_samples_count,
});

dictionary!(PeerConnectionStats => PeerConnectionStats {
    data_channels_opened, data_channels_closed,
});

dictionary!(CertificateStats => CertificateStats {
    fingerprint, fingerprint_algorithm, base64_certificate, issuer_certificate_id,
});

dictionary!(StreamStats => StreamStats {
    id, stream_identifier,
});

impl From<dictionaries::OutboundRtpStreamStats> for proto::OutboundRtpStreamStats {
    fn from(own: dictionaries::OutboundRtpStreamStats) -> Self {
        Self {
            mid: own.mid,
            media_source_id: own.media_source_id,
            remote_id: own.remote_id,
            rid: own.rid,
            header_bytes_sent: own.header_bytes_sent,
            retransmitted_packets_sent: own.retransmitted_packets_sent,
            retransmitted_bytes_sent: own.retransmitted_bytes_sent,
            rtx_ssrc: own.rtx_ssrc,
            target_bitrate: own.target_bitrate,
            total_encoded_bytes_target: own.total_encoded_bytes_target,
            frame_width: own.frame_width,
            frame_height: own.frame_height,
            frames_per_second: own.frames_per_second,
            frames_sent: own.frames_sent,
            huge_frames_sent: own.huge_frames_sent,
            frames_encoded: own.frames_encoded,
            key_frames_encoded: own.key_frames_encoded,
            qp_sum: own.qp_sum,
            total_encode_time: own.total_encode_time,
            total_packet_send_delay: own.total_packet_send_delay,
            quality_limitation_durations: own.quality_limitation_durations.into_iter().collect(),
            quality_limitation_resolution_changes: own.quality_limitation_resolution_changes,
            nack_count: own.nack_count,
            fir_count: own.fir_count,
            pli_count: own.pli_count,
            encoder_implementation: own.encoder_implementation,
            power_efficient_encoder: own.power_efficient_encoder,
            active: own.active,
            quality_limitation_reason: proto::QualityLimitationReason::from(
                own.quality_limitation_reason,
            )
            .into(),
            scalability_mode: own.scalibility_mode,
        }
    }
}

impl From<dictionaries::DataChannelStats> for proto::DataChannelStats {
    fn from(own: dictionaries::DataChannelStats) -> Self {
        Self {
            label: own.label,
            protocol: own.protocol,
            data_channel_identifier: own.data_channel_identifier,
            messages_sent: own.messages_sent,
            bytes_sent: own.bytes_sent,
            messages_received: own.messages_received,
            bytes_received: own.bytes_received,
            state: own
                .state
                .map(|state| proto::DataChannelState::from(state).into()),
        }
    }
}

impl From<dictionaries::TransportStats> for proto::TransportStats {
    fn from(own: dictionaries::TransportStats) -> Self {
        Self {
            packets_sent: own.packets_sent,
            packets_received: own.packets_received,
            bytes_sent: own.bytes_sent,
            bytes_received: own.bytes_received,
            ice_local_username_fragment: own.ice_local_username_fragment,
            selected_candidate_pair_id: own.selected_candidate_pair_id,
            local_certificate_id: own.local_certificate_id,
            remote_certificate_id: own.remote_certificate_id,
            tls_version: own.tls_version,
            dtls_cipher: own.dtls_cipher,
            srtp_cipher: own.srtp_cipher,
            selected_candidate_pair_changes: own.selected_candidate_pair_changes,
            ice_role: proto::IceRole::from(own.ice_role).into(),
            dtls_state: own
                .dtls_state
                .map(|state| proto::DtlsTransportState::from(state).into()),
            ice_state: own
                .ice_state
                .map(|state| proto::IceTransportState::from(state).into()),
            dtls_role: proto::DtlsRole::from(own.dtls_role).into(),
        }
    }
}

impl From<dictionaries::CandidatePairStats> for proto::CandidatePairStats {
    fn from(own: dictionaries::CandidatePairStats) -> Self {
        Self {
            transport_id: own.transport_id,
            local_candidate_id: own.local_candidate_id,
            remote_candidate_id: own.remote_candidate_id,
            nominated: own.nominated,
            packets_sent: own.packets_sent,
            packets_received: own.packets_received,
            bytes_sent: own.bytes_sent,
            bytes_received: own.bytes_received,
            last_packet_sent_timestamp: own.last_packet_sent_timestamp,
            last_packet_received_timestamp: own.last_packet_received_timestamp,
            total_round_trip_time: own.total_round_trip_time,
            current_round_trip_time: own.current_round_trip_time,
            available_outgoing_bitrate: own.available_outgoing_bitrate,
            available_incoming_bitrate: own.available_incoming_bitrate,
            requests_received: own.requests_received,
            requests_sent: own.requests_sent,
            responses_received: own.responses_received,
            responses_sent: own.responses_sent,
            consent_requests_sent: own.consent_requests_sent,
            packets_discarded_on_send: own.packets_discarded_on_send,
            bytes_discarded_on_send: own.bytes_discarded_on_send,
            state: own
                .state
                .map(|state| proto::IceCandidatePairState::from(state).into()),
        }
    }
}

impl From<dictionaries::IceCandidateStats> for proto::IceCandidateStats {
    fn from(own: dictionaries::IceCandidateStats) -> Self {
        Self {
            transport_id: own.transport_id,
            address: own.address,
            port: own.port,
            protocol: own.protocol,
            priority: own.priority,
            url: own.url,
            foundation: own.foundation,
            related_address: own.related_address,
            related_port: own.related_port,
            username_fragment: own.username_fragment,
            candidate_type: own
                .candidate_type
                .map(|kind| proto::IceCandidateType::from(kind).into()),
            relay_protocol: own
                .relay_protocol
                .map(|protocol| proto::IceServerTransportProtocol::from(protocol).into()),
            tcp_type: own
                .tcp_type
                .map(|kind| proto::IceTcpCandidateType::from(kind).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_keeps_the_figures_of_all_its_dictionaries() {
        let mut inbound = stats::InboundRtpStats::default();
        inbound.rtc.id = "in".into();
        inbound.rtc.timestamp = 42;
        inbound.stream.ssrc = 7;
        inbound.received.packets_lost = -3;
        inbound.inbound.concealed_samples = 960;
        let wire = proto::RtcStats::from(RtcStats::InboundRtp(inbound));
        let Some(rtc_stats::Stats::InboundRtp(wire)) = wire.stats else {
            panic!("wrong kind of entry");
        };
        assert_eq!((wire.rtc.id.as_str(), wire.rtc.timestamp), ("in", 42));
        assert_eq!(wire.stream.ssrc, 7);
        assert_eq!(wire.received.packets_lost, -3);
        assert_eq!(wire.inbound.concealed_samples, 960);
    }

    #[test]
    fn an_unknown_state_stays_absent_and_a_known_one_is_kept() {
        let mut transport = stats::TransportStats::default();
        transport.transport.ice_state = Some(IceTransportState::Completed);
        let wire = rtc_stats::Transport::from(transport);
        assert_eq!(wire.transport.dtls_state, None);
        assert_eq!(
            wire.transport.ice_state,
            Some(proto::IceTransportState::IceTransportCompleted.into())
        );
    }
}
