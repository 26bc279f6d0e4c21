//! The encoder of AV1, with one to three spatial and temporal layers.

use lk_types::{Codec, EncodedVideo, I420View, InterLayer};

use super::sys::{Aom, Packet, Settings, Structure};
use crate::shim::{Encoder, Library, Rates};
use crate::video::layers::{LayerPlan, Layers, scaling};
use crate::video::{
    Clock, EncodeRequest, VideoCodecError, VideoEncoder, VideoEncoderConfig, VideoRates,
    layer_kilobits, max_intra_percent,
};

/// What the rate control's buffer is kept at, ms.
const BUFFER_OPTIMAL_MS: u32 = 600;

pub(crate) struct Av1Encoder {
    config: VideoEncoderConfig,
    inner: Encoder<Aom>,
    clock: Clock,
    layers: Layers,
    packets: Vec<Packet>,
}

impl Av1Encoder {
    pub(crate) fn new(config: &VideoEncoderConfig) -> Result<Self, VideoCodecError> {
        let mode = config.mode;
        if mode.inter_layer == InterLayer::Never {
            // A keyframe of any layer would empty the buffers of all.
            return Err(config.mode_error());
        }
        let threads = config.thread_count();
        let scale = scaling(mode);
        let settings = Settings {
            width: config.width,
            height: config.height,
            threads,
            spatial_layers: u32::from(mode.spatial_layers),
            temporal_layers: u32::from(mode.temporal_layers),
            cpu_used: if config.width * config.height <= 102_400 {
                9
            } else {
                10
            },
            screen: u32::from(config.screen),
            // It would drop each layer of a picture by itself, the highest ones most.
            drop_threshold: if mode.spatial_layers > 1 { 0 } else { 30 },
            min_quantizer: 10,
            max_quantizer: if mode.spatial_layers > 1 { 63 } else { 56 },
            undershoot_pct: 50,
            overshoot_pct: 50,
            buffer_ms: 1000,
            buffer_initial_ms: 600,
            buffer_optimal_ms: BUFFER_OPTIMAL_MS,
            tile_columns_log2: (config.width / 256).max(1).min(threads).ilog2(),
            scale_num: scale.map(|(num, _)| num),
            scale_den: scale.map(|(_, den)| den),
        };
        Ok(Self {
            config: *config,
            inner: Encoder::new(
                &settings,
                &told(&config.rates(), config),
                (settings.width, settings.height),
            )?,
            clock: Clock::new(config.framerate),
            layers: Layers::new(mode),
            packets: Vec::new(),
        })
    }

    /// A spatial layer's size: libaom rounds those below the highest up to even ones.
    fn size(&self, spatial: u8) -> (u32, u32) {
        let (num, den) = scaling(self.config.mode)[usize::from(spatial)];
        let scale = |size: u32| {
            if num == den {
                size
            } else {
                (size * num / den).next_multiple_of(2)
            }
        };
        (scale(self.config.width), scale(self.config.height))
    }
}

fn told(rates: &VideoRates, config: &VideoEncoderConfig) -> Rates {
    let (total, layer) = layer_kilobits(rates, config.mode);
    Rates {
        total,
        layer,
        max_intra_pct: max_intra_percent(BUFFER_OPTIMAL_MS, rates.framerate),
    }
}

fn structure(spatial: u8, layer: &LayerPlan) -> Structure {
    let slot = |slot: Option<u8>| slot.map_or(-1, i32::from);
    Structure {
        spatial: i32::from(spatial),
        temporal: i32::from(layer.temporal),
        reference: [slot(layer.own), slot(layer.below)],
        update: u32::from(layer.update),
    }
}

impl VideoEncoder for Av1Encoder {
    fn encode(
        &mut self,
        picture: &I420View<'_>,
        request: EncodeRequest,
        out: &mut Vec<EncodedVideo>,
    ) -> Result<(), VideoCodecError> {
        self.config.check_picture(picture)?;
        let plan = self.layers.plan(request.keyframe);
        let pts = self.clock.advance(request.timestamp);
        self.packets.clear();
        for (spatial, layer) in (0..plan.count).zip(&plan.layers) {
            let packet = self.inner.encode(
                picture,
                pts,
                self.clock.duration(),
                plan.key && spatial == 0,
                &structure(spatial, layer),
            )?;
            // Without a layer there is nothing for those above it to refer to.
            let Some(packet) = packet else { break };
            self.packets.push(packet);
        }
        let count = self.packets.len();
        if count == 0 {
            // Dropped: the next picture takes its place in the structure.
            return Ok(());
        }
        let places = self.layers.commit(&plan, (1 << count) - 1);
        let packets = std::mem::take(&mut self.packets);
        for ((spatial, packet), layer) in (0_u8..).zip(packets).zip(places) {
            let (width, height) = self.size(spatial);
            out.push(EncodedVideo {
                codec: Codec::Av1,
                payload: packet.payload,
                keyframe: plan.key,
                width,
                height,
                end_of_picture: usize::from(spatial) + 1 == count,
                layer,
                qp: packet.quantizer,
            });
        }
        Ok(())
    }

    fn set_rates(&mut self, rates: &VideoRates) -> Result<(), VideoCodecError> {
        rates.check()?;
        self.clock.set_framerate(rates.framerate);
        self.layers.set_active(rates.active(self.config.mode));
        self.inner.set_rates(&told(rates, &self.config))
    }

    fn implementation(&self) -> &'static str {
        Aom::NAME
    }
}
