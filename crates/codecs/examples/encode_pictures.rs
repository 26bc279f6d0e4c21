//! Encodes pictures as our encoders do, for test files: `encode_pictures vp8 160 96 30 15 100000 < pictures > file.ivf`.
//!
//! Codec, width, height, pictures in a second, pictures from one key picture to the next, bit/s. The pictures are I420
//! without padding, one behind the other; what comes out is an IVF file.

use std::error::Error;
use std::io::{self, Read, Write};

use lk_codecs::video::{EncodeRequest, VideoEncoderConfig, encoder};
use lk_types::{Codec, I420View, ScalabilityMode};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [codec, width, height, framerate, interval, bitrate] = arguments.as_slice() else {
        return Err(
            "codec, width, height, pictures a second, key picture interval and bit/s are needed"
                .into(),
        );
    };
    let (codec, name) = match codec.as_str() {
        "vp8" => (Codec::Vp8, b"VP80"),
        "vp9" => (Codec::Vp9, b"VP90"),
        "h264" => (Codec::H264, b"H264"),
        "av1" => (Codec::Av1, b"AV01"),
        other => return Err(format!("codec {other}: vp8, vp9, h264 or av1 are encoded").into()),
    };
    let (width, height): (u32, u32) = (width.parse()?, height.parse()?);
    let (framerate, interval): (u32, usize) = (framerate.parse()?, interval.parse()?);
    let mut encoder = encoder(&VideoEncoderConfig {
        codec,
        width,
        height,
        framerate: f64::from(framerate),
        bitrate: bitrate.parse()?,
        mode: ScalabilityMode::L1T1,
        screen: false,
        threads: 1,
    })?;
    let mut pictures = Vec::new();
    io::stdin().lock().read_to_end(&mut pictures)?;
    let chroma = width.div_ceil(2) as usize * height.div_ceil(2) as usize;
    let luma = width as usize * height as usize;
    let mut frames = Vec::new();
    for (at, picture) in pictures.chunks_exact(luma + 2 * chroma).enumerate() {
        let (y, rest) = picture.split_at(luma);
        let (u, v) = rest.split_at(chroma);
        let stride = width.div_ceil(2) as usize;
        let view = I420View {
            width,
            height,
            y,
            u,
            v,
            stride_y: width as usize,
            stride_u: stride,
            stride_v: stride,
        };
        let request = EncodeRequest {
            keyframe: at % interval == 0,
            timestamp: at as u64 * u64::from(90_000 / framerate),
        };
        let before = frames.len();
        encoder.encode(&view, request, &mut frames)?;
        let whole = frames.len() == before + 1 && frames[before].keyframe == request.keyframe;
        if !whole {
            return Err(format!("picture {at}: not encoded as it was asked for").into());
        }
    }
    // https://wiki.multimedia.cx/index.php/IVF
    let mut file = Vec::new();
    file.extend(b"DKIF\0\0\x20\0");
    file.extend(name);
    file.extend(u16::try_from(width)?.to_le_bytes());
    file.extend(u16::try_from(height)?.to_le_bytes());
    file.extend(framerate.to_le_bytes());
    file.extend(1u32.to_le_bytes());
    file.extend(u32::try_from(frames.len())?.to_le_bytes());
    file.extend([0; 4]);
    for (at, frame) in frames.iter().enumerate() {
        file.extend(u32::try_from(frame.payload.len())?.to_le_bytes());
        file.extend((at as u64).to_le_bytes());
        file.extend(&frame.payload);
    }
    io::stdout().write_all(&file)?;
    Ok(())
}
