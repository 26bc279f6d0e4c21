//! What only native programs have: processing, encryption and conversion helpers.

pub mod apm;
pub mod audio_mixer;
pub mod audio_resampler;
pub mod frame_cryptor;
pub mod packet_trailer;
pub mod receipts;
pub mod yuv_helper;

mod random;

pub use random::create_random_uuid;
