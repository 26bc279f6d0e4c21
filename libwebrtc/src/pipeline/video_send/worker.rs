//! The thread that encodes: takes what waits, shares the rate out, and has every stream encode its size.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lk_media::video::allocation::{Allocator, LayerLimits};
use lk_media::video::degradation::Degradation;
use lk_types::{I420Picture, Rotation};

use super::encoding::{Encoding, Wanted};
use super::pace::FramerateMeter;
use super::stats::Limitation;
use super::{Inbox, OutgoingFrame, Shared, VideoSendParams};
use crate::pipeline::transform::SendTransform;
use crate::pipeline::video_source::{CapturedFrame, CapturedPicture, VideoSource};

/// Assumed until two pictures came.
const DEFAULT_FRAMERATE: f64 = 30.0;
/// What a track may send before anybody knows what the path carries, bit/s: the connection's own first guess. All sizes
/// of a track begin together, because a server that sees the largest late is slow to go over to it.
const FIRST_BITRATE: u64 = 2_500_000;

/// For so long after the first picture the estimate of the path says little.
const SETTLING: Duration = Duration::from_secs(4);

/// State of the thread.
pub(super) struct Worker<F> {
    shared: Arc<Shared>,
    source: VideoSource,
    transform: Arc<SendTransform>,
    out: F,
    params: Option<VideoSendParams>,
    encodings: Vec<Encoding>,
    allocator: Allocator,
    degradation: Option<Degradation>,
    /// Since when pictures are encoded.
    began: Option<Instant>,
    bitrate: u64,
    meter: FramerateMeter,
    upright: I420Picture,
    /// Encoded frames may follow: a key frame came since the last loss.
    in_sync: bool,
}

/// One round of work.
struct Work {
    params: Option<VideoSendParams>,
    keyframes: Vec<lk_types::Ssrc>,
    bitrate: Option<u64>,
    picture: Option<CapturedPicture>,
    frame: Option<CapturedFrame>,
}

impl<F: FnMut(OutgoingFrame) -> bool> Worker<F> {
    pub(super) fn new(
        shared: Arc<Shared>,
        source: VideoSource,
        transform: Arc<SendTransform>,
        out: F,
    ) -> Self {
        Self {
            shared,
            source,
            transform,
            out,
            params: None,
            encodings: Vec::new(),
            allocator: Allocator::new(),
            degradation: None,
            began: None,
            bitrate: FIRST_BITRATE,
            meter: FramerateMeter::default(),
            upright: I420Picture::default(),
            in_sync: false,
        }
    }

    /// Works until the track is dropped or nobody takes frames any more.
    pub(super) fn run(mut self) {
        while let Some(work) = self.wait() {
            if let Some(params) = work.params {
                self.follow(params);
            }
            if let Some(bitrate) = work.bitrate {
                self.bitrate = bitrate;
            }
            self.wish(&work.keyframes);
            let goes_on = match (work.picture, work.frame) {
                (Some(picture), _) => self.encode(&picture),
                (None, Some(frame)) => self.pass(&frame),
                (None, None) => true,
            };
            if !goes_on {
                return;
            }
        }
    }

    fn wait(&self) -> Option<Work> {
        let mut inbox = self.shared.inbox.lock();
        loop {
            if inbox.stop {
                return None;
            }
            let Inbox {
                picture,
                frames,
                params,
                keyframes,
                bitrate,
                ..
            } = &mut *inbox;
            if picture.is_some() || !frames.is_empty() || params.is_some() || !keyframes.is_empty()
            {
                return Some(Work {
                    params: params.take(),
                    keyframes: std::mem::take(keyframes),
                    bitrate: bitrate.take(),
                    picture: picture.take(),
                    frame: frames.pop_front(),
                });
            }
            self.shared.news.wait(&mut inbox);
        }
    }

    /// Streams that stay keep their encoders; new ones begin with a key frame.
    fn follow(&mut self, params: VideoSendParams) {
        let mut before = std::mem::take(&mut self.encodings);
        let same_stream = self.params.as_ref().is_some_and(|old| {
            old.codec == params.codec
                && old.mode == params.mode
                && old.descriptor == params.descriptor
        });
        for wanted in &params.encodings {
            let kept = before
                .iter()
                .position(|encoding| same_stream && encoding.ssrc() == wanted.ssrc)
                .map(|at| before.swap_remove(at));
            let encoding = match kept {
                Some(mut encoding) => {
                    encoding.set_params(wanted.clone());
                    Some(encoding)
                }
                None => Encoding::new(
                    &params,
                    wanted.clone(),
                    self.transform.clone(),
                    self.source.is_screen(),
                ),
            };
            self.encodings.extend(encoding);
        }
        // Where there are several sizes, they are given up one by one instead.
        let whole = params.encodings.len() == 1 && params.mode.spatial_layers == 1;
        match &mut self.degradation {
            Some(degradation) if whole && same_stream => {
                degradation.set_preference(params.degradation);
            }
            degradation => {
                *degradation = whole.then(|| Degradation::new(params.degradation, params.codec));
            }
        }
        self.params = Some(params);
        self.publish_stats();
    }

