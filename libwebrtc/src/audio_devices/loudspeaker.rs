//! What is played: the sum of all remote tracks of the process.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use lk_devices::{DeviceError, LOUDSPEAKER_CHANNELS, SAMPLE_RATE, Stream};
use lk_dsp::AudioFormat;
use parking_lot::Mutex;

use super::{again, processing, settle_later};
use crate::audio_track::{RtcAudioTrack, WeakAudioTrack};
use crate::media_stream_track::RtcTrackState;
use crate::pipeline::audio_sink::{AudioFrames, SinkConfig};

/// Values of a block: 10 ms.
const BLOCK: usize = (SAMPLE_RATE / 100 * LOUDSPEAKER_CHANNELS) as usize;
/// Blocks that must be there before a track is heard (again): two clocks never agree to a millisecond.
const READY: usize = 2;
/// Sound servers ask for several blocks together, each in its own way. How many of a track must wait for that shows in
/// how many are left when fewest are: what is more than this is taken away …
const SPARE: usize = 1;
/// … after so many blocks: two seconds.
const WATCHED: u32 = 200;
/// With more blocks than these a track is so late that it loses them at once.
const LATE: usize = 30;
/// Blocks without a track after which somebody looks whether the loudspeaker is still needed: a second.
const UNUSED: u32 = 100;

static TRACKS: Mutex<Vec<WeakAudioTrack>> = Mutex::new(Vec::new());

/// Has a remote track played while it lives.
pub(crate) fn register(track: &RtcAudioTrack) {
    {
        let mut tracks = TRACKS.lock();
        tracks.retain(|track| live(track).is_some());
        tracks.push(track.downgrade());
    }
    settle_later();
}

/// Whether there is anything to play.
pub(super) fn is_needed() -> bool {
    TRACKS.lock().iter().any(|track| live(track).is_some())
}

pub(super) fn open(device: Option<&str>) -> Result<Stream, DeviceError> {
    let mut mixer = Mixer::default();
    let mut rest: Vec<i16> = Vec::with_capacity(BLOCK);
    let mut unused = 0;
    let fill = move |samples: &mut [i16]| {
        let mut filled = 0;
        while filled < samples.len() {
            if rest.is_empty() {
                mixer.follow(&TRACKS.lock());
                mixer.mix(&mut rest);
                processing::render(&rest);
                unused = if mixer.voices.is_empty() {
                    unused + 1
                } else {
                    0
                };
            }
            let count = rest.len().min(samples.len() - filled);
            samples[filled..filled + count].copy_from_slice(&rest[..count]);
            rest.drain(..count);
            filled += count;
        }
        if unused >= UNUSED {
            unused = 0;
            settle_later();
        }
    };
    lk_devices::play(device, fill, again::later)
}

fn live(track: &WeakAudioTrack) -> Option<RtcAudioTrack> {
    track
        .upgrade()
        .filter(|track| track.state() == RtcTrackState::Live)
}

/// Adds tracks up.
#[derive(Default)]
struct Mixer {
    voices: Vec<Voice>,
    sums: Vec<i32>,
}

struct Voice {
    track: WeakAudioTrack,
    frames: AudioFrames,
    waiting: VecDeque<Vec<i16>>,
    /// Enough had come since it was last out of sound.
    ready: bool,
    /// The fewest that were left, of so many blocks.
    least: usize,
    watched: u32,
}

impl Mixer {
    /// Listens to these tracks, and no others.
    fn follow(&mut self, tracks: &[WeakAudioTrack]) {
        self.voices.retain(|voice| live(&voice.track).is_some());
        for track in tracks {
            if self.voices.iter().any(|voice| voice.track.is(track)) {
                continue;
            }
            if let Some(frames) = live(track).and_then(|track| listen(&track)) {
                self.voices.push(Voice {
                    track: track.clone(),
                    frames,
                    waiting: VecDeque::new(),
                    ready: false,
                    least: usize::MAX,
                    watched: 0,
                });
            }
        }
    }

    /// The next block; a sum that is too loud is cut.
    fn mix(&mut self, block: &mut Vec<i16>) {
        self.sums.clear();
        self.sums.resize(BLOCK, 0);
        for voice in &mut self.voices {
            if let Some(samples) = voice.next() {
                let pairs = self.sums.iter_mut().zip(&samples);
                pairs.for_each(|(sum, sample)| *sum += i32::from(*sample));
            }
        }
        block.clear();
        let loudest = i32::from(i16::MIN)..=i32::from(i16::MAX);
        block.extend(
            self.sums
                .iter()
                .map(|sum| (*sum).clamp(*loudest.start(), *loudest.end()) as i16),
        );
    }
}

