//! Random identifiers.

use std::fmt::Write;

/// A version 4 UUID in lower case (RFC 9562 §5.4).
#[must_use]
pub fn create_random_uuid() -> String {
    let mut bytes = [0_u8; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // Without the system's generator an identifier must still differ from the others of this process.
        bytes = fallback();
    }
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn fallback() -> [u8; 16] {
    use std::hash::{BuildHasher, RandomState};

    let half = || {
        RandomState::new()
            .hash_one(std::time::Instant::now())
            .to_be_bytes()
    };
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&half());
    bytes[8..].copy_from_slice(&half());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_the_form_of_a_random_uuid_and_differ() {
        let (first, second) = (create_random_uuid(), create_random_uuid());
        assert_ne!(first, second);
        assert_eq!(first.len(), 36);
        assert_eq!(first.as_bytes()[14], b'4');
        assert!(matches!(first.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }

    #[test]
    fn the_fallback_differs_from_call_to_call() {
        assert_ne!(fallback(), fallback());
    }
}
