//! The calling thread's last failure, as text.

use std::cell::RefCell;

use crate::error::FfiError;

thread_local! {
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Remembers `error` for the calling thread.
pub(super) fn set(error: &FfiError) {
    // A thread that is being torn down has no use for it.
    let _ = LAST.try_with(|last| *last.borrow_mut() = error.to_string());
}

/// Copies the text into `target` with a NUL at its end, cut to fit between two characters, and
/// returns its whole length in bytes without the NUL.
pub(super) fn copy_to(target: &mut [u8]) -> usize {
    LAST.try_with(|last| {
        let last = last.borrow();
        if let Some(room) = target.len().checked_sub(1) {
            let end = last.floor_char_boundary(room.min(last.len()));
            target[..end].copy_from_slice(&last.as_bytes()[..end]);
            target[end] = 0;
        }
        last.len()
    })
    .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_cut_between_characters_and_terminated() {
        set(&FfiError::operation("ab", "ü"));
        assert_eq!(copy_to(&mut []), 6);
        let mut buffer = [9u8; 6];
        assert_eq!(copy_to(&mut buffer), 6);
        assert_eq!(&buffer, b"ab: \0\x09");
        let mut buffer = [9u8; 7];
        assert_eq!(copy_to(&mut buffer), 6);
        assert_eq!(&buffer, "ab: ü\0".as_bytes());
    }

    #[test]
    fn each_thread_has_its_own() {
        set(&FfiError::NotInitialized);
        let other = std::thread::spawn(|| copy_to(&mut [])).join().unwrap();
        assert_eq!(other, 0);
        assert!(copy_to(&mut []) > 0);
    }
}
