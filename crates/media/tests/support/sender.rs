//! An Opus sender, with FEC, RED or DTX as wanted.

use lk_media::audio::red::{self, Block};
use opus::{Application, Bitrate, Channels, Encoder};

/// How to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SendConfig {
    pub(crate) channels: usize,
    pub(crate) bitrate: i32,
    pub(crate) fec: bool,
    pub(crate) dtx: bool,
    /// Redundant generations.
    pub(crate) red: usize,
    /// Frames in a packet.
    pub(crate) packet: usize,
}

impl Default for SendConfig {
    fn default() -> Self {
        Self {
            channels: 1,
            bitrate: 48_000,
            fec: false,
            dtx: false,
            red: 0,
            packet: 960,
        }
    }
}

/// What goes on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) payload: Vec<u8>,
    /// First frame of the sound, from the start of the recording.
    pub(crate) frame: usize,
}

/// Encodes a whole recording (interleaved) and numbers the packets, beginning close to both wraps.
pub(crate) fn encode(pcm: &[i16], config: SendConfig) -> Vec<Sent> {
    let layout = if config.channels == 2 {
        Channels::Stereo
    } else {
        Channels::Mono
    };
    let application = if config.fec || config.dtx {
        Application::Voip
    } else {
        Application::Audio
    };
    let mut encoder = Encoder::new(48_000, layout, application).expect("libopus takes 48 kHz");
    encoder
        .set_bitrate(Bitrate::Bits(config.bitrate))
        .expect("a plain bitrate");
    encoder.set_inband_fec(config.fec).expect("a flag");
    encoder.set_dtx(config.dtx).expect("a flag");
    if config.fec {
        encoder.set_packet_loss_perc(20).expect("a percentage");
    }
    let (mut sequence, start) = (65_500_u16, u32::MAX - 100_000);
    let mut history: Vec<(u32, Vec<u8>)> = Vec::new();
    let mut sent = Vec::new();
    let mut silent = false;
    let mut quiet_packets = 0;
    for (index, chunk) in pcm
        .chunks_exact(config.packet * config.channels)
        .enumerate()
    {
        let mut encoded = vec![0; 1_500];
        let len = encoder
            .encode(chunk, &mut encoded)
            .expect("libopus encodes");
        encoded.truncate(len);
        let timestamp = start.wrapping_add((index * config.packet) as u32);
        if config.dtx && len <= 2 {
            // As libwebrtc does: the first is sent, then one every 400 ms.
            quiet_packets += 1;
            silent = true;
            if quiet_packets % 20 != 1 {
                continue;
            }
        } else {
            quiet_packets = 0;
        }
        let payload = if config.red > 0 {
            let blocks: Vec<Block<'_>> = history
                .iter()
                .map(|(at, old)| Block {
                    pt: 111,
                    offset: timestamp.wrapping_sub(*at),
                    payload: old,
                })
                .collect();
            let mut out = Vec::new();
            red::join(111, &encoded, &blocks, &mut out).expect("payload types fit");
            out
        } else {
            encoded.clone()
        };
        history.push((timestamp, encoded));
        if history.len() > config.red {
            history.remove(0);
        }
        let marker = sent.is_empty() || (silent && quiet_packets == 0);
        silent &= quiet_packets > 0;
        sent.push(Sent {
            ssrc: 7,
            sequence,
            timestamp,
            marker,
            payload,
            frame: index * config.packet,
        });
        sequence = sequence.wrapping_add(1);
    }
    sent
}
