//! Received sound on its way to the host.

use std::{borrow::Cow, sync::Arc};

use livekit::webrtc::{
    audio_frame::AudioFrame, audio_track::RtcAudioTrack, prelude::MediaStreamTrack,
};

use super::{
    audio_filter::{AudioFilter, Frames},
    media_stream::{Media, Outlet},
};
use crate::{
    proto::{self, audio_stream_event, ffi_event::Message},
    server::handles::{HandleId, Resource},
};

/// Sound.
pub(crate) enum Audio {}

impl Media for Audio {
    const STREAM: &'static str = "audio stream";
    type Track = RtcAudioTrack;

    fn track(of: MediaStreamTrack) -> Option<RtcAudioTrack> {
        match of {
            MediaStreamTrack::Audio(audio) => Some(audio),
            MediaStreamTrack::Video(_) => None,
        }
    }

    fn eos(stream: HandleId) -> Message {
        event(
            stream,
            audio_stream_event::Message::Eos(proto::AudioStreamEos {}),
        )
    }
}

fn event(stream: HandleId, message: audio_stream_event::Message) -> Message {
    Message::AudioStreamEvent(proto::AudioStreamEvent {
        stream_handle: stream,
        message: Some(message),
    })
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

/// Turns frames into events of one stream.
#[derive(Clone)]
pub(crate) struct FrameSender {
    pub(crate) outlet: Outlet,
    pub(crate) format: AudioFormat,
    pub(crate) filter: Option<Arc<AudioFilter>>,
}

impl FrameSender {
    /// Sends the frames of `track` as long as they come.
    pub(crate) fn pump(
        &self,
        sid: String,
        track: RtcAudioTrack,
    ) -> impl Future<Output = ()> + Send + use<> {
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
        self.outlet.send(FrameBuffer(frame.data), |handle| {
            let frame = proto::OwnedAudioFrameBuffer { handle, info };
            let received = proto::AudioFrameReceived { frame };
            event(
                self.outlet.handle(),
                audio_stream_event::Message::FrameReceived(received),
            )
        });
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
