//! What happens to encoded frames between encoder and packets, and between packets and decoder: encryption, and the
//! packet trailer outside it.
//!
//! A transform belongs to a transceiver's sender or receiver and outlives the pipelines that use it. Without cryptor and
//! trailer it costs a look at an empty slot.

mod cryption;
#[cfg(test)]
mod tests;
mod trailer;

use std::sync::Arc;

use lk_crypto::FrameKind;
use lk_media::video::{AssembledFrame, FrameTrailer};
use lk_types::{Codec, EncodedVideo, Ssrc};
use parking_lot::Mutex;

pub(crate) use cryption::{Cryption, Cryptor};
pub(crate) use trailer::{Stage, Trailers};

use cryption::Passage;

/// Of a sender.
#[derive(Debug, Default)]
pub(crate) struct SendTransform {
    slot: Mutex<Slot>,
}

/// Of a receiver.
#[derive(Debug, Default)]
pub(crate) struct RecvTransform {
    slot: Mutex<Slot>,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    cryptor: Option<Arc<Cryptor>>,
    trailers: Option<Arc<Trailers>>,
    /// Receiving: whose frames the cryptor decrypts.
    ssrc: Option<Ssrc>,
}

/// A picture that is to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) ssrc: Ssrc,
    pub(super) timestamp: u32,
    /// The source's name for it.
    pub(super) captured_us: i64,
}

impl SendTransform {
    /// Encrypts with this one from now on.
    pub(crate) fn set_cryptor(&self, cryptor: Arc<Cryptor>) {
        self.slot.lock().cryptor = Some(cryptor);
    }

    /// Appends these trailers from now on.
    pub(crate) fn set_trailers(&self, trailers: Arc<Trailers>) {
        self.slot.lock().trailers = Some(trailers);
    }

    /// Transforms an audio packet's payload in place, and says whether it may be sent.
    pub(crate) fn audio(&self, ssrc: Ssrc, timestamp: u32, payload: &mut Vec<u8>) -> bool {
        let Some(cryptor) = self.slot.lock().cryptor.clone() else {
            return true;
        };
        let mut sealed = Vec::new();
        match cryptor.seal(FrameKind::Audio, ssrc.0, timestamp, payload, &mut sealed) {
            Passage::Unchanged => true,
            Passage::Changed => {
                *payload = sealed;
                true
            }
            Passage::Withheld => false,
        }
    }

    /// Transforms the frames of a picture; `None` where they may not be sent. `frames` come back as they are where there
    /// is nothing to do, else those in `scratch`, whose buffers are used again.
    pub(super) fn video<'a>(
        &self,
        frames: &'a [EncodedVideo],
        sent: Sent,
        scratch: &'a mut Vec<EncodedVideo>,
    ) -> Option<&'a [EncodedVideo]> {
        let Slot {
            cryptor, trailers, ..
        } = self.slot.lock().clone();
        let cryptor = cryptor.filter(|cryptor| cryptor.enabled());
        let metadata = trailers.as_ref().and_then(|trailers| {
            let metadata = trailers.find(sent.captured_us);
            trailers.reached(Stage::Encoded, metadata.as_deref());
            metadata.filter(|metadata| trailers.enabled() && !metadata.is_empty())
        });
        let packetized = || {
            if let Some(trailers) = &trailers {
                trailers.reached(Stage::Packetized, metadata.as_deref());
            }
        };
        if cryptor.is_none() && metadata.is_none() {
            packetized();
            return Some(frames);
        }
        scratch.truncate(frames.len());
        for (at, frame) in frames.iter().enumerate() {
            let mut payload = match scratch.get_mut(at) {
                Some(before) => std::mem::take(&mut before.payload),
                None => Vec::new(),
            };
            payload.clear();
            let passage = match &cryptor {
                Some(cryptor) => cryptor.seal(
                    sending_kind(frame)?,
                    sent.ssrc.0,
                    sent.timestamp,
                    &frame.payload,
                    &mut payload,
                ),
                None => Passage::Unchanged,
            };
            match passage {
                Passage::Changed => {}
                Passage::Unchanged => payload.extend_from_slice(&frame.payload),
                Passage::Withheld => return None,
            }
            if let Some(metadata) = &metadata
                && !metadata.append(frame.codec, &mut payload)
            {
                log::warn!(
                    "{} bytes of user data do not fit behind a frame and are left out",
                    metadata.user_data.len()
                );
            }
            let transformed = EncodedVideo {
                payload,
                layer: frame.layer.clone(),
                ..*frame
            };
            match scratch.get_mut(at) {
                Some(before) => *before = transformed,
                None => scratch.push(transformed),
            }
        }
        packetized();
        Some(scratch)
    }
}

impl RecvTransform {
    /// Decrypts with this one from now on.
    pub(crate) fn set_cryptor(&self, cryptor: Arc<Cryptor>) {
        let mut slot = self.slot.lock();
        slot.cryptor = Some(cryptor);
        slot.ssrc = None;
    }

    /// Takes trailers off for these from now on.
    pub(crate) fn set_trailers(&self, trailers: Arc<Trailers>) {
        self.slot.lock().trailers = Some(trailers);
    }

