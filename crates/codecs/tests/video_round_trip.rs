//! What goes in comes out: every codec, its quality, its rate, its keyframes, any size.

mod common;

use common::{at, config, decode, encode, picture, psnr};
use lk_codecs::video::{self, VideoCodecError, VideoRates};
use lk_types::{Codec, I420Picture, I420View};

const CODECS: [Codec; 4] = [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1];

fn codecs() -> impl Iterator<Item = Codec> {
    CODECS.into_iter().filter(|codec| video::can_encode(*codec))
}

#[test]
fn a_moving_picture_comes_back_sharp() {
    for codec in codecs() {
        let (width, height) = (320, 180);
        let mut encoder = video::encoder(&config(codec, width, height)).unwrap();
        let mut decoder = video::decoder(codec).unwrap();
        let (mut shown, mut sum) = (0, 0.0);
        for index in 0..30 {
            let layers = encode(&mut *encoder, width, height, index, false);
            if layers.is_empty() {
                continue;
            }
            assert_eq!(layers.len(), 1, "{codec}");
            assert_eq!(layers[0].keyframe, index == 0, "{codec} picture {index}");
            assert!(layers[0].end_of_picture);
            let scale = match codec {
                Codec::H264 => 51,
                Codec::Vp8 => 127,
                _ => 255,
            };
            assert!(
                layers[0].qp.is_some_and(|qp| qp > 0 && qp <= scale),
                "{codec}: quantizer {:?}",
                layers[0].qp
            );
            assert_eq!((layers[0].width, layers[0].height), (width, height));
            let back = decode(&mut *decoder, &layers).expect("a picture for each payload");
            let quality = psnr(&back, &picture(width, height, index));
            assert!(quality > 28.0, "{codec} picture {index}: {quality:.1} dB");
            (shown, sum) = (shown + 1, sum + quality);
        }
        assert!(shown >= 24, "{codec}: {shown} of 30 pictures");
        let mean = sum / f64::from(shown);
        assert!(mean > 33.0, "{codec}: {mean:.1} dB on average");
    }
}

#[test]
fn the_rate_is_kept_and_a_new_one_is_followed() {
    for codec in codecs() {
        let (width, height) = (320, 180);
        let mut encoder = video::encoder(&config(codec, width, height)).unwrap();
        let mut noise = common::Random(7);
        let mut index = 0;
        for bitrate in [300_000_u64, 1_000_000] {
            encoder
                .set_rates(&VideoRates {
                    bitrate,
                    framerate: 30.0,
                    spatial_bitrates: None,
                })
                .unwrap();
            let mut bytes = 0;
            for step in 0..75 {
                // Noise, so that there is more to say than the rate allows.
                let mut source = picture(width, height, index);
                for byte in &mut source.y {
                    *byte = byte.saturating_add((noise.next() % 24) as u8);
                }
                let mut out = Vec::new();
                encoder
                    .encode(&source.view(), at(index, false), &mut out)
                    .unwrap();
                index += 1;
                if step >= 25 {
                    bytes += out.iter().map(|one| one.payload.len()).sum::<usize>();
                }
            }
            let got = bytes as f64 * 8.0 * 30.0 / 50.0 / bitrate as f64;
            assert!(
                (0.75..1.15).contains(&got),
                "{codec}: {got:.2} of {bitrate} bit/s"
            );
        }
    }
}

#[test]
fn keyframes_come_when_asked_for_and_at_no_other_time() {
    for codec in codecs() {
        let (width, height) = (160, 90);
        let mut encoder = video::encoder(&config(codec, width, height)).unwrap();
        let mut late: Option<Box<dyn video::VideoDecoder>> = None;
        for index in 0..140 {
            let asked = index == 0 || index == 130;
            let layers = encode(&mut *encoder, width, height, index, asked && index > 0);
            for layer in &layers {
                assert_eq!(layer.keyframe, asked, "{codec} picture {index}");
            }
            assert!(
                !asked || !layers.is_empty(),
                "{codec}: a keyframe was dropped"
            );
            if index == 130 {
                late = Some(video::decoder(codec).unwrap());
            }
            if let Some(decoder) = &mut late
                && !layers.is_empty()
            {
                let back = decode(&mut **decoder, &layers).expect("a picture");
                assert!(
                    psnr(&back, &picture(width, height, index)) > 28.0,
                    "{codec}"
                );
            }
        }
    }
}

