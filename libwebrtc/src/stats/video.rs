//! What the video pipelines counted, as W3C dictionaries have it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use lk_types::Ssrc;

use super::dictionaries::{InboundRtpStreamStats, OutboundRtpStreamStats, VideoSourceStats};
use super::{QualityLimitationReason, report::count};
use crate::pipeline::video_recv::VideoRecvStats;
use crate::pipeline::video_send::{Limitation, VideoSendStats};

/// Fills in what the receiver of a track knows.
pub(super) fn inbound(values: &mut InboundRtpStreamStats, video: &VideoRecvStats) {
    let buffer = &video.buffer;
    values.frames_received = buffer.frames;
    values.frames_dropped = count(buffer.frames_dropped + video.decode_errors);
    values.frames_assembled_from_multiple_packets = buffer.frames_assembled;
    values.qp_sum = video.qp_sum;
    values.pause_count = count(video.pauses);
    values.total_pause_duration = video.pause_time.as_secs_f64();
    values.total_assembly_time = buffer.assembly_time.as_secs_f64();
    values.packets_discarded = buffer.packets_late;
    values.frames_decoded = count(video.frames_decoded);
    values.frames_rendered = count(video.frames_decoded);
    values.key_frames_decoded = count(video.key_frames_decoded);
    values.frame_width = video.width;
    values.frame_height = video.height;
    values.frames_per_second = video.framerate(Instant::now());
    values.total_decode_time = video.decode_time.as_secs_f64();
    values.total_processing_delay = video.processing_delay.as_secs_f64();
    values.jitter_buffer_delay = video.buffer_delay.as_secs_f64();
    values.jitter_buffer_emitted_count = video.frames_decoded;
    values.total_inter_frame_delay = video.inter_frame_delay.as_secs_f64();
    values.total_squared_inter_frame_delay = video.squared_inter_frame_delay;
    values.freeze_count = count(video.freezes);
    values.total_freeze_duration = video.freeze_time.as_secs_f64();
    video
        .implementation
        .clone_into(&mut values.decoder_implementation);
}

/// Fills in what the encoder of a stream knows.
pub(super) fn outbound(values: &mut OutboundRtpStreamStats, ssrc: Ssrc, video: &VideoSendStats) {
    let Some(encoding) = video
        .encodings
        .iter()
        .find(|encoding| encoding.ssrc == ssrc)
    else {
        return;
    };
    values.frame_width = encoding.width;
    values.frame_height = encoding.height;
    values.frames_per_second = if encoding.active {
        encoding.framerate
    } else {
        0.0
    };
    values.frames_encoded = count(encoding.frames_encoded);
    values.frames_sent = count(encoding.frames_encoded);
    values.key_frames_encoded = count(encoding.key_frames_encoded);
    values.huge_frames_sent = count(encoding.huge_frames);
    values.qp_sum = encoding.qp_sum;
    values.total_encode_time = encoding.encode_time.as_secs_f64();
    values.target_bitrate = if encoding.active {
        encoding.target_bitrate as f64
    } else {
        0.0
    };
    values.total_encoded_bytes_target = encoding.target_bytes as u64;
    values.quality_limitation_reason = match encoding.limitation {
        Limitation::None => QualityLimitationReason::None,
        Limitation::Bandwidth => QualityLimitationReason::Bandwidth,
    };
    values.quality_limitation_durations = durations(encoding.limited_for, encoding.unlimited_for);
    values.quality_limitation_resolution_changes = count(encoding.resolution_changes);
    values.active = encoding.active;
    encoding
        .implementation
        .clone_into(&mut values.encoder_implementation);
    if encoding.mode != lk_types::ScalabilityMode::L1T1 {
        values.scalibility_mode = encoding.mode.to_string();
    }
}

fn durations(bandwidth: Duration, none: Duration) -> HashMap<String, f64> {
    [
        ("none", none.as_secs_f64()),
        ("bandwidth", bandwidth.as_secs_f64()),
        ("cpu", 0.0),
        ("other", 0.0),
    ]
    .map(|(reason, seconds)| (reason.to_owned(), seconds))
    .into()
}

/// What the source of a sent track gave.
pub(super) fn source(video: &VideoSendStats) -> VideoSourceStats {
    VideoSourceStats {
        width: video.source_width,
        height: video.source_height,
        frames: count(video.frames_captured),
        frames_per_second: video.source_framerate,
    }
}
