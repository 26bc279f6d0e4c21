//! Layers can be taken away, and what the encoders say about them is true.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{at, config, picture, psnr};
use lk_codecs::video::{self, VideoCodecError, VideoEncoderConfig, VideoRates};
use lk_types::{Codec, EncodedVideo, I420Picture, InterLayer, ScalabilityMode};

const WIDTH: u32 = 256;
const HEIGHT: u32 = 144;
const PICTURES: u32 = 11;

const TEMPORAL: &[&str] = &["L1T1", "L1T2", "L1T3"];
const SPATIAL: &[&str] = &[
    "L2T1",
    "L2T2",
    "L2T3",
    "L3T1",
    "L3T2",
    "L3T3",
    "L2T1h",
    "L3T3h",
    "L2T1_KEY",
    "L2T2_KEY",
    "L3T1_KEY",
    "L3T3_KEY",
    "L2T2_KEY_SHIFT",
    "L3T3_KEY_SHIFT",
];
const SIMULCAST: &[&str] = &["S2T1", "S3T3", "S2T2h"];

fn modes() -> Vec<(Codec, ScalabilityMode)> {
    let mut out = Vec::new();
    for (codec, names) in [
        (Codec::Vp8, [TEMPORAL, &[]].concat()),
        (Codec::Vp9, [TEMPORAL, SPATIAL, SIMULCAST].concat()),
        (Codec::H264, [TEMPORAL, &[]].concat()),
        (Codec::Av1, [TEMPORAL, SPATIAL].concat()),
    ] {
        if video::can_encode(codec) {
            out.extend(
                names
                    .iter()
                    .map(|name| (codec, ScalabilityMode::parse(name).unwrap())),
            );
        }
    }
    out
}

fn layered(codec: Codec, mode: ScalabilityMode) -> VideoEncoderConfig {
    VideoEncoderConfig {
        mode,
        bitrate: 1_500_000,
        ..config(codec, WIDTH, HEIGHT)
    }
}

/// One frame: its picture's index and what was encoded.
type Frame = (u32, EncodedVideo);

fn film(config: &VideoEncoderConfig, keyframes: &[u32]) -> Vec<Frame> {
    let mut encoder = video::encoder(config).unwrap_or_else(|error| panic!("{config:?}: {error}"));
    let mut out = Vec::new();
    for index in 0..PICTURES {
        let mut layers = Vec::new();
        let source = picture(config.width, config.height, index);
        encoder
            .encode(
                &source.view(),
                at(index, keyframes.contains(&index)),
                &mut layers,
            )
            .unwrap();
        out.extend(layers.into_iter().map(|layer| (index, layer)));
    }
    out
}

/// Decodes the chosen frames, all of a picture at once; the pictures by index.
fn show(codec: Codec, frames: &[Frame], chosen: &BTreeSet<usize>) -> BTreeMap<u32, I420Picture> {
    let shown = try_to_show(codec, frames, chosen).into_iter();
    shown
        .map(|(index, result)| match result {
            Ok(Some(picture)) => (index, picture),
            Ok(None) => panic!("{codec} picture {index} shows nothing"),
            Err(error) => panic!("{codec} picture {index}: {error}"),
        })
        .collect()
}

type Shown = Result<Option<I420Picture>, VideoCodecError>;

/// The same, where what was chosen may lack what it refers to.
fn try_to_show(codec: Codec, frames: &[Frame], chosen: &BTreeSet<usize>) -> BTreeMap<u32, Shown> {
    let mut decoder = video::decoder(codec).unwrap();
    let mut payloads: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    for index in chosen {
        let (picture, frame) = &frames[*index];
        payloads
            .entry(*picture)
            .or_default()
            .extend_from_slice(&frame.payload);
    }
    let mut out = BTreeMap::new();
    for (index, payload) in payloads {
        let mut shown = I420Picture::default();
        let result = decoder.decode(&payload, &mut shown);
        out.insert(index, result.map(|one| one.then_some(shown)));
    }
    out
}

/// The frames that a receiver of this spatial layer is sent: with the layers below, except in simulcast modes, whose
/// layers are streams of their own.
fn up_to(mode: ScalabilityMode, frames: &[Frame], spatial: u8) -> BTreeSet<usize> {
    let alone = mode.inter_layer == InterLayer::Never;
    (0..frames.len())
        .filter(|index| {
            let layer = &frames[*index].1.layer;
            layer.spatial == spatial || layer.spatial < spatial && !alone
        })
        .collect()
}

