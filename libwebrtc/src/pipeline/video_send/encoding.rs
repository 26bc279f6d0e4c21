//! One RTP stream of a sent track: its encoder, its packetiser and its share of the rate.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use lk_codecs::video::{EncodeRequest, VideoEncoder, VideoEncoderConfig, VideoRates};
use lk_media::video::allocation::LayerLimits;
use lk_media::video::{Packetizer, PacketizerConfig};
use lk_types::{Codec, EncodedVideo, I420Picture, I420View, Pt, Rotation, ScalabilityMode, Ssrc};

use super::keyframes::KeyFrames;
use super::pace::{FrameLimiter, FramerateMeter};
use super::spatial::SpatialLayers;
use super::stats::{EncodingStats, Limitation};
use super::{EncodingParams, OutgoingFrame, VideoSendParams};
use crate::pipeline::transform::{SendTransform, Sent};
use crate::pipeline::video_source::RateAdvice;

/// Most bytes of payload and descriptor: an IPv6 packet of 1,280 bytes less its headers, RTP's with extensions,
/// authentication and the two bytes of a retransmission.
const MAX_PAYLOAD: usize = 1_120;
/// A frame of more than this times the average is a huge one (W3C `hugeFramesSent`).
const HUGE: f64 = 2.5;

/// What is wanted of one picture, by whatever stream encodes it.
pub(super) struct Wanted {
    pub(super) captured: Instant,
    pub(super) captured_us: i64,
    pub(super) rotation: Option<Rotation>,
    /// Of the whole picture, before a stream's divisor.
    pub(super) size: (u32, u32),
    /// As the source gives them, and as they are to be encoded at most.
    pub(super) source_framerate: f64,
    pub(super) framerate: f64,
}

pub(super) struct Encoding {
    codec: Codec,
    pt: Pt,
    mode: ScalabilityMode,
    screen: bool,
    spatial: Option<SpatialLayers>,
    params: EncodingParams,
    packetizer: Packetizer,
    encoder: Option<ActiveEncoder>,
    limiter: FrameLimiter,
    meter: FramerateMeter,
    keyframes: KeyFrames,
    /// Whether the encoder left out the latest picture that it was given.
    left_out: Option<bool>,
    rotation: Rotation,
    scaled: I420Picture,
    output: Vec<EncodedVideo>,
    transform: Arc<SendTransform>,
    transformed: Vec<EncodedVideo>,
    average_size: f64,
    /// The encoder could not be made for this size; not tried again for it.
    refused: Option<(u32, u32)>,
    limit_counted: Option<Instant>,
    stats: EncodingStats,
}

struct ActiveEncoder {
    encoder: Box<dyn VideoEncoder>,
    size: (u32, u32),
    told: VideoRates,
}

impl Encoding {
    /// `None` where the stream cannot be packetised at all, which is logged.
    pub(super) fn new(
        track: &VideoSendParams,
        params: EncodingParams,
        transform: Arc<SendTransform>,
        screen: bool,
    ) -> Option<Self> {
        let config = PacketizerConfig {
            max_payload: MAX_PAYLOAD,
            mode: track.mode,
            descriptor: track.descriptor,
            first_picture_id: (params.ssrc.0 & 0x7fff) as u16,
        };
        let packetizer = match Packetizer::new(track.codec, config) {
            Ok(packetizer) => packetizer,
            Err(error) => {
                log::error!("video stream {}: {error}", params.ssrc);
                return None;
            }
        };
        Some(Self {
            codec: track.codec,
            pt: track.pt,
            mode: track.mode,
            screen,
            stats: EncodingStats::new(params.ssrc, track.mode),
            spatial: SpatialLayers::new(&params.layers, track.mode),
            params,
            packetizer,
            encoder: None,
            limiter: FrameLimiter::default(),
            meter: FramerateMeter::default(),
            keyframes: KeyFrames::new(),
            left_out: None,
            rotation: Rotation::None,
            scaled: I420Picture::default(),
            output: Vec::new(),
            transform,
            transformed: Vec::new(),
            average_size: 0.0,
            refused: None,
            limit_counted: None,
        })
    }

