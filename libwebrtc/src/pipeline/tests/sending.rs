//! What a sender puts on the wire.

use std::time::Duration;

use lk_media::audio::red;
use lk_types::Pt;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::super::audio_send::{AudioSend, AudioSendParams, OutgoingAudio};
use super::super::audio_source::AudioSource;
use super::tone;
use crate::pipeline::FollowsMute;

struct Sent {
    at: Duration,
    packet: OutgoingAudio,
}

struct Rig {
    source: AudioSource,
    send: AudioSend,
    packets: mpsc::UnboundedReceiver<Sent>,
}

impl Rig {
    fn new(params: AudioSendParams, enabled: bool, channels: u32) -> Self {
        let source = AudioSource::new(Handle::current(), 48_000, channels, 1_000).expect("usual");
        let (sender, packets) = mpsc::unbounded_channel();
        let start = Instant::now();
        let out = move |packet| {
            // The test may have looked away already.
            let _ = sender.send(Sent {
                at: start.elapsed(),
                packet,
            });
        };
        let send = AudioSend::spawn(&Handle::current(), source.clone(), params, enabled, out)
            .expect("usual");
        Self {
            source,
            send,
            packets,
        }
    }

    /// Lets time pass and returns what was sent meanwhile.
    async fn run(&mut self, ms: u64) -> Vec<Sent> {
        sleep(Duration::from_millis(ms)).await;
        std::iter::from_fn(|| self.packets.try_recv().ok()).collect()
    }

    async fn speak(&self, ms: usize) {
        let channels = self.source.format().channels;
        self.source
            .capture(&tone(48_000, channels, 440.0, 0, 48 * ms), 48_000, channels)
            .await
            .expect("fits");
    }
}

fn opus() -> AudioSendParams {
    AudioSendParams::new(Pt(111))
}

#[tokio::test(start_paused = true)]
async fn a_stream_starts_with_silence_and_then_gives_signs_of_life() {
    let mut rig = Rig::new(opus(), true, 1);
    let start = rig.run(320).await;
    assert!(start[0].packet.marker && start[0].at < Duration::from_millis(2));
    assert!(
        (5..=15).contains(&start.len()),
        "{} packets of silence",
        start.len()
    );
    assert!(
        start
            .iter()
            .all(|sent| sent.packet.level == 127 && !sent.packet.voice)
    );
    let rest = rig.run(4_000).await;
    assert!(
        (9..=11).contains(&rest.len()),
        "{} signs of life in 4 s",
        rest.len()
    );
    assert!(rest.iter().all(|sent| sent.packet.payload.len() == 1));
    for pair in rest.windows(2) {
        let ticks = pair[1]
            .packet
            .timestamp
            .wrapping_sub(pair[0].packet.timestamp);
        assert_eq!(ticks, 19_200, "the clock goes on over pauses");
    }
}

