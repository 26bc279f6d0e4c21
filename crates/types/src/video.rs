//! Pictures, encoded pictures, and how layers of them depend on one another.

use std::fmt;

use crate::Codec;

/// A borrowed 8-bit YUV 4:2:0 picture, BT.601 limited range: luma of full size, chroma halved both ways (rounded
/// up). Strides are in bytes.
#[derive(Clone, Copy)]
pub struct I420View<'a> {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// At least `stride_y * (height - 1) + width` bytes.
    pub y: &'a [u8],
    /// At least `stride_u * (chroma_height - 1) + chroma_width` bytes.
    pub u: &'a [u8],
    /// Like `u`.
    pub v: &'a [u8],
    /// Bytes from one luma row's start to the next.
    pub stride_y: usize,
    /// Bytes from one U row's start to the next.
    pub stride_u: usize,
    /// Bytes from one V row's start to the next.
    pub stride_v: usize,
}

impl<'a> I420View<'a> {
    /// Whether every plane holds what size and strides say, so that a codec may read it without looking again.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let (width, height) = (self.width as usize, self.height as usize);
        let (chroma_width, chroma_height) = (width.div_ceil(2), height.div_ceil(2));
        holds(self.y, self.stride_y, width, height)
            && holds(self.u, self.stride_u, chroma_width, chroma_height)
            && holds(self.v, self.stride_v, chroma_width, chroma_height)
    }

    /// The planes Y, U and V with their strides.
    #[must_use]
    pub fn planes(&self) -> [(&'a [u8], usize); 3] {
        [
            (self.y, self.stride_y),
            (self.u, self.stride_u),
            (self.v, self.stride_v),
        ]
    }
}

impl fmt::Debug for I420View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("I420View")
            .field("width", &self.width)
            .field("height", &self.height)
            .finish_non_exhaustive()
    }
}

fn copy_plane(to: &mut Vec<u8>, from: &[u8], stride: usize, width: usize, height: usize) {
    to.clear();
    to.reserve_exact(width * height);
    for row in 0..height {
        to.extend_from_slice(&from[row * stride..][..width]);
    }
}

fn holds(data: &[u8], stride: usize, width: usize, height: usize) -> bool {
    if width == 0 || height == 0 || stride < width {
        return false;
    }
    stride
        .checked_mul(height - 1)
        .and_then(|bytes| bytes.checked_add(width))
        .is_some_and(|bytes| data.len() >= bytes)
}

/// An owned [`I420View`].
#[derive(Clone, Default, PartialEq, Eq)]
pub struct I420Picture {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `stride_y * height` bytes.
    pub y: Vec<u8>,
    /// `stride_u * chroma_height` bytes.
    pub u: Vec<u8>,
    /// `stride_v * chroma_height` bytes.
    pub v: Vec<u8>,
    /// Bytes from one luma row's start to the next.
    pub stride_y: usize,
    /// Bytes from one U row's start to the next.
    pub stride_u: usize,
    /// Bytes from one V row's start to the next.
    pub stride_v: usize,
}

impl I420Picture {
    /// A black picture without padding.
    #[must_use]
    pub fn black(width: u32, height: u32) -> Self {
        let (luma_stride, rows) = (width as usize, height as usize);
        let (stride, chroma_rows) = (luma_stride.div_ceil(2), rows.div_ceil(2));
        Self {
            width,
            height,
            y: vec![16; luma_stride * rows],
            u: vec![128; stride * chroma_rows],
            v: vec![128; stride * chroma_rows],
            stride_y: luma_stride,
            stride_u: stride,
            stride_v: stride,
        }
    }

