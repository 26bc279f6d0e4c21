//! PCM of a source to RTP payloads: conversion, Opus, RED, timestamps, level. No time, no task.

use lk_codecs::opus::{
    Encoded, Encoder, EncoderConfig, Error, FrameDuration, MAX_PACKET_BYTES, Profile, SAMPLE_RATES,
};
use lk_dsp::{AudioFormat, Converter};
use lk_media::audio::red::{self, Block};

use super::audio_send::{AudioSendParams, OutgoingAudio};
use super::level::{AudioLevels, minus_dbov, rms};

/// Louder than this, in −dBov, counts as voice in the header extension.
const VOICE_DBOV: u8 = 60;
/// Redundant blocks must leave room for the packet in one datagram.
const RED_BUDGET: usize = 1_000;
/// Above this share of lost packets two generations are repeated instead of one.
const HEAVY_LOSS: f64 = 0.05;
/// Opus's smallest sensible and its greatest bitrate (RFC 6716 §2.1.1).
const BITRATES: std::ops::RangeInclusive<u32> = 6_000..=510_000;

/// The sending side of one Opus stream.
#[derive(Debug)]
pub(super) struct OpusPackets {
    source: AudioFormat,
    params: AudioSendParams,
    encoder: Encoder,
    /// `None` where the encoder takes the source's samples as they are.
    converter: Option<Converter>,
    /// Converted samples that do not fill a frame yet.
    pending: Vec<i16>,
    packet: Box<[u8; MAX_PACKET_BYTES]>,
    /// Timestamp of the next frame, 48 kHz.
    timestamp: u32,
    /// Next packet starts a talk spurt.
    marker: bool,
    /// The packets before, newest last, for RED.
    sent: Vec<(u32, Vec<u8>)>,
    loss: f64,
    pub(super) levels: AudioLevels,
}

impl OpusPackets {
    pub(super) fn new(
        source: AudioFormat,
        params: AudioSendParams,
        timestamp: u32,
    ) -> Result<Self, Error> {
        let (encoder, converter) = coder(source, &params)?;
        Ok(Self {
            source,
            params,
            encoder,
            converter,
            pending: Vec::new(),
            packet: Box::new([0; MAX_PACKET_BYTES]),
            timestamp,
            marker: true,
            sent: Vec::new(),
            loss: 0.0,
            levels: AudioLevels::default(),
        })
    }

    /// Goes on with other parameters; the encoder is only made anew where it cannot change on the fly.
    pub(super) fn set_params(&mut self, params: AudioSendParams) -> Result<(), Error> {
        if self.params == params {
            return Ok(());
        }
        let before = encoder_config(self.source, &self.params);
        let after = encoder_config(self.source, &params);
        let same_shape = (
            before.channels,
            before.frame,
            before.sample_rate,
            before.profile,
        ) == (
            after.channels,
            after.frame,
            after.sample_rate,
            after.profile,
        );
        if same_shape {
            self.encoder.set_bitrate(after.bitrate)?;
            self.encoder.set_dtx(after.dtx)?;
            self.encoder.set_fec(after.fec)?;
            self.encoder
                .set_max_playback_rate(params.max_playback_rate.unwrap_or(48_000))?;
        } else {
            (self.encoder, self.converter) = coder(self.source, &params)?;
            self.encoder.set_loss_percent(percent(self.loss))?;
            self.pending.clear();
            self.sent.clear();
        }
        self.params = params;
        Ok(())
    }

    /// What it goes by now.
    pub(super) fn params(&self) -> &AudioSendParams {
        &self.params
    }

    /// Takes a receiver's report of lost packets, 0 to 1, in: quickly upwards, slowly down.
    pub(super) fn report_loss(&mut self, lost: f64) -> Result<(), Error> {
        let lost = lost.clamp(0.0, 1.0);
        self.loss = if lost > self.loss {
            lost
        } else {
            0.8 * self.loss + 0.2 * lost
        };
        self.encoder.set_loss_percent(percent(self.loss))
    }

    /// Frames that the tail of silence consists of end with a header only when the encoder may leave packets out.
    pub(super) fn force_dtx(&mut self, force: bool) -> Result<(), Error> {
        self.encoder.set_dtx(force || self.params.dtx)
    }

    /// Encodes interleaved samples of the source and hands out every packet that comes to be.
    pub(super) fn push(
        &mut self,
        samples: &[i16],
        emit: &mut impl FnMut(OutgoingAudio),
    ) -> Result<(), Error> {
        match &mut self.converter {
            Some(converter) => {
                // Whole frames of the source's own format: nothing in it can be refused.
                let converted = converter.process(samples, &mut self.pending);
                debug_assert!(converted.is_ok(), "the tap keeps the source's format");
            }
            None => self.pending.extend_from_slice(samples),
        }
        let len = self.encoder.frame_len();
        let mut at = 0;
        while self.pending.len() - at >= len {
            let frame = &self.pending[at..at + len];
            at += len;
            let level = rms(frame);
            self.levels.add(
                frame,
                f64::from(self.encoder.config().frame.rtp_ticks()) / 48_000.0,
            );
            let encoded = self.encoder.encode(frame, &mut self.packet[..])?;
            self.finish(encoded, minus_dbov(level), emit);
        }
        self.pending.drain(..at);
        Ok(())
    }

    /// Encodes a frame of silence, after what is pending.
    pub(super) fn push_silence(
        &mut self,
        emit: &mut impl FnMut(OutgoingAudio),
    ) -> Result<Encoded, Error> {
        let len = self.encoder.frame_len();
        self.pending.resize(len, 0);
        let level = rms(&self.pending);
        self.levels.add(
            &self.pending,
            f64::from(self.encoder.config().frame.rtp_ticks()) / 48_000.0,
        );
        let encoded = self.encoder.encode(&self.pending, &mut self.packet[..])?;
        self.pending.clear();
        self.finish(encoded, minus_dbov(level), emit);
        Ok(encoded)
    }