    /// The peer took its source away; the next one may belong to somebody else.
    pub(crate) fn ended(&self) {
        let mut slot = self.slot.lock();
        slot.trailers = None;
        if slot.cryptor.as_ref().is_some_and(|old| old.is_orphaned()) {
            slot.cryptor = None;
        }
    }

    /// The cryptor for what comes from a source. One that nobody switches any more stays for the source it was for,
    /// so that nothing of that is taken for sound or pictures, and for no other.
    fn cryptor(&self, ssrc: Ssrc) -> Option<Arc<Cryptor>> {
        let mut slot = self.slot.lock();
        let cryptor = slot.cryptor.as_ref()?;
        if slot.ssrc != Some(ssrc) {
            if slot.ssrc.is_some() && cryptor.is_orphaned() {
                slot.cryptor = None;
                return None;
            }
            slot.ssrc = Some(ssrc);
        }
        slot.cryptor.clone()
    }

    /// An audio packet's payload for the jitter buffer, `out` being the place for it; `None` where there is nothing to
    /// hear in it.
    pub(super) fn audio<'a>(
        &self,
        ssrc: Ssrc,
        payload: &'a [u8],
        out: &'a mut Vec<u8>,
    ) -> Option<&'a [u8]> {
        let Some(cryptor) = self.cryptor(ssrc) else {
            return Some(payload);
        };
        match cryptor.open(FrameKind::Audio, payload, out) {
            Passage::Unchanged => Some(payload),
            Passage::Changed => Some(out),
            Passage::Withheld => None,
        }
    }

    /// Transforms a picture in place, and says whether it may be decoded. Gives its metadata, where it has some.
    pub(super) fn video(
        &self,
        ssrc: Ssrc,
        frame: &mut AssembledFrame,
    ) -> (bool, Option<FrameTrailer>) {
        let cryptor = self.cryptor(ssrc).filter(|cryptor| cryptor.enabled());
        let trailers = self.slot.lock().trailers.clone();
        let stripping = trailers.as_ref().is_some_and(|trailers| trailers.enabled());
        let mut metadata = None;
        let mut passes = true;
        if cryptor.is_some() || stripping {
            let given = std::mem::take(&mut frame.payload);
            let (prefix, mut rest) = given.split_at(frame.prefix.min(given.len()));
            let mut whole = Vec::with_capacity(given.len());
            whole.extend_from_slice(prefix);
            let (mut sealed, mut opened) = (Vec::new(), Vec::new());
            let count = frame.layers.len();
            for (at, layer) in frame.layers.iter_mut().enumerate() {
                let len = if at + 1 == count {
                    rest.len()
                } else {
                    (*layer).min(rest.len())
                };
                let (part, behind) = rest.split_at(len);
                rest = behind;
                let mut part = part;
                if stripping {
                    sealed.clear();
                    sealed.extend_from_slice(part);
                    while let Some(taken) = FrameTrailer::take(frame.codec, &mut sealed) {
                        metadata = Some(taken);
                        if frame.codec != Codec::Av1 {
                            break;
                        }
                    }
                    part = &sealed;
                }
                if let Some(cryptor) = &cryptor {
                    let passage = match receiving_kind(frame.codec) {
                        Some(kind) => cryptor.open(kind, part, &mut opened),
                        None => Passage::Withheld,
                    };
                    match passage {
                        Passage::Unchanged => {}
                        Passage::Changed => part = &opened,
                        Passage::Withheld => {
                            passes = false;
                            break;
                        }
                    }
                }
                *layer = part.len() + if at == 0 { prefix.len() } else { 0 };
                whole.extend_from_slice(part);
            }
            frame.payload = whole;
        }
        if let Some(trailers) = &trailers {
            trailers.reached(Stage::Received, metadata.as_ref());
            if passes {
                trailers.reached(Stage::Decoding, metadata.as_ref());
            }
        }
        (passes, metadata)
    }

    /// A picture with that metadata came out of the decoder.
    pub(super) fn decoded(&self, metadata: Option<&FrameTrailer>) {
        let trailers = self.slot.lock().trailers.clone();
        if let (Some(trailers), Some(metadata)) = (trailers, metadata) {
            trailers.reached(Stage::Decoded, Some(metadata));
        }
    }
}

fn sending_kind(frame: &EncodedVideo) -> Option<FrameKind> {
    Some(match frame.codec {
        // In the layers above the lowest one a sequence header has no place.
        Codec::Av1 => FrameKind::Av1 {
            key: frame.keyframe && frame.layer.spatial == 0,
        },
        codec => receiving_kind(codec)?,
    })
}

fn receiving_kind(codec: Codec) -> Option<FrameKind> {
    Some(match codec {
        Codec::Vp8 => FrameKind::Vp8,
        Codec::Vp9 => FrameKind::Vp9,
        Codec::H264 => FrameKind::H264,
        Codec::H265 => FrameKind::H265,
        Codec::Av1 => FrameKind::Av1 { key: false },
        _ => return None,
    })
}