    /// Becomes a copy of `picture` without padding; the planes' memory is used again where it suffices.
    ///
    /// # Panics
    /// If `picture` is not [consistent](I420View::is_consistent).
    pub fn copy_from(&mut self, picture: &I420View<'_>) {
        let (width, height) = (picture.width as usize, picture.height as usize);
        let (chroma_width, chroma_height) = (width.div_ceil(2), height.div_ceil(2));
        copy_plane(&mut self.y, picture.y, picture.stride_y, width, height);
        copy_plane(
            &mut self.u,
            picture.u,
            picture.stride_u,
            chroma_width,
            chroma_height,
        );
        copy_plane(
            &mut self.v,
            picture.v,
            picture.stride_v,
            chroma_width,
            chroma_height,
        );
        (self.width, self.height) = (picture.width, picture.height);
        (self.stride_y, self.stride_u, self.stride_v) = (width, chroma_width, chroma_width);
    }

    /// The picture, borrowed.
    #[must_use]
    pub fn view(&self) -> I420View<'_> {
        I420View {
            width: self.width,
            height: self.height,
            y: &self.y,
            u: &self.u,
            v: &self.v,
            stride_y: self.stride_y,
            stride_u: self.stride_u,
            stride_v: self.stride_v,
        }
    }
}

impl fmt::Debug for I420Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("I420Picture")
            .field("width", &self.width)
            .field("height", &self.height)
            .finish_non_exhaustive()
    }
}

/// How a picture is to be turned before it is shown: clockwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// Not at all.
    #[default]
    None,
    /// By 90°.
    Quarter,
    /// By 180°.
    Half,
    /// By 270°.
    ThreeQuarters,
}

/// One encoded picture, or with spatial layers one layer of it, as an encoder gives it or a decoder takes it.
///
/// H.264 and H.265 payloads are Annex B byte streams, AV1 payloads low-overhead OBUs (temporal delimiter
/// optional), VP8 and VP9 payloads raw frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedVideo {
    /// What the payload is encoded in.
    pub codec: Codec,
    /// The codec's bytes.
    pub payload: Vec<u8>,
    /// Whether decoding may start here. For a spatial layer above the lowest one: whether its picture is one.
    pub keyframe: bool,
    /// Pixels in a row of this layer.
    pub width: u32,
    /// Rows of this layer.
    pub height: u32,
    /// Whether this is the last layer of its picture: the RTP marker.
    pub end_of_picture: bool,
    /// Where the frame stands among the layers.
    pub layer: LayerFrame,
    /// The quantizer in the codec's own scale, where the encoder tells.
    pub qp: Option<u32>,
}

/// A frame's place among spatial and temporal layers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerFrame {
    /// From 0, the smallest picture.
    pub spatial: u8,
    /// From 0, the lowest frame rate.
    pub temporal: u8,
    /// No frame refers to this one.
    pub discardable: bool,
    /// A receiver may go up to this temporal layer here: the frame refers to lower temporal layers only.
    pub switching_up: bool,
    /// Refers to the layer below of the same picture.
    pub inter_layer: bool,
    /// The frames it refers to, as distances in frames (each layer of a picture counts as a frame), nearest
    /// first; the layer below of the same picture is distance 1. Empty for a frame that stands alone, or where
    /// the encoder does not tell (one layer only).
    pub references: Vec<u16>,
}

/// W3C `scalabilityMode` (webrtc-svc §8): `L<spatial>T<temporal>`, with `h` for a ratio of 1.5, `_KEY` and
/// `_KEY_SHIFT`; `S` modes are simulcast inside one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScalabilityMode {
    /// 1 to 3.
    pub spatial_layers: u8,
    /// 1 to 3.
    pub temporal_layers: u8,
    /// When a layer refers to the one below.
    pub inter_layer: InterLayer,
    /// The sizes of neighbouring layers are 2 : 3 instead of 1 : 2.
    pub ratio_3_2: bool,
    /// Temporal patterns of the spatial layers are shifted against one another.
    pub shifted: bool,
}

/// When a spatial layer refers to the layer below of its picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InterLayer {
    /// In every picture.
    Always,
    /// In key pictures only (`_KEY`).
    KeyOnly,
    /// Never (`S` modes).
    Never,
}

