//! Media objects of transceivers: what the JSEP state does not hold, and how packets reach them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use lk_engine::{IncomingRtp, SenderReport};
use lk_jsep::plan::MediaPlan;
use lk_jsep::{Encoding, Session, Transceiver, TransceiverId};
use lk_media::video::RtpPacket;
use lk_types::{Codec, MediaKind, Mid, Pt};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::actor::Command;

use crate::audio_track::RtcAudioTrack;
use crate::media_stream_track::MediaStreamTrack;
use crate::pipeline::audio_recv::{AudioRecv, AudioRecvParams, IncomingAudio};
use crate::pipeline::transform::{RecvTransform, SendTransform};
use crate::pipeline::video_recv::{IncomingVideo, VideoRecv};
use crate::rtp_sender::SenderSettings;
use crate::video_sink::VideoSinks;
use crate::video_track::RtcVideoTrack;

/// Payload types that no packet has, for the time before the first exchange.
const NOTHING_NEGOTIATED: AudioRecvParams = AudioRecvParams {
    opus_pt: Pt(u8::MAX),
    red_pt: None,
};

/// The tracks of one transceiver. Lives as long as the transceiver or anybody who holds its tracks.
pub(crate) struct TransceiverMedia {
    id: TransceiverId,
    kind: MediaKind,
    /// What the sender sends.
    sender_track: Mutex<Option<MediaStreamTrack>>,
    /// What the receiver receives: one track for the transceiver's whole life (W3C `receiver.track`).
    receiver_track: MediaStreamTrack,
    /// Decodes the receiver's audio while somebody listens.
    audio: Option<AudioRecv>,
    /// Decodes the receiver's video while somebody watches.
    video: Option<VideoRecv>,
    /// What the application set for the sender beside what is negotiated.
    settings: SenderSettings,
    /// Between the sender's encoders and packets, whichever pipeline runs.
    send_transform: Arc<SendTransform>,
}

impl TransceiverMedia {
    fn new(
        transceiver: &Transceiver,
        runtime: &Handle,
        commands: &mpsc::WeakUnboundedSender<Command>,
    ) -> Self {
        let track_id = &transceiver.receiver().track_id;
        let (receiver_track, audio, video) = match transceiver.kind() {
            MediaKind::Audio => match AudioRecv::new(runtime.clone(), NOTHING_NEGOTIATED) {
                Ok(audio) => (
                    MediaStreamTrack::Audio(RtcAudioTrack::remote(track_id, audio.clone())),
                    Some(audio),
                    None,
                ),
                Err(error) => {
                    log::error!("audio receiver: {error}");
                    (
                        MediaStreamTrack::Audio(RtcAudioTrack::silent(track_id)),
                        None,
                        None,
                    )
                }
            },
            MediaKind::Video => {
                let sinks = Arc::new(VideoSinks::default());
                let commands = commands.clone();
                let video = VideoRecv::new(runtime.clone(), sinks.clone(), move |ssrc| {
                    if let Some(commands) = commands.upgrade() {
                        // After close nobody sends pictures anyway.
                        let _ = commands.send(Command::WantKeyframe(ssrc));
                    }
                });
                let track = RtcVideoTrack::remote(track_id, video.clone(), sinks);
                (MediaStreamTrack::Video(track), None, Some(video))
            }
        };
        Self {
            id: transceiver.id(),
            kind: transceiver.kind(),
            sender_track: Mutex::new(None),
            receiver_track,
            audio,
            video,
            settings: SenderSettings::default(),
            send_transform: Arc::default(),
        }
    }

    pub(crate) fn id(&self) -> TransceiverId {
        self.id
    }

    pub(crate) fn kind(&self) -> MediaKind {
        self.kind
    }

    pub(crate) fn sender_track(&self) -> Option<MediaStreamTrack> {
        self.sender_track.lock().clone()
    }

    pub(crate) fn set_sender_track(&self, track: Option<MediaStreamTrack>) {
        *self.sender_track.lock() = track;
    }

    pub(crate) fn settings(&self) -> &SenderSettings {
        &self.settings
    }

    pub(crate) fn send_transform(&self) -> &Arc<SendTransform> {
        &self.send_transform
    }

    /// Between the receiver's packets and its decoder; `None` where there is no decoder.
    pub(crate) fn recv_transform(&self) -> Option<&Arc<RecvTransform>> {
        let video = self.video.as_ref().map(VideoRecv::transform);
        video.or_else(|| self.audio.as_ref().map(AudioRecv::transform))
    }

    pub(crate) fn receiver_track(&self) -> MediaStreamTrack {
        self.receiver_track.clone()
    }

    /// The audio receiver, for its counters.
    pub(crate) fn audio(&self) -> Option<&AudioRecv> {
        self.audio.as_ref()
    }

    /// The video receiver, for its counters.
    pub(crate) fn video(&self) -> Option<&VideoRecv> {
        self.video.as_ref()
    }

    /// The path's round trip time, for those who wait for retransmissions.
    pub(crate) fn set_rtt(&self, rtt: Duration) {
        if let Some(video) = &self.video {
            video.set_rtt(rtt);
        }
    }

