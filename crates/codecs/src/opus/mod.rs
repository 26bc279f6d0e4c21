//! Opus (RFC 6716) over libopus.

mod decoder;
mod encoder;
mod error;
mod packet;

pub use decoder::Decoder;
pub use encoder::{Encoded, Encoder, EncoderConfig, FrameDuration, Profile};
pub use error::Error;
pub use packet::{duration_48k, has_fec};

/// The longest packet libopus is asked for: 20 ms at 510 kbit/s, the codec's upper bound (RFC 6716 §3.4).
pub const MAX_PACKET_BYTES: usize = 1275;

/// Samples in each channel of the longest packet that may arrive, 120 ms at 48 kHz (RFC 6716 §2.1.4).
pub const MAX_PACKET_SAMPLES: usize = 5760;

/// Opus's own rates in Hz; anything else is resampled before encoding.
pub const SAMPLE_RATES: [u32; 5] = [8_000, 12_000, 16_000, 24_000, 48_000];

/// `channels` as libopus counts them; it codes one or two in a stream.
fn channel_layout(channels: u32) -> Result<::opus::Channels, Error> {
    match channels {
        1 => Ok(::opus::Channels::Mono),
        2 => Ok(::opus::Channels::Stereo),
        _ => Err(Error::Channels { channels }),
    }
}

/// Fails on rates that libopus does not run at.
fn check_rate(sample_rate: u32) -> Result<(), Error> {
    if SAMPLE_RATES.contains(&sample_rate) {
        Ok(())
    } else {
        Err(Error::SampleRate { sample_rate })
    }
}