    pub(super) fn ssrc(&self) -> Ssrc {
        self.params.ssrc
    }

    pub(super) fn stats(&self) -> &EncodingStats {
        &self.stats
    }

    pub(super) fn set_params(&mut self, params: EncodingParams) {
        if !params.active {
            // Its memory is free while nobody watches; it comes back with a key frame.
            self.encoder = None;
            self.keyframes.leave();
        }
        match &mut self.spatial {
            Some(spatial) if params.layers.len() == self.params.layers.len() => {
                spatial.set_layers(&params.layers);
            }
            slot => *slot = SpatialLayers::new(&params.layers, self.mode),
        }
        self.params = params;
        self.stats.active = self.params.active;
    }

    pub(super) fn want_keyframe(&mut self) {
        self.keyframes.want();
    }

    /// Frames that are not key frames are of no use now.
    pub(super) fn awaits_keyframe(&self) -> bool {
        self.keyframes.awaits_first()
    }

    /// Whether the encoder left out the latest picture, where it was given it.
    pub(super) fn left_out(&self) -> Option<bool> {
        self.left_out
    }

    /// The size of its pictures for one of the source's, before bandwidth has its say.
    pub(super) fn size(&self, source: (u32, u32)) -> (u32, u32) {
        let by = self.params.scale_down_by.max(1.0);
        let scaled = |side: u32| ((f64::from(side) / by).round() as u32).clamp(1, side.max(1));
        (scaled(source.0), scaled(source.1))
    }

    /// What it needs and can use for pictures of that size from the source.
    pub(super) fn limits(&self, source: (u32, u32)) -> LayerLimits {
        let (width, height) = self.size(source);
        let limits = match &self.spatial {
            Some(spatial) => spatial.limits((width, height)),
            None => LayerLimits::for_size(width, height, self.params.max_bitrate),
        };
        LayerLimits {
            active: self.params.active && limits.active,
            ..limits
        }
    }

    /// What the program's own encoder may send of so much.
    pub(super) fn advice(&self, bitrate: u64, framerate: f64) -> RateAdvice {
        RateAdvice {
            bitrate: bitrate.min(self.params.max_bitrate.unwrap_or(u64::MAX)),
            framerate: framerate.min(self.params.max_framerate.unwrap_or(f64::MAX)),
        }
    }

    /// Encodes the picture in this stream's size; `None` where nothing is to be sent. `bitrate` 0 means that there
    /// is no room for this stream.
    pub(super) fn encode(
        &mut self,
        image: &I420View<'_>,
        wanted: &Wanted,
        bitrate: u64,
    ) -> Option<OutgoingFrame> {
        let captured = wanted.captured;
        self.left_out = None;
        if !self.params.active || bitrate == 0 {
            self.encoder = None;
            self.stats.active = false;
            return None;
        }
        let framerate = wanted
            .framerate
            .min(self.params.max_framerate.unwrap_or(f64::MAX));
        // What the source's own rate seems to be is no limit: it is only measured.
        let limit = (framerate < wanted.source_framerate).then_some(framerate);
        if !self
            .limiter
            .passes(captured, limit.or(self.params.max_framerate))
        {
            return None;
        }
        let size = self.size(wanted.size);
        let rates = VideoRates {
            bitrate,
            framerate,
            spatial_bitrates: self
                .spatial
                .as_mut()
                .map(|spatial| spatial.share(bitrate, size, captured)),
        };
        if let Some(shares) = rates.spatial_bitrates {
            // A forwarder that waits for a layer which is not sent would show nothing.
            let sent = shares.iter().take_while(|share| **share > 0).count() as u8;
            self.packetizer
                .set_active_layers(sent, self.mode.temporal_layers);
        }
        self.prepare(size, rates)?;
        let began = Instant::now();
        let scaled;
        let image = if size == (image.width, image.height) {
            image
        } else {
            if let Err(error) = lk_dsp::video::scale_i420(image, size.0, size.1, &mut self.scaled) {
                log::error!("video stream {}: {error}", self.params.ssrc);
                return None;
            }
            scaled = self.scaled.view();
            &scaled
        };
        let keyframe = self.keyframes.is_due(captured);
        let active = self.encoder.as_mut()?;
        self.output.clear();
        let request = EncodeRequest {
            keyframe,
            timestamp: ticks(captured),
        };
        if let Err(error) = active.encoder.encode(image, request, &mut self.output) {
            log::error!("video stream {}: {error}", self.params.ssrc);
            // A new one may do better.
            self.encoder = None;
            return None;
        }
        self.left_out = Some(self.output.is_empty());
        self.stats.encode_time += began.elapsed();
        self.stats.implementation = active.encoder.implementation();
        self.stats.framerate = framerate;
        self.stats.target_bitrate = bitrate;
        let output = std::mem::take(&mut self.output);
        let frame = self.send(&output, captured, wanted.captured_us, wanted.rotation);
        self.output = output;
        frame
    }