    /// A packet came in for the m-line.
    pub(crate) fn receive(&self, packet: &IncomingRtp) {
        if let Some(audio) = &self.audio {
            audio.push(
                packet.pt,
                &IncomingAudio {
                    ssrc: packet.ssrc,
                    sequence: packet.sequence_number as u16,
                    timestamp: packet.timestamp,
                    marker: packet.marker,
                    arrival: packet.arrival,
                    payload: &packet.payload,
                },
            );
        }
        if let Some(video) = &self.video {
            video.push(IncomingVideo {
                ssrc: packet.ssrc,
                pt: packet.pt,
                rotation: packet.rotation,
                packet: RtpPacket {
                    sequence: packet.sequence_number,
                    timestamp: packet.timestamp,
                    marker: packet.marker,
                    arrival: packet.arrival,
                    payload: packet.payload.clone(),
                    descriptor: packet.dependency_descriptor.clone(),
                },
            });
        }
    }

    /// Takes the payload types of a new exchange over.
    fn renegotiated(&self, plan: Option<&MediaPlan>) {
        let Some(plan) = plan else {
            return;
        };
        if let Some(video) = &self.video {
            video.set_codecs(
                plan.codecs
                    .iter()
                    .map(|codec| (codec.pt, codec.codec))
                    .collect(),
            );
        }
        let Some(audio) = &self.audio else {
            return;
        };
        let pt = |wanted| {
            plan.codecs
                .iter()
                .find(|codec| codec.codec == wanted)
                .map(|codec| codec.pt)
        };
        if let Some(opus_pt) = pt(Codec::Opus) {
            audio.set_params(AudioRecvParams {
                opus_pt,
                red_pt: pt(Codec::Red),
            });
        }
    }

    /// The peer's clock.
    pub(crate) fn sender_report(&self, _report: &SenderReport) {}

    /// The peer stopped sending: streams that listen now end, the track may carry another source later.
    pub(crate) fn end_streams(&self) {
        if let Some(audio) = &self.audio {
            audio.end_streams();
        }
        if let Some(video) = &self.video {
            video.end_streams();
        }
    }

    /// Nothing will come any more.
    pub(crate) fn end(&self) {
        self.receiver_track.end();
        if let Some(audio) = &self.audio {
            audio.end();
        }
        if let Some(video) = &self.video {
            video.end();
        }
    }
}

/// A transceiver as the actor needs it: its objects and what is negotiated for it.
#[derive(Clone)]
pub(crate) struct MediaEntry {
    media: Arc<TransceiverMedia>,
    mid: Option<Mid>,
    plan: Option<MediaPlan>,
    encodings: Vec<Encoding>,
}

impl MediaEntry {
    pub(crate) fn media(&self) -> &Arc<TransceiverMedia> {
        &self.media
    }

    pub(crate) fn mid(&self) -> Option<&Mid> {
        self.mid.as_ref()
    }

    /// What the last exchange agreed on.
    pub(crate) fn plan(&self) -> Option<&MediaPlan> {
        self.plan.as_ref()
    }

    /// The sender's encodings as the application set them.
    pub(crate) fn encodings(&self) -> &[Encoding] {
        &self.encodings
    }
}

/// The media objects of all transceivers.
pub(crate) struct MediaTable {
    objects: HashMap<TransceiverId, Arc<TransceiverMedia>>,
    runtime: Handle,
    commands: mpsc::WeakUnboundedSender<Command>,
}

impl MediaTable {
    pub(crate) fn new(runtime: Handle, commands: mpsc::WeakUnboundedSender<Command>) -> Self {
        Self {
            objects: HashMap::new(),
            runtime,
            commands,
        }
    }

    pub(crate) fn get(&self, id: TransceiverId) -> Option<Arc<TransceiverMedia>> {
        self.objects.get(&id).cloned()
    }

    /// The objects of a transceiver that the session just made.
    pub(crate) fn ensure(
        &mut self,
        session: &Session,
        id: TransceiverId,
    ) -> Option<Arc<TransceiverMedia>> {
        self.follow(session);
        self.get(id)
    }

    pub(crate) fn all(&self) -> Vec<Arc<TransceiverMedia>> {
        self.objects.values().cloned().collect()
    }

    /// Makes objects for new transceivers and ends those of transceivers that are gone.
    pub(crate) fn follow(&mut self, session: &Session) {
        for transceiver in session.transceivers() {
            self.objects
                .entry(transceiver.id())
                .or_insert_with(|| {
                    let media = TransceiverMedia::new(transceiver, &self.runtime, &self.commands);
                    Arc::new(media)
                })
                .renegotiated(transceiver.negotiated());
        }
        self.objects.retain(|id, media| {
            let known = session.transceiver(*id).is_some();
            if !known {
                media.end();
            }
            known
        });
    }

    /// What the actor needs of all transceivers.
    pub(crate) fn snapshot(&self, session: &Session) -> Vec<MediaEntry> {
        session
            .transceivers()
            .iter()
            .filter_map(|transceiver| {
                Some(MediaEntry {
                    media: self.get(transceiver.id())?,
                    mid: transceiver.mid().cloned(),
                    plan: transceiver.negotiated().cloned(),
                    encodings: transceiver.sender().encodings.clone(),
                })
            })
            .collect()
    }
}
