//! What an encoder is told: once, when its rates change, and with each picture.

#[cfg(any(feature = "vpx", feature = "aom", feature = "openh264"))]
use lk_types::I420View;
use lk_types::{Codec, ScalabilityMode};

use super::{MAX_PIXELS, VideoCodecError};

/// What an encoder is made for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VideoEncoderConfig {
    /// VP8, VP9, H.264 or AV1.
    pub codec: Codec,
    /// Pixels in a row, 1 to 16383. Of the highest spatial layer.
    pub width: u32,
    /// Rows, 1 to 16383. Of the highest spatial layer.
    pub height: u32,
    /// Pictures in a second that are expected, above 0.
    pub framerate: f64,
    /// All layers together, bit/s.
    pub bitrate: u64,
    /// Which layers. VP8 and H.264 have temporal ones only.
    pub mode: ScalabilityMode,
    /// Whether the pictures are a screen's: sharp edges, much that stands still.
    pub screen: bool,
    /// Threads it may use beside the caller's; 0 leaves it to the size: one up to 720p, two above.
    pub threads: u32,
}

impl VideoEncoderConfig {
    /// The rates it begins with.
    #[must_use]
    pub fn rates(&self) -> VideoRates {
        VideoRates {
            bitrate: self.bitrate,
            framerate: self.framerate,
            spatial_bitrates: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), VideoCodecError> {
        for (field, value) in [("width", self.width), ("height", self.height)] {
            if !(1..=16383).contains(&value) {
                return Err(VideoCodecError::OutOfRange {
                    field,
                    value: f64::from(value),
                    range: "1..=16383",
                });
            }
        }
        if u64::from(self.width) * u64::from(self.height) > MAX_PIXELS {
            return Err(VideoCodecError::TooLarge {
                width: self.width,
                height: self.height,
            });
        }
        let layers = 1..=3;
        if !layers.contains(&self.mode.spatial_layers)
            || !layers.contains(&self.mode.temporal_layers)
        {
            return Err(self.mode_error());
        }
        self.rates().check()
    }

    /// For codecs that want more than one pixel each way.
    #[cfg(any(feature = "vpx", feature = "openh264"))]
    pub(crate) fn check_at_least(
        &self,
        least: u32,
        range: &'static str,
    ) -> Result<(), VideoCodecError> {
        for (field, value) in [("width", self.width), ("height", self.height)] {
            if value < least {
                return Err(VideoCodecError::OutOfRange {
                    field,
                    value: f64::from(value),
                    range,
                });
            }
        }
        Ok(())
    }

    pub(crate) fn mode_error(&self) -> VideoCodecError {
        VideoCodecError::Mode {
            codec: self.codec,
            mode: self.mode,
        }
    }
}

#[cfg(any(feature = "vpx", feature = "aom", feature = "openh264"))]
impl VideoEncoderConfig {
    /// The threads to use in all, the caller's among them.
    pub(crate) fn thread_count(&self) -> u32 {
        match self.threads {
            0 if self.width * self.height <= 1280 * 720 => 1,
            0 => 2,
            count => count.min(16),
        }
    }

    pub(crate) fn check_picture(&self, picture: &I420View<'_>) -> Result<(), VideoCodecError> {
        if (picture.width, picture.height) == (self.width, self.height) && picture.is_consistent() {
            return Ok(());
        }
        Err(VideoCodecError::Picture {
            width: picture.width,
            height: picture.height,
            expected_width: self.width,
            expected_height: self.height,
        })
    }
}

/// How much an encoder may send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VideoRates {
    /// All layers together, bit/s. Below 10 kbit/s an encoder takes 10 kbit/s.
    pub bitrate: u64,
    /// Pictures in a second that are expected, above 0.
    pub framerate: f64,
    /// The share of each spatial layer, bit/s, lowest layer first, in place of the encoder's own split; layers with 0
    /// are not encoded (only the highest ones may be). `bitrate` is not looked at then.
    pub spatial_bitrates: Option<[u64; 3]>,
}

impl VideoRates {
    pub(crate) fn check(&self) -> Result<(), VideoCodecError> {
        if self.framerate.is_finite() && self.framerate > 0.0 && self.framerate <= 1000.0 {
            return Ok(());
        }
        Err(VideoCodecError::OutOfRange {
            field: "framerate",
            value: self.framerate,
            range: "0 (excluded) to 1000",
        })
    }

    /// How many spatial layers are to be encoded.
    #[cfg(any(feature = "vpx", feature = "aom"))]
    pub(crate) fn active(&self, mode: ScalabilityMode) -> u8 {
        match self.spatial_bitrates {
            Some(layers) if mode.spatial_layers > 1 => {
                layers.iter().take_while(|bitrate| **bitrate > 0).count() as u8
            }
            _ => mode.spatial_layers,
        }
    }

    /// All layers together, bit/s, at least what an encoder can be told.
    #[cfg(any(feature = "vpx", feature = "aom", feature = "openh264"))]
    pub(crate) fn total(&self) -> u64 {
        self.spatial_bitrates
            .map_or(self.bitrate, |layers| {
                layers.iter().fold(0, |sum, one| sum.saturating_add(*one))
            })
            .clamp(10_000, 1_000_000_000)
    }
}

/// What is wanted of one picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EncodeRequest {
    /// Decoding must be able to start here, in every layer. Keyframes come for no other reason, except for the first
    /// picture.
    pub keyframe: bool,
    /// When it was captured, in units of 1/90000 s from any origin; later pictures have larger ones.
    pub timestamp: u64,
}
