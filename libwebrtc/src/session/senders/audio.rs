//! Sent audio tracks: which pipelines run, and the packets they give the actor.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use lk_engine::{AudioLevel, OutgoingRtp};
use lk_jsep::TransceiverId;
use lk_jsep::plan::MediaPlan;
use lk_types::{Codec, Pt, Ssrc};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::first_sequence;
use crate::media_stream_track::MediaStreamTrack;
use crate::pipeline::audio_send::{AudioSend, AudioSendParams, OutgoingAudio};
use crate::pipeline::transform::SendTransform;
use crate::session::media::MediaEntry;

/// Milliseconds in a packet where the peer names no other number (RFC 7587 §4.2).
const DEFAULT_PTIME_MS: u32 = 20;

/// A packet on its way from a pipeline to the engine.
pub(crate) struct OutgoingPacket {
    ssrc: Ssrc,
    pt: Pt,
    sequence_number: u64,
    timestamp: u32,
    marker: bool,
    captured: Instant,
    audio_level: Option<AudioLevel>,
    nackable: bool,
    payload: Vec<u8>,
}

impl OutgoingPacket {
    /// As the engine takes it.
    pub(crate) fn as_rtp(&self) -> OutgoingRtp<'_> {
        OutgoingRtp {
            ssrc: self.ssrc,
            pt: self.pt,
            sequence_number: self.sequence_number,
            timestamp: self.timestamp,
            marker: self.marker,
            captured: self.captured,
            audio_level: self.audio_level,
            rotation: None,
            dependency_descriptor: None,
            nackable: self.nackable,
            payload: &self.payload,
        }
    }
}

/// The audio pipelines of one connection.
pub(super) struct AudioSenders {
    packets: mpsc::Sender<OutgoingPacket>,
    runtime: Handle,
    active: HashMap<TransceiverId, ActiveAudio>,
    /// Where each source's numbering stands: it goes on when a pipeline is replaced, because to the peer it is
    /// still the same stream.
    sequences: HashMap<Ssrc, Arc<AtomicU64>>,
}

/// A pipeline and what it was made for.
struct ActiveAudio {
    track_id: String,
    ssrc: Ssrc,
    params: AudioSendParams,
    pipeline: Arc<AudioSend>,
}

impl AudioSenders {
    pub(super) fn new(packets: mpsc::Sender<OutgoingPacket>, runtime: Handle) -> Self {
        Self {
            packets,
            runtime,
            active: HashMap::new(),
            sequences: HashMap::new(),
        }
    }

    /// Starts, changes and stops pipelines so that they match what is negotiated and set.
    pub(super) fn follow(&mut self, media: &[MediaEntry]) {
        let mut wanted: HashMap<TransceiverId, Wanted> = media
            .iter()
            .filter_map(|entry| Some((entry.media().id(), wanted_audio(entry)?)))
            .collect();
        self.active.retain(|id, active| {
            let Some(wanted) = wanted.get(id) else {
                return false;
            };
            if wanted.track.id() != active.track_id || wanted.ssrc != active.ssrc {
                return false;
            }
            if wanted.params != active.params {
                active.pipeline.set_params(wanted.params.clone());
                active.params = wanted.params.clone();
            }
            true
        });
        wanted.retain(|id, _| !self.active.contains_key(id));
        for (id, wanted) in wanted {
            if let Some(active) = self.start(wanted) {
                self.active.insert(id, active);
            }
        }
    }

    fn start(&mut self, wanted: Wanted) -> Option<ActiveAudio> {
        let MediaStreamTrack::Audio(track) = &wanted.track else {
            return None;
        };
        let source = track.source()?.clone();
        let ssrc = wanted.ssrc;
        let sequence = self
            .sequences
            .entry(ssrc)
            .or_insert_with(|| Arc::new(AtomicU64::new(first_sequence(ssrc))));
        let (sequence, packets) = (sequence.clone(), self.packets.clone());
        let transform = wanted.transform.clone();
        let out = move |mut audio: OutgoingAudio| {
            if !transform.audio(ssrc, audio.timestamp, &mut audio.payload) {
                return;
            }
            let packet = OutgoingPacket {
                ssrc,
                pt: audio.pt,
                sequence_number: sequence.fetch_add(1, Ordering::Relaxed),
                timestamp: audio.timestamp,
                marker: audio.marker,
                captured: Instant::now(),
                audio_level: Some(AudioLevel {
                    level: audio.level,
                    voice: audio.voice,
                }),
                nackable: false,
                payload: audio.payload,
            };
            // A full queue means that the actor is far behind; audio that late is better lost than kept.
            let _ = packets.try_send(packet);
        };
        let pipeline = match AudioSend::spawn(
            &self.runtime,
            source,
            wanted.params.clone(),
            track.enabled(),
            out,
        ) {
            Ok(pipeline) => Arc::new(pipeline),
            Err(error) => {
                log::error!("audio track {}: {error}", wanted.track.id());
                return None;
            }
        };
        track.attach_sender(&pipeline);
        Some(ActiveAudio {
            track_id: wanted.track.id(),
            ssrc,
            params: wanted.params,
            pipeline,
        })
    }

    /// The transport came up: what was sent before is lost.
    pub(super) fn connected(&self) {
        for active in self.active.values() {
            active.pipeline.restart();
        }
    }

    /// Ends every pipeline.
    pub(super) fn stop_all(&mut self) {
        self.active.clear();
    }

