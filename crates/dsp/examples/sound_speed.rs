//! What resampling and cleaning cost: `cargo run --release -p lk-dsp --example sound_speed`.
#![expect(clippy::print_stdout, reason = "it is a program that prints figures")]

use std::{hint::black_box, time::Instant};

use lk_dsp::{AlignedResampler, AudioProcessor, Quality, Stages};

/// The least of several runs over so many blocks of 10 ms, in µs for each block.
fn least(blocks: usize, mut run: impl FnMut(usize)) -> f64 {
    (0..5)
        .map(|_| {
            let began = Instant::now();
            (0..blocks).for_each(&mut run);
            began.elapsed().as_secs_f64() * 1e6 / blocks as f64
        })
        .fold(f64::MAX, f64::min)
}

/// Noise that is the same on every run.
fn noise(samples: usize) -> Vec<i16> {
    let mut state = 1_u32;
    (0..samples)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i16 / 32
        })
        .collect()
}

fn main() {
    println!("Resampling, one channel, µs for 10 ms (and ms to begin):");
    for (from, to) in [
        (48_000.0, 16_000.0),
        (16_000.0, 48_000.0),
        (44_100.0, 48_000.0),
        (48_000.0, 44_100.0),
    ] {
        print!("  {from} to {to}:");
        for quality in [
            Quality::Quick,
            Quality::Low,
            Quality::Medium,
            Quality::High,
            Quality::VeryHigh,
        ] {
            let began = Instant::now();
            let mut resampler =
                AlignedResampler::new(from, to, 1, quality, false).expect("a pair that is served");
            let begin = began.elapsed().as_secs_f64() * 1e3;
            let block = noise(from as usize / 100);
            let mut out = [Vec::new()];
            let time = least(200, |_| {
                out[0].clear();
                resampler.process(block.len(), |_, place| block[place], &mut out);
                black_box(&out);
            });
            print!("  {quality:?} {time:.1} ({begin:.1})");
        }
        println!();
    }
    println!("Cleaning, one channel, µs for 10 ms:");
    let stages = |names: &str| Stages {
        echo_canceller: names.contains("echo"),
        gain_controller: names.contains("gain"),
        high_pass_filter: names.contains("rumble"),
        noise_suppression: names.contains("noise"),
    };
    for rate in [16_000, 48_000] {
        print!("  {rate}:");
        for names in [
            "echo",
            "noise",
            "gain",
            "rumble",
            "echo, noise, gain, rumble",
        ] {
            let mut processor = AudioProcessor::new(stages(names));
            let played = noise(rate as usize * 2);
            let size = rate as usize / 100;
            let mut heard = vec![0; size];
            let time = least(200, |number| {
                let played = &played[number * size..(number + 1) * size];
                processor
                    .process_render(played, rate, 1)
                    .expect("a whole block");
                heard.copy_from_slice(played);
                processor
                    .process_capture(&mut heard, rate, 1)
                    .expect("a whole block");
                black_box(&heard);
            });
            print!("  {names} {time:.1}");
        }
        println!();
    }
}
