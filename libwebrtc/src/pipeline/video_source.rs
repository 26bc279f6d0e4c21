//! What a program captures, on its way to whoever sends it.

use std::sync::{Arc, Weak};
use std::time::Instant;

use lk_types::{Codec, EncodedVideo, I420Picture, Rotation};
use parking_lot::Mutex;

/// A picture that the program captured. Clones share the pixels.
#[derive(Clone, Debug)]
pub(crate) struct CapturedPicture {
    pub(crate) image: Arc<I420Picture>,
    pub(crate) rotation: Rotation,
    /// When it was captured.
    pub(crate) captured: Instant,
    /// The same by the program's clock, microseconds.
    pub(crate) captured_us: i64,
}

/// A frame that the program encoded itself. Clones share the bytes.
#[derive(Clone, Debug)]
pub(crate) struct CapturedFrame {
    pub(crate) frame: Arc<EncodedVideo>,
    pub(crate) captured: Instant,
    /// The same by the program's clock, microseconds.
    pub(crate) captured_us: i64,
}

/// What became of a frame that the program encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is on its way.
    Yes,
    /// It is of no use now: nobody receives, or the track is muted.
    No,
    /// Nobody could decode it: frames before it are missing.
    NeedsKeyframe,
}

/// Somebody who sends what a source captures. All calls come from the program's threads and must not block.
pub(crate) trait VideoTaker: Send + Sync {
    /// Takes a picture; false where it is of no use now.
    fn take_picture(&self, picture: &CapturedPicture) -> bool;
    /// Takes an encoded frame.
    fn take_frame(&self, frame: &CapturedFrame) -> Taken;
    /// The codec it sends.
    fn codec(&self) -> Codec;
}

/// What the program should know of the path, for frames that it encodes itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RateAdvice {
    /// Bits per second.
    pub(crate) bitrate: u64,
    /// Frames per second.
    pub(crate) framerate: f64,
}

/// A source that the program feeds. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct VideoSource {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    screen: bool,
    encoded: bool,
    takers: Mutex<Vec<Weak<dyn VideoTaker>>>,
    feedback: Mutex<Feedback>,
}

#[derive(Default)]
struct Feedback {
    keyframe: bool,
    /// Told and not yet asked for.
    advice: Option<RateAdvice>,
    last: Option<RateAdvice>,
}

impl VideoSource {
    /// A source of pictures of a screen or a camera, or of frames encoded elsewhere.
    pub(crate) fn new(screen: bool, encoded: bool) -> Self {
        Self {
            inner: Arc::new(Inner {
                screen,
                encoded,
                ..Inner::default()
            }),
        }
    }

    /// Detail matters more than motion.
    pub(crate) fn is_screen(&self) -> bool {
        self.inner.screen
    }

    /// The program encodes.
    pub(crate) fn is_encoded(&self) -> bool {
        self.inner.encoded
    }

    /// Adds somebody who gets all that is captured from now on.
    pub(crate) fn attach(&self, taker: Weak<dyn VideoTaker>) {
        let mut takers = self.inner.takers.lock();
        takers.retain(|taker| taker.strong_count() > 0);
        takers.push(taker);
    }

    /// Whether anybody sends it.
    pub(crate) fn is_sent(&self) -> bool {
        self.inner
            .takers
            .lock()
            .iter()
            .any(|taker| taker.strong_count() > 0)
    }

    /// Gives a picture to all who send; says whether anybody took it.
    pub(crate) fn push_picture(&self, picture: &CapturedPicture) -> bool {
        self.takers()
            .into_iter()
            .fold(false, |taken, taker| taker.take_picture(picture) | taken)
    }

    /// Gives an encoded frame to all who send; says whether anybody took it.
    pub(crate) fn push_frame(&self, frame: &CapturedFrame) -> bool {
        let mut sent = false;
        for taker in self.takers() {
            match taker.take_frame(frame) {
                Taken::Yes => sent = true,
                Taken::No => {}
                Taken::NeedsKeyframe => self.want_keyframe(),
            }
        }
        sent
    }

    /// The codec that the source's track was published in, where somebody sends it.
    pub(crate) fn codec(&self) -> Option<Codec> {
        self.takers().first().map(|taker| taker.codec())
    }

    fn takers(&self) -> Vec<Arc<dyn VideoTaker>> {
        self.inner
            .takers
            .lock()
            .iter()
            .filter_map(Weak::upgrade)
            .collect()
    }

    /// A receiver can only go on from a key frame.
    pub(crate) fn want_keyframe(&self) {
        self.inner.feedback.lock().keyframe = true;
    }

    /// Says what the path carries; the program is told where it changed by a twentieth or more, or the pictures' rate by
    /// a tenth, which is only measured.
    pub(crate) fn advise(&self, advice: RateAdvice) {
        let mut feedback = self.inner.feedback.lock();
        let news = feedback.last.is_none_or(|last| {
            last.bitrate.abs_diff(advice.bitrate) * 20 >= last.bitrate
                || (last.framerate - advice.framerate).abs() * 10.0 >= last.framerate
        });
        if news {
            feedback.last = Some(advice);
            feedback.advice = Some(advice);
        }
    }

    /// Whether a key frame was asked for since the last call.
    pub(crate) fn take_keyframe_request(&self) -> bool {
        std::mem::take(&mut self.inner.feedback.lock().keyframe)
    }

    /// What was advised since the last call.
    pub(crate) fn take_advice(&self) -> Option<RateAdvice> {
        self.inner.feedback.lock().advice.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_given_once_and_only_where_it_is_news() {
        let source = VideoSource::new(false, true);
        let advice = |bitrate| RateAdvice {
            bitrate,
            framerate: 30.0,
        };
        assert_eq!(source.take_advice(), None);
        source.advise(advice(1_000_000));
        assert_eq!(source.take_advice(), Some(advice(1_000_000)));
        source.advise(advice(1_010_000));
        assert_eq!(source.take_advice(), None);
        source.advise(RateAdvice {
            framerate: 28.0,
            ..advice(1_000_000)
        });
        assert_eq!(source.take_advice(), None);
        source.advise(advice(800_000));
        source.advise(advice(500_000));
        assert_eq!(source.take_advice(), Some(advice(500_000)));
        source.want_keyframe();
        assert!(source.take_keyframe_request());
        assert!(!source.take_keyframe_request());
    }
}
