//! End-to-end encryption: keys, and the switches of each sender and receiver.
//!
//! Keys, indices and switches are kept here in full. The transform itself is not part of this build: a sender
//! or receiver whose cryptor is switched on passes no media at all, so that nothing leaves in the clear.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::{
    media_stream_track::MediaStreamTrack, native::packet_trailer::PacketTrailerHandler,
    peer_connection_factory::PeerConnectionFactory, rtp_receiver::RtpReceiver,
    rtp_sender::RtpSender,
};

/// Told of a participant's new state.
pub type OnStateChange = Box<dyn FnMut(String, EncryptionState) + Send + Sync>;

/// How keys are made from what the program gives.
#[derive(Copy, Clone, Debug)]
#[non_exhaustive]
pub enum KeyDerivationAlgorithm {
    /// PBKDF2 with SHA-256, for passwords.
    PBKDF2,
    /// HKDF with SHA-256, for keys.
    HKDF,
}

/// Settings of a [`KeyProvider`].
#[derive(Debug, Clone)]
pub struct KeyProviderOptions {
    /// One key for all participants.
    pub shared_key: bool,
    /// How many ratchet steps a receiver tries before it gives up.
    pub ratchet_window_size: i32,
    /// Salt of the derivation.
    pub ratchet_salt: Vec<u8>,
    /// Failures in a row before a receiver says so; negative for never.
    pub failure_tolerance: i32,
    /// Number of key indices, from 1 to 255.
    pub key_ring_size: i32,
    /// How keys are derived.
    pub key_derivation_algorithm: KeyDerivationAlgorithm,
}

/// The cipher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncryptionAlgorithm {
    /// AES in Galois/counter mode.
    AesGcm,
    /// AES in cipher block chaining mode.
    AesCbc,
}

/// How a participant's encryption fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncryptionState {
    /// Nothing was encrypted or decrypted yet.
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
    /// Something of ours is wrong or missing.
    InternalError,
}

/// An encrypted data message.
#[derive(Debug, Clone)]
pub struct EncryptedPacket {
    /// Cipher text and authentication tag.
    pub data: Vec<u8>,
    /// Initialisation vector.
    pub iv: Vec<u8>,
    /// Which key of the ring.
    pub key_index: u32,
}

/// Holds the keys of all participants. Clones share them.
#[derive(Clone)]
pub struct KeyProvider {
    inner: Arc<KeyStore>,
}

struct KeyStore {
    options: KeyProviderOptions,
    keys: Mutex<Keys>,
}

#[derive(Default)]
struct Keys {
    shared: HashMap<i32, Vec<u8>>,
    participants: HashMap<String, HashMap<i32, Vec<u8>>>,
    sif_trailer: Vec<u8>,
}

impl KeyProvider {
    /// A provider without keys.
    #[must_use]
    pub fn new(options: KeyProviderOptions) -> Self {
        Self {
            inner: Arc::new(KeyStore {
                options,
                keys: Mutex::default(),
            }),
        }
    }

    /// Sets the key that all participants share; false where the provider does not share keys or the index is
    /// outside the ring.
    pub fn set_shared_key(&self, key_index: i32, key: Vec<u8>) -> bool {
        let accepted = self.inner.options.shared_key && self.in_ring(key_index);
        if accepted {
            self.inner.keys.lock().shared.insert(key_index, key);
        }
        accepted
    }

    /// Moves the shared key one step on. `None`: derivation is not part of this build.
    #[must_use]
    pub fn ratchet_shared_key(&self, key_index: i32) -> Option<Vec<u8>> {
        log::warn!("the shared key {key_index} cannot be ratcheted: not supported yet");
        None
    }

    /// The shared key, where one is set.
    #[must_use]
    pub fn get_shared_key(&self, key_index: i32) -> Option<Vec<u8>> {
        self.inner.keys.lock().shared.get(&key_index).cloned()
    }

    /// Sets a participant's key; false where the index is outside the ring.
    pub fn set_key(&self, participant_id: String, key_index: i32, key: Vec<u8>) -> bool {
        let accepted = self.in_ring(key_index);
        if accepted {
            self.inner
                .keys
                .lock()
                .participants
                .entry(participant_id)
                .or_default()
                .insert(key_index, key);
        }
        accepted
    }

    /// Moves a participant's key one step on. `None`: derivation is not part of this build.
    #[must_use]
    pub fn ratchet_key(&self, _participant_id: String, key_index: i32) -> Option<Vec<u8>> {
        log::warn!("key {key_index} of a participant cannot be ratcheted: not supported yet");
        None
    }

