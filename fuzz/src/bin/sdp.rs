//! A description that is read can be printed, and what is printed is read as the same.

use std::process::ExitCode;

use lk_jsep::sdp::Sdp;

fn main() -> ExitCode {
    livekit_ffi_fuzz::run("sdp", &["../crates/jsep/tests/golden/sdp"], |input| {
        let Ok(text) = std::str::from_utf8(input) else {
            return;
        };
        let Ok(read) = Sdp::parse(text) else {
            return;
        };
        let printed = read.print();
        let again = Sdp::parse(&printed).expect("what we print can be read");
        assert_eq!(printed, again.print(), "printing is not stable");
    })
}