impl Voice {
    fn next(&mut self) -> Option<Vec<i16>> {
        let track = self.track.upgrade()?;
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match self.frames.poll_next(&mut context) {
                Poll::Ready(Some(frame)) => self.waiting.push_back(frame.samples),
                Poll::Ready(None) => {
                    // The peer took its source away; the track may carry another one later.
                    self.frames = listen(&track)?;
                    break;
                }
                Poll::Pending => break,
            }
        }
        if self.waiting.len() > LATE {
            self.waiting.drain(..self.waiting.len() - READY);
        }
        self.ready = self.waiting.len() >= if self.ready { 1 } else { READY };
        let samples = self.ready.then(|| self.waiting.pop_front()).flatten();
        self.shorten();
        // Muted here: it goes by unheard.
        samples.filter(|_| track.passes())
    }

    /// Takes away what waits for nothing.
    fn shorten(&mut self) {
        self.least = self.least.min(self.waiting.len());
        self.watched += 1;
        if self.watched == WATCHED {
            self.waiting.drain(..self.least.saturating_sub(SPARE));
            (self.least, self.watched) = (usize::MAX, 0);
        }
    }
}

fn listen(track: &RtcAudioTrack) -> Option<AudioFrames> {
    track.add_sink(SinkConfig {
        format: AudioFormat {
            sample_rate: SAMPLE_RATE,
            channels: LOUDSPEAKER_CHANNELS,
        },
        frame_ms: 10,
        capacity: Some(LATE + 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::audio_source::AudioSource;

    fn source() -> AudioSource {
        AudioSource::new(tokio::runtime::Handle::current(), 48_000, 1, 0).expect("a format")
    }

    #[tokio::test]
    async fn tracks_are_added_and_the_sum_is_cut() {
        let (one, two) = (source(), source());
        let tracks = [&one, &two].map(|source| RtcAudioTrack::local("a", source.clone()));
        let mut mixer = Mixer::default();
        mixer.follow(&tracks.each_ref().map(RtcAudioTrack::downgrade));
        for level in [1_000, 20_000] {
            one.deliver_now(&[level; 480]);
            two.deliver_now(&[level; 480]);
        }
        let mut block = Vec::new();
        mixer.mix(&mut block);
        assert_eq!(block, [2_000; BLOCK]);
        mixer.mix(&mut block);
        assert_eq!(block, [i16::MAX; BLOCK]);
        mixer.mix(&mut block);
        assert_eq!(block, [0; BLOCK]);
    }

    #[tokio::test]
    async fn a_track_that_is_very_late_catches_up_at_once() {
        let source = source();
        let track = RtcAudioTrack::local("a", source.clone());
        let mut mixer = Mixer::default();
        mixer.follow(&[track.downgrade()]);
        let mut block = Vec::new();
        for level in 1..=LATE as i16 + 1 {
            source.deliver_now(&[level; 480]);
        }
        mixer.mix(&mut block);
        assert_eq!(usize::from(block[0].unsigned_abs()), LATE + 2 - READY);
    }

    #[tokio::test]
    async fn blocks_that_wait_for_nothing_are_taken_away() {
        let source = source();
        let track = RtcAudioTrack::local("a", source.clone());
        let mut mixer = Mixer::default();
        mixer.follow(&[track.downgrade()]);
        let mut block = Vec::new();
        for _ in 0..10 {
            source.deliver_now(&[1; 480]);
        }
        for _ in 0..2 * WATCHED {
            source.deliver_now(&[1; 480]);
            mixer.mix(&mut block);
            assert_eq!(block[0], 1);
        }
        assert_eq!(mixer.voices[0].waiting.len(), SPARE);
    }

    /// Sound comes block by block and is asked for in fours, up to three blocks late; after a second at most there are no holes.
    #[tokio::test]
    async fn a_server_that_asks_for_much_at_once_soon_gets_all_of_it() {
        let source = source();
        let track = RtcAudioTrack::local("a", source.clone());
        let mut mixer = Mixer::default();
        mixer.follow(&[track.downgrade()]);
        let mut block = Vec::new();
        let mut holes = Vec::new();
        for time in 0_usize..1_000 {
            source.deliver_now(&[1; 480]);
            let late = [0, 2, 1, 3][time / 4 % 4];
            if time % 4 == late {
                for _ in 0..4 {
                    mixer.mix(&mut block);
                    if block[0] == 0 {
                        holes.push(time);
                    }
                }
            }
        }
        assert!(holes.iter().all(|time| *time < 100), "{holes:?}");
    }

    #[tokio::test]
    async fn muted_and_ended_tracks_are_not_heard() {
        let source = source();
        let track = RtcAudioTrack::local("a", source.clone());
        let mut mixer = Mixer::default();
        mixer.follow(&[track.downgrade()]);
        track.set_enabled(false);
        source.deliver_now(&[9; 960]);
        let mut block = Vec::new();
        mixer.mix(&mut block);
        assert_eq!(block, [0; BLOCK]);
        track.end();
        mixer.follow(&[track.downgrade()]);
        assert!(mixer.voices.is_empty());
    }
}
