//! PCM to packets.

use super::{Error, channel_layout, check_rate};

/// What the encoder optimises for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Intelligible speech; the choice for one channel.
    #[default]
    Voice,
    /// Faithful music; the choice for two channels.
    Music,
}

/// Audio in one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FrameDuration {
    /// Least delay, about 16 kbit/s more of headers.
    Ms10,
    /// What everybody sends (RFC 7587 §4.2).
    #[default]
    Ms20,
}

impl FrameDuration {
    /// Samples for each channel at `sample_rate` Hz.
    #[must_use]
    pub fn samples(self, sample_rate: u32) -> usize {
        let per_second = match self {
            Self::Ms10 => 100,
            Self::Ms20 => 50,
        };
        sample_rate as usize / per_second
    }

    /// Samples at 48 kHz, the unit of Opus's RTP timestamps (RFC 7587 §4.1).
    #[must_use]
    pub fn rtp_ticks(self) -> u32 {
        match self {
            Self::Ms10 => 480,
            Self::Ms20 => 960,
        }
    }
}

/// How to encode. Everything but rate, channels and frame duration can be changed later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncoderConfig {
    /// Of the PCM, Hz; one of [`SAMPLE_RATES`](super::SAMPLE_RATES).
    pub sample_rate: u32,
    /// Interleaved channels of the PCM, 1 or 2.
    pub channels: u32,
    /// Audio in one packet.
    pub frame: FrameDuration,
    /// Target, bit/s, 6,000 to 510,000 (RFC 6716 §2.1.1).
    pub bitrate: u32,
    /// Leave packets out while there is nothing to hear (RFC 6716 §2.1.9).
    pub dtx: bool,
    /// Let packets repeat the frame before them, at the expense of quality, once loss is reported (RFC 6716 §2.1.7).
    pub fec: bool,
    /// What to optimise for.
    pub profile: Profile,
    /// Effort, 0 to 10; greater values are clipped.
    pub complexity: u8,
}

impl EncoderConfig {
    /// The configuration for a call: 20 ms, 32 kbit/s for each channel, FEC ready, no DTX.
    #[must_use]
    pub fn new(sample_rate: u32, channels: u32) -> Self {
        Self {
            sample_rate,
            channels,
            frame: FrameDuration::Ms20,
            bitrate: 32_000 * channels.clamp(1, 2),
            dtx: false,
            fec: true,
            profile: if channels == 2 {
                Profile::Music
            } else {
                Profile::Voice
            },
            // The least effort at which libopus still tells music from speech; 9 takes a fifth more time.
            complexity: 7,
        }
    }
}

/// What [`Encoder::encode`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Bytes at the front of the caller's buffer; 0 where DTX leaves nothing to send.
    pub len: usize,
    /// Samples at 48 kHz covered, also where nothing is sent: the RTP timestamp goes on.
    pub duration: u32,
    /// False while DTX finds nothing worth coding; always true without DTX.
    pub voice_activity: bool,
}

/// One Opus stream's encoder.
pub struct Encoder {
    inner: ::opus::Encoder,
    config: EncoderConfig,
    loss_percent: u8,
    in_dtx: bool,
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder")
            .field("config", &self.config)
            .field("loss_percent", &self.loss_percent)
            .finish()
    }
}

impl Encoder {
    /// Packets of at most this many bytes hold nothing but a header and need not be sent (`opus_encode`'s contract).
    const HEADER_ONLY_BYTES: usize = 2;

    /// # Errors
    /// [`Error::SampleRate`], [`Error::Channels`], [`Error::Bitrate`]; [`Error::Library`] where memory is short.
    pub fn new(config: EncoderConfig) -> Result<Self, Error> {
        check_rate(config.sample_rate)?;
        let layout = channel_layout(config.channels)?;
        check_bitrate(config.bitrate)?;
        let application = match config.profile {
            Profile::Voice => ::opus::Application::Voip,
            Profile::Music => ::opus::Application::Audio,
        };
        let mut inner = ::opus::Encoder::new(config.sample_rate, layout, application)?;
        inner.set_bitrate(bits(config.bitrate))?;
        inner.set_complexity(i32::from(config.complexity.min(10)))?;
        inner.set_dtx(config.dtx)?;
        inner.set_inband_fec(config.fec)?;
        Ok(Self {
            inner,
            config,
            loss_percent: 0,
            in_dtx: false,
        })
    }