    /// The peer said how it receives one of our sources.
    pub(super) fn receiver_report(&self, ssrc: Ssrc, fraction_lost: f32) {
        for active in self.active.values().filter(|active| active.ssrc == ssrc) {
            active.pipeline.report_loss(f64::from(fraction_lost));
        }
    }

    /// How many tracks are sent.
    pub(super) fn count(&self) -> usize {
        self.active.len()
    }
}

/// What a sender should be doing.
struct Wanted {
    track: MediaStreamTrack,
    transform: Arc<SendTransform>,
    ssrc: Ssrc,
    params: AudioSendParams,
}

fn wanted_audio(entry: &MediaEntry) -> Option<Wanted> {
    let plan = entry.plan().filter(|plan| plan.direction.sends())?;
    let track = entry.media().sender_track()?;
    if !matches!(track, MediaStreamTrack::Audio(_)) {
        return None;
    }
    let encoding = entry.encodings().first();
    if encoding.is_some_and(|encoding| !encoding.active) {
        return None;
    }
    let ssrc = plan.send.first()?.ssrc?;
    let params = audio_params(plan, encoding.and_then(|encoding| encoding.max_bitrate))?;
    Some(Wanted {
        track,
        transform: entry.media().send_transform().clone(),
        ssrc,
        params,
    })
}

/// The encoder's settings as the peer asks for them (RFC 7587 §6.1) and the application limits them.
fn audio_params(plan: &MediaPlan, max_bitrate: Option<u64>) -> Option<AudioSendParams> {
    let opus = plan
        .codecs
        .iter()
        .find(|codec| codec.codec == Codec::Opus)?;
    // RED counts where the peer prefers it, that is, lists it before the codec it carries.
    let red = plan
        .codecs
        .first()
        .filter(|codec| codec.codec == Codec::Red)
        .map(|codec| codec.pt);
    let number = |name| parameter(&opus.remote_fmtp, name).and_then(|value| value.parse().ok());
    Some(AudioSendParams {
        red_pt: red,
        // Google's library also takes our own wish to hear stereo as one to send it, and LiveKit leans on that: it
        // puts `stereo=1` into the offer, and the server takes it out of the answer.
        stereo: flag(&opus.remote_fmtp, "stereo") || flag(&opus.local_fmtp, "stereo"),
        dtx: flag(&opus.remote_fmtp, "usedtx"),
        fec: flag(&opus.remote_fmtp, "useinbandfec"),
        max_average_bitrate: number("maxaveragebitrate"),
        max_playback_rate: number("maxplaybackrate"),
        max_bitrate: max_bitrate.map(|bitrate| u32::try_from(bitrate).unwrap_or(u32::MAX)),
        ptime_ms: number("ptime").unwrap_or(DEFAULT_PTIME_MS),
        ..AudioSendParams::new(opus.pt)
    })
}

fn parameter<'a>(fmtp: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fmtp.iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

fn flag(fmtp: &[(String, String)], name: &str) -> bool {
    parameter(fmtp, name) == Some("1")
}

#[cfg(test)]
mod tests {
    use lk_jsep::plan::CodecPlan;
    use lk_types::{Direction, MediaKind, Mid};

    use super::*;

    fn codec(codec: Codec, pt: u8, fmtp: &[(&str, &str)]) -> CodecPlan {
        CodecPlan {
            pt: Pt(pt),
            codec,
            clock_rate: 48_000,
            channels: Some(2),
            remote_fmtp: fmtp
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            local_fmtp: Vec::new(),
            rtx: None,
            feedback: Vec::new(),
        }
    }

    fn plan(codecs: Vec<CodecPlan>) -> MediaPlan {
        MediaPlan {
            mid: Mid::new("0"),
            index: 0,
            kind: MediaKind::Audio,
            direction: Direction::SendOnly,
            rejected: false,
            codecs,
            extensions: Vec::new(),
            send: Vec::new(),
            recv: Vec::new(),
            cname: String::new(),
            remb: false,
            transport_cc: false,
        }
    }

    #[test]
    fn the_peers_parameters_govern_the_encoder() {
        let opus = codec(
            Codec::Opus,
            111,
            &[
                ("stereo", "1"),
                ("usedtx", "1"),
                ("maxaveragebitrate", "64000"),
            ],
        );
        let params = audio_params(&plan(vec![opus]), Some(96_000)).expect("opus is there");
        assert!(params.stereo && params.dtx && !params.fec);
        assert_eq!(params.max_average_bitrate, Some(64_000));
        assert_eq!(params.max_bitrate, Some(96_000));
        assert_eq!(params.red_pt, None);
    }

    #[test]
    fn stereo_in_our_own_offer_is_enough() {
        let mut opus = codec(Codec::Opus, 111, &[]);
        assert!(
            !audio_params(&plan(vec![opus.clone()]), None)
                .expect("opus")
                .stereo
        );
        opus.local_fmtp = vec![("stereo".to_owned(), "1".to_owned())];
        assert!(audio_params(&plan(vec![opus]), None).expect("opus").stereo);
    }

    #[test]
    fn red_is_used_where_the_peer_prefers_it() {
        let list = vec![codec(Codec::Red, 63, &[]), codec(Codec::Opus, 111, &[])];
        assert_eq!(
            audio_params(&plan(list.clone()), None)
                .expect("opus")
                .red_pt,
            Some(Pt(63))
        );
        let reversed = list.into_iter().rev().collect();
        assert_eq!(
            audio_params(&plan(reversed), None).expect("opus").red_pt,
            None
        );
    }
}
