//! From RTP packets back to frames that a decoder may take.

mod assemble;
mod buffer;
mod head;
mod history;
mod layers;
mod packets;
mod picture;
mod references;
mod wish;

pub use buffer::{FrameBuffer, FrameBufferConfig};

use std::sync::Arc;
use std::time::{Duration, Instant};

use lk_types::Codec;

/// A packet of the stream, as the network delivered it.
#[derive(Clone, Debug)]
pub struct RtpPacket {
    /// Sequence number, extended beyond 16 bits.
    pub sequence: u64,
    /// RTP timestamp: 90 kHz.
    pub timestamp: u32,
    /// Marker bit.
    pub marker: bool,
    /// When it came in.
    pub arrival: Instant,
    /// The payload; empty for padding, whose sequence number counts all the same.
    pub payload: Arc<[u8]>,
    /// The dependency descriptor extension, raw, where the packet has one.
    pub descriptor: Option<Arc<[u8]>>,
}

/// A picture that is complete and whose references have been given before: ready for the decoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssembledFrame {
    /// What it is encoded in.
    pub codec: Codec,
    /// H.264, H.265: an Annex B access unit, key pictures with their parameter sets. AV1: OBUs with sizes, no temporal
    /// delimiter. VP8, VP9: the frame; with spatial layers all layer frames, one after the other.
    pub payload: Vec<u8>,
    /// Lengths of the layer frames in `payload`, lowest first; one entry for a picture without layers. VP9 decoders
    /// take one at a time.
    pub layers: Vec<usize>,
    /// Bytes at the beginning of `payload` that did not come with the picture: parameter sets that were sent before.
    pub prefix: usize,
    /// Decoding may start here.
    pub keyframe: bool,
    /// Width and height, where the picture tells (key pictures).
    pub size: Option<(u32, u32)>,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Highest spatial layer it holds, where the packets tell. May be lower than what was sent: layers that are missing, or
    /// refer to something that is, are left out.
    pub spatial: u8,
    /// Temporal layer, where the packets tell.
    pub temporal: u8,
    /// When its first packet came.
    pub first_arrival: Instant,
    /// When its last packet came.
    pub last_arrival: Instant,
    /// Sequence number of its first packet.
    pub first_sequence: u64,
    /// Packets it was made of.
    pub packets: u32,
    /// Some packet came out of order: repeated, or overtaken. Its arrival says nothing about the path's delay.
    pub reordered: bool,
}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VideoReceiveStats {
    /// Pictures given out.
    pub frames: u64,
    /// Of these, key pictures.
    pub keyframes: u64,
    /// Of these, such as lack the highest spatial layers that were sent.
    pub frames_reduced: u64,
    /// Pictures of which something came, and that were not given: incomplete, or their references are missing.
    pub frames_dropped: u64,
    /// Packets that were taken in, without duplicates, late and damaged ones.
    pub packets: u64,
    /// Packets that never came, or too late.
    pub packets_lost: u64,
    /// Packets that came when they had been given up.
    pub packets_late: u64,
    /// Packets that came twice.
    pub packets_duplicated: u64,
    /// Packets that are not what their format describes.
    pub packets_malformed: u64,
    /// Packets that filled a gap.
    pub packets_recovered: u64,
    /// Key frames asked for.
    pub keyframes_wanted: u64,
    /// Pictures given out that took more than one packet.
    pub frames_assembled: u64,
    /// Times between first and last packet of those, together.
    pub assembly_time: Duration,
}
