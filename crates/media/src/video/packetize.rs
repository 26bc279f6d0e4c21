//! From encoded frames to RTP payloads.

use std::ops::Range;

use lk_types::{Codec, EncodedVideo, InterLayer, ScalabilityMode};

use super::descriptor::{Described, Descriptor, Mandatory, Structure, Tracker};
use super::error::{PacketizeError, PayloadError};
use super::h264::H264;
use super::h265::H265;
use super::payloads::{Payloads, Room};
use super::vp8::Vp8Descriptor;
use super::vp9::{self, Vp9Descriptor, Vp9Structure};
use super::{av1, nal, vp8};

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
    tracker: Tracker,
    /// The frame's dependency descriptor: with a structure, and as in all packets but the first.
    descriptors: [Vec<u8>; 2],
}

impl Packetizer {
    /// A stream without frames yet.
    ///
    /// # Errors
    /// Where the codec is not video, or the packets are too small.
    pub fn new(codec: Codec, config: PacketizerConfig) -> Result<Self, PacketizeError> {
        if !matches!(
            codec,
            Codec::Vp8 | Codec::Vp9 | Codec::H264 | Codec::H265 | Codec::Av1
        ) {
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
            tracker: Tracker::new(config.mode),
            descriptors: [Vec::new(), Vec::new()],
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
            self.packetize_frame(frame, picture, &mut emit)?;
        }
        Ok(())
    }

