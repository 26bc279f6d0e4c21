//! The encoder of VP8, with one to three temporal layers.

use lk_types::{Codec, EncodedVideo, I420View, LayerFrame};

use super::sys::{Packet, Settings, Vpx, flag};
use crate::shim::{Encoder, Library, Rates};
use crate::video::{
    Clock, EncodeRequest, VideoCodecError, VideoEncoder, VideoEncoderConfig, VideoRates,
    layer_kilobits, max_intra_percent,
};

/// What the rate control's buffer is kept at, ms.
const BUFFER_OPTIMAL_MS: u32 = 600;

/// One picture's place in a temporal pattern. Only `last` and `golden` are used: `last` holds the lowest layer's
/// newest picture, `golden` the middle layer's.
struct Step {
    temporal: u8,
    flags: u32,
    discardable: bool,
    /// Whether it refers to golden, the middle layer's picture, and not to `last`.
    golden: bool,
}

const BASE: Step = Step {
    temporal: 0,
    flags: flag::NO_UPDATE_GOLDEN
        | flag::NO_UPDATE_ALTREF
        | flag::NO_REF_GOLDEN
        | flag::NO_REF_ALTREF,
    discardable: false,
    golden: false,
};

const fn top(temporal: u8, golden: bool) -> Step {
    let away = if golden {
        flag::NO_REF_LAST
    } else {
        flag::NO_REF_GOLDEN
    };
    Step {
        temporal,
        flags: away
            | flag::NO_REF_ALTREF
            | flag::NO_UPDATE_LAST
            | flag::NO_UPDATE_GOLDEN
            | flag::NO_UPDATE_ALTREF
            | flag::NO_UPDATE_PROBABILITIES,
        discardable: true,
        golden,
    }
}

const ONE: &[Step] = &[BASE];

const TWO: &[Step] = &[BASE, top(1, false)];

const THREE: &[Step] = &[
    BASE,
    top(2, false),
    Step {
        temporal: 1,
        flags: flag::NO_REF_GOLDEN
            | flag::NO_REF_ALTREF
            | flag::NO_UPDATE_LAST
            | flag::NO_UPDATE_ALTREF
            | flag::NO_UPDATE_PROBABILITIES,
        discardable: false,
        golden: false,
    },
    top(2, true),
];

pub(crate) struct Vp8Encoder {
    config: VideoEncoderConfig,
    inner: Encoder<Vpx>,
    clock: Clock,
    pattern: &'static [Step],
    /// The next step of the pattern.
    at: usize,
    /// Frames since `last` and since `golden` were written, to this one.
    age_last: u16,
    age_golden: u16,
    packets: Vec<Packet>,
}

impl Vp8Encoder {
    pub(crate) fn new(config: &VideoEncoderConfig) -> Result<Self, VideoCodecError> {
        let pattern = match (config.mode.spatial_layers, config.mode.temporal_layers) {
            (1, 1) => ONE,
            (1, 2) => TWO,
            (1, 3) => THREE,
            _ => return Err(config.mode_error()),
        };
        let threads = config.thread_count();
        let settings = Settings {
            vp9: 0,
            width: config.width,
            height: config.height,
            threads,
            error_resilient: u32::from(config.mode.temporal_layers > 1),
            spatial_layers: 1,
            temporal_layers: u32::from(config.mode.temporal_layers),
            cpu_used: cpu_used(config),
            screen: u32::from(config.screen),
            drop_threshold: 30,
            min_quantizer: 2,
            max_quantizer: 56,
            undershoot_pct: 100,
            overshoot_pct: 15,
            buffer_ms: 1000,
            buffer_initial_ms: 500,
            buffer_optimal_ms: BUFFER_OPTIMAL_MS,
            static_threshold: if config.screen { 100 } else { 1 },
            token_partitions_log2: threads.ilog2(),
            ..Settings::default()
        };
        Ok(Self {
            config: *config,
            inner: Encoder::new(
                &settings,
                &rates(&config.rates(), config),
                (settings.width, settings.height),
            )?,
            clock: Clock::new(config.framerate),
            pattern,
            at: 0,
            age_last: 0,
            age_golden: 0,
            packets: Vec::new(),
        })
    }
}

/// Small pictures are cheap and can have the better search.
fn cpu_used(config: &VideoEncoderConfig) -> i32 {
    match config.width * config.height {
        0..=102_400 => -6,
        102_401..=307_200 => -8,
        _ => -10,
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

impl VideoEncoder for Vp8Encoder {
    fn encode(
        &mut self,
        picture: &I420View<'_>,
        request: EncodeRequest,
        out: &mut Vec<EncodedVideo>,
    ) -> Result<(), VideoCodecError> {
        self.config.check_picture(picture)?;
        let step = if request.keyframe {
            &self.pattern[0]
        } else {
            &self.pattern[self.at]
        };
        let flags = if request.keyframe {
            flag::KEY
        } else {
            step.flags
        };
        let pts = self.clock.advance(request.timestamp);
        self.packets.clear();
        self.inner.encode(
            picture,
            pts,
            self.clock.duration(),
            flags,
            step.temporal,
            None,
            &mut self.packets,
        )?;
        let Some(packet) = self.packets.pop() else {
            // Dropped: the next picture takes its place in the pattern.
            return Ok(());
        };
        let keyframe = packet.keyframe;
        let references = if keyframe {
            Vec::new()
        } else {
            vec![
                if step.golden {
                    self.age_golden
                } else {
                    self.age_last
                }
                .saturating_add(1),
            ]
        };
        out.push(EncodedVideo {
            codec: Codec::Vp8,
            payload: packet.payload,
            keyframe,
            width: self.config.width,
            height: self.config.height,
            end_of_picture: true,
            layer: LayerFrame {
                spatial: 0,
                temporal: if keyframe { 0 } else { step.temporal },
                discardable: step.discardable && !keyframe,
                switching_up: keyframe || step.temporal > 0 && !step.golden,
                inter_layer: false,
                references,
            },
            qp: packet.quantizer,
        });
        self.age_last = self.age_last.saturating_add(1);
        self.age_golden = self.age_golden.saturating_add(1);
        if keyframe || step.flags & flag::NO_UPDATE_LAST == 0 {
            self.age_last = 0;
        }
        if keyframe || step.flags & flag::NO_UPDATE_GOLDEN == 0 {
            self.age_golden = 0;
        }
        self.at = if keyframe { 1 } else { self.at + 1 } % self.pattern.len();
        Ok(())
    }

    fn set_rates(&mut self, rates: &VideoRates) -> Result<(), VideoCodecError> {
        rates.check()?;
        self.clock.set_framerate(rates.framerate);
        self.inner.set_rates(&self::rates(rates, &self.config))
    }

    fn implementation(&self) -> &'static str {
        Vpx::NAME
    }
}