    /// A participant's key, or the shared one where keys are shared.
    #[must_use]
    pub fn get_key(&self, participant_id: String, key_index: i32) -> Option<Vec<u8>> {
        if self.inner.options.shared_key {
            return self.get_shared_key(key_index);
        }
        self.inner
            .keys
            .lock()
            .participants
            .get(&participant_id)?
            .get(&key_index)
            .cloned()
    }

    /// Sets the bytes by which frames injected by the server are known.
    pub fn set_sif_trailer(&self, trailer: Vec<u8>) {
        self.inner.keys.lock().sif_trailer = trailer;
    }

    fn in_ring(&self, key_index: i32) -> bool {
        (0..self.inner.options.key_ring_size).contains(&key_index)
    }
}

impl fmt::Debug for KeyProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyProvider")
            .field("shared_key", &self.inner.options.shared_key)
            .finish_non_exhaustive()
    }
}

/// The switches of one sender's or receiver's encryption. Clones share them.
#[derive(Clone)]
pub struct FrameCryptor {
    inner: Arc<Cryptor>,
}

struct Cryptor {
    participant_id: String,
    algorithm: EncryptionAlgorithm,
    /// Kept, so that the keys live as long as what uses them.
    key_provider: KeyProvider,
    /// The track that passes nothing while the cryptor is on.
    target: Target,
    state: Mutex<CryptorState>,
    on_state_change: crate::callback::Callback<dyn FnMut(String, EncryptionState) + Send + Sync>,
}

enum Target {
    Sender(RtpSender),
    Receiver(RtpReceiver),
}

impl Target {
    fn track(&self) -> Option<MediaStreamTrack> {
        match self {
            Self::Sender(sender) => sender.track(),
            Self::Receiver(receiver) => receiver.track(),
        }
    }
}

#[derive(Default)]
struct CryptorState {
    enabled: bool,
    key_index: i32,
    packet_trailer: Option<PacketTrailerHandler>,
}

impl FrameCryptor {
    /// For what a sender sends.
    #[must_use]
    pub fn new_for_rtp_sender(
        _peer_factory: &PeerConnectionFactory,
        participant_id: String,
        algorithm: EncryptionAlgorithm,
        key_provider: KeyProvider,
        sender: RtpSender,
    ) -> Self {
        Self::new(
            participant_id,
            algorithm,
            key_provider,
            Target::Sender(sender),
        )
    }

    /// For what a receiver receives.
    #[must_use]
    pub fn new_for_rtp_receiver(
        _peer_factory: &PeerConnectionFactory,
        participant_id: String,
        algorithm: EncryptionAlgorithm,
        key_provider: KeyProvider,
        receiver: RtpReceiver,
    ) -> Self {
        Self::new(
            participant_id,
            algorithm,
            key_provider,
            Target::Receiver(receiver),
        )
    }

    fn new(
        participant_id: String,
        algorithm: EncryptionAlgorithm,
        key_provider: KeyProvider,
        target: Target,
    ) -> Self {
        Self {
            inner: Arc::new(Cryptor {
                participant_id,
                algorithm,
                key_provider,
                target,
                state: Mutex::default(),
                on_state_change: crate::callback::Callback::default(),
            }),
        }
    }

    /// Switches encryption on or off. While it is on the track passes no media, and the state is
    /// `InternalError`, until the transform is there.
    pub fn set_enabled(&self, enabled: bool) {
        self.inner.state.lock().enabled = enabled;
        if let Some(track) = self.inner.target.track() {
            track.withhold(enabled);
        }
        if enabled {
            log::warn!(
                "{:?} for frames is not supported yet: the track of this participant passes no media",
                self.inner.algorithm,
            );
            let participant_id = self.inner.participant_id.clone();
            self.inner
                .on_state_change
                .call(|callback| callback(participant_id, EncryptionState::InternalError));
        }
    }

    /// Whether encryption is on.
    #[must_use]
    pub fn enabled(&self) -> bool {
        self.inner.state.lock().enabled
    }

    /// Chooses the key that is used for sending.
    pub fn set_key_index(&self, index: i32) {
        self.inner.state.lock().key_index = index;
    }

    /// The key in use for sending.
    #[must_use]
    pub fn key_index(&self) -> i32 {
        self.inner.state.lock().key_index
    }

    /// Whose media this is.
    #[must_use]
    pub fn participant_id(&self) -> String {
        self.inner.participant_id.clone()
    }

