//! The bitstreams of `tests/golden/video`.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// A file beside them, by its name.
///
/// # Panics
/// Where there is no such file.
#[must_use]
pub fn golden(name: &str) -> Vec<u8> {
    fs::read(folder().join(name)).expect("a golden file")
}

/// Where they are, from the package under test: what this was compiled in may have been another checkout, where several
/// share a target folder.
fn folder() -> PathBuf {
    let package = env::var("CARGO_MANIFEST_DIR");
    let package = package.as_deref().unwrap_or(env!("CARGO_MANIFEST_DIR"));
    let mut folders = Path::new(package)
        .ancestors()
        .map(|folder| folder.join("tests/golden/video"));
    folders
        .find(|folder| folder.is_dir())
        .expect("the golden files' folder")
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
