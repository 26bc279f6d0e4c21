//! LiveKit FFI