    /// Makes the encoder that is needed, or tells the one that is there its rates.
    fn prepare(&mut self, size: (u32, u32), rates: VideoRates) -> Option<()> {
        if self.refused == Some(size) {
            return None;
        }
        match &mut self.encoder {
            Some(active) if active.size == size => {
                if differs(&active.told, &rates) {
                    if let Err(error) = active.encoder.set_rates(&rates) {
                        log::warn!("video stream {}: {error}", self.params.ssrc);
                    }
                    active.told = rates;
                }
            }
            slot => {
                let config = VideoEncoderConfig {
                    codec: self.codec,
                    width: size.0,
                    height: size.1,
                    framerate: rates.framerate,
                    bitrate: rates.bitrate,
                    mode: self.mode,
                    screen: self.screen,
                    threads: 0,
                };
                match lk_codecs::video::encoder(&config) {
                    Ok(encoder) => {
                        *slot = Some(ActiveEncoder {
                            encoder,
                            size,
                            told: rates,
                        });
                        self.keyframes.begin();
                        self.stats.active = true;
                    }
                    Err(error) => {
                        log::error!("video stream {}: {error}", self.params.ssrc);
                        self.refused = Some(size);
                        return None;
                    }
                }
            }
        }
        Some(())
    }

    /// Sends a frame as the program encoded it.
    pub(super) fn pass(
        &mut self,
        frame: &EncodedVideo,
        captured: Instant,
        captured_us: i64,
        advice: RateAdvice,
    ) -> Option<OutgoingFrame> {
        // Another codec was agreed on since the frame was taken.
        if !self.params.active || frame.codec != self.codec {
            return None;
        }
        self.stats.active = true;
        self.stats.framerate = advice.framerate;
        self.stats.target_bitrate = advice.bitrate;
        self.stats.implementation = "external";
        self.limit(Limitation::None);
        self.send(std::slice::from_ref(frame), captured, captured_us, None)
    }

