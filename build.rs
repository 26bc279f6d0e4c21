//! Compiles `protocol/` into `OUT_DIR`; touches neither the source tree nor the network.
//!
//! Leaves there `livekit.proto.rs` (messages, for `src/proto.rs`) and
//! `descriptors.bin` (the `FileDescriptorSet`, for the tests that compare it
//! with the official SDKs).

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const PROTOCOL: &str = "protocol";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={PROTOCOL}");
    println!("cargo:rerun-if-changed=build.rs");

    let mut files: Vec<PathBuf> = fs::read_dir(PROTOCOL)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|ext| ext == "proto"));
    files.sort();

    let descriptors = protox::compile(&files, [PROTOCOL])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;

    prost_build::Config::new()
        // Hosts send and read maps in any order; a stable one keeps our output reproducible.
        .btree_map(["."])
        .out_dir(&out)
        .compile_fds(descriptors)?;

    // A host may close the library while threads of ours still unwind their stacks:
    // the code stays mapped until the process ends.
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    Ok(())
}