#[tokio::test(start_paused = true)]
async fn sound_goes_out_every_20_ms_without_a_seam() {
    let mut rig = Rig::new(opus(), true, 1);
    rig.run(2_000).await;
    rig.speak(400).await;
    let sent = rig.run(400).await;
    let loud: Vec<_> = sent.iter().filter(|sent| sent.packet.level < 20).collect();
    assert!((19..=21).contains(&loud.len()), "{} packets", loud.len());
    assert!(loud[0].packet.marker && loud[1..].iter().all(|sent| !sent.packet.marker));
    for pair in loud.windows(2) {
        assert_eq!(
            pair[1]
                .packet
                .timestamp
                .wrapping_sub(pair[0].packet.timestamp),
            960
        );
        let apart = (pair[1].at - pair[0].at).as_millis();
        assert!((19..=21).contains(&apart), "{apart} ms apart");
    }
    assert!(
        loud.iter()
            .all(|sent| sent.packet.voice && (8..=10).contains(&sent.packet.level))
    );
    // Half of full scale as a sine is 9 dB below the overload point.
    let levels = rig.send.levels();
    assert!(
        levels.total_audio_energy > 0.04 && levels.total_samples_duration > 0.39,
        "{levels:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_muted_track_ends_in_silence_and_sends_nothing_more() {
    let mut rig = Rig::new(opus(), true, 1);
    rig.run(1_000).await;
    rig.speak(900).await;
    rig.run(200).await;
    rig.send.set_enabled(false);
    let after = rig.run(400).await;
    assert!(
        after.iter().all(|sent| sent.packet.level == 127),
        "no sound after muting"
    );
    assert!((1..=15).contains(&after.len()));
    assert!(rig.run(10_000).await.is_empty());
    assert_eq!(rig.source.queued(), 0, "the source went on in real time");
    rig.speak(100).await;
    assert!(rig.run(500).await.is_empty());
    rig.send.set_enabled(true);
    rig.speak(200).await;
    let back = rig.run(200).await;
    assert!((9..=11).contains(&back.iter().filter(|sent| sent.packet.level < 20).count()));
    assert!(back[0].packet.marker);
}

#[tokio::test(start_paused = true)]
async fn a_track_that_starts_muted_is_announced_by_silence_only() {
    let mut rig = Rig::new(opus(), false, 1);
    rig.speak(500).await;
    let sent = rig.run(2_000).await;
    assert!(!sent.is_empty() && sent.iter().all(|sent| sent.packet.level == 127));
    rig.send.restart();
    assert!(
        !rig.run(500).await.is_empty(),
        "announced again on a new transport"
    );
    assert!(rig.run(5_000).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn red_repeats_the_packet_before() {
    let mut rig = Rig::new(
        AudioSendParams {
            red_pt: Some(Pt(63)),
            ..opus()
        },
        true,
        1,
    );
    rig.run(1_000).await;
    rig.speak(400).await;
    let sent = rig.run(400).await;
    let loud: Vec<_> = sent.iter().filter(|sent| sent.packet.level < 20).collect();
    let mut before: Option<Vec<u8>> = None;
    for sent in loud {
        assert_eq!(sent.packet.pt, Pt(63));
        let blocks = red::split(&sent.packet.payload).expect("own RED");
        assert_eq!(blocks.primary().pt, 111);
        let redundant: Vec<_> = blocks.redundant().collect();
        if let Some(before) = before {
            assert_eq!(redundant.len(), 1);
            assert_eq!(
                (redundant[0].offset, redundant[0].payload),
                (960, &before[..])
            );
        }
        before = Some(blocks.primary().payload.to_vec());
    }
    assert!(before.is_some());
    rig.send.report_loss(0.2);
    rig.speak(400).await;
    let sent = rig.run(400).await;
    let last = sent
        .iter()
        .rfind(|sent| sent.packet.level < 20)
        .expect("sound");
    let blocks = red::split(&last.packet.payload).expect("own RED");
    assert_eq!(
        blocks
            .redundant()
            .map(|block| block.offset)
            .collect::<Vec<_>>(),
        [1_920, 960]
    );
}

#[tokio::test(start_paused = true)]
async fn parameters_change_on_the_fly() {
    let stereo = AudioSendParams {
        stereo: true,
        max_bitrate: Some(24_000),
        ..opus()
    };
    let mut rig = Rig::new(stereo.clone(), true, 2);
    let bytes = |sent: &[Sent]| {
        sent.iter()
            .map(|sent| sent.packet.payload.len())
            .sum::<usize>()
    };
    let is_stereo = |sent: &[Sent]| sent.iter().all(|sent| sent.packet.payload[0] & 0x04 != 0);
    rig.run(1_000).await;
    rig.speak(1_000).await;
    let low = rig.run(1_000).await;
    rig.send.set_params(AudioSendParams {
        max_bitrate: Some(128_000),
        ..stereo.clone()
    });
    rig.speak(1_000).await;
    let high = rig.run(1_000).await;
    assert!(
        bytes(&high) > 2 * bytes(&low),
        "{} then {} bytes",
        bytes(&low),
        bytes(&high)
    );
    assert!(is_stereo(&high));
    rig.send.set_params(AudioSendParams {
        stereo: false,
        ptime_ms: 10,
        ..stereo
    });
    rig.run(1_000).await;
    rig.speak(500).await;
    let mono = rig.run(500).await;
    let loud: Vec<_> = mono.iter().filter(|sent| sent.packet.level < 20).collect();
    assert!(
        loud.iter().all(|sent| sent.packet.payload[0] & 0x04 == 0),
        "mono now"
    );
    assert!(
        (48..=51).contains(&loud.len()),
        "10 ms packets: {}",
        loud.len()
    );
}

#[tokio::test(start_paused = true)]
async fn dtx_leaves_captured_silence_out() {
    let mut rig = Rig::new(
        AudioSendParams {
            dtx: true,
            ..opus()
        },
        true,
        1,
    );
    rig.run(1_000).await;
    rig.source
        .capture(&[0; 48_000], 48_000, 1)
        .await
        .expect("fits");
    let silence = rig.run(1_000).await;
    assert!(silence.len() < 25, "{} of 50 packets", silence.len());
}

#[tokio::test(start_paused = true)]
async fn a_stopped_sender_detaches() {
    let rig = Rig::new(opus(), true, 1);
    sleep(Duration::from_millis(100)).await;
    let Rig {
        source,
        send,
        mut packets,
    } = rig;
    drop(send);
    while timeout(Duration::from_secs(1), packets.recv())
        .await
        .expect("the channel closes")
        .is_some()
    {}
    source.capture(&[1; 480], 48_000, 1).await.expect("fits");
    sleep(Duration::from_millis(50)).await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}