    fn send(
        &mut self,
        output: &[EncodedVideo],
        captured: Instant,
        captured_us: i64,
        rotation: Option<Rotation>,
    ) -> Option<OutgoingFrame> {
        let last = output.last()?;
        let size: usize = output.iter().map(|frame| frame.payload.len()).sum();
        let sent = Sent {
            ssrc: self.params.ssrc,
            timestamp: rtp_timestamp(self.params.ssrc, captured),
            captured_us,
        };
        let mut transformed = std::mem::take(&mut self.transformed);
        let Some(frames) = self.transform.video(output, sent, &mut transformed) else {
            self.transformed = transformed;
            // When there is a key again, receivers can begin at once.
            self.keyframes.want();
            return None;
        };
        // Said with every picture that is turned, and with the first that is not any more.
        let rotation = rotation.filter(|now| {
            *now != Rotation::None || std::mem::replace(&mut self.rotation, *now) != *now
        });
        if let Some(rotation) = rotation {
            self.rotation = rotation;
        }
        let mut packets = OutgoingFrame::new(
            self.params.ssrc,
            self.pt,
            sent.timestamp,
            captured,
            rotation,
            size,
        );
        if let Err(error) = self
            .packetizer
            .packetize(frames, |packet| packets.push(&packet))
        {
            log::error!("video stream {}: {error}", self.params.ssrc);
        }
        self.transformed = transformed;
        let keyframe = output.first().is_some_and(|frame| frame.keyframe);
        if keyframe {
            self.keyframes.sent(captured);
        }
        self.meter.count(captured);
        self.count(last, size, keyframe, output);
        (!packets.packets.is_empty()).then_some(packets)
    }

    /// Says whether the path kept the track below what was asked for while it sent the latest picture.
    pub(super) fn limit(&mut self, limitation: Limitation) {
        let stats = &mut self.stats;
        stats.limitation = limitation;
        let now = Instant::now();
        if let Some(before) = self.limit_counted.replace(now) {
            let passed = now.saturating_duration_since(before);
            match limitation {
                Limitation::None => stats.unlimited_for += passed,
                Limitation::Bandwidth => stats.limited_for += passed,
            }
        }
    }

    fn count(&mut self, last: &EncodedVideo, size: usize, keyframe: bool, output: &[EncodedVideo]) {
        let stats = &mut self.stats;
        // Before there is anything to measure it is what the encoder was told.
        stats.framerate = self.meter.rate().unwrap_or(stats.framerate);
        stats.frames_encoded += 1;
        stats.key_frames_encoded += u64::from(keyframe);
        stats.target_bytes += stats.target_bitrate as f64 / stats.framerate.max(1.0) / 8.0;
        stats.qp_sum += output
            .last()
            .and_then(|frame| frame.qp)
            .map_or(0, u64::from);
        if (stats.width, stats.height) != (last.width, last.height) {
            stats.resolution_changes += u64::from(stats.width != 0);
            (stats.width, stats.height) = (last.width, last.height);
        }
        let size = size as f64;
        stats.huge_frames += u64::from(self.average_size > 0.0 && size > HUGE * self.average_size);
        self.average_size += (size - self.average_size) * 0.05;
    }
}

/// Changes below a hundredth are not worth an encoder's attention.
fn differs(told: &VideoRates, rates: &VideoRates) -> bool {
    told.bitrate.abs_diff(rates.bitrate) * 100 > told.bitrate
        || (told.framerate - rates.framerate).abs() > 0.5
        || layers_differ(told.spatial_bitrates, rates.spatial_bitrates)
}

fn layers_differ(told: Option<[u64; 3]>, rates: Option<[u64; 3]>) -> bool {
    match (told, rates) {
        (Some(told), Some(rates)) => told
            .iter()
            .zip(rates)
            .any(|(told, now)| (*told == 0) != (now == 0) || told.abs_diff(now) * 100 > *told),
        (told, rates) => told != rates,
    }
}

/// 90 kHz since a moment that all streams of the process share.
fn ticks(captured: Instant) -> u64 {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let origin = *ORIGIN.get_or_init(|| captured);
    let since = captured.saturating_duration_since(origin);
    u64::try_from(since.as_nanos() * 9 / 100_000).unwrap_or(u64::MAX)
}

/// RFC 3550 §5.1: starts at an unpredictable value, which the source's number is. It follows the clock alone, so it
/// goes on where an encoder is replaced.
fn rtp_timestamp(ssrc: Ssrc, captured: Instant) -> u32 {
    let low = (ticks(captured) & u64::from(u32::MAX)) as u32;
    low.wrapping_add(ssrc.0.wrapping_mul(0x85eb_ca6b))
}
