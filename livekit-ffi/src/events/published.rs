//! What a track of the host's is published as.
//!
//! `livekit` keeps the one connection that sends a track inside the track. Published twice, in two rooms or in one, it
//! forgets the first: unpublishing there fails, and the next end of either publication panics. So each publication but
//! the first has a track of its own, made of the same source, and what the host does to its track is done to all.

use std::sync::{Arc, Weak};

use livekit::track::{LocalAudioTrack, LocalTrack, LocalVideoTrack};
use parking_lot::Mutex;

/// The tracks that stand for one of the host's, the latest last.
#[derive(Default)]
pub(crate) struct Published(Mutex<Vec<(LocalTrack, Weak<()>)>>);

/// Held for as long as a publication lasts, from before it is asked for.
pub(crate) struct Claim(#[expect(dead_code, reason = "its life is what counts")] Arc<()>);

impl Published {
    /// The track to publish: `own`, or where that is published already, another one of its source. Inside the runtime.
    pub(crate) fn claim(&self, own: LocalTrack) -> (LocalTrack, Claim) {
        let life = Arc::new(());
        let mut tracks = self.0.lock();
        tracks.retain(|(_, alive)| alive.strong_count() > 0);
        let taken = tracks.iter().any(|(track, _)| id(track) == id(&own));
        let track = if taken { another(&own) } else { own };
        tracks.push((track.clone(), Arc::downgrade(&life)));
        (track, Claim(life))
    }

    /// What is published now.
    pub(crate) fn tracks(&self) -> Vec<LocalTrack> {
        let mut tracks = self.0.lock();
        tracks.retain(|(_, alive)| alive.strong_count() > 0);
        tracks.iter().map(|(track, _)| track.clone()).collect()
    }
}

fn id(track: &LocalTrack) -> String {
    track.rtc_track().id()
}

/// A track of the same source and name, and as muted.
fn another(track: &LocalTrack) -> LocalTrack {
    let other = match track {
        LocalTrack::Audio(track) => LocalTrack::Audio(LocalAudioTrack::create_audio_track(
            &track.name(),
            track.rtc_source(),
        )),
        LocalTrack::Video(track) => LocalTrack::Video(LocalVideoTrack::create_video_track(
            &track.name(),
            track.rtc_source(),
        )),
    };
    if track.is_muted() {
        other.mute();
    }
    other
}