/// The frames of these layers and all that they refer to, directly or not.
fn closure(frames: &[Frame], spatial: u8, temporal: u8) -> BTreeSet<usize> {
    let mut out = BTreeSet::new();
    let mut todo: Vec<usize> = (0..frames.len())
        .filter(|index| {
            let layer = &frames[*index].1.layer;
            layer.spatial == spatial && layer.temporal <= temporal
        })
        .collect();
    while let Some(index) = todo.pop() {
        if out.insert(index) {
            let layer = &frames[index].1.layer;
            todo.extend(
                layer
                    .references
                    .iter()
                    .map(|distance| index - usize::from(*distance)),
            );
        }
    }
    out
}

#[test]
fn each_layer_decodes_from_what_it_refers_to_and_nothing_else() {
    for (codec, mode) in modes() {
        let frames = film(&layered(codec, mode), &[6]);
        let everything = |spatial: u8| -> BTreeSet<usize> { up_to(mode, &frames, spatial) };
        for spatial in 0..mode.spatial_layers {
            let whole = show(codec, &frames, &everything(spatial));
            for temporal in 0..mode.temporal_layers {
                let part = closure(&frames, spatial, temporal);
                assert!(
                    part.iter()
                        .all(|index| frames[*index].1.layer.temporal <= temporal),
                    "{codec} {mode}: a frame refers to a higher temporal layer"
                );
                let shown = show(codec, &frames, &part);
                for index in part {
                    let (picture, frame) = &frames[index];
                    if frame.layer.spatial == spatial {
                        assert!(
                            shown[picture] == whole[picture],
                            "{codec} {mode} S{spatial}T{temporal}: picture {picture} differs"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_said_to_be_referred_to_is_referred_to() {
    for (codec, mode) in modes() {
        let simulcast = mode.inter_layer == InterLayer::Never;
        if mode.temporal_layers < 3 || mode.shifted || simulcast {
            continue;
        }
        let frames = film(&layered(codec, mode), &[]);
        let top = mode.spatial_layers - 1;
        let whole = show(codec, &frames, &up_to(mode, &frames, top));
        // Of every four pictures the third is in the middle layer, and the fourth refers to it.
        let without = up_to(mode, &frames, top)
            .into_iter()
            .filter(|index| frames[*index].1.layer.temporal != 1)
            .collect();
        let shown = try_to_show(codec, &frames, &without);
        let of = |temporal: u8| {
            frames.iter().filter_map(move |(picture, frame)| {
                let layer = &frame.layer;
                (layer.spatial == top && layer.temporal == temporal).then_some(*picture)
            })
        };
        let mut others = 0;
        for middle in of(1) {
            // The last picture of the film may be of the middle layer, and the rate control may drop the one after it.
            let Some(after) = of(2).find(|picture| *picture == middle + 1) else {
                continue;
            };
            assert!(
                shown[&after].as_ref().ok().and_then(Option::as_ref) != Some(&whole[&after]),
                "{codec} {mode}: picture {after} needs nothing of picture {middle}"
            );
            others += 1;
        }
        assert!(others >= 2, "{codec} {mode}: {others} pictures");
    }
}

#[test]
fn the_highest_layer_looks_like_the_source_and_the_others_have_their_sizes() {
    for (codec, mode) in modes() {
        let frames = film(&layered(codec, mode), &[]);
        let shown = show(
            codec,
            &frames,
            &up_to(mode, &frames, mode.spatial_layers - 1),
        );
        for (index, back) in &shown {
            let quality = psnr(back, &picture(WIDTH, HEIGHT, *index));
            assert!(
                quality > 27.0,
                "{codec} {mode} picture {index}: {quality:.1} dB"
            );
        }
        assert!(shown.len() >= 8, "{codec} {mode}: {} pictures", shown.len());
        for (picture, frame) in &frames {
            let below = u32::from(mode.spatial_layers - 1 - frame.layer.spatial);
            let (num, den) = if mode.ratio_3_2 {
                (2_u32, 3_u32)
            } else {
                (1, 2)
            };
            let scale = |size: u32| size * num.pow(below) / den.pow(below);
            for (got, full) in [(frame.width, WIDTH), (frame.height, HEIGHT)] {
                assert!(
                    got.abs_diff(scale(full)) <= 1,
                    "{codec} {mode}: {got} of {full}"
                );
            }
            let last = frame.layer.spatial + 1 == mode.spatial_layers;
            assert_eq!(
                frame.end_of_picture, last,
                "{codec} {mode} picture {picture}"
            );
        }
    }
}

#[test]
fn what_is_said_of_a_frame_holds() {
    for (codec, mode) in modes() {
        let frames = film(&layered(codec, mode), &[6]);
        let referred: BTreeSet<usize> = frames
            .iter()
            .enumerate()
            .flat_map(|(index, (_, frame))| {
                let references = frame.layer.references.clone();
                references
                    .into_iter()
                    .map(move |distance| index - usize::from(distance))
            })
            .collect();
        for (index, (picture, frame)) in frames.iter().enumerate() {
            let layer = &frame.layer;
            let name = format!("{codec} {mode} picture {picture} S{}", layer.spatial);
            assert_eq!(frame.keyframe, [0, 6].contains(picture), "{name}");
            assert!(layer.references.is_sorted(), "{name}");
            if layer.discardable {
                assert!(!referred.contains(&index), "{name} is referred to");
            }
            let targets: Vec<_> = layer
                .references
                .iter()
                .map(|distance| &frames[index - usize::from(*distance)])
                .collect();
            assert_eq!(
                layer.inter_layer,
                targets.iter().any(|target| target.0 == *picture),
                "{name}"
            );
            if frame.keyframe {
                assert_eq!(layer.temporal, 0, "{name}");
                assert!(targets.iter().all(|target| target.0 == *picture), "{name}");
            } else {
                assert!(!targets.is_empty(), "{name}");
                let linked = layer.spatial > 0 && mode.inter_layer == InterLayer::Always;
                assert_eq!(layer.inter_layer, linked, "{name}");
            }
            if layer.switching_up && !frame.keyframe {
                let earlier = targets.iter().filter(|target| target.0 != *picture);
                assert!(layer.temporal > 0, "{name}");
                assert!(
                    earlier
                        .into_iter()
                        .all(|target| target.1.layer.temporal == 0),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn spatial_layers_go_and_come_back_with_a_keyframe() {
    for (codec, mode) in modes() {
        let simulcast = mode.inter_layer == InterLayer::Never;
        if mode.spatial_layers != 3 || mode.shifted || mode.ratio_3_2 || simulcast {
            continue;
        }
        let config = layered(codec, mode);
        let mut encoder = video::encoder(&config).unwrap();
        let mut decoder = video::decoder(codec).unwrap();
        let rates = |layers: [u64; 3]| VideoRates {
            spatial_bitrates: Some(layers),
            ..config.rates()
        };
        let mut index = 0;
        for (layers, count, starts_with_key) in [
            ([200_000, 400_000, 900_000], 3, true),
            ([200_000, 0, 0], 1, false),
            ([200_000, 400_000, 0], 2, true),
            ([200_000, 400_000, 900_000], 3, true),
        ] {
            encoder.set_rates(&rates(layers)).unwrap();
            for step in 0..5 {
                let source = picture(WIDTH, HEIGHT, index);
                let mut out = Vec::new();
                encoder
                    .encode(&source.view(), at(index, false), &mut out)
                    .unwrap();
                index += 1;
                if out.is_empty() {
                    continue;
                }
                let shown = out.len();
                assert_eq!(shown, count, "{codec} {mode} {layers:?} step {step}");
                assert!(out[shown - 1].end_of_picture);
                assert_eq!(
                    out[0].keyframe,
                    step == 0 && starts_with_key,
                    "{codec} {mode} {index}"
                );
                let back = common::decode(&mut *decoder, &out).expect("a picture");
                let last = &out[shown - 1];
                assert_eq!((back.width, back.height), (last.width, last.height));
                assert_eq!(back.width, [64, 128, 256][shown - 1], "{codec} {mode}");
            }
        }
    }
}

#[test]
fn layers_that_a_codec_lacks_are_refused_by_name() {
    for (codec, name) in [
        (Codec::Vp8, "L2T1"),
        (Codec::Vp8, "S2T1"),
        (Codec::H264, "L3T3_KEY"),
        (Codec::Av1, "S2T1"),
    ] {
        if !video::can_encode(codec) {
            continue;
        }
        let mode = ScalabilityMode::parse(name).unwrap();
        let Err(error) = video::encoder(&layered(codec, mode)) else {
            panic!("{codec} took {name}");
        };
        assert_eq!(error, VideoCodecError::Mode { codec, mode });
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn layers_of_odd_sizes_are_as_large_as_they_say() {
    for codec in [Codec::Vp9, Codec::Av1] {
        for (name, width, height) in [
            ("L2T1", 323, 181),
            ("L3T3_KEY", 335, 189),
            ("L2T2h", 211, 121),
            ("L3T1h", 321, 239),
        ] {
            if !video::can_encode(codec) {
                continue;
            }
            let mode = ScalabilityMode::parse(name).unwrap();
            let config = VideoEncoderConfig {
                width,
                height,
                ..layered(codec, mode)
            };
            let frames = film(&config, &[]);
            for spatial in 0..mode.spatial_layers {
                let shown = show(codec, &frames, &up_to(mode, &frames, spatial));
                for (picture, frame) in &frames {
                    if frame.layer.spatial == spatial {
                        let back = &shown[picture];
                        assert_eq!(
                            (back.width, back.height),
                            (frame.width, frame.height),
                            "{codec} {mode} S{spatial} of {width}x{height}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn the_smallest_and_thinnest_pictures_are_encoded_or_refused() {
    for (codec, mode) in modes() {
        for (width, height) in [
            (1, 1),
            (2, 2),
            (3, 5),
            (8, 8),
            (16, 16),
            (18, 130),
            (300, 2),
        ] {
            let config = VideoEncoderConfig {
                width,
                height,
                ..layered(codec, mode)
            };
            let Ok(mut encoder) = video::encoder(&config) else {
                continue;
            };
            let mut decoder = video::decoder(codec).unwrap();
            for index in 0..3 {
                let source = I420Picture::black(width, height);
                let mut out = Vec::new();
                if encoder
                    .encode(&source.view(), at(index, false), &mut out)
                    .is_err()
                {
                    break;
                }
                let Some(last) = out.last() else { continue };
                let size = (last.width, last.height);
                if mode.inter_layer == InterLayer::Never {
                    out.drain(..out.len() - 1);
                }
                let shown = common::decode(&mut *decoder, &out).expect("a picture");
                assert_eq!((shown.width, shown.height), size, "{codec} {mode}");
            }
        }
    }
}

#[test]
fn the_rate_is_kept_with_layers_and_none_is_starved() {
    for (codec, name) in [
        (Codec::Vp8, "L1T3"),
        (Codec::Vp9, "L3T3_KEY"),
        (Codec::H264, "L1T2"),
        (Codec::Av1, "L1T3"),
        (Codec::Av1, "L3T3_KEY"),
    ] {
        if !video::can_encode(codec) {
            continue;
        }
        let mode = ScalabilityMode::parse(name).unwrap();
        let config = VideoEncoderConfig {
            bitrate: 900_000,
            ..layered(codec, mode)
        };
        let mut encoder = video::encoder(&config).unwrap();
        let mut noise = common::Random(5);
        let (mut bytes, mut top) = (0, 0);
        for index in 0..120 {
            let mut source = picture(WIDTH, HEIGHT, index);
            for byte in &mut source.y {
                *byte = byte.saturating_add((noise.next() % 24) as u8);
            }
            let mut out = Vec::new();
            encoder
                .encode(&source.view(), at(index, false), &mut out)
                .unwrap();
            if index >= 60 {
                bytes += out.iter().map(|one| one.payload.len()).sum::<usize>();
                let last = out.last().map(|one| one.layer.spatial + 1);
                top += u32::from(last == Some(mode.spatial_layers));
            }
        }
        let got = bytes as f64 * 8.0 / 2.0 / 900_000.0;
        assert!(
            (0.7..1.2).contains(&got),
            "{codec} {mode}: {got:.2} of the rate"
        );
        assert!(
            top >= 45,
            "{codec} {mode}: {top} of 60 in the highest layer"
        );
    }
}
