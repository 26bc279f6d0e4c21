//! Decoders live through anything: damaged, cut, foreign and missing data are errors or nothing, and the next keyframe
//! sets it right.

mod common;

use common::{Random, config, encode, picture, psnr};
use lk_codecs::video::{self, VideoCodecError, VideoDecoder};
use lk_types::{Codec, I420Picture, ScalabilityMode};

fn codecs() -> impl Iterator<Item = Codec> {
    [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1]
        .into_iter()
        .filter(|codec| video::can_decode(*codec))
}

/// A small film with keyframes at 0 and 6.
fn film(codec: Codec, mode: &str) -> Vec<Vec<u8>> {
    let mut encoder = video::encoder(&video::VideoEncoderConfig {
        mode: ScalabilityMode::parse(mode).unwrap(),
        ..config(codec, 128, 96)
    })
    .unwrap();
    (0..9)
        .map(|index| encode(&mut *encoder, 128, 96, index, index == 6))
        .map(|layers| layers.into_iter().flat_map(|one| one.payload).collect())
        .filter(|payload: &Vec<u8>| !payload.is_empty())
        .collect()
}

/// Whatever comes, a picture that is shown is whole.
fn feed(decoder: &mut dyn VideoDecoder, payload: &[u8]) -> Result<bool, VideoCodecError> {
    let mut shown = I420Picture::default();
    let result = decoder.decode(payload, &mut shown);
    match result {
        Ok(true) => assert!(shown.view().is_consistent()),
        _ => assert_eq!(
            shown,
            I420Picture::default(),
            "nothing shown, nothing touched"
        ),
    }
    result
}

/// After all that: a keyframe is decoded right.
fn recovers(codec: Codec, decoder: &mut dyn VideoDecoder, name: &str) {
    let mut encoder = video::encoder(&config(codec, 128, 96)).unwrap();
    // libvpx may take one good picture to forget a bad one.
    for index in 0..3 {
        let mut shown = I420Picture::default();
        let layers = encode(&mut *encoder, 128, 96, index, true);
        let result = decoder.decode(&layers[0].payload, &mut shown);
        if index == 2 {
            assert_eq!(result, Ok(true), "{codec} after {name}");
            assert!(
                psnr(&shown, &picture(128, 96, index)) > 25.0,
                "{codec} after {name}"
            );
        }
    }
}

#[test]
fn no_bytes_are_an_error() {
    for codec in codecs() {
        let mut decoder = video::decoder(codec).unwrap();
        assert_eq!(feed(&mut *decoder, &[]), Err(VideoCodecError::Empty));
        recovers(codec, &mut *decoder, "nothing");
    }
}

#[test]
fn noise_shows_nothing() {
    for codec in codecs() {
        let mut random = Random(0x5eed + codec as u64);
        let mut decoder = video::decoder(codec).unwrap();
        for round in 0..300 {
            let length = 1 + random.below(300);
            let mut noise: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
            if codec == Codec::H264 && round % 2 == 0 {
                noise.splice(0..0, [0, 0, 0, 1, 0x60 | (round as u8 % 32)]);
            }
            let _ = feed(&mut *decoder, &noise);
        }
        recovers(codec, &mut *decoder, "noise");
    }
}

#[test]
fn every_cut_of_every_picture_is_survived() {
    for codec in codecs() {
        let film = film(codec, "L1T1");
        let mut decoder = video::decoder(codec).unwrap();
        for payload in film.iter().take(3) {
            let step = (payload.len() / 40).max(1);
            for length in (1..payload.len()).step_by(step) {
                let _ = feed(&mut *decoder, &payload[..length]);
            }
        }
        recovers(codec, &mut *decoder, "cuts");
    }
}

#[test]
fn flipped_bits_are_survived() {
    for codec in codecs() {
        let modes: &[&str] = match codec {
            Codec::Vp9 | Codec::Av1 => &["L1T1", "L3T3_KEY"],
            _ => &["L1T3"],
        };
        for mode in modes {
            let film = film(codec, mode);
            let mut random = Random(0xf11b + codec as u64);
            for _ in 0..12 {
                let mut decoder = video::decoder(codec).unwrap();
                for payload in &film {
                    let mut damaged = payload.clone();
                    for _ in 0..=random.below(4) {
                        // Most of them in the headers.
                        let within = if random.below(2) == 0 { 24 } else { usize::MAX };
                        let at = random.below(damaged.len().min(within));
                        damaged[at] ^= 1 << random.below(8);
                    }
                    let _ = feed(&mut *decoder, &damaged);
                }
                recovers(codec, &mut *decoder, "flipped bits");
            }
        }
    }
}

#[test]
fn a_stream_that_begins_without_a_keyframe_shows_nothing() {
    for codec in codecs() {
        let film = film(codec, "L1T1");
        let mut decoder = video::decoder(codec).unwrap();
        for payload in &film[1..4] {
            assert_ne!(feed(&mut *decoder, payload), Ok(true), "{codec}");
        }
        assert_eq!(
            feed(&mut *decoder, &film[6]),
            Ok(true),
            "{codec}: a keyframe ends it"
        );
    }
}

#[test]
fn one_codec_s_data_is_noise_to_another() {
    for codec in codecs() {
        let film = film(codec, "L1T1");
        for other in codecs().filter(|other| *other != codec) {
            let mut decoder = video::decoder(other).unwrap();
            for payload in &film {
                let _ = feed(&mut *decoder, payload);
            }
            recovers(other, &mut *decoder, codec.as_str());
        }
    }
}

#[test]
fn a_keyframe_of_absurd_size_is_refused_before_memory_is_taken_for_it() {
    if !video::can_decode(Codec::Vp8) {
        return;
    }
    let mut decoder = video::decoder(Codec::Vp8).unwrap();
    let mut payload = film(Codec::Vp8, "L1T1").swap_remove(0);
    // RFC 6386 §9.1: 14 bits of width and of height.
    payload[6..10].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]);
    assert_eq!(
        feed(&mut *decoder, &payload),
        Err(VideoCodecError::TooLarge {
            width: 16383,
            height: 16383
        })
    );
    recovers(Codec::Vp8, &mut *decoder, "an absurd size");
}
