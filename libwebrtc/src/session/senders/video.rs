//! Sent video tracks: which pipelines run, what they may send, and the frames they give the actor.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lk_engine::OutgoingRtp;
use lk_jsep::capability::extension;
use lk_jsep::plan::MediaPlan;
use lk_jsep::{Encoding, TransceiverId};
use lk_media::video::degradation::DegradationPreference;
use lk_types::{Codec, InterLayer, ScalabilityMode, Ssrc};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::first_sequence;
use crate::media_stream_track::MediaStreamTrack;
use crate::pipeline::transform::SendTransform;
use crate::pipeline::video_send::{
    EncodingParams, LayerParams, OutgoingFrame, VideoSend, VideoSendParams,
};
use crate::session::media::MediaEntry;
use crate::video_track::RtcVideoTrack;

/// What a stream without a limit counts for where the path is shared, bit/s.
const UNLIMITED: u64 = 2_500_000;

/// A frame with the number of its first packet.
pub(crate) struct NumberedFrame {
    frame: OutgoingFrame,
    first_sequence: u64,
}

impl NumberedFrame {
    /// Its packets as the engine takes them.
    pub(crate) fn packets(&self) -> impl Iterator<Item = OutgoingRtp<'_>> {
        let frame = &self.frame;
        let numbers = self.first_sequence..;
        frame
            .packets
            .iter()
            .zip(numbers)
            .map(|(packet, sequence_number)| OutgoingRtp {
                ssrc: frame.ssrc,
                pt: frame.pt,
                sequence_number,
                timestamp: frame.timestamp,
                marker: packet.marker,
                captured: frame.captured,
                audio_level: None,
                // The last packet says it, as Google's library does: receivers look there.
                rotation: frame.rotation.filter(|_| packet.marker),
                dependency_descriptor: frame.descriptor(packet),
                nackable: true,
                payload: frame.payload(packet),
            })
    }
}

/// The video pipelines of one connection.
pub(super) struct VideoSenders {
    frames: mpsc::Sender<NumberedFrame>,
    runtime: Handle,
    active: HashMap<TransceiverId, ActiveVideo>,
    /// Where each source's numbering stands: it goes on when a pipeline is replaced.
    sequences: HashMap<Ssrc, Arc<AtomicU64>>,
    connected: bool,
}

/// A pipeline and what it was made for.
struct ActiveVideo {
    track_id: String,
    params: VideoSendParams,
    pipeline: Arc<VideoSend>,
}

impl VideoSenders {
    pub(super) fn new(frames: mpsc::Sender<NumberedFrame>, runtime: Handle) -> Self {
        Self {
            frames,
            runtime,
            active: HashMap::new(),
            sequences: HashMap::new(),
            connected: false,
        }
    }

    /// Starts, changes and stops pipelines so that they match what is negotiated and set.
    pub(super) fn follow(&mut self, media: &[MediaEntry]) {
        let mut wanted: HashMap<
            TransceiverId,
            (RtcVideoTrack, VideoSendParams, Arc<SendTransform>),
        > = media
            .iter()
            .filter_map(|entry| {
                let (track, params) = wanted_video(entry)?;
                let transform = entry.media().send_transform().clone();
                Some((entry.media().id(), (track, params, transform)))
            })
            .collect();
        self.active.retain(|id, active| {
            let Some((track, params, _)) = wanted.get(id) else {
                return false;
            };
            if track.id() != active.track_id {
                return false;
            }
            if *params != active.params {
                active.pipeline.set_params(params.clone());
                active.params = params.clone();
            }
            true
        });
        wanted.retain(|id, _| !self.active.contains_key(id));
        for (id, (track, params, transform)) in wanted {
            if let Some(active) = self.start(&track, params, transform) {
                self.active.insert(id, active);
            }
        }
    }

