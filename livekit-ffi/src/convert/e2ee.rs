//! Encryption options inward, states and keys both ways (`e2ee.proto`).

use livekit::{
    e2ee::{
        E2eeOptions, EncryptionType,
        key_provider::{KeyProvider, KeyProviderOptions},
    },
    webrtc::native::frame_cryptor::{EncryptionState, KeyDerivationAlgorithm},
};

use super::{enum_field, map_enum};
use crate::{error::FfiError, proto};

/// A key ring holds the keys that a sender may switch between by index, one byte on the wire.
const MAX_KEY_RING_SIZE: i32 = 256;

map_enum!(proto::EncryptionType, EncryptionType {
    None <=> None,
    Gcm <=> Gcm,
    Custom <=> Custom,
});

map_enum!(proto::KeyDerivationFunction => KeyDerivationAlgorithm {
    Pbkdf2 => PBKDF2,
    Hkdf => HKDF,
});

map_enum!(EncryptionState => proto::EncryptionState {
    New => New,
    Ok => Ok,
    EncryptionFailed => EncryptionFailed,
    DecryptionFailed => DecryptionFailed,
    MissingKey => MissingKey,
    KeyRatcheted => KeyRatcheted,
    InternalError => InternalError,
});

impl TryFrom<proto::E2eeOptions> for E2eeOptions {
    type Error = FfiError;

    fn try_from(wire: proto::E2eeOptions) -> Result<Self, FfiError> {
        let encryption_type =
            enum_field::<proto::EncryptionType>("encryption_type", wire.encryption_type)?.into();
        let mut provider = wire.key_provider_options;
        let shared_key = provider.shared_key.take();
        let options = KeyProviderOptions::try_from(provider)?;
        let key_provider = match shared_key {
            Some(key) => KeyProvider::with_shared_key(options, key),
            None => KeyProvider::new(options),
        };
        Ok(Self {
            encryption_type,
            key_provider,
        })
    }
}

impl TryFrom<proto::KeyProviderOptions> for KeyProviderOptions {
    type Error = FfiError;

    fn try_from(wire: proto::KeyProviderOptions) -> Result<Self, FfiError> {
        if wire.ratchet_window_size < 0 {
            return Err(FfiError::field(
                "ratchet_window_size",
                wire.ratchet_window_size,
                "must not be negative",
            ));
        }
        if !(1..=MAX_KEY_RING_SIZE).contains(&wire.key_ring_size) {
            return Err(FfiError::field(
                "key_ring_size",
                wire.key_ring_size,
                "must be 1 to 256",
            ));
        }
        let derivation = enum_field::<proto::KeyDerivationFunction>(
            "key_derivation_function",
            wire.key_derivation_function,
        )?;
        Ok(Self {
            ratchet_window_size: wire.ratchet_window_size,
            ratchet_salt: wire.ratchet_salt,
            failure_tolerance: wire.failure_tolerance,
            key_ring_size: wire.key_ring_size,
            key_derivation_algorithm: derivation.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::test_support::assert_round_trip;

    fn provider(key_ring_size: i32, derivation: i32) -> proto::KeyProviderOptions {
        proto::KeyProviderOptions {
            shared_key: None,
            ratchet_window_size: 16,
            ratchet_salt: b"salt".to_vec(),
            failure_tolerance: -1,
            key_ring_size,
            key_derivation_function: derivation,
        }
    }

    #[test]
    fn encryption_types_survive_both_ways() {
        assert_round_trip::<proto::EncryptionType, EncryptionType>(2);
    }

    #[test]
    fn key_options_are_taken() {
        let options = KeyProviderOptions::try_from(provider(16, 1)).unwrap();
        assert_eq!(options.ratchet_window_size, 16);
        assert_eq!(options.ratchet_salt, b"salt");
        assert_eq!(options.failure_tolerance, -1);
        assert_eq!(options.key_ring_size, 16);
        assert!(matches!(
            options.key_derivation_algorithm,
            KeyDerivationAlgorithm::HKDF
        ));
    }

    #[test]
    fn bad_key_options_are_refused_by_name() {
        for (wire, field) in [
            (provider(0, 0), "key_ring_size"),
            (provider(16, 5), "key_derivation_function"),
        ] {
            let error = KeyProviderOptions::try_from(wire)
                .err()
                .unwrap()
                .to_string();
            assert!(error.contains(field), "{error}");
        }
    }
}
