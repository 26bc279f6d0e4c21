//! Pictures that are drawn: the test patterns and the clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use livekit::webrtc::{
    video_frame::{I420Buffer, VideoFrame, VideoRotation},
    video_source::{VideoResolution, native::NativeVideoSource},
};
use lk_capture::{Canvas, draw_clock, draw_gradient, draw_logo};

use super::pump::{Producer, Step, Stop};

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drawing {
    Gradient,
    Logo,
    Clock,
}

/// Longest wait in one step.
const PATIENCE: Duration = Duration::from_millis(200);

/// Draws at the pace of time; pictures that cannot be drawn in time are left out.
pub(super) struct Drawn {
    drawing: Drawing,
    to: NativeVideoSource,
    resolution: VideoResolution,
    framerate_fps: u32,
    /// Both clocks at the first picture.
    start: Option<(Instant, Duration)>,
    /// Number of the next picture, of those that time has.
    next: u64,
}

impl Drawn {
    pub(super) fn new(
        drawing: Drawing,
        to: NativeVideoSource,
        resolution: VideoResolution,
        framerate_fps: u32,
    ) -> Self {
        Self {
            drawing,
            to,
            resolution,
            framerate_fps,
            start: None,
            next: 0,
        }
    }

    /// Time from the first picture to picture `number`.
    fn offset(&self, number: u64) -> Duration {
        let nanos = u128::from(number) * 1_000_000_000 / u128::from(self.framerate_fps);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl Producer for Drawn {
    fn step(&mut self, stop: &Stop) -> Result<Step, String> {
        let now = Instant::now();
        let (start, epoch) = *self.start.get_or_insert_with(|| {
            let epoch = SystemTime::now().duration_since(UNIX_EPOCH);
            // A clock that stands before 1970 shows its beginning.
            (now, epoch.unwrap_or_default())
        });
        let due = start + self.offset(self.next);
        if due > now {
            let until = due.min(now + PATIENCE);
            if stop.wait_until(until) || until < due {
                return Ok(Step::Waited);
            }
        } else {
            // Late by whole pictures: those are not made up for.
            let late = Instant::now().saturating_duration_since(start).as_nanos()
                * u128::from(self.framerate_fps)
                / 1_000_000_000;
            self.next = self.next.max(u64::try_from(late).unwrap_or(u64::MAX));
        }
        let at = self.offset(self.next);
        self.next += 1;
        let buffer = self.draw(at, epoch + at)?;
        self.to.capture_picture(VideoFrame {
            rotation: VideoRotation::VideoRotation0,
            timestamp_us: i64::try_from((epoch + at).as_micros()).unwrap_or(i64::MAX),
            frame_metadata: None,
            buffer,
        });
        Ok(Step::Captured)
    }
}

impl Drawn {
    fn draw(&self, at: Duration, since_epoch: Duration) -> Result<I420Buffer, String> {
        let VideoResolution { width, height } = self.resolution;
        let mut buffer = I420Buffer::new(width, height);
        let (stride_y, stride_u, stride_v) = buffer.strides();
        let strides = [stride_y, stride_u, stride_v].map(|stride| stride as usize);
        let (y, u, v) = buffer.data_mut();
        let mut canvas =
            Canvas::new(width, height, [y, u, v], strides).map_err(|error| error.to_string())?;
        match self.drawing {
            Drawing::Gradient => draw_gradient(&mut canvas, at),
            Drawing::Logo => draw_logo(&mut canvas, at),
            Drawing::Clock => draw_clock(&mut canvas, since_epoch),
        }
        Ok(buffer)
    }
}