    /// Sets or removes who is told of changes. Called without a lock held.
    pub fn on_state_change(&self, handler: Option<OnStateChange>) {
        self.inner.on_state_change.set(handler);
    }

    /// Sets the handler whose trailer stays readable.
    pub fn set_packet_trailer_handler(&self, handler: &PacketTrailerHandler) {
        self.inner.state.lock().packet_trailer = Some(handler.clone());
    }
}

impl fmt::Debug for FrameCryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameCryptor")
            .field("algorithm", &self.inner.algorithm)
            .field("key_provider", &self.inner.key_provider)
            .field("enabled", &self.enabled())
            .finish_non_exhaustive()
    }
}

/// Encrypts data messages. Clones share the keys.
#[derive(Debug, Clone)]
pub struct DataPacketCryptor {
    algorithm: EncryptionAlgorithm,
    key_provider: KeyProvider,
}

impl DataPacketCryptor {
    /// A cryptor over the provider's keys.
    #[must_use]
    pub fn new(algorithm: EncryptionAlgorithm, key_provider: KeyProvider) -> Self {
        Self {
            algorithm,
            key_provider,
        }
    }

    /// Encrypts a message with a participant's key.
    ///
    /// # Errors
    /// Always: the cipher is not part of this build.
    pub fn encrypt(
        &self,
        participant_id: &str,
        key_index: u32,
        _data: &[u8],
    ) -> Result<EncryptedPacket, Box<dyn std::error::Error>> {
        Err(self.refusal("encrypted", participant_id, key_index))
    }

    /// Decrypts a message with a participant's key.
    ///
    /// # Errors
    /// Always: the cipher is not part of this build.
    pub fn decrypt(
        &self,
        participant_id: &str,
        encrypted_packet: &EncryptedPacket,
    ) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        Err(self.refusal("decrypted", participant_id, encrypted_packet.key_index))
    }

    fn refusal(
        &self,
        verb: &str,
        participant_id: &str,
        key_index: u32,
    ) -> Box<dyn std::error::Error> {
        let index = i32::try_from(key_index).unwrap_or(i32::MAX);
        if self
            .key_provider
            .get_key(participant_id.to_owned(), index)
            .is_none()
        {
            return format!("the message cannot be {verb}: there is no key with index {key_index}")
                .into();
        }
        format!(
            "the message cannot be {verb}: {:?} is not supported yet",
            self.algorithm
        )
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(shared_key: bool) -> KeyProviderOptions {
        KeyProviderOptions {
            shared_key,
            ratchet_window_size: 16,
            ratchet_salt: b"salt".to_vec(),
            failure_tolerance: -1,
            key_ring_size: 16,
            key_derivation_algorithm: KeyDerivationAlgorithm::PBKDF2,
        }
    }

    #[test]
    fn keys_are_kept_by_participant_and_index() {
        let keys = KeyProvider::new(options(false));
        assert!(keys.set_key("alice".to_owned(), 0, vec![1]));
        assert!(keys.set_key("alice".to_owned(), 1, vec![2]));
        assert_eq!(keys.get_key("alice".to_owned(), 1), Some(vec![2]));
        assert_eq!(keys.get_key("bob".to_owned(), 0), None);
        assert!(!keys.set_key("alice".to_owned(), 16, vec![3]));
        assert!(!keys.set_key("alice".to_owned(), -1, vec![3]));
        assert!(!keys.set_shared_key(0, vec![4]));
    }

    #[test]
    fn a_shared_key_serves_every_participant() {
        let keys = KeyProvider::new(options(true));
        assert!(keys.set_shared_key(0, vec![9]));
        assert_eq!(keys.get_shared_key(0), Some(vec![9]));
        assert_eq!(keys.get_key("anyone".to_owned(), 0), Some(vec![9]));
    }

    #[test]
    fn data_messages_are_refused_and_not_passed_in_the_clear() {
        let keys = KeyProvider::new(options(true));
        let cryptor = DataPacketCryptor::new(EncryptionAlgorithm::AesGcm, keys.clone());
        let error = cryptor.encrypt("alice", 0, b"secret").expect_err("no key");
        assert!(error.to_string().contains("no key"), "{error}");
        keys.set_shared_key(0, vec![9]);
        let error = cryptor
            .encrypt("alice", 0, b"secret")
            .expect_err("no cipher");
        assert!(error.to_string().contains("not supported yet"), "{error}");
    }
}
