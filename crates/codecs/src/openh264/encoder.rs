//! The encoder of H.264, with one to three temporal layers.

use lk_types::{Codec, EncodedVideo, I420View, LayerFrame};

use super::LIBRARY;
use super::qp::QpReader;
use super::sys::{Encoder, Settings};
use crate::video::{
    Clock, EncodeRequest, VideoCodecError, VideoEncoder, VideoEncoderConfig, VideoRates,
};

pub(crate) struct H264Encoder {
    config: VideoEncoderConfig,
    inner: Encoder,
    clock: Clock,
    qp: QpReader,
    /// The number that the next frame gets.
    frame: u64,
    /// The number of the newest frame of each temporal layer that others refer to.
    newest: [Option<u64>; 2],
}

impl H264Encoder {
    pub(crate) fn new(config: &VideoEncoderConfig) -> Result<Self, VideoCodecError> {
        if config.mode.spatial_layers > 1 {
            return Err(config.mode_error());
        }
        config.check_at_least(16, "16..=16383 for H.264")?;
        let settings = Settings {
            // With chroma halved, H.264 has even sizes only: the last column and row of an odd one are left out.
            width: config.width & !1,
            height: config.height & !1,
            framerate: config.framerate,
            bitrate: bits(&config.rates()),
            temporal_layers: config.mode.temporal_layers,
            screen: config.screen,
            threads: config.thread_count(),
        };
        Ok(Self {
            config: *config,
            inner: Encoder::new(&settings)?,
            clock: Clock::new(config.framerate),
            qp: QpReader::default(),
            frame: 0,
            newest: [None; 2],
        })
    }

    /// What the frame refers to: the newest one of a lower temporal layer, or of its own if that is the lowest.
    fn references(&self, temporal: u8) -> Vec<u16> {
        let layers = usize::from(temporal).clamp(1, 2);
        let newest = self.newest[..layers].iter().flatten().max();
        newest
            .map(|number| u16::try_from(self.frame - number).unwrap_or(u16::MAX))
            .into_iter()
            .collect()
    }
}

/// The highest level's limit (H.264 table A-1) is the most that OpenH264 takes.
fn bits(rates: &VideoRates) -> i32 {
    rates.total().min(240_000_000) as i32
}

impl VideoEncoder for H264Encoder {
    fn encode(
        &mut self,
        picture: &I420View<'_>,
        request: EncodeRequest,
        out: &mut Vec<EncodedVideo>,
    ) -> Result<(), VideoCodecError> {
        self.config.check_picture(picture)?;
        let milliseconds = self.clock.advance(request.timestamp) / 90;
        let Some(encoded) = self.inner.encode(picture, milliseconds, request.keyframe)? else {
            return Ok(());
        };
        let qp = self.qp.read(&encoded.payload);
        let temporal = if encoded.keyframe {
            0
        } else {
            encoded.temporal
        };
        let top = temporal > 0 && temporal + 1 == self.config.mode.temporal_layers;
        let references = if encoded.keyframe {
            self.newest = [None; 2];
            Vec::new()
        } else {
            self.references(temporal)
        };
        let from_lowest = references.first().is_some_and(|distance| {
            self.newest[0].is_some_and(|number| self.frame - number == u64::from(*distance))
        });
        out.push(EncodedVideo {
            codec: Codec::H264,
            payload: encoded.payload,
            keyframe: encoded.keyframe,
            width: self.config.width & !1,
            height: self.config.height & !1,
            end_of_picture: true,
            layer: LayerFrame {
                spatial: 0,
                temporal,
                discardable: top,
                switching_up: encoded.keyframe || temporal > 0 && from_lowest,
                inter_layer: false,
                references,
            },
            qp,
        });
        if !top && let Some(newest) = self.newest.get_mut(usize::from(temporal)) {
            *newest = Some(self.frame);
        }
        self.frame += 1;
        Ok(())
    }

    fn set_rates(&mut self, rates: &VideoRates) -> Result<(), VideoCodecError> {
        rates.check()?;
        self.clock.set_framerate(rates.framerate);
        self.inner.set_rates(bits(rates), rates.framerate)
    }

    fn implementation(&self) -> &'static str {
        LIBRARY
    }
}
