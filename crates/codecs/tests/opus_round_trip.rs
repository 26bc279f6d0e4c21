//! What goes into Opus comes out of it, for every rate and layout that sources may have.
#![cfg(feature = "opus")]

use std::f64::consts::TAU;

use lk_codecs::opus::{
    Decoder, Encoder, EncoderConfig, Error, FrameDuration, MAX_PACKET_BYTES, MAX_PACKET_SAMPLES,
    Profile, SAMPLE_RATES, duration_48k, has_fec,
};

/// `seconds` of interleaved sines, one frequency for each channel; 0 Hz is silence.
fn tones(sample_rate: u32, seconds: f64, hz: &[f64]) -> Vec<i16> {
    (0..(f64::from(sample_rate) * seconds) as usize)
        .flat_map(|n| {
            hz.iter().map(move |hz| {
                (10_000.0 * (TAU * hz * n as f64 / f64::from(sample_rate)).sin()) as i16
            })
        })
        .collect()
}

/// Amplitude of `hz` in channel `channel` of the interleaved `pcm` (a single bin of a DFT).
fn amplitude(pcm: &[i16], channels: usize, channel: usize, sample_rate: u32, hz: f64) -> f64 {
    let (mut re, mut im, mut count) = (0.0, 0.0, 0.0);
    for (n, frame) in pcm.chunks_exact(channels).enumerate() {
        let phase = TAU * hz * n as f64 / f64::from(sample_rate);
        re += f64::from(frame[channel]) * phase.cos();
        im += f64::from(frame[channel]) * phase.sin();
        count += 1.0;
    }
    2.0 * re.hypot(im) / count
}

/// Energy of the sine `hz` over everything else in a channel, dB.
fn tone_snr(pcm: &[i16], channels: usize, channel: usize, sample_rate: u32, hz: f64) -> f64 {
    let tone = amplitude(pcm, channels, channel, sample_rate, hz).powi(2) / 2.0;
    let values = pcm
        .chunks_exact(channels)
        .map(|frame| f64::from(frame[channel]).powi(2));
    let all = values.sum::<f64>() / (pcm.len() / channels) as f64;
    10.0 * (tone / (all - tone).max(1e-9)).log10()
}

fn encode_all(encoder: &mut Encoder, pcm: &[i16]) -> Vec<Vec<u8>> {
    let mut out = [0; MAX_PACKET_BYTES];
    pcm.chunks_exact(encoder.frame_len())
        .map(|frame| {
            let encoded = encoder.encode(frame, &mut out).expect("a whole frame");
            out[..encoded.len].to_vec()
        })
        .collect()
}

fn decode_all(decoder: &mut Decoder, packets: &[Vec<u8>]) -> Vec<i16> {
    let mut pcm = Vec::new();
    let mut out = vec![0; MAX_PACKET_SAMPLES * decoder.channels() as usize];
    for packet in packets {
        let samples = decoder
            .decode(packet, &mut out)
            .expect("own packets are sound");
        pcm.extend_from_slice(&out[..samples * decoder.channels() as usize]);
    }
    pcm
}

#[test]
fn a_tone_survives_at_every_rate_and_layout() {
    for sample_rate in SAMPLE_RATES {
        for channels in [1, 2] {
            for frame in [FrameDuration::Ms10, FrameDuration::Ms20] {
                let config = EncoderConfig {
                    frame,
                    bitrate: 64_000 * channels,
                    ..EncoderConfig::new(sample_rate, channels)
                };
                let mut encoder = Encoder::new(config).unwrap();
                let packets = encode_all(
                    &mut encoder,
                    &tones(sample_rate, 1.0, &[440.0, 440.0][..channels as usize]),
                );
                let pcm = decode_all(&mut Decoder::new(48_000, channels).unwrap(), &packets);
                assert_eq!(
                    pcm.len(),
                    48_000 * channels as usize,
                    "one second in, one second out"
                );
                // The first quarter of a second is libopus finding its state.
                let settled = &pcm[12_000 * channels as usize..];
                for channel in 0..channels as usize {
                    let snr = tone_snr(settled, channels as usize, channel, 48_000, 440.0);
                    let level = amplitude(settled, channels as usize, channel, 48_000, 440.0);
                    let what = format!(
                        "{sample_rate} Hz, {channels} channels, {frame:?}: {snr:.1} dB, level {level:.0}"
                    );
                    assert!(snr > 20.0, "{what}");
                    assert!((9_000.0..11_000.0).contains(&level), "{what}");
                }
            }
        }
    }
}