    /// Encodes exactly one frame of interleaved `pcm` into `out`, which should hold
    /// [`MAX_PACKET_BYTES`](super::MAX_PACKET_BYTES): libopus lowers the quality to fit less.
    ///
    /// The first packet of a pause is written although it is only a header, so that the far decoder learns
    /// that the silence is meant; the ones after it are not, but for libopus's refresh every 400 ms.
    ///
    /// # Errors
    /// [`Error::FrameSize`], [`Error::OutputTooSmall`] for an empty `out`, [`Error::Library`].
    pub fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Result<Encoded, Error> {
        let expected = self.frame_len();
        if pcm.len() != expected {
            return Err(Error::FrameSize {
                got: pcm.len(),
                expected,
            });
        }
        if out.is_empty() {
            return Err(Error::OutputTooSmall { got: 0, needed: 1 });
        }
        let mut len = self.inner.encode(pcm, out)?;
        if self.config.dtx && len <= Self::HEADER_ONLY_BYTES {
            if self.in_dtx {
                len = 0;
            }
            self.in_dtx = true;
        } else {
            self.in_dtx = self.config.dtx && self.inner.get_in_dtx()?;
        }
        Ok(Encoded {
            len,
            duration: self.config.frame.rtp_ticks(),
            voice_activity: !self.in_dtx,
        })
    }

    /// Changes the target, bit/s, from the next frame on.
    ///
    /// # Errors
    /// [`Error::Bitrate`] outside 6,000 to 510,000.
    pub fn set_bitrate(&mut self, bitrate: u32) -> Result<(), Error> {
        check_bitrate(bitrate)?;
        self.inner.set_bitrate(bits(bitrate))?;
        self.config.bitrate = bitrate;
        Ok(())
    }

    /// Tells the encoder the share of packets lost on the way, per cent (greater values are clipped to 100):
    /// libopus then weighs redundancy against quality.
    ///
    /// # Errors
    /// [`Error::Library`], which libopus has no known reason for.
    pub fn set_loss_percent(&mut self, percent: u8) -> Result<(), Error> {
        let percent = percent.min(100);
        if percent != self.loss_percent {
            self.inner.set_packet_loss_perc(i32::from(percent))?;
            self.loss_percent = percent;
        }
        Ok(())
    }

    /// Turns discontinuous transmission on or off.
    ///
    /// # Errors
    /// [`Error::Library`], which libopus has no known reason for.
    pub fn set_dtx(&mut self, dtx: bool) -> Result<(), Error> {
        self.inner.set_dtx(dtx)?;
        self.config.dtx = dtx;
        self.in_dtx &= dtx;
        Ok(())
    }

    /// Turns in-band FEC on or off.
    ///
    /// # Errors
    /// [`Error::Library`], which libopus has no known reason for.
    pub fn set_fec(&mut self, fec: bool) -> Result<(), Error> {
        self.inner.set_inband_fec(fec)?;
        self.config.fec = fec;
        Ok(())
    }

    /// Caps the audio bandwidth to what a player at `rate` Hz can use (`maxplaybackrate`, RFC 7587 §6.1).
    ///
    /// # Errors
    /// [`Error::Library`], which libopus has no known reason for.
    pub fn set_max_playback_rate(&mut self, rate: u32) -> Result<(), Error> {
        use ::opus::Bandwidth::{Fullband, Mediumband, Narrowband, Superwideband, Wideband};
        let bandwidth = match rate {
            0..=8_000 => Narrowband,
            8_001..=12_000 => Mediumband,
            12_001..=16_000 => Wideband,
            16_001..=24_000 => Superwideband,
            _ => Fullband,
        };
        Ok(self.inner.set_max_bandwidth(bandwidth)?)
    }

    /// Forgets the signal so far, as after a pause in which nothing was encoded.
    ///
    /// # Errors
    /// [`Error::Library`], which libopus has no known reason for.
    pub fn reset(&mut self) -> Result<(), Error> {
        self.in_dtx = false;
        Ok(self.inner.reset_state()?)
    }

    /// What it was made with, and later changes.
    #[must_use]
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// Values in one frame, all channels together.
    #[must_use]
    pub fn frame_len(&self) -> usize {
        self.config.frame.samples(self.config.sample_rate) * self.config.channels as usize
    }

    /// Samples at the encoder's rate by which the decoded signal lags behind.
    ///
    /// # Errors
    /// [`Error::Library`], which libopus has no known reason for.
    pub fn lookahead(&mut self) -> Result<usize, Error> {
        Ok(usize::try_from(self.inner.get_lookahead()?).unwrap_or(0))
    }
}

fn check_bitrate(bitrate: u32) -> Result<(), Error> {
    if (6_000..=510_000).contains(&bitrate) {
        Ok(())
    } else {
        Err(Error::Bitrate { bitrate })
    }
}

fn bits(bitrate: u32) -> ::opus::Bitrate {
    ::opus::Bitrate::Bits(i32::try_from(bitrate).expect("checked to be at most 510,000"))
}
