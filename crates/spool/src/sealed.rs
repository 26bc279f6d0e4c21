//! A file without a name, sealed with a key of its own.

use std::{
    env,
    ffi::OsString,
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    sync::{Once, OnceLock},
};

use aws_lc_rs::{
    aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand,
};

/// It is opened by the first who writes.
#[derive(Debug)]
pub(crate) struct SealedFile {
    what: &'static str,
    file: OnceLock<File>,
    key: LessSafeKey,
    refused: Once,
}

impl SealedFile {
    /// Bytes that a piece takes in the file beside its own: the tag.
    pub(crate) const OVERHEAD: usize = 16;

    /// An empty one; `None` where the system gives no random key.
    pub(crate) fn new(what: &'static str) -> Option<Self> {
        let mut key = [0; 16];
        rand::fill(&mut key).ok()?;
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?);
        Some(Self {
            what,
            file: OnceLock::new(),
            key,
            refused: Once::new(),
        })
    }

    /// Seals the `piece` and puts it at `offset`, which no other piece has or had.
    pub(crate) fn write(&self, offset: u64, piece: Vec<u8>) -> io::Result<()> {
        self.put(offset, piece).inspect_err(|why| {
            self.refused.call_once(|| {
                log::warn!(
                    "{} wait in memory, for the disk does not take them: {why}; take events sooner, or point TMPDIR to \
                     another disk",
                    self.what
                );
            });
        })
    }

    fn put(&self, offset: u64, mut piece: Vec<u8>) -> io::Result<()> {
        self.key
            .seal_in_place_append_tag(nonce(offset), Aad::empty(), &mut piece)
            .map_err(|_| io::Error::other("it could not be sealed"))?;
        self.file()?.write_all_at(&piece, offset)
    }

    /// Reads the piece that takes `len` bytes at `offset`.
    pub(crate) fn read(&self, offset: u64, len: usize, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.clear();
        buffer.resize(len, 0);
        self.file()?.read_exact_at(buffer, offset)?;
        let len = self
            .key
            .open_in_place(nonce(offset), Aad::empty(), buffer)
            .map_err(|_| io::Error::other("it is not what was written"))?
            .len();
        buffer.truncate(len);
        Ok(())
    }

    fn file(&self) -> io::Result<&File> {
        match self.file.get() {
            Some(file) => Ok(file),
            None => {
                let opened = open(env::var_os("TMPDIR"))?;
                Ok(self.file.get_or_init(|| opened))
            }
        }
    }
}

fn nonce(offset: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[..8].copy_from_slice(&offset.to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}

/// The folder for temporary files that the user names; else the one for large files, which is on a disk where
/// `/tmp` often is memory; else that.
fn open(named: Option<OsString>) -> io::Result<File> {
    match named {
        Some(folder) => tempfile::tempfile_in(folder),
        None => tempfile::tempfile_in("/var/tmp").or_else(|_| tempfile::tempfile()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overhead_is_the_tag() {
        assert_eq!(SealedFile::OVERHEAD, AES_128_GCM.tag_len());
    }

    #[test]
    fn what_is_written_is_sealed_on_the_disk() {
        let sealed = SealedFile::new("pieces of a test").unwrap();
        sealed.write(0, b"fifth".to_vec()).unwrap();
        let mut on_disk = vec![0; 5 + SealedFile::OVERHEAD];
        sealed
            .file()
            .unwrap()
            .read_exact_at(&mut on_disk, 0)
            .unwrap();
        assert!(!on_disk.windows(5).any(|window| window == b"fifth"));
    }

    #[test]
    fn what_the_disk_changed_is_an_error_and_not_a_piece() {
        let sealed = SealedFile::new("pieces of a test").unwrap();
        sealed.write(0, b"fifth".to_vec()).unwrap();
        let len = 5 + SealedFile::OVERHEAD;
        sealed.file().unwrap().write_all_at(b"x", 2).unwrap();
        let error = sealed.read(0, len, &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "it is not what was written");
        sealed.file().unwrap().set_len(3).unwrap();
        assert!(sealed.read(0, len, &mut Vec::new()).is_err());
    }

    #[test]
    fn a_folder_that_does_not_exist_is_an_error() {
        assert!(open(Some("/nowhere/at/all".into())).is_err());
        assert!(open(None).is_ok());
    }
}