#[test]
fn the_two_channels_of_stereo_stay_apart() {
    let config = EncoderConfig {
        bitrate: 96_000,
        ..EncoderConfig::new(48_000, 2)
    };
    let packets = encode_all(
        &mut Encoder::new(config).unwrap(),
        &tones(48_000, 1.0, &[440.0, 1_000.0]),
    );
    let pcm = decode_all(&mut Decoder::new(48_000, 2).unwrap(), &packets);
    let settled = &pcm[24_000..];
    for (channel, own, other) in [(0, 440.0, 1_000.0), (1, 1_000.0, 440.0)] {
        let own = amplitude(settled, 2, channel, 48_000, own);
        let other = amplitude(settled, 2, channel, 48_000, other);
        assert!(
            own > 9_000.0 && other < own / 100.0,
            "channel {channel}: own {own:.0}, other {other:.0}"
        );
    }
}

#[test]
fn a_stereo_stream_decodes_to_mono_and_the_other_way_round() {
    let packets = encode_all(
        &mut Encoder::new(EncoderConfig::new(48_000, 2)).unwrap(),
        &tones(48_000, 0.5, &[440.0, 440.0]),
    );
    let mono = decode_all(&mut Decoder::new(48_000, 1).unwrap(), &packets);
    assert!(amplitude(&mono[12_000..], 1, 0, 48_000, 440.0) > 9_000.0);
    let packets = encode_all(
        &mut Encoder::new(EncoderConfig::new(48_000, 1)).unwrap(),
        &tones(48_000, 0.5, &[440.0]),
    );
    let stereo = decode_all(&mut Decoder::new(48_000, 2).unwrap(), &packets);
    for channel in [0, 1] {
        assert!(amplitude(&stereo[24_000..], 2, channel, 48_000, 440.0) > 9_000.0);
    }
}

#[test]
fn silence_under_dtx_leaves_almost_nothing_to_send() {
    for (sample_rate, channels, profile) in [
        (48_000, 1, Profile::Voice),
        (16_000, 1, Profile::Voice),
        (48_000, 2, Profile::Music),
        (48_000, 2, Profile::Voice),
    ] {
        let config = EncoderConfig {
            dtx: true,
            profile,
            ..EncoderConfig::new(sample_rate, channels)
        };
        let mut encoder = Encoder::new(config).unwrap();
        let tone = tones(sample_rate, 1.0, &[440.0, 440.0][..channels as usize]);
        assert!(
            encode_all(&mut encoder, &tone)
                .iter()
                .all(|packet| !packet.is_empty()),
            "a tone is sent"
        );
        let silence = vec![0; tone.len() * 2];
        let packets = encode_all(&mut encoder, &silence);
        let sent = packets.iter().filter(|packet| !packet.is_empty()).count();
        assert!(
            sent < 40,
            "{sent} of 100 packets of silence sent at {sample_rate} Hz, {channels} channels"
        );
        let mut out = [0; MAX_PACKET_BYTES];
        let frame = &silence[..encoder.frame_len()];
        let last = (0..50)
            .map(|_| encoder.encode(frame, &mut out).unwrap())
            .filter(|encoded| encoded.len == 0)
            .last();
        let last = last.expect("a second of silence has frames that are not sent");
        assert!(!last.voice_activity);
        assert_eq!(last.duration, 960, "the timestamp goes on");
        let back = encode_all(&mut encoder, &tone);
        assert!(
            back.iter().skip(2).all(|packet| packet.len() > 2),
            "the tone is sent again"
        );
    }
}

#[test]
fn without_dtx_every_frame_is_sent() {
    let mut encoder = Encoder::new(EncoderConfig::new(48_000, 1)).unwrap();
    assert!(
        encode_all(&mut encoder, &vec![0; 48_000])
            .iter()
            .all(|packet| !packet.is_empty())
    );
}