    /// What the encoder aims at, bit/s.
    pub(super) fn bitrate(&self) -> u32 {
        self.encoder.config().bitrate
    }

    /// Discards samples that have not filled a frame.
    pub(super) fn discard_pending(&mut self) {
        self.pending.clear();
        if let Some(converter) = &mut self.converter {
            converter.reset();
        }
    }

    /// Sends a header without sound: the stream lives, and the far decoder stays in its silence.
    pub(super) fn keep_alive(&mut self, emit: &mut impl FnMut(OutgoingAudio)) {
        // CELT fullband 20 ms (or 10), mono or stereo, one frame of no bytes (RFC 6716 §3.1, §3.2.1).
        let configuration = if self.encoder.config().frame == FrameDuration::Ms10 {
            30
        } else {
            31
        };
        let stereo = u8::from(self.encoder.config().channels == 2);
        self.packet[0] = (configuration << 3) | (stereo << 2);
        let duration = self.encoder.config().frame.rtp_ticks();
        self.finish(
            Encoded {
                len: 1,
                duration,
                voice_activity: false,
            },
            127,
            emit,
        );
    }

    /// Moves the clock on by `ticks` in which nothing was sent; whole frames, so that receivers see no odd steps.
    pub(super) fn skip(&mut self, ticks: u64) {
        let frame = u64::from(self.encoder.config().frame.rtp_ticks());
        // The timestamp wraps by design.
        self.timestamp = self.timestamp.wrapping_add((ticks / frame * frame) as u32);
        self.sent.clear();
        self.marker = true;
    }

    fn finish(&mut self, encoded: Encoded, level: u8, emit: &mut impl FnMut(OutgoingAudio)) {
        let timestamp = self.timestamp;
        self.timestamp = timestamp.wrapping_add(encoded.duration);
        if encoded.len == 0 {
            // What follows a pause of the encoder's starts a talk spurt too.
            self.marker = true;
            return;
        }
        let opus = &self.packet[..encoded.len];
        let (pt, payload) = match self.params.red_pt {
            Some(red_pt) => {
                let payload = redundant(self.params.pt.0, opus, timestamp, &self.sent);
                let generations = if self.loss > HEAVY_LOSS { 2 } else { 1 };
                // The oldest buffer is used again.
                let mut kept = if self.sent.len() >= generations {
                    self.sent.remove(0).1
                } else {
                    Vec::new()
                };
                self.sent.truncate(generations - 1);
                kept.clear();
                kept.extend_from_slice(opus);
                self.sent.push((timestamp, kept));
                (red_pt, payload)
            }
            None => (self.params.pt, opus.to_vec()),
        };
        let marker = std::mem::take(&mut self.marker);
        let voice = encoded.voice_activity && level <= VOICE_DBOV;
        emit(OutgoingAudio {
            pt,
            timestamp,
            marker,
            payload,
            level,
            voice,
        });
    }
}

/// The RED payload of `opus` with as many of the packets before as fit.
fn redundant(pt: u8, opus: &[u8], timestamp: u32, sent: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut blocks = [Block::default(); 2];
    let mut first = blocks.len();
    let mut size = opus.len();
    for (at, payload) in sent.iter().rev().take(blocks.len()) {
        size += payload.len();
        if size > RED_BUDGET {
            break;
        }
        first -= 1;
        blocks[first] = Block {
            pt,
            offset: timestamp.wrapping_sub(*at),
            payload,
        };
    }
    let mut out = Vec::with_capacity(size + 1 + 4 * (blocks.len() - first));
    red::join(pt, opus, &blocks[first..], &mut out).expect("a negotiated payload type has 7 bits");
    out
}

fn percent(loss: f64) -> u8 {
    (loss * 100.0).round() as u8
}

/// The encoder for a source, and what turns the source's samples into the encoder's.
fn coder(
    source: AudioFormat,
    params: &AudioSendParams,
) -> Result<(Encoder, Option<Converter>), Error> {
    let config = encoder_config(source, params);
    let format = AudioFormat {
        sample_rate: config.sample_rate,
        channels: config.channels,
    };
    let converter = (format != source).then(|| {
        Converter::new(source, format)
            .expect("the source checked its format, and Opus's formats are in range")
    });
    let mut encoder = Encoder::new(config)?;
    if let Some(rate) = params.max_playback_rate {
        encoder.set_max_playback_rate(rate)?;
    }
    Ok((encoder, converter))
}

fn encoder_config(source: AudioFormat, params: &AudioSendParams) -> EncoderConfig {
    let sample_rate = if SAMPLE_RATES.contains(&source.sample_rate) {
        source.sample_rate
    } else {
        48_000
    };
    let channels = if params.stereo && source.channels > 1 {
        2
    } else {
        1
    };
    let config = EncoderConfig::new(sample_rate, channels);
    let wanted = params.max_bitrate.unwrap_or(config.bitrate);
    let allowed = params.max_average_bitrate.unwrap_or(u32::MAX);
    EncoderConfig {
        frame: if params.ptime_ms == 10 {
            FrameDuration::Ms10
        } else {
            FrameDuration::Ms20
        },
        bitrate: wanted
            .min(allowed)
            .clamp(*BITRATES.start(), *BITRATES.end()),
        dtx: params.dtx,
        fec: params.fec,
        profile: if channels == 2 {
            Profile::Music
        } else {
            Profile::Voice
        },
        ..config
    }
}
