//! From encoded frames to RTP payloads.

use std::ops::Range;

use lk_types::{Codec, EncodedVideo, ScalabilityMode};

use super::error::PacketizeError;
use super::payloads::{Payloads, Room};
use super::vp8::Vp8Descriptor;
use super::{h264, vp8};

/// The least [`PacketizerConfig::max_payload`]: room for the biggest header extension and some media.
pub const LEAST_PAYLOAD: usize = 400;

/// How to packetise a stream.
#[derive(Clone, Copy, Debug)]
pub struct PacketizerConfig {
    /// Most bytes that payload and dependency descriptor of a packet may have together; 1,200 less RTP header, other
    /// extensions, authentication, TURN. At least [`LEAST_PAYLOAD`].
    pub max_payload: usize,
    /// The layers that the encoder makes.
    pub mode: ScalabilityMode,
    /// Whether to give a dependency descriptor with each packet, where the codec is VP9 or AV1: only of use where the
    /// extension is negotiated.
    pub descriptor: bool,
    /// The first picture ID (VP8, VP9), 15 bits; should be random.
    pub first_picture_id: u16,
}

impl Default for PacketizerConfig {
    fn default() -> Self {
        Self {
            max_payload: 1_100,
            mode: ScalabilityMode::L1T1,
            descriptor: false,
            first_picture_id: 0,
        }
    }
}

/// A payload to send, valid until the callback that is given it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpPayload<'a> {
    /// The payload.
    pub payload: &'a [u8],
    /// The RTP marker: the picture's last packet.
    pub marker: bool,
    /// The dependency descriptor, raw.
    pub descriptor: Option<&'a [u8]>,
}

/// Cuts the frames of one RTP stream into payloads. Buffers are kept: once warm nothing is allocated.
#[derive(Debug)]
pub struct Packetizer {
    codec: Codec,
    config: PacketizerConfig,
    payloads: Payloads,
    header: Vec<u8>,
    units: Vec<Range<usize>>,
    picture_id: u16,
    tl0_picture: u8,
    /// The next frame begins a picture.
    picture_starts: bool,
}

impl Packetizer {
    /// A stream without frames yet.
    ///
    /// # Errors
    /// Where the codec is not video, or the packets are too small.
    pub fn new(codec: Codec, config: PacketizerConfig) -> Result<Self, PacketizeError> {
        if !matches!(codec, Codec::Vp8 | Codec::H264) {
            return Err(PacketizeError::Codec { codec });
        }
        if config.max_payload < LEAST_PAYLOAD {
            return Err(PacketizeError::MaxPayload {
                max_payload: config.max_payload,
                least: LEAST_PAYLOAD,
            });
        }
        Ok(Self {
            codec,
            config,
            payloads: Payloads::default(),
            header: Vec::new(),
            units: Vec::new(),
            picture_id: config.first_picture_id & 0x7fff,
            tl0_picture: 0,
            picture_starts: true,
        })
    }

    /// Hands out the payloads of a picture: of its only frame, or of all the layer frames that the encoder made of it,
    /// lowest first. (Given one layer frame at a time it works too, but a key picture then does not say how big its
    /// layers are.) All of them have the same RTP timestamp.
    ///
    /// # Errors
    /// Where a frame cannot be sent. Nothing has been handed out of that frame then; of those before it, all.
    pub fn packetize(
        &mut self,
        picture: &[EncodedVideo],
        mut emit: impl FnMut(RtpPayload<'_>),
    ) -> Result<(), PacketizeError> {
        for frame in picture {
            self.check(frame)?;
            self.packetize_frame(frame, &mut emit)?;
        }
        Ok(())
    }

    /// Changes the packets' size from the next frame on.
    ///
    /// # Errors
    /// Where it is below [`LEAST_PAYLOAD`].
    pub fn set_max_payload(&mut self, max_payload: usize) -> Result<(), PacketizeError> {
        if max_payload < LEAST_PAYLOAD {
            return Err(PacketizeError::MaxPayload {
                max_payload,
                least: LEAST_PAYLOAD,
            });
        }
        self.config.max_payload = max_payload;
        Ok(())
    }

    fn check(&self, frame: &EncodedVideo) -> Result<(), PacketizeError> {
        if frame.codec != self.codec {
            return Err(PacketizeError::OtherCodec {
                frame: frame.codec,
                stream: self.codec,
            });
        }
        let layer = &frame.layer;
        let mode = self.config.mode;
        if layer.spatial >= mode.spatial_layers || layer.temporal >= mode.temporal_layers {
            return Err(PacketizeError::Layer {
                spatial: layer.spatial,
                temporal: layer.temporal,
                mode: mode.to_string(),
            });
        }
        Ok(())
    }

    fn packetize_frame(
        &mut self,
        frame: &EncodedVideo,
        emit: &mut impl FnMut(RtpPayload<'_>),
    ) -> Result<(), PacketizeError> {
        let room = Room {
            first: self.config.max_payload,
            rest: self.config.max_payload,
        };
        self.payloads.clear();
        match self.codec {
            Codec::Vp8 => self.vp8(frame, room),
            _ => h264::packetize(&frame.payload, room, &mut self.payloads, &mut self.units),
        }
        if self.payloads.len() == 0 {
            return Err(PacketizeError::Empty {
                codec: self.codec,
                len: frame.payload.len(),
            });
        }
        if frame.end_of_picture {
            self.picture_id = (self.picture_id + 1) & 0x7fff;
        }
        self.picture_starts = frame.end_of_picture;
        let last = self.payloads.len() - 1;
        for index in 0..=last {
            emit(RtpPayload {
                payload: self.payloads.payload(index),
                marker: frame.end_of_picture && index == last,
                descriptor: None,
            });
        }
        Ok(())
    }

    fn vp8(&mut self, frame: &EncodedVideo, room: Room) {
        let layered = self.config.mode.temporal_layers > 1;
        if layered && frame.layer.temporal == 0 && !frame.payload.is_empty() {
            self.tl0_picture = self.tl0_picture.wrapping_add(1);
        }
        let descriptor = Vp8Descriptor {
            non_reference: frame.layer.discardable,
            partition_start: true,
            picture_id: Some(self.picture_id),
            long_picture_id: true,
            tl0_picture: layered.then_some(self.tl0_picture),
            temporal: layered.then_some(frame.layer.temporal),
            // A frame of the lowest layer has no lower one to go up from.
            layer_sync: layered && frame.layer.temporal > 0 && frame.layer.switching_up,
            ..Vp8Descriptor::default()
        };
        vp8::packetize(
            &frame.payload,
            descriptor,
            room,
            &mut self.payloads,
            &mut self.header,
        );
    }
}
