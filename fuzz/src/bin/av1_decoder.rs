//! The decoder of AV1 over damaged streams: what it shows is whole, and it never ends the process.

use std::process::ExitCode;

use lk_codecs::video;
use lk_types::{Codec, I420Picture};

fn main() -> ExitCode {
    livekit_ffi_fuzz::run("av1_decoder", &["../tests/golden/video"], |input| {
        let mut decoder = video::decoder(Codec::Av1).expect("there is a decoder");
        let mut picture = I420Picture::default();
        // IVF: a header of 32 bytes; before each picture its length and eight bytes of time.
        let mut rest = input.get(32..).unwrap_or(input);
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let after = after.get(8..).unwrap_or(&[]);
            let length = (u32::from_le_bytes(*length) as usize).min(after.len());
            let (payload, next) = after.split_at(length);
            rest = next;
            let before = (picture.width, picture.height);
            match decoder.decode(payload, &mut picture) {
                Ok(true) => assert!(picture.view().is_consistent()),
                _ => assert_eq!(before, (picture.width, picture.height)),
            }
        }
    })
}
