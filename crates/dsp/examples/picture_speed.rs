//! Prints how long pictures of 1080p take to convert and to scale: `cargo run --release -p lk-dsp --example picture_speed`.
#![expect(clippy::print_stdout, reason = "it is a program that prints figures")]

use std::time::{Duration, Instant};

use lk_dsp::video::{Picture, PictureMut, PixelFormat, VideoError, convert, scale_i420};
use lk_types::I420Picture;

const WIDTH: u32 = 1_920;
const HEIGHT: u32 = 1_080;
const RUNS: u32 = 50;

fn main() -> Result<(), VideoError> {
    use PixelFormat::{Bgra, I010, I420, I422, I444, Nv12, Rgb24, Rgba};
    for (from, to) in [
        (I420, Rgba),
        (I420, Bgra),
        (I420, Rgb24),
        (I420, Nv12),
        (I420, I420),
        (Rgba, I420),
        (Bgra, I420),
        (Rgb24, I420),
        (Nv12, I420),
        (Nv12, Rgba),
        (Rgba, Bgra),
        (Rgba, Nv12),
        (I422, I420),
        (I444, I420),
        (I010, Rgba),
    ] {
        let source = noise(from.tight_size(WIDTH, HEIGHT)?);
        let source = Picture::tight(from, WIDTH, HEIGHT, &source)?;
        let mut target = vec![0; to.tight_size(WIDTH, HEIGHT)?];
        let mut target = PictureMut::tight(to, WIDTH, HEIGHT, &mut target)?;
        let best = best_of(|| convert(&source, &mut target, false))?;
        println!("{from:?} to {to:?}: {:.2} ms", best.as_secs_f64() * 1e3);
    }
    let mut source = I420Picture::black(WIDTH, HEIGHT);
    source.y = noise(source.y.len());
    let mut target = I420Picture::default();
    for (width, height) in [
        (960, 540),
        (480, 270),
        (640, 360),
        (320, 180),
        (1_280, 720),
        (1_440, 810),
        (1_000, 562),
    ] {
        let best = best_of(|| scale_i420(&source.view(), width, height, &mut target))?;
        println!("to {width} x {height}: {:.2} ms", best.as_secs_f64() * 1e3);
    }
    Ok(())
}

fn best_of(mut run: impl FnMut() -> Result<(), VideoError>) -> Result<Duration, VideoError> {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        run()?;
        best = best.min(start.elapsed());
    }
    Ok(best)
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}