    fn start(
        &mut self,
        track: &RtcVideoTrack,
        params: VideoSendParams,
        transform: Arc<SendTransform>,
    ) -> Option<ActiveVideo> {
        let source = track.source()?.clone();
        let mut sequences: Vec<(Ssrc, Arc<AtomicU64>)> = params
            .encodings
            .iter()
            .map(|encoding| {
                let number = self
                    .sequences
                    .entry(encoding.ssrc)
                    .or_insert_with(|| Arc::new(AtomicU64::new(first_sequence(encoding.ssrc))));
                (encoding.ssrc, number.clone())
            })
            .collect();
        let frames = self.frames.clone();
        let out = move |frame: OutgoingFrame| {
            let count = frame.packets.len() as u64;
            let number = match sequences.iter().find(|(ssrc, _)| *ssrc == frame.ssrc) {
                Some((_, number)) => number.clone(),
                None => {
                    let number = Arc::new(AtomicU64::new(first_sequence(frame.ssrc)));
                    sequences.push((frame.ssrc, number.clone()));
                    number
                }
            };
            let first_sequence = number.fetch_add(count, Ordering::Relaxed);
            // Waits where the actor is behind: a picture that is not encoded meanwhile is the cheapest one.
            frames
                .blocking_send(NumberedFrame {
                    frame,
                    first_sequence,
                })
                .is_ok()
        };
        let pipeline = match VideoSend::spawn(
            self.runtime.clone(),
            &source,
            transform,
            params.clone(),
            track.passes(),
            self.connected,
            out,
        ) {
            Ok(pipeline) => Arc::new(pipeline),
            Err(error) => {
                log::error!(
                    "video track {}: no thread to encode in: {error}",
                    track.id()
                );
                return None;
            }
        };
        track.attach_sender(&pipeline);
        Some(ActiveVideo {
            track_id: track.id(),
            params,
            pipeline,
        })
    }

    pub(super) fn connected(&mut self) {
        self.connected = true;
        for active in self.active.values() {
            active.pipeline.connected();
        }
    }

    pub(super) fn stop_all(&mut self) {
        self.active.clear();
    }

    pub(super) fn keyframe(&self, ssrc: Ssrc) {
        for active in self.active.values().filter(|active| active.has(ssrc)) {
            active.pipeline.want_keyframe(ssrc);
        }
    }

    /// Shares what there is for video out among the tracks, by what each would like.
    pub(super) fn share(&self, bitrate: u64) {
        let desired = self.desired_bitrate();
        if desired == 0 {
            return;
        }
        for active in self.active.values() {
            let part = u128::from(bitrate) * u128::from(active.desired()) / u128::from(desired);
            active
                .pipeline
                .set_bitrate(u64::try_from(part).unwrap_or(u64::MAX));
        }
    }

    /// What all tracks together would like to send, bit/s.
    pub(super) fn desired_bitrate(&self) -> u64 {
        self.active.values().map(ActiveVideo::desired).sum()
    }
}

impl ActiveVideo {
    fn has(&self, ssrc: Ssrc) -> bool {
        self.params
            .encodings
            .iter()
            .any(|encoding| encoding.ssrc == ssrc)
    }

    fn desired(&self) -> u64 {
        self.sizes().sum()
    }

    /// What each size that is watched may take, smallest first, bit/s.
    fn sizes(&self) -> impl Iterator<Item = u64> {
        let active = self
            .params
            .encodings
            .iter()
            .filter(|encoding| encoding.active);
        active
            .flat_map(|encoding| {
                let whole = LayerParams {
                    active: true,
                    max_bitrate: encoding.max_bitrate,
                };
                let layers = &encoding.layers;
                let single = layers.is_empty().then_some(whole);
                layers.iter().copied().chain(single)
            })
            .filter(|layer| layer.active)
            .map(|layer| layer.max_bitrate.unwrap_or(UNLIMITED))
    }
}

fn wanted_video(entry: &MediaEntry) -> Option<(RtcVideoTrack, VideoSendParams)> {
    let plan = entry.plan().filter(|plan| plan.direction.sends())?;
    let MediaStreamTrack::Video(track) = entry.media().sender_track()? else {
        return None;
    };
    let encoded = track.source()?.is_encoded();
    let params = video_params(
        plan,
        entry.encodings(),
        encoded,
        entry.media().settings().degradation(),
    )?;
    Some((track, params))
}

