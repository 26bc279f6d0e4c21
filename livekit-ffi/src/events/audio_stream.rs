//! Received sound on its way to the host: frames, and one EOS at the end.
//!
//! A stream belongs to a track, or follows whatever track of one source a participant has. It
//! ends with its track, for whatever reason, even while the host holds the track's handle.

use std::{borrow::Cow, future::Future, sync::Arc};

use livekit::{
    participant::Participant,
    track::TrackSource,
    webrtc::{audio_frame::AudioFrame, audio_track::RtcAudioTrack, prelude::MediaStreamTrack},
};
use tokio_util::sync::CancellationToken;

use super::{
    audio_filter::{AudioFilter, Frames},
    follow,
    given::owned,
    session::RoomSession,
};
use crate::{
    proto::{self, audio_stream_event, ffi_event::Message},
    server::{
        Server,
        events::{DEFAULT_MEDIA_LIMIT, EventQueue},
        handles::{HandleId, Ownership, Resource},
    },
};

/// A stream that the host holds. Dropping the handle discards what is queued and ends it: hosts wait for the EOS
/// that follows (the Python SDK's `AudioStream.aclose` does).
pub(crate) struct AudioStreamObject {
    pub(crate) handle: HandleId,
    pub(crate) events: Arc<EventQueue>,
    pub(crate) dropped: CancellationToken,
}

impl Resource for AudioStreamObject {
    const KIND: &'static str = "audio stream";
}

impl Drop for AudioStreamObject {
    fn drop(&mut self) {
        self.dropped.cancel();
        self.events.discard_stream(self.handle);
    }
}

/// A frame's samples, which the host reads where they lie.
struct FrameBuffer(
    #[expect(dead_code, reason = "keeps the host's view alive")] Cow<'static, [i16]>,
);

impl Resource for FrameBuffer {
    const KIND: &'static str = "audio frame";
}

/// What a host wants to receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AudioFormat {
    /// In Hz.
    pub(crate) sample_rate: u32,
    pub(crate) num_channels: u32,
    /// Samples per channel of each frame; `None` takes frames as they come, 10 ms.
    pub(crate) frame_samples: Option<usize>,
    /// Frames kept for a slow host; `None` leaves the choice to us, 0 keeps all.
    pub(crate) queue_frames: Option<usize>,
}

/// Sends the frames of `track` until it ends or the host drops the stream. EOS comes last.
pub(crate) async fn of_track(
    sender: FrameSender,
    sid: String,
    track: RtcAudioTrack,
    ended: CancellationToken,
    dropped: CancellationToken,
) {
    tokio::select! {
        () = sender.pump(sid, track) => {}
        () = ended.cancelled() => {}
        () = dropped.cancelled() => {}
    }
    sender.end();
}

/// Sends the frames of whatever track of `source` the participant has, one after the other,
/// until the participant leaves, the room closes, or the host drops the stream. EOS comes last.
pub(crate) async fn of_participant(
    sender: FrameSender,
    session: Arc<RoomSession>,
    participant: Participant,
    source: TrackSource,
    dropped: CancellationToken,
) {
    let followed = follow::tracks(&session, &participant, source, audio, |sid, track| {
        sender.pump(sid, track)
    });
    dropped.run_until_cancelled(followed).await;
    sender.end();
}

fn audio(track: MediaStreamTrack) -> Option<RtcAudioTrack> {
    match track {
        MediaStreamTrack::Audio(audio) => Some(audio),
        MediaStreamTrack::Video(_) => None,
    }
}

/// Turns frames into events of one stream.
#[derive(Clone)]
pub(crate) struct FrameSender {
    pub(crate) server: Arc<Server>,
    pub(crate) handle: HandleId,
    pub(crate) format: AudioFormat,
    pub(crate) filter: Option<Arc<AudioFilter>>,
    /// The host dropped the stream.
    pub(crate) dropped: CancellationToken,
}

impl FrameSender {
    /// Sends the frames of `track` as long as they come.
    fn pump(&self, sid: String, track: RtcAudioTrack) -> impl Future<Output = ()> + Send + use<> {
        let sender = self.clone();
        async move {
            let AudioFormat {
                num_channels,
                frame_samples,
                ..
            } = sender.format;
            let mut frames = Frames::of(sid, track, &sender.format, sender.filter.as_deref());
            let mut regrouped = Regroup::new(frame_samples, num_channels);
            while let Some(frame) = frames.next().await {
                regrouped.push(frame, |frame| sender.send(frame));
            }
        }
    }

