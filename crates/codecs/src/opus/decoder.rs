//! Packets to PCM.

use super::{Error, MAX_PACKET_SAMPLES, channel_layout, check_rate, packet};

/// One Opus stream's decoder. Any packet decodes at the decoder's own rate and channel count (RFC 6716 §2.1.1).
pub struct Decoder {
    inner: ::opus::Decoder,
    sample_rate: u32,
    channels: u32,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder")
            .field("sample_rate", &self.sample_rate)
            .field("channels", &self.channels)
            .finish()
    }
}

impl Decoder {
    /// A decoder that writes `channels` (1 or 2) interleaved channels at `sample_rate` Hz.
    ///
    /// # Errors
    /// [`Error::SampleRate`], [`Error::Channels`], [`Error::Library`] where memory is short.
    pub fn new(sample_rate: u32, channels: u32) -> Result<Self, Error> {
        check_rate(sample_rate)?;
        let inner = ::opus::Decoder::new(sample_rate, channel_layout(channels)?)?;
        Ok(Self {
            inner,
            sample_rate,
            channels,
        })
    }

    /// Decodes `packet` into `out`, interleaved, and returns the samples written for each channel.
    ///
    /// # Errors
    /// [`Error::MalformedPacket`], also for an empty packet; [`Error::OutputTooSmall`] before anything is
    /// decoded. The decoder stays usable after either.
    pub fn decode(&mut self, packet: &[u8], out: &mut [i16]) -> Result<usize, Error> {
        let samples = self.samples_of(packet)?;
        let out = self.exactly(samples, out)?;
        self.inner
            .decode(packet, out, false)
            .map_err(|error| refine(error, packet))
    }

    /// Decodes the copy of the *previous* frame that `packet` carries (in-band FEC), `samples` for each
    /// channel, which is the length of what was lost. Where there is no copy, the gap is concealed.
    ///
    /// # Errors
    /// As [`decode`](Self::decode), and [`Error::Gap`].
    pub fn decode_fec(
        &mut self,
        packet: &[u8],
        samples: usize,
        out: &mut [i16],
    ) -> Result<usize, Error> {
        self.samples_of(packet)?;
        self.check_gap(samples)?;
        let out = self.exactly(samples, out)?;
        self.inner
            .decode(packet, out, true)
            .map_err(|error| refine(error, packet))
    }

    /// Extrapolates `samples` for each channel from what was heard before (packet-loss concealment), fading
    /// out as the gap goes on.
    ///
    /// # Errors
    /// [`Error::Gap`] unless `samples` is a multiple of 2.5 ms up to 120 ms; [`Error::OutputTooSmall`].
    pub fn conceal(&mut self, samples: usize, out: &mut [i16]) -> Result<usize, Error> {
        self.check_gap(samples)?;
        let out = self.exactly(samples, out)?;
        Ok(self.inner.decode(&[], out, false)?)
    }

    /// Forgets the stream, as after a change of SSRC.
    ///
    /// # Errors
    /// [`Error::Library`], which libopus has no known reason for.
    pub fn reset(&mut self) -> Result<(), Error> {
        Ok(self.inner.reset_state()?)
    }

    /// Samples for each channel that [`decode`](Self::decode) will write for `packet`.
    ///
    /// # Errors
    /// [`Error::MalformedPacket`].
    pub fn samples_of(&self, packet: &[u8]) -> Result<usize, Error> {
        Ok(packet::duration_48k(packet)? as usize * self.sample_rate as usize / 48_000)
    }

    /// Hz.
    #[must_use]
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Channels written.
    #[must_use]
    pub fn channels(&self) -> u32 {
        self.channels
    }

    /// The front of `out` that takes `samples` for each channel: libopus takes the slice's length as the
    /// wanted duration when it conceals.
    fn exactly<'a>(&self, samples: usize, out: &'a mut [i16]) -> Result<&'a mut [i16], Error> {
        let needed = samples * self.channels as usize;
        let got = out.len();
        out.get_mut(..needed)
            .ok_or(Error::OutputTooSmall { got, needed })
    }

    fn check_gap(&self, samples: usize) -> Result<(), Error> {
        let step = self.sample_rate as usize / 400;
        let most = MAX_PACKET_SAMPLES * self.sample_rate as usize / 48_000;
        if samples == 0 || samples > most || !samples.is_multiple_of(step) {
            return Err(Error::Gap {
                samples,
                sample_rate: self.sample_rate,
            });
        }
        Ok(())
    }
}

/// libopus's code for a broken packet, with the packet's length.
fn refine(error: ::opus::Error, packet: &[u8]) -> Error {
    match error.code() {
        ::opus::ErrorCode::InvalidPacket => Error::MalformedPacket { len: packet.len() },
        _ => error.into(),
    }
}