#[test]
fn a_lost_frame_comes_back_from_the_next_packet() {
    // Speech-like: FEC exists in SILK only, so a harmonic series with a moving envelope at a low bitrate.
    let pcm: Vec<i16> = (0..96_000)
        .map(|n| {
            let t = f64::from(n) / 48_000.0;
            let envelope = 0.6 + 0.4 * (TAU * 4.0 * t).sin();
            let voice: f64 = (1..12)
                .map(|k| (TAU * 140.0 * f64::from(k) * t).sin() / f64::from(k))
                .sum();
            (6_000.0 * envelope * voice) as i16
        })
        .collect();
    // Below complexity 7 libopus does not ask itself whether this is music, which it would code without FEC.
    let config = EncoderConfig {
        bitrate: 24_000,
        complexity: 5,
        ..EncoderConfig::new(48_000, 1)
    };
    let mut encoder = Encoder::new(config).unwrap();
    encoder.set_loss_percent(20).unwrap();
    let packets = encode_all(&mut encoder, &pcm);
    assert!(
        packets
            .iter()
            .skip(10)
            .filter(|packet| has_fec(packet))
            .count()
            > 30,
        "loud frames are repeated"
    );

    let whole = decode_all(&mut Decoder::new(48_000, 1).unwrap(), &packets);
    let (mut fec, mut plc) = (
        Decoder::new(48_000, 1).unwrap(),
        Decoder::new(48_000, 1).unwrap(),
    );
    let (mut fec_error, mut plc_error) = (0.0, 0.0);
    let mut out = [0; MAX_PACKET_SAMPLES];
    for (index, packet) in packets.iter().enumerate() {
        // Every fifth packet is lost.
        if index % 5 == 4 && index + 1 < packets.len() {
            let truth = &whole[index * 960..(index + 1) * 960];
            let error = |pcm: &[i16]| -> f64 {
                pcm.iter()
                    .zip(truth)
                    .map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2))
                    .sum()
            };
            assert_eq!(fec.decode_fec(&packets[index + 1], 960, &mut out), Ok(960));
            fec_error += error(&out[..960]);
            assert_eq!(plc.conceal(960, &mut out), Ok(960));
            plc_error += error(&out[..960]);
        } else {
            assert_eq!(fec.decode(packet, &mut out), Ok(960));
            assert_eq!(plc.decode(packet, &mut out), Ok(960));
        }
    }
    assert!(
        fec_error < plc_error / 2.0,
        "FEC {fec_error:.3e} against concealment {plc_error:.3e}"
    );
}

#[test]
fn concealment_goes_on_and_fades() {
    // Silence first: a long gap ends in what the decoder takes for the background.
    let pcm = [tones(48_000, 1.0, &[0.0]), tones(48_000, 0.3, &[440.0])].concat();
    let packets = encode_all(
        &mut Encoder::new(EncoderConfig::new(48_000, 1)).unwrap(),
        &pcm,
    );
    let mut decoder = Decoder::new(48_000, 1).unwrap();
    decode_all(&mut decoder, &packets);
    let mut out = [0; 960];
    decoder.conceal(960, &mut out).unwrap();
    assert!(
        amplitude(&out, 1, 0, 48_000, 440.0) > 3_000.0,
        "the first gap sounds like what was before"
    );
    for _ in 0..100 {
        decoder.conceal(480, &mut out).unwrap();
    }
    assert!(
        out[..480].iter().all(|sample| sample.abs() < 500),
        "a second later it is all but gone"
    );
}

