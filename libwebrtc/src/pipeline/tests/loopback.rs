//! From one host's source to another host's stream.

use std::time::Duration;

use lk_types::Pt;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use super::super::audio_recv::{AudioRecv, AudioRecvParams};
use super::super::audio_send::{AudioSend, AudioSendParams};
use super::super::audio_sink::{AudioFrames, SinkConfig};
use super::super::audio_source::AudioSource;
use super::link::{Conditions, link};
use super::{amplitude, tone};
use crate::pipeline::FollowsMute;

struct Call {
    source: AudioSource,
    send: AudioSend,
    recv: AudioRecv,
}

impl Call {
    fn new(params: AudioSendParams, channels: u32, conditions: Conditions) -> Self {
        let source = AudioSource::new(Handle::current(), 48_000, channels, 100).expect("usual");
        let recv_params = AudioRecvParams {
            opus_pt: Pt(111),
            red_pt: Some(Pt(63)),
        };
        let recv = AudioRecv::new(Handle::current(), recv_params).expect("usual");
        let out = link(recv.clone(), conditions, 7);
        let send =
            AudioSend::spawn(&Handle::current(), source.clone(), params, true, out).expect("usual");
        Self { source, send, recv }
    }

    fn listen(&self, sample_rate: u32, channels: u32) -> AudioFrames {
        let config = SinkConfig::new(sample_rate, channels).expect("usual");
        self.recv.add_sink(SinkConfig {
            capacity: None,
            ..config
        })
    }

    /// A host that gives a tone for `ms`, as fast as the queue takes it.
    fn play(&self, hz: f64, ms: usize) {
        let source = self.source.clone();
        let channels = source.format().channels;
        tokio::spawn(async move {
            for at in (0..ms).step_by(20) {
                let samples = tone(48_000, channels, hz, at * 48, 960);
                source
                    .capture(&samples, 48_000, channels)
                    .await
                    .expect("the format fits");
            }
        });
    }
}

fn opus() -> AudioSendParams {
    AudioSendParams::new(Pt(111))
}

/// What is heard within `ms`, interleaved.
async fn hear(frames: &mut AudioFrames, ms: u64) -> Vec<i16> {
    let until = Instant::now() + Duration::from_millis(ms);
    let mut heard = Vec::new();
    while let Ok(Some(frame)) = tokio::time::timeout_at(until, frames.next()).await {
        heard.extend(frame.samples);
    }
    heard
}

/// Mean amplitude of a tone over 50 ms at a time: the jitter buffer may shift its phase in between.
fn level(samples: &[i16], sample_rate: u32, hz: f64) -> f64 {
    let blocks = samples.chunks_exact(sample_rate as usize / 20);
    let count = blocks.len() as f64;
    blocks
        .map(|block| amplitude(block, sample_rate, hz))
        .sum::<f64>()
        / count
}

/// Frequency of a tone from its rising zero crossings, Hz.
fn pitch(samples: &[i16], sample_rate: u32) -> f64 {
    let crossings: Vec<usize> = samples
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| pair[0] < 0 && pair[1] >= 0)
        .map(|(n, _)| n)
        .collect();
    let (Some(first), Some(last)) = (crossings.first(), crossings.last()) else {
        return 0.0;
    };
    (crossings.len() - 1) as f64 * f64::from(sample_rate) / (last - first) as f64
}

