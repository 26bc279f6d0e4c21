//! Milliseconds for each 720p picture, for every codec: `cargo run --release -p lk-codecs --example video_speed`.
//!
//! `video_speed CODEC MODE WIDTHxHEIGHT KBIT/S` narrows it down; what is left out at the end keeps its default, and `all`
//! stands for every codec.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::env;
use std::time::{Duration, Instant};

use lk_codecs::video::{self, EncodeRequest, VideoEncoderConfig};
use lk_types::{Codec, EncodedVideo, I420Picture, ScalabilityMode};

const PICTURES: usize = 150;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let wanted = arguments.first().and_then(|name| Codec::parse(name));
    let mode = arguments
        .get(1)
        .and_then(|name| ScalabilityMode::parse(name))
        .unwrap_or_default();
    let (width, height) = arguments
        .get(2)
        .and_then(|size| size.split_once('x'))
        .and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)))
        .unwrap_or((1280, 720));
    let kilobits: u64 = arguments.get(3).map_or(Ok(1700), |number| number.parse())?;
    println!("{width}x{height} {mode} at {kilobits} kbit/s, {PICTURES} pictures");
    println!("codec     enc ms  worst  dec ms   kbit/s  dB     shown");
    let film: Vec<I420Picture> = (0..PICTURES)
        .map(|index| scene(width, height, index))
        .collect();
    for codec in [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1] {
        if video::can_encode(codec) && wanted.is_none_or(|one| one == codec) {
            measure(codec, mode, kilobits * 1000, &film)?;
        }
    }
    Ok(())
}

fn measure(
    codec: Codec,
    mode: ScalabilityMode,
    bitrate: u64,
    film: &[I420Picture],
) -> Result<(), video::VideoCodecError> {
    let mut encoder = match video::encoder(&VideoEncoderConfig {
        codec,
        width: film[0].width,
        height: film[0].height,
        framerate: 30.0,
        bitrate,
        mode,
        screen: false,
        threads: 0,
    }) {
        Err(video::VideoCodecError::Mode { .. }) => return Ok(()),
        other => other?,
    };
    let mut decoder = video::decoder(codec)?;
    let (mut encoding, mut decoding, mut worst) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let (mut bytes, mut shown, mut quality) = (0, 0, 0.0);
    let mut out: Vec<EncodedVideo> = Vec::new();
    let mut back = I420Picture::default();
    for (index, picture) in film.iter().enumerate() {
        out.clear();
        let request = EncodeRequest {
            keyframe: false,
            timestamp: index as u64 * 3000,
        };
        let began = Instant::now();
        encoder.encode(&picture.view(), request, &mut out)?;
        let took = began.elapsed();
        encoding += took;
        if index > 0 {
            worst = worst.max(took);
        }
        if out.is_empty() {
            continue;
        }
        let payload: Vec<u8> = out
            .iter()
            .flat_map(|one| one.payload.iter().copied())
            .collect();
        bytes += payload.len();
        let began = Instant::now();
        let got = decoder.decode(&payload, &mut back)?;
        decoding += began.elapsed();
        if got {
            shown += 1;
            quality += luma_psnr(picture, &back);
        }
    }
    let per = |time: Duration, count: usize| time.as_secs_f64() * 1000.0 / count.max(1) as f64;
    println!(
        "{:8} {:7.2} {:6.1} {:7.2} {:8.0}  {:5.2}  {shown}",
        codec.as_str(),
        per(encoding, film.len()),
        worst.as_secs_f64() * 1000.0,
        per(decoding, shown),
        bytes as f64 * 8.0 / 1000.0 / (film.len() as f64 / 30.0),
        quality / f64::from(u32::try_from(shown.max(1)).unwrap_or(1)),
    );
    Ok(())
}

/// A camera's sort of picture: soft shapes, a person-sized blob that moves, fine grain.
fn scene(width: u32, height: u32, index: usize) -> I420Picture {
    let mut out = I420Picture::black(width, height);
    let (w, h) = (width as usize, height as usize);
    let time = index as f32 / 30.0;
    let (cx, cy) = (
        w as f32 * (0.5 + 0.2 * (time * 1.3).sin()),
        h as f32 * (0.6 + 0.05 * (time * 2.1).cos()),
    );
    let radius = h as f32 * 0.35;
    let mut grain = 0x9e37_79b9_u32.wrapping_mul(index as u32 + 1);
    let across: Vec<f32> = (0..w).map(|x| 30.0 * (x as f32 * 0.013).sin()).collect();
    for row in 0..h {
        let down = 90.0 + 25.0 * (row as f32 * 0.021).cos();
        for (column, wave) in across.iter().enumerate() {
            let (x, y) = (column as f32, row as f32);
            let detail = if (column / 7 + row / 5) % 9 == 0 {
                25.0
            } else {
                0.0
            };
            let inside = ((x - cx) / radius).powi(2) + ((y - cy) / radius).powi(2) < 1.0;
            let value = if inside {
                140.0 + ((x - cx) as i32 / 12 % 3 * 10 + (y - cy) as i32 / 9 % 4 * 8) as f32
            } else {
                down + wave + detail
            };
            grain ^= grain << 13;
            grain ^= grain >> 17;
            grain ^= grain << 5;
            let noise = (grain % 5) as f32 - 2.0;
            out.y[row * w + column] = (value + noise).clamp(16.0, 235.0) as u8;
        }
    }
    let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
    for row in 0..ch {
        for column in 0..cw {
            out.u[row * cw + column] = (110 + row * 30 / ch) as u8;
            out.v[row * cw + column] = (115 + column * 25 / cw) as u8;
        }
    }
    out
}

fn luma_psnr(a: &I420Picture, b: &I420Picture) -> f64 {
    if (a.width, a.height) != (b.width, b.height) {
        return 0.0;
    }
    let sum: u64 =
        a.y.iter()
            .zip(&b.y)
            .map(|(x, y)| u64::from(x.abs_diff(*y)).pow(2))
            .sum();
    10.0 * (255.0 * 255.0 * a.y.len() as f64 / sum.max(1) as f64).log10()
}
