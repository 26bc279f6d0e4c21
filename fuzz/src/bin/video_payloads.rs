//! Whatever reads bytes of received or foreign video: payload headers, dependency descriptors, frames' own headers; and
//! packetisers, to which hosts give frames that they encoded.

use std::process::ExitCode;

use lk_media::video::descriptor::{Descriptor, Mandatory};
use lk_media::video::vp8::Vp8Descriptor;
use lk_media::video::vp9::Vp9Descriptor;
use lk_media::video::{Packetizer, PacketizerConfig, probe};
use lk_types::{Codec, EncodedVideo, LayerFrame, ScalabilityMode};

const CODECS: [Codec; 5] = [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::H265, Codec::Av1];

fn main() -> ExitCode {
    livekit_ffi_fuzz::run("video_payloads", &[], |input| {
        let _read = Vp8Descriptor::parse(input);
        let _read = Vp9Descriptor::parse(input);
        let _read = Mandatory::parse(input);
        let (first, second) = input.split_at(input.len() / 2);
        if let Ok(key) = Descriptor::parse(first, None) {
            if let Some(structure) = &key.structure {
                let mut out = Vec::new();
                // A structure that was read can be written, and says the same then.
                if key.write(structure, &mut out).is_ok() {
                    let again = Descriptor::parse(&out, None).map(|read| read.frame);
                    assert_eq!(again.as_ref(), Ok(&key.frame));
                }
            }
            let _read = Descriptor::parse(second, key.structure.as_ref());
        }
        for codec in CODECS {
            let facts = probe(codec, input);
            packetize(codec, input, facts.keyframe);
        }
    })
}

fn packetize(codec: Codec, input: &[u8], keyframe: bool) {
    let byte = |at: usize| input.get(at).copied().unwrap_or(0);
    let config = PacketizerConfig {
        max_payload: 400 + usize::from(byte(0)) * 4,
        mode: ScalabilityMode::parse("L3T3_KEY").expect("a mode of the table"),
        descriptor: byte(1) & 1 != 0,
        first_picture_id: 0x7fff,
    };
    let Ok(mut packetizer) = Packetizer::new(codec, config) else {
        return;
    };
    let frames: Vec<EncodedVideo> = (0..3)
        .map(|layer| EncodedVideo {
            codec,
            payload: input.to_vec(),
            keyframe,
            width: u32::from(byte(2)) << layer,
            height: u32::from(byte(3)) << layer,
            end_of_picture: layer == 2,
            layer: LayerFrame {
                spatial: layer,
                temporal: byte(4) % 4,
                references: input.iter().take(5).map(|one| u16::from(*one)).collect(),
                ..LayerFrame::default()
            },
            qp: None,
        })
        .collect();
    for _ in 0..2 {
        let _sent = packetizer.packetize(&frames, |packet| {
            let descriptor = packet.descriptor.map_or(0, <[u8]>::len);
            assert!(packet.payload.len() + descriptor <= config.max_payload);
            assert!(!packet.payload.is_empty());
        });
    }
}