#[tokio::test(start_paused = true)]
async fn a_tone_arrives_at_its_pitch_and_level() {
    for (sample_rate, channels) in [
        (48_000, 1),
        (48_000, 2),
        (16_000, 1),
        (44_100, 2),
        (8_000, 1),
    ] {
        let call = Call::new(opus(), 1, Conditions::PERFECT);
        let mut frames = call.listen(sample_rate, channels);
        call.play(440.0, 2_000);
        hear(&mut frames, 500).await;
        let heard: Vec<i16> = hear(&mut frames, 1_000)
            .await
            .into_iter()
            .step_by(channels as usize)
            .collect();
        let what = format!("{sample_rate} Hz, {channels} channels");
        assert!(
            heard.len().abs_diff(sample_rate as usize) <= sample_rate as usize / 50,
            "{what}: {}",
            heard.len()
        );
        let (hz, level) = (
            pitch(&heard, sample_rate),
            level(&heard, sample_rate, 440.0),
        );
        assert!((hz - 440.0).abs() < 1.0, "{what}: {hz} Hz");
        assert!(
            (15_000.0..17_500.0).contains(&level),
            "{what}: level {level}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn stereo_arrives_as_stereo() {
    let call = Call::new(
        AudioSendParams {
            stereo: true,
            max_bitrate: Some(96_000),
            ..opus()
        },
        2,
        Conditions::PERFECT,
    );
    let mut frames = call.listen(48_000, 2);
    let source = call.source.clone();
    tokio::spawn(async move {
        for at in 0..100 {
            let left = tone(48_000, 1, 440.0, at * 960, 960);
            let right = tone(48_000, 1, 1_000.0, at * 960, 960);
            let both: Vec<i16> = left
                .iter()
                .zip(&right)
                .flat_map(|(&left, &right)| [left, right])
                .collect();
            source
                .capture(&both, 48_000, 2)
                .await
                .expect("the format fits");
        }
    });
    hear(&mut frames, 500).await;
    let heard = hear(&mut frames, 1_000).await;
    let side = |channel: usize| {
        heard
            .iter()
            .copied()
            .skip(channel)
            .step_by(2)
            .collect::<Vec<_>>()
    };
    let (left, right) = (side(0), side(1));
    for (own, other, samples) in [(440.0, 1_000.0, left), (1_000.0, 440.0, right)] {
        let (own, other) = (level(&samples, 48_000, own), level(&samples, 48_000, other));
        assert!(
            own > 15_000.0 && other < own / 50.0,
            "own {own:.0}, other {other:.0}"
        );
    }
}

#[tokio::test(start_paused = true)]
#[expect(
    clippy::print_stdout,
    reason = "the figures are what one reads this test for"
)]
async fn a_tone_survives_a_lossy_network() {
    let bad = Conditions {
        loss_percent: 10,
        delay: Duration::from_millis(40),
        jitter: Duration::from_millis(30),
    };
    for (name, params) in [
        ("plain", opus()),
        ("FEC", opus()),
        (
            "RED",
            AudioSendParams {
                red_pt: Some(Pt(63)),
                ..opus()
            },
        ),
    ] {
        let call = Call::new(params, 1, bad);
        if name == "FEC" {
            call.send.report_loss(0.1);
        }
        let mut frames = call.listen(48_000, 1);
        call.play(440.0, 12_000);
        hear(&mut frames, 2_000).await;
        let heard = hear(&mut frames, 8_000).await;
        let stats = call.recv.stats();
        let (hz, level) = (pitch(&heard, 48_000), level(&heard, 48_000, 440.0));
        let concealed =
            100.0 * stats.concealed_samples as f64 / stats.total_samples_received as f64;
        println!(
            "{name}: {hz:.1} Hz, level {level:.0}, lost {}, concealed {concealed:.1} %, FEC {}, RED {}, delay {:.0} ms",
            stats.packets_lost,
            stats.fec_recovered,
            stats.red_recovered,
            1_000.0 * stats.jitter_buffer_delay / stats.jitter_buffer_emitted_count as f64,
        );
        assert!((hz - 440.0).abs() < 8.0, "{name}: {hz} Hz");
        assert!(level > 6_000.0, "{name}: level {level}");
        assert!(stats.packets_lost > 20, "{name}: the network loses");
        assert!(concealed < 20.0, "{name}: {concealed:.1} % made up");
        if name == "RED" {
            assert!(stats.red_recovered > 20 && concealed < 5.0, "{stats:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
#[expect(
    clippy::print_stdout,
    reason = "the figures are what one reads this test for"
)]
async fn sound_is_heard_soon_after_it_was_captured() {
    let call = Call::new(opus(), 1, Conditions::PERFECT);
    let mut frames = call.listen(48_000, 1);
    // A host in real time, whose queue is empty; a click every half second.
    let source = call.source.clone();
    let start = Instant::now();
    tokio::spawn(async move {
        for block in 0..600 {
            let samples = if block % 50 == 25 {
                tone(48_000, 1, 1_000.0, 0, 480)
            } else {
                vec![0; 480]
            };
            source
                .capture(&samples, 48_000, 1)
                .await
                .expect("the format fits");
            sleep(Duration::from_millis(10)).await;
        }
    });
    let mut delays = Vec::new();
    let mut quiet_until = 0.0;
    let end = start + Duration::from_secs(6);
    while let Ok(Some(frame)) = tokio::time::timeout_at(end, frames.next()).await {
        let now = start.elapsed().as_secs_f64() * 1_000.0;
        let loud = frame
            .samples
            .iter()
            .position(|sample| sample.unsigned_abs() > 4_000);
        if let Some(position) = loud
            && now > quiet_until
        {
            quiet_until = now + 100.0;
            // A frame is played from when it is delivered on, and was captured from its first sample on: a real
            // device gives a block when its last sample is there, 10 ms after the first.
            let played = now + position as f64 / 48.0;
            let captured = (now / 500.0).floor() * 500.0 + 250.0 - 10.0;
            delays.push(played - captured);
        }
    }
    delays.sort_by(f64::total_cmp);
    assert!(delays.len() >= 10, "{} clicks of 12 heard", delays.len());
    let median = delays[delays.len() / 2];
    println!("one-way latency at rest: median {median:.1} ms, all {delays:.0?}");
    assert!(median <= 60.0, "median {median:.1} ms");
}

#[tokio::test(start_paused = true)]
async fn nothing_runs_while_nobody_listens() {
    let call = Call::new(opus(), 1, Conditions::PERFECT);
    call.play(440.0, 1_000);
    sleep(Duration::from_millis(500)).await;
    assert_eq!(
        call.recv.stats().total_samples_received,
        0,
        "nothing was decoded"
    );
    assert!(call.recv.stats().packets_received > 20, "but counted");
    let mut frames = call.listen(48_000, 1);
    assert!(!hear(&mut frames, 200).await.is_empty());
    drop(frames);
    sleep(Duration::from_millis(50)).await;
    let decoded = call.recv.stats().total_samples_received;
    sleep(Duration::from_millis(200)).await;
    assert_eq!(call.recv.stats().total_samples_received, decoded);
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_silence_however_long_it_is() {
    let call = Call::new(opus(), 1, Conditions::PERFECT);
    let mut frames = call.listen(48_000, 1);
    call.play(440.0, 500);
    hear(&mut frames, 1_000).await;
    call.send.set_enabled(false);
    hear(&mut frames, 1_000).await;
    let pause = hear(&mut frames, 1_000).await;
    assert_eq!(pause.len() / 480, 100, "listeners hear silence");
    assert!(pause.iter().all(|sample| sample.unsigned_abs() < 10));
    let minute = hear(&mut frames, 60_000).await;
    assert_eq!(minute.len(), 48_000 * 60, "a host may count on it");
    call.send.set_enabled(true);
    call.play(440.0, 500);
    let again = hear(&mut frames, 400).await;
    assert!(amplitude(&again[again.len() / 2..], 48_000, 440.0) > 10_000.0);
}

#[tokio::test(start_paused = true)]
async fn streams_end_when_the_track_does() {
    let call = Call::new(opus(), 1, Conditions::PERFECT);
    let (mut first, mut second) = (call.listen(48_000, 1), call.listen(16_000, 1));
    call.play(440.0, 2_000);
    sleep(Duration::from_millis(500)).await;
    call.recv.end_streams();
    let ended = async |frames: &mut AudioFrames| while frames.next().await.is_some() {};
    timeout(Duration::from_millis(1), ended(&mut first))
        .await
        .expect("ended");
    let mut third = call.listen(48_000, 1);
    assert!(
        !hear(&mut third, 200).await.is_empty(),
        "the track goes on for others"
    );
    call.recv.end();
    for frames in [&mut second, &mut third, &mut call.listen(8_000, 1)] {
        timeout(Duration::from_millis(1), ended(frames))
            .await
            .expect("ended");
    }
    drop(call);
    // The host's own task has a second of its tone left.
    sleep(Duration::from_secs(3)).await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}