#[test]
fn a_scene_cut_makes_no_keyframe() {
    for codec in codecs() {
        let (width, height) = (160, 90);
        let mut encoder = video::encoder(&config(codec, width, height)).unwrap();
        let mut noise = common::Random(3);
        for index in 0..20 {
            let mut source = picture(width, height, index);
            if index >= 10 {
                source
                    .y
                    .iter_mut()
                    .for_each(|byte| *byte = 16 + (noise.next() % 200) as u8);
            }
            let mut out = Vec::new();
            encoder
                .encode(&source.view(), at(index, false), &mut out)
                .unwrap();
            assert!(
                out.iter().all(|one| one.keyframe == (index == 0)),
                "{codec} picture {index}"
            );
        }
    }
}

#[test]
fn every_size_comes_back_to_the_pixel() {
    for codec in codecs() {
        for (width, height) in [
            (321, 181),
            (320, 181),
            (161, 90),
            (17, 17),
            (64, 48),
            (16, 16),
        ] {
            let mut encoder = video::encoder(&config(codec, width, height)).unwrap();
            let mut decoder = video::decoder(codec).unwrap();
            for index in 0..4 {
                let layers = encode(&mut *encoder, width, height, index, false);
                if layers.is_empty() {
                    continue;
                }
                // H.264 has even sizes only.
                let even = |size: u32| {
                    if codec == Codec::H264 {
                        size & !1
                    } else {
                        size
                    }
                };
                let shown = (even(width), even(height));
                assert_eq!((layers[0].width, layers[0].height), shown);
                let back = decode(&mut *decoder, &layers).expect("a picture");
                let source = common::crop(&picture(width, height, index), shown);
                let quality = psnr(&back, &source);
                assert!(quality > 25.0, "{codec} {width}x{height}: {quality:.1} dB");
            }
        }
    }
}

#[test]
fn padded_rows_make_no_difference() {
    for codec in codecs() {
        let (width, height) = (160, 90);
        let source = picture(width, height, 5);
        let spread = |plane: &[u8], width: usize| -> Vec<u8> {
            plane
                .chunks(width)
                .flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(255, 13)))
                .collect()
        };
        let (y, u, v) = (
            spread(&source.y, 160),
            spread(&source.u, 80),
            spread(&source.v, 80),
        );
        let padded = I420View {
            width,
            height,
            y: &y,
            u: &u,
            v: &v,
            stride_y: 173,
            stride_u: 93,
            stride_v: 93,
        };
        let mut outputs = Vec::new();
        for view in [source.view(), padded] {
            let mut encoder = video::encoder(&config(codec, width, height)).unwrap();
            let mut out = Vec::new();
            encoder.encode(&view, at(0, false), &mut out).unwrap();
            outputs.push(out);
        }
        assert!(outputs[0] == outputs[1], "{codec}");
    }
}

#[test]
fn a_picture_of_another_size_is_refused_and_names_both() {
    for codec in codecs() {
        let mut encoder = video::encoder(&config(codec, 160, 90)).unwrap();
        let mut out = Vec::new();
        let other = picture(162, 90, 0);
        let error = encoder
            .encode(&other.view(), at(0, false), &mut out)
            .unwrap_err();
        assert!(error.to_string().contains("162x90") && error.to_string().contains("160x90"));
        let source = picture(160, 90, 0);
        let short = I420View {
            v: &source.v[1..],
            ..source.view()
        };
        assert!(matches!(
            encoder.encode(&short, at(0, false), &mut out),
            Err(VideoCodecError::Picture { .. })
        ));
        assert!(out.is_empty());
        encoder
            .encode(&source.view(), at(0, false), &mut out)
            .unwrap();
        assert_eq!(out.len(), 1, "{codec} goes on after a refusal");
    }
}

#[test]
fn senseless_settings_are_errors() {
    for codec in codecs() {
        let good = config(codec, 160, 90);
        for bad in [
            video::VideoEncoderConfig { width: 0, ..good },
            video::VideoEncoderConfig {
                height: 20_000,
                ..good
            },
            video::VideoEncoderConfig {
                width: 16_000,
                height: 16_000,
                ..good
            },
            video::VideoEncoderConfig {
                framerate: 0.0,
                ..good
            },
            video::VideoEncoderConfig {
                framerate: f64::NAN,
                ..good
            },
        ] {
            assert!(video::encoder(&bad).is_err(), "{bad:?}");
        }
        let mut encoder = video::encoder(&good).unwrap();
        for framerate in [0.0, -1.0, f64::INFINITY] {
            let rates = VideoRates {
                framerate,
                ..good.rates()
            };
            assert!(encoder.set_rates(&rates).is_err());
        }
        // Absurd, but harmless: taken as the nearest rate that makes sense.
        for bitrate in [0, u64::MAX] {
            encoder
                .set_rates(&VideoRates {
                    bitrate,
                    ..good.rates()
                })
                .unwrap();
            let mut out = Vec::new();
            encoder
                .encode(&picture(160, 90, 0).view(), at(0, true), &mut out)
                .unwrap();
        }
    }
    for codec in [Codec::H265, Codec::Opus, Codec::Rtx] {
        assert!(!video::can_encode(codec) && !video::can_decode(codec));
        assert!(matches!(
            video::encoder(&config(codec, 160, 90)),
            Err(VideoCodecError::NoEncoder { .. })
        ));
        assert!(matches!(
            video::decoder(codec),
            Err(VideoCodecError::NoDecoder { .. })
        ));
    }
}

