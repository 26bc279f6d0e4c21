//! RFC 2198: blocks lie inside the payload, and joined again they are split alike.

use std::process::ExitCode;

use lk_media::audio::red;

fn main() -> ExitCode {
    let mut joined = Vec::new();
    livekit_ffi_fuzz::run("red", &[], |input| {
        let Ok(blocks) = red::split(input) else {
            return;
        };
        let redundant: Vec<_> = blocks.redundant().collect();
        let primary = blocks.primary();
        let total: usize = redundant
            .iter()
            .map(|block| block.payload.len())
            .sum::<usize>()
            + primary.payload.len();
        assert!(total <= input.len());
        red::join(primary.pt, primary.payload, &redundant, &mut joined)
            .expect("what was split can be joined");
        let again = red::split(&joined).expect("what was joined can be split");
        assert_eq!(again.primary().payload, primary.payload);
    })
}
