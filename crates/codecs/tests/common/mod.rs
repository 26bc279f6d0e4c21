//! A synthetic moving picture, figures of quality, and a small generator of random numbers.
#![expect(dead_code, reason = "each test file uses its own part of it")]

use lk_codecs::video::{EncodeRequest, VideoDecoder, VideoEncoder, VideoEncoderConfig};
use lk_types::{Codec, EncodedVideo, I420Picture, ScalabilityMode};

/// Smooth ground, a hard-edged box that wanders, and a little texture that moves with it.
pub(crate) fn picture(width: u32, height: u32, index: u32) -> I420Picture {
    let mut out = I420Picture::black(width, height);
    let (w, h) = (width as usize, height as usize);
    let side = (w.min(h) / 3).max(2);
    let left = (index as usize * 3) % (w - side + 1);
    let top = (index as usize * 2) % (h - side + 1);
    for row in 0..h {
        for column in 0..w {
            let inside = (left..left + side).contains(&column) && (top..top + side).contains(&row);
            out.y[row * w + column] = if inside {
                let (x, y) = (column - left, row - top);
                180 + ((x / 4 + y / 4) % 2 * 30) as u8
            } else {
                (40 + row * 60 / h + column * 60 / w) as u8
            };
        }
    }
    let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
    for row in 0..ch {
        for column in 0..cw {
            out.u[row * cw + column] = (100 + row * 50 / ch) as u8;
            out.v[row * cw + column] = (110 + column * 40 / cw) as u8;
        }
    }
    out
}

/// Peak signal-to-noise ratio over the three planes, dB.
pub(crate) fn psnr(a: &I420Picture, b: &I420Picture) -> f64 {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let (a, b) = (tight(a), tight(b));
    let sum: u64 = a
        .iter()
        .zip(&b)
        .map(|(x, y)| u64::from(x.abs_diff(*y)).pow(2))
        .sum();
    if sum == 0 {
        return 99.0;
    }
    10.0 * (255.0 * 255.0 * a.len() as f64 / sum as f64).log10()
}

/// The left upper part of a picture.
pub(crate) fn crop(picture: &I420Picture, (width, height): (u32, u32)) -> I420Picture {
    let mut out = I420Picture::default();
    out.copy_from(&lk_types::I420View {
        width,
        height,
        ..picture.view()
    });
    out
}

fn tight(picture: &I420Picture) -> Vec<u8> {
    let view = picture.view();
    let (cw, ch) = (view.width.div_ceil(2), view.height.div_ceil(2));
    let sizes = [(view.width, view.height), (cw, ch), (cw, ch)];
    let mut out = Vec::new();
    for ((plane, stride), (width, height)) in view.planes().into_iter().zip(sizes) {
        for row in 0..height as usize {
            out.extend_from_slice(&plane[row * stride..][..width as usize]);
        }
    }
    out
}

pub(crate) fn config(codec: Codec, width: u32, height: u32) -> VideoEncoderConfig {
    VideoEncoderConfig {
        codec,
        width,
        height,
        framerate: 30.0,
        bitrate: 600_000,
        mode: ScalabilityMode::L1T1,
        screen: false,
        threads: 1,
    }
}

pub(crate) fn at(index: u32, keyframe: bool) -> EncodeRequest {
    EncodeRequest {
        keyframe,
        timestamp: u64::from(index) * 3000,
    }
}

/// Encodes picture `index` of the synthetic film.
pub(crate) fn encode(
    encoder: &mut dyn VideoEncoder,
    width: u32,
    height: u32,
    index: u32,
    keyframe: bool,
) -> Vec<EncodedVideo> {
    let mut out = Vec::new();
    encoder
        .encode(
            &picture(width, height, index).view(),
            at(index, keyframe),
            &mut out,
        )
        .expect("the synthetic picture is encoded");
    out
}

/// Decodes all layers of one picture together.
pub(crate) fn decode(
    decoder: &mut dyn VideoDecoder,
    layers: &[EncodedVideo],
) -> Option<I420Picture> {
    let mut payload = Vec::new();
    for layer in layers {
        payload.extend_from_slice(&layer.payload);
    }
    let mut picture = I420Picture::default();
    decoder
        .decode(&payload, &mut picture)
        .expect("what the encoder gave is decoded")
        .then_some(picture)
}

/// xorshift64*; the seed stands in the test.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
