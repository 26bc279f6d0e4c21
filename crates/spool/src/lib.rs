//! Where what waits for a slow reader lies once memory holds enough of it: on the disk.
//!
//! LiveKit's protocol has no word by which a reader slows its sender down, so what is not taken has to wait somewhere.
//! The files have no name and are gone with the process. They are sealed, piece by piece, with a key that is nowhere
//! else: what waits may have come end-to-end encrypted, and disks keep what was deleted.
//!
//! Order is not this crate's business: whoever asked for a [`Place`] keeps it where the piece stood.
#![forbid(unsafe_code)]

mod sealed;

use std::{
    io,
    sync::{Arc, Weak},
};

use sealed::SealedFile;

/// A file that grew beyond this is followed by a new one, so that what was read long ago does not stay on the disk.
const FILE: u64 = 64 * 1024 * 1024;

/// Gives places on the disk. Keeps no file itself: each is gone with the last of its places.
#[derive(Debug)]
pub struct Spool {
    /// What waits in it, for the log: the beginning of a sentence.
    what: &'static str,
    file: Weak<SealedFile>,
    end: u64,
}

/// Where a piece lies. Its bytes are on the disk from [`write`](Self::write) until it is dropped.
#[derive(Clone, Debug)]
pub struct Place {
    file: Arc<SealedFile>,
    /// Of its first byte; never used twice in a file's life, so that it can be the nonce.
    offset: u64,
    /// Bytes in the file, the tag among them.
    len: usize,
}

impl Spool {
    /// One without files. `what` waits in it; the log says so where the disk refuses it ("pieces of data streams").
    #[must_use]
    pub const fn new(what: &'static str) -> Self {
        Self {
            what,
            file: Weak::new(),
            end: 0,
        }
    }

    /// A place for `len` bytes; `None` where the system gives no random key. Nothing is written yet, so this may be
    /// called under a lock.
    pub fn place(&mut self, len: usize) -> Option<Place> {
        let file = match self.file.upgrade() {
            Some(file) if self.end < FILE => file,
            _ => {
                let file = Arc::new(SealedFile::new(self.what)?);
                self.file = Arc::downgrade(&file);
                self.end = 0;
                file
            }
        };
        let place = Place {
            file,
            offset: self.end,
            len: len + SealedFile::OVERHEAD,
        };
        self.end += place.len as u64;
        Some(place)
    }

    /// Whether nothing has a place in the file that is written at present.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.file.strong_count() == 0
    }
}

impl Place {
    /// Writes the piece; `bytes` are as many as the place was made for. The disk may take its time: hold no lock.
    ///
    /// # Errors
    /// Where the disk does not take it, which the log says once for each file.
    pub fn write(&self, bytes: Vec<u8>) -> io::Result<()> {
        debug_assert_eq!(bytes.len() + SealedFile::OVERHEAD, self.len);
        self.file.write(self.offset, bytes)
    }

    /// Reads what was written into `buffer`, which then holds that and nothing else.
    ///
    /// # Errors
    /// Where the disk does not give it back, or something else.
    pub fn read(&self, buffer: &mut Vec<u8>) -> io::Result<()> {
        self.file.read(self.offset, self.len, buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_in_any_order() {
        let mut spool = Spool::new("pieces of a test");
        let (first, second) = (spool.place(5).unwrap(), spool.place(7).unwrap());
        second.write(b"seventh".to_vec()).unwrap();
        first.write(b"fifth".to_vec()).unwrap();
        let mut buffer = b"left over from before".to_vec();
        first.read(&mut buffer).unwrap();
        assert_eq!(buffer, b"fifth");
        second.read(&mut buffer).unwrap();
        assert_eq!(buffer, b"seventh");
    }

    #[test]
    fn a_file_goes_with_the_last_of_its_places() {
        let mut spool = Spool::new("pieces of a test");
        assert!(spool.is_empty());
        let (first, second) = (spool.place(5).unwrap(), spool.place(5).unwrap());
        assert!(Arc::ptr_eq(&first.file, &second.file));
        drop(first);
        assert!(!spool.is_empty());
        drop(second);
        assert!(spool.is_empty());
        assert_eq!(spool.place(5).unwrap().offset, 0);
    }

    #[test]
    fn a_large_file_is_followed_by_another() {
        let mut spool = Spool::new("pieces of a test");
        let large = spool.place(FILE as usize).unwrap();
        let next = spool.place(5).unwrap();
        assert!(!Arc::ptr_eq(&large.file, &next.file));
        assert_eq!(next.offset, 0);
    }
}
