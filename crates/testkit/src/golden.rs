//! The bitstreams of `tests/golden/video`.

use std::fs;

/// A file beside them, by its name.
///
/// # Panics
/// Where there is no such file.
#[must_use]
pub fn golden(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/video");
    fs::read(format!("{folder}/{name}")).expect("a golden file")
}

/// The frames of an IVF file among them, each with its timestamp: the number of its picture.
///
/// # Panics
/// Where there is no such file, or it ends within a frame.
#[must_use]
pub fn ivf(name: &str) -> Vec<(u64, Vec<u8>)> {
    let file = golden(&format!("{name}.ivf"));
    let mut rest = &file[32..];
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let size = u32::from_le_bytes(rest[..4].try_into().expect("four bytes")) as usize;
        let number = u64::from_le_bytes(rest[4..12].try_into().expect("eight bytes"));
        frames.push((number, rest[12..12 + size].to_vec()));
        rest = &rest[12 + size..];
    }
    frames
}
