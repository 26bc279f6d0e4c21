//! The encoder of VP9, with one to three spatial and temporal layers.

use lk_types::{Codec, EncodedVideo, I420View, InterLayer};

use super::sys::{Packet, Settings, Structure, Vpx, flag};
use crate::shim::{Encoder, Library, Rates};
use crate::video::layers::{Layers, PicturePlan, scaling};
use crate::video::{
    Clock, EncodeRequest, VideoCodecError, VideoEncoder, VideoEncoderConfig, VideoRates,
    layer_kilobits, max_intra_percent,
};

/// What the rate control's buffer is kept at, ms.
const BUFFER_OPTIMAL_MS: u32 = 600;

pub(crate) struct Vp9Encoder {
    config: VideoEncoderConfig,
    inner: Encoder<Vpx>,
    clock: Clock,
    layers: Layers,
    packets: Vec<Packet>,
}

impl Vp9Encoder {
    pub(crate) fn new(config: &VideoEncoderConfig) -> Result<Self, VideoCodecError> {
        let mode = config.mode;
        let layered = mode.spatial_layers * mode.temporal_layers > 1;
        if layered {
            config.check_at_least(2, "2..=16383 for layers of VP9")?;
        }
        let threads = config.thread_count();
        let scale = scaling(mode);
        // A tile is at least 256 pixels wide.
        let tile_columns_log2 = (config.width / 256).max(1).min(threads).ilog2();
        let layer_speed = scale.map(|(num, den)| speed(config, num, den));
        // libvpx makes layers of even sizes only, and of an odd one would print a warning for each picture; the last column
        // and row are left out.
        let even = |size: u32| if layered { size & !1 } else { size };
        let settings = Settings {
            vp9: 1,
            width: even(config.width),
            height: even(config.height),
            threads,
            error_resilient: u32::from(layered),
            spatial_layers: u32::from(mode.spatial_layers),
            temporal_layers: u32::from(mode.temporal_layers),
            cpu_used: speed(config, 1, 1) as i32,
            screen: u32::from(config.screen),
            drop_threshold: 30,
            min_quantizer: if config.screen { 8 } else { 2 },
            max_quantizer: 56,
            undershoot_pct: 50,
            overshoot_pct: 50,
            buffer_ms: 1000,
            buffer_initial_ms: 500,
            buffer_optimal_ms: BUFFER_OPTIMAL_MS,
            static_threshold: 1,
            token_partitions_log2: 0,
            tile_columns_log2,
            inter_layer_off: match mode.inter_layer {
                InterLayer::Always => 0,
                InterLayer::Never => 1,
                InterLayer::KeyOnly => 2,
            },
            scale_num: scale.map(|(num, _)| num),
            scale_den: scale.map(|(_, den)| den),
            layer_speed,
        };
        Ok(Self {
            config: *config,
            inner: Encoder::new(
                &settings,
                &rates(&config.rates(), config),
                (settings.width, settings.height),
            )?,
            clock: Clock::new(config.framerate),
            layers: Layers::new(mode),
            packets: Vec::new(),
        })
    }
}

/// Small pictures are cheap and can have the better search.
fn speed(config: &VideoEncoderConfig, num: u32, den: u32) -> u32 {
    match (config.width * num / den) * (config.height * num / den) {
        0..=102_400 => 7,
        _ => 8,
    }
}

fn rates(rates: &VideoRates, config: &VideoEncoderConfig) -> Rates {
    let (total, layer) = layer_kilobits(rates, config.mode);
    Rates {
        total,
        layer,
        max_intra_pct: max_intra_percent(BUFFER_OPTIMAL_MS, rates.framerate),
    }
}

fn structure(plan: &PicturePlan) -> Structure {
    let slot = |slot: Option<u8>| slot.map_or(-1, i32::from);
    Structure {
        first_spatial: 0,
        temporal: plan.layers.map(|layer| i32::from(layer.temporal)),
        reference: plan
            .layers
            .map(|layer| [slot(layer.own), slot(layer.below), -1]),
        update: plan.layers.map(|layer| u32::from(layer.update)),
    }
}

impl VideoEncoder for Vp9Encoder {
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
        self.inner.encode(
            picture,
            pts,
            self.clock.duration(),
            if plan.key { flag::KEY } else { 0 },
            0,
            Some(&structure(&plan)),
            &mut self.packets,
        )?;
        // When libvpx drops a picture of which some layers are off, it may still give a husk of those.
        self.packets.retain(|packet| packet.spatial < plan.count);
        if self.packets.is_empty() {
            // Dropped: the next picture takes its place in the structure.
            return Ok(());
        }
        let delivered = self
            .packets
            .iter()
            .fold(0, |bits, packet| bits | 1 << packet.spatial);
        let mut places = self.layers.commit(&plan, delivered);
        let count = self.packets.len();
        for (index, packet) in self.packets.drain(..).enumerate() {
            out.push(EncodedVideo {
                codec: Codec::Vp9,
                payload: packet.payload,
                keyframe: plan.key,
                width: packet.width,
                height: packet.height,
                end_of_picture: index + 1 == count,
                layer: std::mem::take(&mut places[usize::from(packet.spatial)]),
                qp: packet.quantizer,
            });
        }
        Ok(())
    }

    fn set_rates(&mut self, rates: &VideoRates) -> Result<(), VideoCodecError> {
        rates.check()?;
        self.clock.set_framerate(rates.framerate);
        self.layers.set_active(rates.active(self.config.mode));
        self.inner.set_rates(&self::rates(rates, &self.config))
    }

    fn implementation(&self) -> &'static str {
        Vpx::NAME
    }
}