    fn send(&self, frame: AudioFrame<'static>) {
        let info = proto::AudioFrameBufferInfo {
            data_ptr: frame.data.as_ptr().expose_provenance() as u64,
            num_channels: frame.num_channels,
            sample_rate: frame.sample_rate,
            samples_per_channel: frame.samples_per_channel,
        };
        // The host is told of the frame only if it is delivered; the queue frees it otherwise.
        let buffer = self
            .server
            .handles()
            .insert(Arc::new(FrameBuffer(frame.data)), Ownership::HOST);
        let received = proto::AudioFrameReceived {
            frame: proto::OwnedAudioFrameBuffer {
                handle: owned(buffer),
                info,
            },
        };
        let message = self.message(audio_stream_event::Message::FrameReceived(received));
        let limit = match self.format.queue_frames {
            None => DEFAULT_MEDIA_LIMIT,
            Some(0) => usize::MAX,
            Some(frames) => frames,
        };
        self.server
            .events()
            .send_media(self.handle, limit, message, buffer);
        if self.dropped.is_cancelled() {
            // The host dropped the stream meanwhile: nobody would free this frame.
            self.server.events().discard_stream(self.handle);
        }
    }

    fn end(&self) {
        let eos = self.message(audio_stream_event::Message::Eos(proto::AudioStreamEos {}));
        self.server.events().finish_stream(self.handle, eos);
    }

    fn message(&self, message: audio_stream_event::Message) -> Message {
        Message::AudioStreamEvent(proto::AudioStreamEvent {
            stream_handle: self.handle,
            message: Some(message),
        })
    }
}

/// Cuts frames of one length into frames of another.
struct Regroup {
    frame_samples: Option<usize>,
    num_channels: u32,
    rest: Vec<i16>,
}

impl Regroup {
    fn new(frame_samples: Option<usize>, num_channels: u32) -> Self {
        Self {
            frame_samples,
            num_channels,
            rest: Vec::new(),
        }
    }

    fn push(&mut self, frame: AudioFrame<'static>, mut out: impl FnMut(AudioFrame<'static>)) {
        let Some(samples) = self.frame_samples else {
            return out(frame);
        };
        if self.rest.is_empty() && frame.samples_per_channel as usize == samples {
            return out(frame);
        }
        self.rest.extend_from_slice(&frame.data);
        let wanted = samples * self.num_channels as usize;
        while self.rest.len() >= wanted {
            let rest = self.rest.split_off(wanted);
            let data = std::mem::replace(&mut self.rest, rest);
            out(AudioFrame {
                data: Cow::Owned(data),
                sample_rate: frame.sample_rate,
                num_channels: frame.num_channels,
                samples_per_channel: u32::try_from(samples).unwrap_or(u32::MAX),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(data: Vec<i16>, num_channels: u32) -> AudioFrame<'static> {
        let samples_per_channel = data.len() as u32 / num_channels;
        AudioFrame {
            data: data.into(),
            sample_rate: 48_000,
            num_channels,
            samples_per_channel,
        }
    }

    #[test]
    fn frames_pass_as_they_come_without_a_wanted_length() {
        let mut regroup = Regroup::new(None, 1);
        let mut out = Vec::new();
        regroup.push(frame(vec![1, 2, 3], 1), |frame| {
            out.push(frame.data.to_vec())
        });
        assert_eq!(out, [vec![1, 2, 3]]);
    }

    #[test]
    fn frames_are_cut_to_the_wanted_length_and_nothing_is_lost() {
        let mut regroup = Regroup::new(Some(2), 2);
        let mut out = Vec::new();
        let mut samples = 0;
        for data in [vec![0, 1, 2, 3, 4, 5], vec![6, 7], vec![8, 9, 10, 11]] {
            regroup.push(frame(data, 2), |frame| {
                samples += frame.samples_per_channel;
                out.extend_from_slice(&frame.data);
            });
        }
        assert_eq!(out, (0..12).collect::<Vec<i16>>());
        assert_eq!(samples, 6);
    }
}