#[test]
fn the_libraries_are_named_as_browsers_name_them() {
    for codec in codecs() {
        let wanted = match codec {
            Codec::H264 => "OpenH264",
            Codec::Av1 => "libaom",
            _ => "libvpx",
        };
        assert_eq!(
            video::encoder(&config(codec, 160, 90))
                .unwrap()
                .implementation(),
            wanted
        );
        let wanted = if codec == Codec::Av1 { "dav1d" } else { wanted };
        assert_eq!(video::decoder(codec).unwrap().implementation(), wanted);
    }
}

#[test]
fn a_decoder_follows_the_size_of_the_stream() {
    for codec in codecs() {
        let mut decoder = video::decoder(codec).unwrap();
        let mut back = I420Picture::default();
        for (width, height) in [(160, 90), (321, 181), (64, 48), (640, 360)] {
            let mut encoder = video::encoder(&config(codec, width, height)).unwrap();
            for index in 0..3 {
                for layer in encode(&mut *encoder, width, height, index, false) {
                    assert!(
                        decoder.decode(&layer.payload, &mut back).unwrap(),
                        "{codec}"
                    );
                    let source = picture(width, height, index);
                    let source = common::crop(&source, (back.width, back.height));
                    assert!(psnr(&back, &source) > 24.0, "{codec}");
                }
            }
        }
    }
}

#[test]
fn screens_and_threads_come_back_as_sharp() {
    for codec in codecs() {
        for (screen, threads) in [(true, 1), (false, 2), (true, 4)] {
            let (width, height) = (640, 360);
            let mut encoder = video::encoder(&video::VideoEncoderConfig {
                screen,
                threads,
                bitrate: 1_500_000,
                ..config(codec, width, height)
            })
            .unwrap();
            let mut decoder = video::decoder(codec).unwrap();
            for index in 0..5 {
                // An encoder may be handed from thread to thread.
                let (layers, back) = std::thread::scope(|scope| {
                    let encoder = &mut encoder;
                    let work = move || encode(&mut **encoder, width, height, index, false);
                    (scope.spawn(work).join().unwrap(), I420Picture::default())
                });
                let mut back = back;
                for layer in layers {
                    assert!(decoder.decode(&layer.payload, &mut back).unwrap());
                    let quality = psnr(&back, &picture(width, height, index));
                    assert!(
                        quality > 27.0,
                        "{codec} {screen} {threads}: {quality:.1} dB"
                    );
                }
            }
        }
    }
}

#[test]
fn a_long_pause_saves_nothing_up() {
    for codec in codecs() {
        let (width, height) = (320, 180);
        let mut encoder = video::encoder(&config(codec, width, height)).unwrap();
        let mut noise = common::Random(11);
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for index in 0..60_u32 {
            let mut source = picture(width, height, index);
            for byte in &mut source.y {
                *byte = byte.saturating_add((noise.next() % 24) as u8);
            }
            let pause = if index >= 30 { 90_000 * 3600 } else { 0 };
            let request = video::EncodeRequest {
                keyframe: false,
                timestamp: u64::from(index) * 3000 + pause,
            };
            let mut out = Vec::new();
            encoder.encode(&source.view(), request, &mut out).unwrap();
            assert!(
                out.iter().all(|one| one.keyframe == (index == 0)),
                "{codec}"
            );
            let bytes: usize = out.iter().map(|one| one.payload.len()).sum();
            match index {
                20..30 => before.push(bytes),
                30..40 => after.push(bytes),
                _ => {}
            }
        }
        let (before, after): (usize, usize) = (before.iter().sum(), after.iter().sum());
        assert!(
            after < before * 3,
            "{codec}: {before} bytes before, {after} after"
        );
        assert!(after > 0, "{codec} goes on");
    }
}