    fn wish(&mut self, keyframes: &[lk_types::Ssrc]) {
        for encoding in &mut self.encodings {
            if keyframes.contains(&encoding.ssrc()) {
                encoding.want_keyframe();
                if self.source.is_encoded() {
                    self.source.want_keyframe();
                }
            }
        }
    }

    /// False where nobody takes frames any more.
    fn encode(&mut self, picture: &CapturedPicture) -> bool {
        let Some(params) = &self.params else {
            return true;
        };
        self.meter.count(picture.captured);
        let framerate = self.meter.rate().unwrap_or(DEFAULT_FRAMERATE);
        let mut rotation = Some(picture.rotation).filter(|_| params.orientation);
        let mut image = picture.image.view();
        if !params.orientation && picture.rotation != Rotation::None {
            lk_dsp::video::rotate_i420(&image, picture.rotation, &mut self.upright);
            image = self.upright.view();
            rotation = None;
        }
        let now = picture.captured;
        let captured = (image.width, image.height);
        let limits: Vec<LayerLimits> = self
            .encodings
            .iter()
            .map(|encoding| encoding.limits(captured))
            .collect();
        let bitrates = self.allocator.allocate(&limits, self.bitrate, 0, now);
        let mut limited = limits
            .iter()
            .zip(bitrates)
            .any(|(limits, bitrate)| limits.active && *bitrate < limits.target);
        let mut wanted = Wanted {
            captured: now,
            captured_us: picture.captured_us,
            rotation,
            size: captured,
            source_framerate: framerate,
            framerate,
        };
        if let Some(degradation) = &mut self.degradation {
            let began = *self.began.get_or_insert(now);
            // Before the path is known nothing is taken away, and never because of the program's own limit.
            let bitrate = if limited && now >= began + SETTLING {
                bitrates.first().copied().unwrap_or(0)
            } else {
                u64::MAX
            };
            let adapted = degradation.adapt(bitrate, captured, framerate.round() as u32, now);
            wanted.size = adapted.size(captured.0, captured.1);
            if degradation.is_degraded() {
                wanted.framerate = framerate.min(f64::from(adapted.fps));
                limited = true;
            }
        }
        let mut goes_on = true;
        for (encoding, bitrate) in self.encodings.iter_mut().zip(bitrates) {
            let Some(frame) = encoding.encode(&image, &wanted, *bitrate) else {
                continue;
            };
            goes_on &= (self.out)(frame);
        }
        if let (Some(degradation), [encoding]) = (&mut self.degradation, &self.encodings[..])
            && let Some(left_out) = encoding.left_out()
        {
            degradation.encoded(left_out);
        }
        let limitation = if limited {
            Limitation::Bandwidth
        } else {
            Limitation::None
        };
        for encoding in &mut self.encodings {
            encoding.limit(limitation);
        }
        {
            let mut stats = self.shared.stats.lock();
            stats.frames_captured += 1;
            (stats.source_width, stats.source_height) = (picture.image.width, picture.image.height);
            stats.source_framerate = framerate;
        }
        self.publish_stats();
        goes_on
    }

    /// Sends a frame as the program encoded it.
    fn pass(&mut self, captured: &CapturedFrame) -> bool {
        self.meter.count(captured.captured);
        let framerate = self.meter.rate().unwrap_or(DEFAULT_FRAMERATE);
        let frame = &captured.frame;
        let Some(encoding) = self.encodings.first_mut() else {
            return true;
        };
        let advice = encoding.advice(self.bitrate, framerate);
        self.source.advise(advice);
        if frame.keyframe {
            self.in_sync = true;
        } else if !self.in_sync || encoding.awaits_keyframe() {
            // Nobody could decode it.
            self.source.want_keyframe();
            return true;
        }
        let sent = encoding.pass(frame, captured.captured, captured.captured_us, advice);
        let goes_on = sent.is_none_or(|frame| (self.out)(frame));
        {
            let mut stats = self.shared.stats.lock();
            stats.frames_captured += 1;
            (stats.source_width, stats.source_height) = (frame.width, frame.height);
            stats.source_framerate = framerate;
        }
        self.publish_stats();
        goes_on
    }

    fn publish_stats(&self) {
        let mut stats = self.shared.stats.lock();
        stats.encodings.clear();
        stats.encodings.extend(
            self.encodings
                .iter()
                .map(|encoding| encoding.stats().clone()),
        );
    }
}
