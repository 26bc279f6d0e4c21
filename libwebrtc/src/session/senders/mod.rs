//! Sending pipelines: which run, for which source, and the packets they give the actor.

mod audio;
mod video;

use lk_engine::KeyframeKind;
use lk_types::Ssrc;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::media::MediaEntry;

pub(crate) use audio::OutgoingPacket;
pub(crate) use video::NumberedFrame;

/// Taken off what the path carries before video gets its share, bit/s for each audio track: a packet of Opus with
/// redundancy and all headers.
const AUDIO_RESERVE: u64 = 64_000;

/// All sending pipelines of one connection.
pub(crate) struct Senders {
    audio: audio::AudioSenders,
    video: video::VideoSenders,
    /// What the path carries for video, by transport-wide feedback; what the peer allows in all.
    estimate: Option<u64>,
    limit: Option<u64>,
}

impl Senders {
    pub(crate) fn new(
        packets: mpsc::Sender<OutgoingPacket>,
        frames: mpsc::Sender<NumberedFrame>,
        runtime: Handle,
    ) -> Self {
        Self {
            audio: audio::AudioSenders::new(packets, runtime.clone()),
            video: video::VideoSenders::new(frames, runtime),
            estimate: None,
            limit: None,
        }
    }

    /// Starts, changes and stops pipelines so that they match what is negotiated and set.
    pub(crate) fn follow(&mut self, media: &[MediaEntry]) {
        self.audio.follow(media);
        self.video.follow(media);
        self.share();
    }

    /// The transport came up: what was sent before is lost.
    pub(crate) fn connected(&mut self) {
        self.audio.connected();
        self.video.connected();
    }

    /// Ends every pipeline.
    pub(crate) fn stop_all(&mut self) {
        self.audio.stop_all();
        self.video.stop_all();
    }

    /// The peer wants a key frame of one of our sources.
    pub(crate) fn keyframe(&self, ssrc: Ssrc, _kind: KeyframeKind) {
        self.video.keyframe(ssrc);
    }

    /// The peer said how it receives one of our sources.
    pub(crate) fn receiver_report(&self, ssrc: Ssrc, fraction_lost: f32) {
        self.audio.receiver_report(ssrc, fraction_lost);
    }

    /// What the path carries by transport-wide feedback, bits per second, and what of it is sent without feedback.
    pub(crate) fn estimated(&mut self, bitrate: u64, unnumbered: u64) {
        // Where audio is not fed back, what it takes is known; else it has its part before video.
        let audio = match unnumbered {
            0 => self.audio.count() as u64 * AUDIO_RESERVE,
            taken => taken,
        };
        self.estimate = Some(bitrate.saturating_sub(audio));
        self.share();
    }

    /// What the peer allows (REMB), bits per second.
    pub(crate) fn limited(&mut self, bitrate: u64) {
        self.limit = Some(bitrate);
        self.share();
    }

    fn share(&self) {
        let audio = self.audio.count() as u64 * AUDIO_RESERVE;
        let limit = self.limit.map(|limit| limit.saturating_sub(audio));
        if let Some(bitrate) = self.estimate.into_iter().chain(limit).min() {
            self.video.share(bitrate);
        }
    }

    /// What the engine should look for room for, bits per second. 0 without video, whose rate alone follows the path.
    pub(crate) fn desired_bitrate(&self) -> u64 {
        match self.video.desired_bitrate() {
            0 => 0,
            video => video + self.audio.count() as u64 * AUDIO_RESERVE,
        }
    }
}

/// RFC 3550 §5.1 wants a number that an attacker cannot guess; the source is such a one already. Low, so that the
/// 16 bits on the wire do not wrap among the first packets, before the peer has the keys (RFC 3711 §3.3.1).
fn first_sequence(ssrc: Ssrc) -> u64 {
    u64::from(ssrc.0.wrapping_mul(0x9e37_79b9) >> 17)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbering_starts_in_the_lower_half() {
        for ssrc in [0, 1, 77, u32::MAX] {
            assert!(first_sequence(Ssrc(ssrc)) < 0x8000);
        }
    }
}