/// What the exchange and the application agreed on; `None` where nothing of it can be encoded.
fn video_params(
    plan: &MediaPlan,
    encodings: &[Encoding],
    encoded: bool,
    degradation: DegradationPreference,
) -> Option<VideoSendParams> {
    let codec = plan
        .codecs
        .iter()
        .filter(|codec| {
            codec.codec.kind() == Some(plan.kind)
                && (encoded || lk_codecs::video::can_encode(codec.codec))
        })
        // Whole NAL units in single packets are of no use for pictures of any size (RFC 6184 §5.4).
        .find(|codec| {
            codec.codec != Codec::H264
                || codec
                    .remote_fmtp
                    .iter()
                    .any(|(name, value)| name == "packetization-mode" && value == "1")
        })?;
    let streams: Vec<_> = plan
        .send
        .iter()
        .filter(|stream| stream.ssrc.is_some())
        .collect();
    let count = streams.len();
    let mut sent: Vec<EncodingParams> = streams
        .iter()
        .enumerate()
        .filter_map(|(at, stream)| {
            let encoding = match &stream.rid {
                Some(rid) => encodings
                    .iter()
                    .find(|encoding| encoding.rid.as_ref() == Some(rid)),
                None => encodings.get(at),
            };
            // W3C webrtc-pc §5.2: without a word each layer is half as wide as the next.
            let halvings = i32::try_from(count - 1 - at).unwrap_or(0);
            Some(EncodingParams {
                ssrc: stream.ssrc?,
                active: encoding.is_none_or(|encoding| encoding.active),
                max_bitrate: encoding.and_then(|encoding| encoding.max_bitrate),
                max_framerate: encoding.and_then(|encoding| encoding.max_framerate),
                scale_down_by: encoding
                    .and_then(|encoding| encoding.scale_resolution_down_by)
                    .unwrap_or_else(|| 2f64.powi(halvings)),
                layers: Vec::new(),
            })
        })
        .collect();
    if sent.is_empty() {
        return None;
    }
    sent.sort_by(|one, other| other.scale_down_by.total_cmp(&one.scale_down_by));
    let negotiated = |uri: &str| plan.extensions.iter().any(|known| known.uri == uri);
    let asked = encodings
        .iter()
        .find_map(|encoding| ScalabilityMode::parse(encoding.scalability_mode.as_deref()?));
    let mode = mode(codec.codec, asked, sent.len(), encoded);
    if matches!(codec.codec, Codec::Vp9 | Codec::Av1) && !encoded {
        layer(&mut sent, mode);
    }
    Some(VideoSendParams {
        codec: codec.codec,
        pt: codec.pt,
        mode,
        encodings: sent,
        descriptor: negotiated(extension::DEPENDENCY_DESCRIPTOR),
        orientation: negotiated(extension::VIDEO_ORIENTATION),
        degradation,
    })
}

/// The layers inside a stream. The servers of LiveKit thin VP8 out by temporal layers where it comes in several
/// sizes, and Google's library gives them three; of VP9 and AV1 they take one stream that holds all sizes.
fn mode(
    codec: Codec,
    asked: Option<ScalabilityMode>,
    sizes: usize,
    encoded: bool,
) -> ScalabilityMode {
    let temporal = |temporal_layers| ScalabilityMode {
        temporal_layers,
        ..ScalabilityMode::L1T1
    };
    let several = sizes > 1 && !encoded;
    match (codec, asked) {
        (Codec::Vp9 | Codec::Av1, Some(mode)) => mode,
        (Codec::Vp9 | Codec::Av1, None) if several => ScalabilityMode {
            spatial_layers: sizes.min(3) as u8,
            temporal_layers: 3,
            inter_layer: InterLayer::KeyOnly,
            ..ScalabilityMode::L1T1
        },
        (Codec::Vp8, Some(mode)) => temporal(mode.temporal_layers),
        (Codec::Vp8, None) if several => temporal(3),
        _ => ScalabilityMode::L1T1,
    }
}

/// Of VP9 and AV1: several sizes become the spatial layers of the stream that has the largest, as in Google's library.
/// `sent` has the smallest size first.
fn layer(sent: &mut Vec<EncodingParams>, mode: ScalabilityMode) {
    let count = usize::from(mode.spatial_layers);
    let Some(largest) = sent.last() else {
        return;
    };
    let layers: Vec<LayerParams> = match (sent.len(), largest.max_bitrate) {
        (1, _) if count == 1 => Vec::new(),
        // The mode was asked for, so that there is one limit for all.
        (1, limit) => split(count)
            .map(|thousandths| LayerParams {
                active: largest.active,
                max_bitrate: limit.map(|limit| limit * thousandths / 1000),
            })
            .collect(),
        _ => sent[sent.len().saturating_sub(count)..]
            .iter()
            .map(|encoding| LayerParams {
                active: encoding.active,
                max_bitrate: encoding.max_bitrate,
            })
            .collect(),
    };
    let merged = EncodingParams {
        ssrc: largest.ssrc,
        active: sent.iter().any(|encoding| encoding.active),
        max_bitrate: layers
            .iter()
            .filter(|layer| layer.active)
            .map(|layer| layer.max_bitrate)
            .sum::<Option<u64>>()
            .filter(|_| !layers.is_empty())
            .or(largest.max_bitrate),
        max_framerate: largest.max_framerate,
        scale_down_by: largest.scale_down_by,
        layers,
    };
    *sent = vec![merged];
}

/// The parts of a limit for one to three spatial layers, in thousandths: four times the pixels need about two and a
/// half times the bits.
fn split(count: usize) -> impl Iterator<Item = u64> {
    let parts: &[u64] = match count {
        1 => &[1000],
        2 => &[290, 710],
        _ => &[100, 250, 650],
    };
    parts.iter().copied()
}
