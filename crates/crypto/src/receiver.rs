//! What decrypts one receiver's frames.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::CryptoError;
use crate::frame::{self, Part};
use crate::header::FrameKind;
use crate::keys::KeyStore;
use crate::ring::Key;
use crate::sif;

/// Decrypts the frames of one participant's track.
///
/// A key is never given up: the next frame is tried with it whatever happened to those before, so that setting the right
/// key at either end heals a call at once.
#[derive(Debug)]
pub struct FrameOpener {
    keys: Arc<KeyStore>,
    participant: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// In a row.
    failures: u32,
    scratch: Vec<u8>,
}

/// How a frame fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on; it was encrypted.
    Passed,
    /// It goes on as it came: empty, or made up by the server.
    Clear,
    /// There is no key for it.
    MissingKey(CryptoError),
    /// It could not be decrypted, and that is to be told.
    Failed(CryptoError),
    /// The same, and fewer have failed in a row than are told.
    Tolerated(CryptoError),
}

/// What came of a frame.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Whether it goes on.
    pub verdict: Verdict,
    /// The key moved on with this frame.
    pub ratcheted: bool,
    /// The key that did not fit, where keys that may follow it have not all been made: give it to
    /// [`KeyStore::look_ahead`] elsewhere, once for each key.
    pub look_ahead: Option<Arc<Key>>,
}

impl Opened {
    fn plain(verdict: Verdict) -> Self {
        Self {
            verdict,
            ratcheted: false,
            look_ahead: None,
        }
    }
}

impl FrameOpener {
    /// For a participant's frames.
    #[must_use]
    pub fn new(keys: Arc<KeyStore>, participant: String) -> Self {
        Self {
            keys,
            participant,
            state: Mutex::default(),
        }
    }

    /// Replaces what is in `out` by the frame as the encoder made it. `out` is of use only where the verdict is
    /// [`Verdict::Passed`] or [`Verdict::Clear`].
    pub fn open(&self, kind: FrameKind, frame: &[u8], out: &mut Vec<u8>) -> Opened {
        out.clear();
        if frame.is_empty() {
            return Opened::plain(Verdict::Clear);
        }
        let trailer = self.keys.sif_trailer();
        if let Some(made_up) = sif::stripped(kind, frame, &trailer) {
            out.extend_from_slice(made_up);
            return Opened::plain(Verdict::Clear);
        }
        let mut state = self.state.lock();
        let State { failures, scratch } = &mut *state;
        let mut ratcheted = false;
        let mut rest = frame;
        while !rest.is_empty() {
            let (part, behind) = match frame::read(kind, rest, scratch) {
                Ok(read) => read,
                Err(error) => return self.failed(failures, error, None),
            };
            match self.open_part(&part, out) {
                Ok(moved) => ratcheted |= moved,
                Err((error, look_ahead)) => return self.failed(failures, error, look_ahead),
            }
            rest = behind;
        }
        *failures = 0;
        Opened {
            verdict: Verdict::Passed,
            ratcheted,
            look_ahead: None,
        }
    }

    /// Says whether the key moved on.
    fn open_part(
        &self,
        part: &Part<'_>,
        out: &mut Vec<u8>,
    ) -> Result<bool, (CryptoError, Option<Arc<Key>>)> {
        let index = usize::from(part.index);
        let told = u32::from(part.index);
        let Some(key) = self.keys.key(&self.participant, index) else {
            return Err((CryptoError::MissingKey { index: told }, None));
        };
        if part.open(&key, out) {
            return Ok(false);
        }
        let ahead = key.known_ahead();
        let tried = 1 + ahead.len();
        let complete = ahead.len() >= self.keys.ratchet_window();
        for next in ahead {
            if part.open(&next, out) {
                self.keys.adopt(&self.participant, index, &key, next);
                return Ok(true);
            }
        }
        let error = CryptoError::WrongKey { index: told, tried };
        Err((error, (!complete).then_some(key)))
    }

    fn failed(
        &self,
        failures: &mut u32,
        error: CryptoError,
        look_ahead: Option<Arc<Key>>,
    ) -> Opened {
        let verdict = if matches!(error, CryptoError::MissingKey { .. }) {
            Verdict::MissingKey(error)
        } else {
            *failures = failures.saturating_add(1);
            if *failures > self.keys.failure_tolerance() {
                Verdict::Failed(error)
            } else {
                Verdict::Tolerated(error)
            }
        };
        Opened {
            look_ahead,
            ..Opened::plain(verdict)
        }
    }
}