impl ScalabilityMode {
    /// One layer.
    pub const L1T1: Self = Self {
        spatial_layers: 1,
        temporal_layers: 1,
        inter_layer: InterLayer::Always,
        ratio_3_2: false,
        shifted: false,
    };

    /// Reads a mode's name; `None` for one that the W3C's table does not have.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let bytes = name.as_bytes();
        let (simulcast, spatial, temporal) = match bytes {
            [
                kind @ (b'L' | b'S'),
                spatial @ b'1'..=b'3',
                b'T',
                temporal @ b'1'..=b'3',
                ..,
            ] => (*kind == b'S', spatial - b'0', temporal - b'0'),
            _ => return None,
        };
        let (ratio_3_2, rest) = match &name[4..] {
            rest if rest.starts_with('h') => (true, &rest[1..]),
            rest => (false, rest),
        };
        let (inter_layer, shifted) = match (simulcast, rest) {
            (true, "") => (InterLayer::Never, false),
            (false, "") => (InterLayer::Always, false),
            (false, "_KEY") => (InterLayer::KeyOnly, false),
            (false, "_KEY_SHIFT") => (InterLayer::KeyOnly, true),
            _ => return None,
        };
        let single = spatial == 1;
        if single && (simulcast || ratio_3_2 || inter_layer == InterLayer::KeyOnly)
            || shifted && (ratio_3_2 || temporal == 1)
        {
            return None;
        }
        Some(Self {
            spatial_layers: spatial,
            temporal_layers: temporal,
            inter_layer,
            ratio_3_2,
            shifted,
        })
    }
}

impl Default for ScalabilityMode {
    fn default() -> Self {
        Self::L1T1
    }
}

impl fmt::Display for ScalabilityMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.inter_layer == InterLayer::Never {
            'S'
        } else {
            'L'
        };
        write!(f, "{kind}{}T{}", self.spatial_layers, self.temporal_layers)?;
        if self.ratio_3_2 {
            f.write_str("h")?;
        }
        if self.inter_layer == InterLayer::KeyOnly {
            f.write_str(if self.shifted { "_KEY_SHIFT" } else { "_KEY" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_the_table_and_no_others_are_read() {
        for name in [
            "L1T1",
            "L1T2",
            "L1T3",
            "L2T1",
            "L2T1h",
            "L2T1_KEY",
            "L2T2",
            "L2T2h",
            "L2T2_KEY",
            "L2T2_KEY_SHIFT",
            "L3T1",
            "L3T3",
            "L3T3h",
            "L3T3_KEY",
            "L3T3_KEY_SHIFT",
            "S2T1",
            "S3T3",
            "S2T1h",
        ] {
            let mode = ScalabilityMode::parse(name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(mode.to_string(), name);
        }
        for name in [
            "",
            "L",
            "L1T",
            "L4T1",
            "L1T4",
            "L0T1",
            "l1t1",
            "L1T1_KEY",
            "S1T1",
            "L1T2h",
            "S2T1_KEY",
            "L2T1_KEY_SHIFT",
            "L3T3_SHIFT",
            "L1T1 ",
            "Lé1T",
        ] {
            assert_eq!(ScalabilityMode::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_plane_that_is_too_short_is_noticed() {
        let picture = I420Picture::black(5, 3);
        assert!(picture.view().is_consistent());
        for cut in [
            I420View {
                y: &picture.y[1..],
                ..picture.view()
            },
            I420View {
                u: &picture.u[1..],
                ..picture.view()
            },
            I420View {
                stride_v: 2,
                ..picture.view()
            },
            I420View {
                height: 0,
                ..picture.view()
            },
            I420View {
                stride_y: usize::MAX,
                ..picture.view()
            },
        ] {
            assert!(!cut.is_consistent(), "{cut:?}");
        }
    }
}
