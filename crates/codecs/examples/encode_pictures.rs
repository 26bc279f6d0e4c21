//! Encodes pictures as our encoders do, for test files: `encode_pictures vp8 160 96 30 15 100000 < pictures > file.ivf`.
//!
//! Codec, width, height, pictures in a second, pictures from one key picture to the next, bit/s. The pictures are I420
//! without padding, one behind the other; what comes out is an IVF file.
//!
//! With a scalability mode and a file behind these (`… 100000 L3T3_KEY layers.txt`) each layer frame is a frame of the IVF
//! file, whose time is the picture's number, and the file gets a line for each: picture, spatial and temporal layer,
//! width, height, bytes, then `key`, `discardable`, `switching-up`, `inter-layer` where they hold, and the distances in
//! frames to what it refers to.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Read, Write};

use lk_codecs::video::{EncodeRequest, VideoEncoderConfig, encoder};
use lk_types::{Codec, EncodedVideo, I420View, ScalabilityMode};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [
        codec,
        width,
        height,
        framerate,
        interval,
        bitrate,
        layers @ ..,
    ] = arguments.as_slice()
    else {
        return Err(
            "codec, width, height, pictures a second, key picture interval and bit/s are needed"
                .into(),
        );
    };
    let (mode, listing) = match layers {
        [] => (ScalabilityMode::L1T1, None),
        [name, file] => (
            ScalabilityMode::parse(name).ok_or_else(|| format!("mode {name} is not known"))?,
            Some(file),
        ),
        _ => return Err("a mode needs a file for what is said of its frames".into()),
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
        mode,
        screen: false,
        threads: 1,
    })?;
    let mut pictures = Vec::new();
    io::stdin().lock().read_to_end(&mut pictures)?;
    let chroma = width.div_ceil(2) as usize * height.div_ceil(2) as usize;
    let luma = width as usize * height as usize;
    let mut frames = Vec::new();
    let mut numbers = Vec::new();
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
        let whole = frames.len() == before + usize::from(mode.spatial_layers)
            && frames[before].keyframe == request.keyframe;
        if !whole {
            return Err(format!("picture {at}: not encoded as it was asked for").into());
        }
        numbers.resize(frames.len(), at);
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
    for (frame, number) in frames.iter().zip(&numbers) {
        file.extend(u32::try_from(frame.payload.len())?.to_le_bytes());
        file.extend((*number as u64).to_le_bytes());
        file.extend(&frame.payload);
    }
    io::stdout().write_all(&file)?;
    if let Some(listing) = listing {
        std::fs::write(listing, list(&frames, &numbers)?)?;
    }
    Ok(())
}

/// A line for each frame.
fn list(frames: &[EncodedVideo], numbers: &[usize]) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    for (frame, number) in frames.iter().zip(numbers) {
        let layer = &frame.layer;
        write!(out, "{number} S{} T{}", layer.spatial, layer.temporal)?;
        let bytes = frame.payload.len();
        write!(out, " {}x{} {bytes}", frame.width, frame.height)?;
        for (holds, word) in [
            (frame.keyframe, "key"),
            (layer.discardable, "discardable"),
            (layer.switching_up, "switching-up"),
            (layer.inter_layer, "inter-layer"),
        ] {
            if holds {
                write!(out, " {word}")?;
            }
        }
        for distance in &layer.references {
            write!(out, " {distance}")?;
        }
        out.push('\n');
    }
    Ok(out)
}
