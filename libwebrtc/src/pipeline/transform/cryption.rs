//! Encryption of one track's frames, as a pipeline uses it.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use lk_crypto::{FrameKind, FrameOpener, FrameSealer, Key, KeyStore, Verdict};
use parking_lot::Mutex;

/// How a track's encryption fares; as the program is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Cryption {
    /// Nothing passed yet.
    #[default]
    New,
    /// The last frame passed.
    Ok,
    /// The last frame could not be encrypted.
    EncryptionFailed,
    /// The last frame could not be decrypted.
    DecryptionFailed,
    /// There is no key for it.
    MissingKey,
    /// The key moved on.
    KeyRatcheted,
}

/// Encrypts or decrypts one track's frames while it is switched on, and tells of each change once.
pub(crate) struct Cryptor {
    keys: Arc<KeyStore>,
    sealer: FrameSealer,
    opener: FrameOpener,
    enabled: AtomicBool,
    key_index: AtomicU32,
    /// The cipher is one that is known.
    supported: bool,
    told: Mutex<Cryption>,
    /// The key that somebody makes the next ones of.
    searched: Mutex<Weak<Key>>,
    tell: Box<dyn Fn(Cryption) + Send + Sync>,
    /// Whoever switches it is gone.
    orphaned: AtomicBool,
}

/// Whether a frame goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// As it is.
    Unchanged,
    /// As it stands in the output.
    Changed,
    /// Not at all.
    Withheld,
}

impl Cryptor {
    /// A cryptor that is switched off. `tell` is called on the media's thread and must not block.
    pub(crate) fn new(
        keys: Arc<KeyStore>,
        participant: &str,
        supported: bool,
        tell: impl Fn(Cryption) + Send + Sync + 'static,
    ) -> Self {
        Self {
            sealer: FrameSealer::new(keys.clone(), participant.to_owned()),
            opener: FrameOpener::new(keys.clone(), participant.to_owned()),
            keys,
            enabled: AtomicBool::new(false),
            key_index: AtomicU32::new(0),
            supported,
            told: Mutex::default(),
            searched: Mutex::default(),
            tell: Box::new(tell),
            orphaned: AtomicBool::new(false),
        }
    }

    pub(crate) fn set_enabled(&self, enabled: bool) {
        self.enabled.store(enabled, Ordering::Release);
    }

    pub(crate) fn enabled(&self) -> bool {
        self.enabled.load(Ordering::Acquire)
    }

    pub(crate) fn set_key_index(&self, index: u32) {
        self.key_index.store(index, Ordering::Release);
    }

    pub(crate) fn key_index(&self) -> u32 {
        self.key_index.load(Ordering::Acquire)
    }

    /// Nobody switches it any more.
    pub(crate) fn orphan(&self) {
        self.orphaned.store(true, Ordering::Release);
    }

    pub(super) fn is_orphaned(&self) -> bool {
        self.orphaned.load(Ordering::Acquire)
    }

    /// Encrypts a frame into `out`.
    pub(super) fn seal(
        &self,
        kind: FrameKind,
        ssrc: u32,
        timestamp: u32,
        frame: &[u8],
        out: &mut Vec<u8>,
    ) -> Passage {
        if !self.enabled() || frame.is_empty() {
            return Passage::Unchanged;
        }
        if !self.supported {
            self.change(Cryption::EncryptionFailed);
            return Passage::Withheld;
        }
        let sealed = self
            .sealer
            .seal(kind, self.key_index(), ssrc, timestamp, frame, out);
        match sealed {
            Ok(()) => {
                self.change(Cryption::Ok);
                Passage::Changed
            }
            Err(error) => {
                log::debug!("a frame is not sent: {error}");
                self.change(
                    if matches!(error, lk_crypto::CryptoError::MissingKey { .. }) {
                        Cryption::MissingKey
                    } else {
                        Cryption::EncryptionFailed
                    },
                );
                Passage::Withheld
            }
        }
    }

    /// Decrypts a frame into `out`.
    pub(super) fn open(&self, kind: FrameKind, frame: &[u8], out: &mut Vec<u8>) -> Passage {
        if !self.enabled() {
            return Passage::Unchanged;
        }
        if !self.supported {
            self.change(Cryption::DecryptionFailed);
            return Passage::Withheld;
        }
        let opened = self.opener.open(kind, frame, out);
        if let Some(key) = opened.look_ahead {
            self.look_ahead(key);
        }
        if opened.ratcheted {
            self.change(Cryption::KeyRatcheted);
        }
        match opened.verdict {
            Verdict::Passed => {
                self.change(Cryption::Ok);
                Passage::Changed
            }
            Verdict::Clear => Passage::Changed,
            Verdict::MissingKey(error) => {
                log::trace!("a frame is not decrypted: {error}");
                self.change(Cryption::MissingKey);
                Passage::Withheld
            }
            Verdict::Failed(error) => {
                log::trace!("a frame is not decrypted: {error}");
                self.change(Cryption::DecryptionFailed);
                Passage::Withheld
            }
            Verdict::Tolerated(_) => Passage::Withheld,
        }
    }

    fn change(&self, to: Cryption) {
        let before = std::mem::replace(&mut *self.told.lock(), to);
        if before != to {
            (self.tell)(to);
        }
    }

    /// Makes the keys that may follow one, aside: media does not wait for it. Once for each key.
    fn look_ahead(&self, key: Arc<Key>) {
        {
            let mut searched = self.searched.lock();
            if std::ptr::eq(searched.as_ptr(), Arc::as_ptr(&key)) {
                return;
            }
            *searched = Arc::downgrade(&key);
        }
        let keys = self.keys.clone();
        let thread = std::thread::Builder::new()
            .name("lk-ratchet".to_owned())
            .spawn(move || crate::pipeline::guarded("key ratchet", || keys.look_ahead(&key)));
        if let Err(error) = thread {
            log::error!("keys: no thread to ratchet in: {error}");
        }
    }
}

impl fmt::Debug for Cryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cryptor")
            .field("enabled", &self.enabled())
            .field("key_index", &self.key_index())
            .field("told", &*self.told.lock())
            .finish_non_exhaustive()
    }
}
