//! Rate and channels at once.

use crate::error::{check_channels, check_frames, check_rate};
use crate::{Error, Resampler, remix};

/// What interleaved 16-bit PCM is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AudioFormat {
    /// Hz.
    pub sample_rate: u32,
    /// Interleaved channels.
    pub channels: u32,
}

impl AudioFormat {
    /// A format that the converter takes.
    ///
    /// # Errors
    /// [`Error::SampleRate`], [`Error::Channels`].
    pub fn new(sample_rate: u32, channels: u32) -> Result<Self, Error> {
        check_rate(sample_rate)?;
        check_channels(channels)?;
        Ok(Self {
            sample_rate,
            channels,
        })
    }

    /// Values in 10 ms, all channels together; the part of a sample that a rate such as 11,025 Hz leaves is cut off.
    #[must_use]
    pub fn ten_ms(&self) -> usize {
        (self.sample_rate / 100 * self.channels) as usize
    }

    /// Fails unless `samples`, all channels together, are exactly 10 ms.
    ///
    /// # Errors
    /// [`Error::PartialFrame`], [`Error::NotTenMilliseconds`].
    pub fn check_ten_ms(&self, samples: usize) -> Result<(), Error> {
        check_frames(samples, self.channels)?;
        if samples == self.ten_ms() {
            return Ok(());
        }
        let samples_per_channel = samples / self.channels as usize;
        Err(Error::NotTenMilliseconds {
            samples_per_channel,
            sample_rate: self.sample_rate,
        })
    }
}

/// A stream of PCM on its way from one format to another.
#[derive(Debug)]
pub struct Converter {
    from: AudioFormat,
    to: AudioFormat,
    resampler: Resampler,
    scratch: Vec<i16>,
}

impl Converter {
    /// A converter between two formats.
    ///
    /// # Errors
    /// [`Error::SampleRate`], [`Error::Channels`].
    pub fn new(from: AudioFormat, to: AudioFormat) -> Result<Self, Error> {
        check_channels(from.channels)?;
        check_channels(to.channels)?;
        // The resampler works on whichever side has fewer channels.
        let resampler = Resampler::new(
            from.sample_rate,
            to.sample_rate,
            from.channels.min(to.channels),
        )?;
        Ok(Self {
            from,
            to,
            resampler,
            scratch: Vec::new(),
        })
    }

    /// Appends the converted `input` to `out` and returns the frames appended; sizes as with [`Resampler::process`].
    ///
    /// # Errors
    /// [`Error::PartialFrame`]; nothing is taken in then.
    pub fn process(&mut self, input: &[i16], out: &mut Vec<i16>) -> Result<usize, Error> {
        check_frames(input.len(), self.from.channels)?;
        if self.from.channels == self.to.channels {
            return self.resampler.process(input, out);
        }
        self.scratch.clear();
        if self.from.channels > self.to.channels {
            remix(
                input,
                self.from.channels,
                self.to.channels,
                &mut self.scratch,
            )?;
            self.resampler.process(&self.scratch, out)
        } else {
            let frames = self.resampler.process(input, &mut self.scratch)?;
            remix(&self.scratch, self.from.channels, self.to.channels, out)?;
            Ok(frames)
        }
    }

    /// Appends what the filter still holds, and starts afresh. Returns the frames appended.
    pub fn flush(&mut self, out: &mut Vec<i16>) -> usize {
        self.scratch.clear();
        if self.from.channels >= self.to.channels {
            return self.resampler.flush(out);
        }
        let frames = self.resampler.flush(&mut self.scratch);
        remix(&self.scratch, self.from.channels, self.to.channels, out)
            .expect("both channel counts were checked when the converter was made");
        frames
    }

    /// Forgets all input.
    pub fn reset(&mut self) {
        self.resampler.reset();
    }

    /// The format taken in.
    #[must_use]
    pub fn from(&self) -> AudioFormat {
        self.from
    }

    /// The format given out.
    #[must_use]
    pub fn to(&self) -> AudioFormat {
        self.to
    }

    /// Frames at the output rate by which the signal lags behind.
    #[must_use]
    pub fn delay(&self) -> usize {
        self.resampler.delay()
    }
}
