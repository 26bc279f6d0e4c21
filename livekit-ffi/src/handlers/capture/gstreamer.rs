//! What a pipeline of GStreamer gives: pictures, or frames that it encoded.

use std::time::{Duration, Instant};

use livekit::webrtc::{
    video_frame::{EncodedFrameType, EncodedVideoFrame, I420Buffer, VideoFrame, VideoRotation},
    video_source::{VideoResolution, native::NativeVideoSource},
};
use lk_capture::gstreamer::{Knob, Media, Pipeline, Pulled, Sample};

use super::{
    Source,
    pump::{Producer, Step, Stop},
};
use crate::{
    convert::{enum_field, video},
    error::FfiError,
    handlers::video_source::MAX_SIDE,
    proto,
};

/// Longest wait in one step.
const PATIENCE: Duration = Duration::from_millis(100);

/// Starts a pipeline; waits for what it gives first.
pub(super) fn source(config: proto::GstreamerVideoSourceConfig) -> Result<Source, FfiError> {
    let failed = |error| FfiError::operation("new_capture_source", error);
    let wanted_codec = config
        .codec
        .map(|codec| enum_field::<proto::VideoCodec>("gstreamer.codec", codec))
        .transpose()?;
    let wanted_size = config
        .resolution
        .map(|size| {
            let fields = ["gstreamer.resolution.width", "gstreamer.resolution.height"];
            video::resolution(fields, size.width, size.height, MAX_SIDE)
        })
        .transpose()?;
    let unit = config
        .rate_control
        .as_ref()
        .map(|rate| {
            enum_field::<proto::GstreamerBitrateUnit>("gstreamer.rate_control.unit", rate.unit)
        })
        .transpose()?;

    let pipeline = Pipeline::start(&config.pipeline).map_err(|error| {
        FfiError::operation(
            "new_capture_source",
            format_args!("`gstreamer.pipeline`: {error}"),
        )
    })?;
    let (width, height) = pipeline.size();
    let fields = ["gstreamer.pipeline width", "gstreamer.pipeline height"];
    let resolution = video::resolution(fields, width, height, MAX_SIDE)?;
    if let Some(wanted) = wanted_size
        && (wanted.width, wanted.height) != (width, height)
    {
        return Err(FfiError::field(
            "gstreamer.resolution",
            format_args!("{}x{}", wanted.width, wanted.height),
            "the pipeline gives another size",
        ));
    }
    let codec = codec(pipeline.media());
    if wanted_codec.is_some() && wanted_codec != codec {
        return Err(FfiError::field(
            "gstreamer.codec",
            wanted_codec.map_or("", |codec| codec.as_str_name()),
            "the pipeline gives something else",
        ));
    }
    let rate = match (config.rate_control, unit) {
        (Some(rate), Some(unit)) => Some(Rate {
            knob: pipeline
                .knob(&rate.element, &rate.property)
                .map_err(failed)?,
            unit,
        }),
        _ => None,
    };
    let rtc = match codec {
        Some(_) => NativeVideoSource::new_encoded(resolution.clone()),
        None => NativeVideoSource::new(resolution.clone(), false),
    };
    let producer = Piped {
        pipeline,
        codec,
        rate,
        to: rtc.clone(),
        start: Instant::now(),
    };
    Ok(Source {
        producer: Box::new(producer),
        rtc,
        resolution,
        codec,
    })
}

fn codec(media: Media) -> Option<proto::VideoCodec> {
    match media {
        Media::I420 => None,
        Media::Vp8 => Some(proto::VideoCodec::Vp8),
        Media::Vp9 => Some(proto::VideoCodec::Vp9),
        Media::Av1 => Some(proto::VideoCodec::Av1),
        Media::H264 => Some(proto::VideoCodec::H264),
        Media::H265 => Some(proto::VideoCodec::H265),
    }
}

/// What follows the rate that the network bears.
struct Rate {
    knob: Knob,
    unit: proto::GstreamerBitrateUnit,
}

struct Piped {
    pipeline: Pipeline,
    codec: Option<proto::VideoCodec>,
    rate: Option<Rate>,
    to: NativeVideoSource,
    start: Instant,
}

impl Producer for Piped {
    fn step(&mut self, _stop: &Stop) -> Result<Step, String> {
        if self.codec.is_some() {
            self.follow()?;
        }
        match self
            .pipeline
            .pull(PATIENCE)
            .map_err(|error| error.to_string())?
        {
            Pulled::Sample(sample) => {
                self.hand_on(&sample);
                Ok(Step::Captured)
            }
            Pulled::Nothing => Ok(Step::Waited),
            Pulled::End => Ok(Step::Ended),
        }
    }
}

impl Piped {
    /// Passes on what is asked of the encoder.
    fn follow(&mut self) -> Result<(), String> {
        if self.to.take_keyframe_request() {
            self.pipeline.wish_for_key();
        }
        // Taken in any case: it would grow old.
        let request = self.to.take_rate_control_request();
        if let (Some(request), Some(rate)) = (request, &self.rate) {
            let bps = request.target_bitrate_bps;
            let value = match rate.unit {
                proto::GstreamerBitrateUnit::Bps => bps,
                proto::GstreamerBitrateUnit::Kbps => bps.div_ceil(1_000),
            };
            rate.knob.turn(value).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn hand_on(&self, sample: &Sample) {
        let timestamp_us =
            1 + i64::try_from(self.start.elapsed().as_micros()).unwrap_or(i64::MAX - 1);
        let (width, height) = (sample.width, sample.height);
        let Some(codec) = self.codec else {
            self.to.capture_picture(VideoFrame {
                rotation: VideoRotation::VideoRotation0,
                timestamp_us,
                frame_metadata: None,
                buffer: picture(sample),
            });
            return;
        };
        // One that nobody takes is lost, as one that the network loses: a key frame will be asked for.
        self.to.capture_encoded_frame(&EncodedVideoFrame {
            codec: codec.into(),
            payload: &sample.data,
            timestamp_us,
            frame_type: if sample.key {
                EncodedFrameType::Key
            } else {
                EncodedFrameType::Delta
            },
            resolution: VideoResolution { width, height },
            frame_metadata: None,
        });
    }
}

/// A picture's planes, row by row.
fn picture(sample: &Sample) -> I420Buffer {
    let mut buffer = I420Buffer::new(sample.width, sample.height);
    let (stride_y, stride_u, stride_v) = buffer.strides();
    let half = sample.width.div_ceil(2) as usize;
    let (y, u, v) = buffer.data_mut();
    let targets = [
        (y, stride_y, sample.width as usize),
        (u, stride_u, half),
        (v, stride_v, half),
    ];
    for ((target, stride, columns), from) in targets.into_iter().zip(sample.layout()) {
        let rows = target.chunks_mut(stride as usize);
        let source = sample.data[from.offset..].chunks(from.stride);
        for (row, source) in rows.zip(source) {
            row[..columns].copy_from_slice(&source[..columns]);
        }
    }
    buffer
}