    /// Tells how many of the lowest spatial and temporal layers are being sent from now on; all are to begin with. A
    /// selective forwarder learns it by the dependency descriptor.
    pub fn set_active_layers(&mut self, spatial: u8, temporal: u8) {
        self.tracker.set_active(spatial, temporal);
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
        if frame.payload.is_empty() {
            return Err(PacketizeError::Empty {
                codec: self.codec,
                len: 0,
            });
        }
        if self.codec == Codec::Av1 {
            av1::check(&frame.payload).map_err(|error| malformed(frame, error))?;
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
        picture: &[EncodedVideo],
        emit: &mut impl FnMut(RtpPayload<'_>),
    ) -> Result<(), PacketizeError> {
        let max = self.config.max_payload;
        let mut room = Room {
            first: max,
            rest: max,
        };
        let described = self.tracker.frame(frame);
        let has_descriptor =
            self.config.descriptor && matches!(self.codec, Codec::Vp9 | Codec::Av1);
        if has_descriptor {
            self.describe(frame, picture, &described)?;
            let [first, rest] = &self.descriptors;
            room.first -= first.len();
            room.rest -= rest.len();
        }
        self.payloads.clear();
        match self.codec {
            Codec::Vp8 => self.vp8(frame, room),
            Codec::Vp9 => self.vp9(frame, picture, &described, room),
            Codec::Av1 => av1::packetize(
                &frame.payload,
                frame.keyframe && described.first_of_picture,
                room,
                &mut self.payloads,
            )
            .map_err(|error| malformed(frame, error))?,
            Codec::H265 => {
                nal::packetize::<H265>(&frame.payload, room, &mut self.payloads, &mut self.units);
            }
            _ => nal::packetize::<H264>(&frame.payload, room, &mut self.payloads, &mut self.units),
        }
        if frame.end_of_picture {
            self.picture_id = (self.picture_id + 1) & 0x7fff;
        }
        let Some(last) = self.payloads.len().checked_sub(1) else {
            return Err(PacketizeError::Empty {
                codec: self.codec,
                len: frame.payload.len(),
            });
        };
        for index in 0..=last {
            let descriptor = &mut self.descriptors[usize::from(index > 0)];
            if has_descriptor {
                let ends = u8::from(index == 0) << 7 | u8::from(index == last) << 6;
                descriptor[0] = descriptor[0] & 0x3f | ends;
            }
            emit(RtpPayload {
                payload: self.payloads.payload(index),
                marker: frame.end_of_picture && index == last,
                descriptor: has_descriptor.then_some(&descriptor[..]),
            });
        }
        Ok(())
    }

    /// Writes both forms of the frame's descriptor.
    fn describe(
        &mut self,
        frame: &EncodedVideo,
        picture: &[EncodedVideo],
        described: &Described,
    ) -> Result<(), PacketizeError> {
        let key = frame.keyframe && described.first_of_picture;
        let active_targets = self.tracker.active_targets(described, key);
        let structure = self.tracker.structure();
        let attached = key.then(|| Structure {
            sizes: layer_sizes(picture, self.config.mode.spatial_layers),
            ..structure.clone()
        });
        let mut descriptor = Descriptor {
            mandatory: Mandatory {
                start_of_frame: true,
                end_of_frame: true,
                template: 0,
                frame_number: described.number,
            },
            frame: described.frame.clone(),
            active_targets,
            structure: attached,
        };
        let [first, rest] = &mut self.descriptors;
        first.clear();
        descriptor.write(structure, first)?;
        rest.clear();
        descriptor.structure = None;
        descriptor.active_targets = None;
        descriptor.write(structure, rest)?;
        Ok(())
    }

    fn vp9(
        &mut self,
        frame: &EncodedVideo,
        picture: &[EncodedVideo],
        described: &Described,
        room: Room,
    ) {
        let mode = self.config.mode;
        let mut structure = Vp9Structure::default();
        let begins = frame.keyframe && described.first_of_picture;
        if begins {
            let fits = |(width, height): (u32, u32)| {
                Some((u16::try_from(width).ok()?, u16::try_from(height).ok()?))
            };
            let layers = picture.len().clamp(1, usize::from(mode.spatial_layers));
            structure.spatial_layers = layers as u8;
            structure.sizes = layer_sizes(picture, structure.spatial_layers)
                .into_iter()
                .map_while(fits)
                .collect();
            if structure.sizes.len() != layers {
                structure.sizes.clear();
            }
        }
        let inter_picture = !frame.keyframe;
        let mut references = [0; vp9::MAX_REFERENCES];
        if inter_picture {
            let told = described
                .pictures_back
                .iter()
                .filter_map(|distance| u8::try_from(*distance).ok())
                .filter(|distance| (1..=127).contains(distance));
            references
                .iter_mut()
                .zip(told)
                .for_each(|(place, distance)| *place = distance);
            // At least one is required; the last picture is the best guess.
            references[0] = references[0].max(1);
        }
        let top = frame.layer.spatial + 1 == mode.spatial_layers;
        let refers_up = match mode.inter_layer {
            InterLayer::Always => !top,
            InterLayer::KeyOnly => !top && frame.keyframe,
            InterLayer::Never => false,
        };
        let descriptor = Vp9Descriptor {
            picture_id: Some(self.picture_id),
            long_picture_id: true,
            inter_picture,
            flexible: true,
            not_for_upper: mode.spatial_layers > 1 && !refers_up,
            layered: mode.spatial_layers > 1 || mode.temporal_layers > 1,
            temporal: frame.layer.temporal,
            switching_up: frame.layer.switching_up,
            spatial: frame.layer.spatial,
            inter_layer: described.inter_layer,
            references,
            has_structure: begins,
            ..Vp9Descriptor::default()
        };
        vp9::packetize(
            &frame.payload,
            descriptor,
            &structure,
            room,
            &mut self.payloads,
            &mut self.header,
        );
    }

    fn vp8(&mut self, frame: &EncodedVideo, room: Room) {
        let layered = self.config.mode.temporal_layers > 1;
        if layered && frame.layer.temporal == 0 {
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

/// The sizes of all spatial layers, where the picture has them all.
fn layer_sizes(picture: &[EncodedVideo], layers: u8) -> Vec<(u32, u32)> {
    let sizes: Vec<_> = (0..layers)
        .map_while(|layer| {
            let frame = picture.iter().find(|frame| frame.layer.spatial == layer)?;
            let fits = |side: u32| (1..=1 << 16).contains(&side);
            (fits(frame.width) && fits(frame.height)).then_some((frame.width, frame.height))
        })
        .collect();
    if sizes.len() == usize::from(layers) {
        sizes
    } else {
        Vec::new()
    }
}

fn malformed(frame: &EncodedVideo, error: PayloadError) -> PacketizeError {
    PacketizeError::Malformed {
        codec: frame.codec,
        len: frame.payload.len(),
        error,
    }
}
