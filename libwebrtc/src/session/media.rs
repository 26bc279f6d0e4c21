//! Media objects of transceivers: what the JSEP state does not hold, and how packets reach them.

use std::collections::HashMap;
use std::sync::Arc;

use lk_engine::{IncomingRtp, SenderReport};
use lk_jsep::plan::MediaPlan;
use lk_jsep::{Encoding, Session, Transceiver, TransceiverId};
use lk_types::{Codec, MediaKind, Mid, Pt};
use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::audio_track::RtcAudioTrack;
use crate::media_stream_track::MediaStreamTrack;
use crate::pipeline::audio_recv::{AudioRecv, AudioRecvParams, IncomingAudio};
use crate::rtp_sender::SenderSettings;
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
    /// What the application set for the sender beside what is negotiated.
    settings: SenderSettings,
}

impl TransceiverMedia {
    fn new(transceiver: &Transceiver, runtime: &Handle) -> Self {
        let track_id = &transceiver.receiver().track_id;
        let (receiver_track, audio) = match transceiver.kind() {
            MediaKind::Audio => match AudioRecv::new(runtime.clone(), NOTHING_NEGOTIATED) {
                Ok(audio) => (
                    MediaStreamTrack::Audio(RtcAudioTrack::remote(track_id, audio.clone())),
                    Some(audio),
                ),
                Err(error) => {
                    log::error!("audio receiver: {error}");
                    (
                        MediaStreamTrack::Audio(RtcAudioTrack::silent(track_id)),
                        None,
                    )
                }
            },
            MediaKind::Video => (
                MediaStreamTrack::Video(RtcVideoTrack::remote(track_id)),
                None,
            ),
        };
        Self {
            id: transceiver.id(),
            kind: transceiver.kind(),
            sender_track: Mutex::new(None),
            receiver_track,
            audio,
            settings: SenderSettings::default(),
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

    pub(crate) fn receiver_track(&self) -> MediaStreamTrack {
        self.receiver_track.clone()
    }

    /// The audio receiver, for its counters.
    pub(crate) fn audio(&self) -> Option<&AudioRecv> {
        self.audio.as_ref()
    }

    /// A packet came in for the m-line.
    pub(crate) fn receive(&self, packet: &IncomingRtp) {
        if self.receiver_track.withheld() {
            return;
        }
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
    }

    /// Takes the payload types of a new exchange over.
    fn renegotiated(&self, plan: Option<&MediaPlan>) {
        let (Some(audio), Some(plan)) = (&self.audio, plan) else {
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
        match &self.receiver_track {
            MediaStreamTrack::Audio(_) => {
                if let Some(audio) = &self.audio {
                    audio.end_streams();
                }
            }
            MediaStreamTrack::Video(track) => track.sinks().end_streams(),
        }
    }

    /// Nothing will come any more.
    pub(crate) fn end(&self) {
        self.receiver_track.end();
        if let Some(audio) = &self.audio {
            audio.end();
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
}

impl MediaTable {
    pub(crate) fn new(runtime: Handle) -> Self {
        Self {
            objects: HashMap::new(),
            runtime,
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
                .or_insert_with(|| Arc::new(TransceiverMedia::new(transceiver, &self.runtime)))
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