#[test]
fn malformed_packets_are_errors_and_the_decoder_lives_on() {
    let good = encode_all(
        &mut Encoder::new(EncoderConfig::new(48_000, 1)).unwrap(),
        &tones(48_000, 0.1, &[440.0]),
    );
    let mut decoder = Decoder::new(48_000, 2).unwrap();
    let mut out = [0; MAX_PACKET_SAMPLES * 2];
    // Empty; code 3 without a count; 48 frames of 20 ms; two equal frames of an odd length; a size that overruns.
    for bad in [
        &[][..],
        &[3],
        &[(9 << 3) | 3, 48],
        &[(9 << 3) | 1, 1, 2, 3],
        &[(9 << 3) | 2, 200, 0],
    ] {
        assert_eq!(
            decoder.decode(bad, &mut out),
            Err(Error::MalformedPacket { len: bad.len() }),
            "{bad:?}"
        );
    }
    assert_eq!(decoder.decode(&good[0], &mut out), Ok(960));
    assert!(duration_48k(&[]).is_err());
    // Every byte string is either decoded or refused: a fixed pseudo-random walk over lengths and bytes.
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut packet = Vec::new();
    for _ in 0..5_000 {
        packet.clear();
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        for _ in 0..(state >> 58) {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            packet.push((state >> 56) as u8);
        }
        if let Ok(samples) = decoder.decode(&packet, &mut out) {
            assert!(samples <= MAX_PACKET_SAMPLES);
        }
        let _ = has_fec(&packet);
        let _ = decoder.decode_fec(&packet, 960, &mut out);
    }
    assert_eq!(decoder.decode(&good[1], &mut out), Ok(960));
}

#[test]
fn arguments_that_make_no_sense_are_named() {
    assert_eq!(
        Decoder::new(44_100, 1).unwrap_err(),
        Error::SampleRate {
            sample_rate: 44_100
        }
    );
    assert_eq!(
        Decoder::new(48_000, 0).unwrap_err(),
        Error::Channels { channels: 0 }
    );
    assert_eq!(
        Encoder::new(EncoderConfig::new(48_000, 3)).unwrap_err(),
        Error::Channels { channels: 3 }
    );
    let config = EncoderConfig {
        bitrate: 0,
        ..EncoderConfig::new(48_000, 1)
    };
    assert_eq!(
        Encoder::new(config).unwrap_err(),
        Error::Bitrate { bitrate: 0 }
    );

    let mut encoder = Encoder::new(EncoderConfig::new(48_000, 1)).unwrap();
    let error = encoder.encode(&[0; 100], &mut [0; 100]).unwrap_err();
    assert_eq!(error.to_string(), "pcm holds 100 samples, one frame is 960");
    assert_eq!(
        encoder.encode(&[0; 960], &mut []),
        Err(Error::OutputTooSmall { got: 0, needed: 1 })
    );
    assert_eq!(
        encoder.set_bitrate(600_000),
        Err(Error::Bitrate { bitrate: 600_000 })
    );

    let mut decoder = Decoder::new(48_000, 1).unwrap();
    assert_eq!(
        decoder.conceal(100, &mut [0; 960]),
        Err(Error::Gap {
            samples: 100,
            sample_rate: 48_000
        })
    );
    assert_eq!(
        decoder.conceal(0, &mut [0; 960]),
        Err(Error::Gap {
            samples: 0,
            sample_rate: 48_000
        })
    );
    assert_eq!(
        decoder.conceal(960, &mut [0; 100]),
        Err(Error::OutputTooSmall {
            got: 100,
            needed: 960
        })
    );
}

#[test]
fn the_bitrate_is_kept_and_can_be_changed() {
    // A signal that is hard to code, so that the encoder spends what it may.
    let mut state = 1_u32;
    let noise: Vec<i16> = (0..96_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 19) as i16 - 4_096
        })
        .collect();
    let mut encoder = Encoder::new(EncoderConfig {
        bitrate: 24_000,
        ..EncoderConfig::new(48_000, 1)
    })
    .unwrap();
    let bits =
        |packets: Vec<Vec<u8>>| packets.iter().map(|packet| packet.len() * 8).sum::<usize>() / 2;
    let low = bits(encode_all(&mut encoder, &noise));
    encoder.set_bitrate(96_000).unwrap();
    let high = bits(encode_all(&mut encoder, &noise));
    assert!((20_000..30_000).contains(&low), "{low} bit/s at 24 kbit/s");
    assert!(
        (80_000..115_000).contains(&high),
        "{high} bit/s at 96 kbit/s"
    );
}
