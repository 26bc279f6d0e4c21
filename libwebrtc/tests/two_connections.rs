//! Two peer connections of ours in one process, over the loopback interface, through the public API only.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Pair, connected, sending, tracks, within};
use libwebrtc::audio_source::native::NativeAudioSource;
use libwebrtc::audio_stream::native::NativeAudioStream;
use libwebrtc::peer_connection_factory::native::PeerConnectionFactoryExt;
use libwebrtc::prelude::*;
use libwebrtc::stats::RtcStats;
use libwebrtc::video_source::native::NativeVideoSource;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;

/// Feeds a tone of 440 Hz in real time until the source is dropped by everybody else.
fn play_tone(source: NativeAudioSource) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut phase = 0.0_f64;
        loop {
            let samples: Vec<i16> = (0..480)
                .map(|_| {
                    phase += 440.0 * std::f64::consts::TAU / 48_000.0;
                    (phase.sin() * 12_000.0) as i16
                })
                .collect();
            let frame = AudioFrame {
                data: samples.into(),
                sample_rate: 48_000,
                num_channels: 1,
                samples_per_channel: 480,
            };
            if source.capture_frame(&frame).await.is_err() {
                return;
            }
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_pass_both_ways_and_what_was_sent_adds_up() {
    let pair = Pair::new();
    let (channel_sender, mut channels) = mpsc::unbounded_channel();
    pair.bob.on_data_channel(Some(Box::new(move |channel| {
        let _ = channel_sender.send((channel.id(), channel));
    })));
    let init = DataChannelInit {
        protocol: "test".to_owned(),
        ..Default::default()
    };
    let ours = pair
        .alice
        .create_data_channel("messages", init)
        .expect("channel");
    assert_eq!(ours.state(), DataChannelState::Connecting);
    assert!(ours.send(b"too early", true).is_err());
    let (open_sender, mut open) = mpsc::unbounded_channel();
    ours.on_state_change(Some(Box::new(move |state| {
        let _ = open_sender.send(state);
    })));
    let sent = Arc::new(Mutex::new(0));
    let count = sent.clone();
    ours.on_buffered_amount_change(Some(Box::new(move |amount| {
        *count.lock().expect("lock") += amount
    })));
    pair.negotiate().await;
    assert_eq!(
        within("open", open.recv()).await,
        Some(DataChannelState::Open)
    );
    let (announced_id, theirs) = within("announcement", channels.recv())
        .await
        .expect("a channel");
    assert_eq!(
        (theirs.label(), announced_id),
        ("messages".to_owned(), ours.id()),
        "the id is known when the channel is announced"
    );

    let (message_sender, mut messages) = mpsc::unbounded_channel();
    let answer = theirs.clone();
    theirs.on_message(Some(Box::new(move |buffer| {
        answer
            .send(buffer.data, buffer.binary)
            .expect("the channel is open");
        let _ = message_sender.send((buffer.data.to_vec(), buffer.binary));
    })));
    let (echo_sender, mut echoes) = mpsc::unbounded_channel();
    ours.on_message(Some(Box::new(move |buffer| {
        let _ = echo_sender.send(buffer.data.len());
    })));
    let mut total = 0;
    for (size, binary) in [(1, true), (15_000, true), (60_000, true), (5, false)] {
        ours.send(&vec![b'x'; size], binary).expect("is queued");
        total += size as u64;
        let (data, was_binary) = within("message", messages.recv()).await.expect("a message");
        assert_eq!((data.len(), was_binary), (size, binary));
        assert_eq!(within("echo", echoes.recv()).await, Some(size));
    }
    assert!(
        ours.send(&[0xff, 0xfe], false).is_err(),
        "text must be UTF-8"
    );
    within("all bytes are reported", async {
        while *sent.lock().expect("lock") < total {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(*sent.lock().expect("lock"), total);
    assert_eq!(ours.buffered_amount(), 0);

    let (closed_sender, mut closed) = mpsc::unbounded_channel();
    theirs.on_state_change(Some(Box::new(move |state| {
        let _ = closed_sender.send(state);
    })));
    ours.close();
    within("close", async {
        while closed.recv().await.expect("a state") != DataChannelState::Closed {}
    })
    .await;
    pair.close();
}

async fn packets_sent(connection: &PeerConnection) -> u64 {
    let report = connection.get_stats().await.expect("figures");
    let transport = report.iter().find_map(|entry| match entry {
        RtcStats::Transport(transport) => Some(transport.transport.packets_sent),
        _ => None,
    });
    transport.expect("a transport")
}

/// On one thread, so that all of them wait before the first one leaves.
#[tokio::test(flavor = "current_thread")]
async fn small_messages_that_wait_together_share_packets() {
    const COUNT: usize = 300;
    let pair = Pair::new();
    let (message_sender, mut messages) = mpsc::unbounded_channel();
    pair.bob
        .on_data_channel(Some(Box::new(move |channel: DataChannel| {
            let sender = message_sender.clone();
            channel.on_message(Some(Box::new(move |buffer| {
                let _ = sender.send(buffer.data.to_vec());
            })));
        })));
    let ours = pair
        .alice
        .create_data_channel("messages", DataChannelInit::default())
        .expect("channel");
    let (open_sender, mut open) = mpsc::unbounded_channel();
    ours.on_state_change(Some(Box::new(move |state| {
        let _ = open_sender.send(state);
    })));
    pair.negotiate().await;
    assert_eq!(
        within("open", open.recv()).await,
        Some(DataChannelState::Open)
    );
    let before = packets_sent(&pair.alice).await;
    for number in 0..COUNT {
        ours.send(&[number as u8; 200], true).expect("is queued");
    }
    for number in 0..COUNT {
        let data = within("message", messages.recv()).await;
        assert_eq!(data.expect("a message"), [number as u8; 200]);
    }
    let packets = packets_sent(&pair.alice).await - before;
    // Four or five fit into one; acknowledgements and checks of the path come on top.
    assert!(packets < COUNT as u64 / 2, "{packets} packets");
    pair.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tone_is_heard_and_counted_and_ends_with_its_transceiver() {
    let pair = Pair::new();
    let source = NativeAudioSource::new(AudioSourceOptions::default(), 48_000, 1, 100);
    let track = pair
        .factory
        .create_audio_track("microphone", source.clone());
    let transceiver = pair
        .alice
        .add_transceiver(track.clone().into(), sending())
        .expect("transceiver");
    assert_eq!(transceiver.direction(), RtpTransceiverDirection::SendOnly);
    assert_eq!(transceiver.current_direction(), None);
    let mut heard_tracks = tracks(&pair.bob);
    let mut up = connected(&pair.alice);
    pair.negotiate().await;
    assert_eq!(
        transceiver.current_direction(),
        Some(RtpTransceiverDirection::SendOnly)
    );
    assert!(transceiver.mid().is_some());
    let MediaStreamTrack::Audio(heard) =
        within("track", heard_tracks.recv()).await.expect("a track")
    else {
        panic!("not an audio track");
    };
    let streams = pair.bob.transceivers()[0].receiver().streams();
    assert_eq!(
        streams.iter().map(MediaStream::id).collect::<Vec<_>>(),
        ["stream"]
    );
    within("connected", up.recv()).await;
    let feeding = play_tone(source);

    let mut stream = NativeAudioStream::new(heard.clone(), 48_000, 1);
    let loud = within("tone", async {
        loop {
            let frame = stream.next().await.expect("the stream goes on");
            assert_eq!(
                (
                    frame.sample_rate,
                    frame.num_channels,
                    frame.samples_per_channel
                ),
                (48_000, 1, 480)
            );
            if frame
                .data
                .iter()
                .any(|sample| sample.unsigned_abs() > 6_000)
            {
                return frame.data.len();
            }
        }
    })
    .await;
    assert_eq!(loud, 480);

    let report = pair.bob.transceivers()[0]
        .receiver()
        .get_stats()
        .await
        .expect("figures");
    let inbound = report.iter().find_map(|entry| match entry {
        RtcStats::InboundRtp(inbound) => Some(inbound),
        _ => None,
    });
    let inbound = inbound.expect("an inbound stream");
    assert!(inbound.received.packets_received > 0 && inbound.inbound.total_samples_received > 0);
    assert!(report.iter().any(
        |entry| matches!(entry, RtcStats::Codec(codec) if codec.codec.mime_type == "audio/opus")
    ));
    let report = transceiver.sender().get_stats().await.expect("figures");
    let outbound = report.iter().find_map(|entry| match entry {
        RtcStats::OutboundRtp(outbound) => Some(outbound),
        _ => None,
    });
    assert!(outbound.expect("an outbound stream").sent.packets_sent > 0);

    pair.alice.remove_track(transceiver.sender()).expect("ours");
    assert!(transceiver.sender().track().is_none());
    pair.negotiate().await;
    within("end of the stream", async {
        while stream.next().await.is_some() {}
    })
    .await;
    feeding.abort();
    pair.close();
    assert_eq!(heard.state(), RtcTrackState::Ended);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_a_connection_ends_what_came_over_it() {
    let pair = Pair::new();
    let source = NativeAudioSource::new(AudioSourceOptions::default(), 48_000, 1, 0);
    let track = pair.factory.create_audio_track("microphone", source);
    pair.alice
        .add_track(track.clone().into(), &["stream"])
        .expect("sender");
    assert!(
        pair.alice.add_track(track.into(), &["stream"]).is_err(),
        "a track has one sender"
    );
    let mut heard = tracks(&pair.bob);
    pair.negotiate().await;
    let MediaStreamTrack::Audio(track) = within("track", heard.recv()).await.expect("a track")
    else {
        panic!("not an audio track");
    };
    let mut stream = NativeAudioStream::new(track.clone(), 16_000, 1);
    pair.bob.close();
    within("end of the stream", async {
        while stream.next().await.is_some() {}
    })
    .await;
    assert_eq!(track.state(), RtcTrackState::Ended);
    assert_eq!(pair.bob.connection_state(), PeerConnectionState::Closed);
    assert_eq!(pair.bob.signaling_state(), SignalingState::Closed);
    let error = pair
        .bob
        .create_offer(OfferOptions::default())
        .await
        .expect_err("closed");
    assert_eq!(error.error_type, RtcErrorType::InvalidState);
    assert!(
        pair.bob
            .create_data_channel("late", DataChannelInit::default())
            .is_err()
    );
    pair.alice.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simulcast_video_is_negotiated_and_its_parameters_are_kept() {
    let pair = Pair::new();
    let track = pair
        .factory
        .create_video_track("camera", NativeVideoSource::default());
    let layer = |rid: &str, scale| RtpEncodingParameters {
        rid: rid.to_owned(),
        scale_resolution_down_by: Some(scale),
        ..Default::default()
    };
    let init = RtpTransceiverInit {
        send_encodings: vec![layer("q", 4.0), layer("h", 2.0), layer("f", 1.0)],
        ..sending()
    };
    let transceiver = pair
        .alice
        .add_transceiver(track.into(), init)
        .expect("transceiver");
    let vp8 = pair
        .factory
        .get_rtp_sender_capabilities(MediaType::Video)
        .codecs
        .into_iter()
        .filter(|codec| codec.mime_type == "video/VP8")
        .collect();
    transceiver
        .set_codec_preferences(vp8)
        .expect("VP8 is known");
    let offer = pair
        .alice
        .create_offer(OfferOptions::default())
        .await
        .expect("offer")
        .to_string();
    assert!(offer.contains("a=simulcast:send q;h;f"), "{offer}");
    assert!(
        offer.contains("VP8/90000") && !offer.contains("VP9/90000"),
        "{offer}"
    );

    let sender = transceiver.sender();
    let mut parameters = sender.parameters();
    assert_eq!(
        parameters
            .encodings
            .iter()
            .map(|encoding| encoding.rid.as_str())
            .collect::<Vec<_>>(),
        ["q", "h", "f"]
    );
    let old = parameters.clone();
    parameters.encodings[2].active = false;
    parameters.encodings[0].max_bitrate = Some(150_000);
    parameters.set_degradation_preference(DegradationPreference::MaintainResolution);
    sender
        .set_parameters(parameters)
        .expect("the sender's own parameters");
    let now = sender.parameters();
    assert!(!now.encodings[2].active);
    assert_eq!(now.encodings[0].max_bitrate, Some(150_000));
    assert_eq!(
        now.degradation_preference(),
        Some(DegradationPreference::MaintainResolution)
    );
    assert!(
        sender.set_parameters(old).is_err(),
        "they changed meanwhile"
    );
    let mut fewer = sender.parameters();
    fewer.encodings.pop();
    assert!(
        sender.set_parameters(fewer).is_err(),
        "layers cannot be removed"
    );

    let mut seen = tracks(&pair.bob);
    pair.negotiate().await;
    assert!(matches!(
        within("track", seen.recv()).await,
        Some(MediaStreamTrack::Video(_))
    ));
    let negotiated = sender.parameters();
    assert_eq!(
        negotiated
            .codecs
            .first()
            .map(|codec| codec.mime_type.as_str()),
        Some("video/VP8")
    );
    // A connection of ours wants to receive one layer only, and says so in its answer.
    assert_eq!(negotiated.encodings.len(), 1);
    pair.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_takes_other_tracks_of_its_kind_only() {
    let pair = Pair::new();
    let transceiver = pair
        .alice
        .add_transceiver_for_media(MediaType::Audio, sending())
        .expect("a transceiver without a track");
    let sender = transceiver.sender();
    assert!(sender.track().is_none());
    let video = pair
        .factory
        .create_video_track("camera", NativeVideoSource::default());
    assert!(sender.set_track(Some(video.into())).is_err());
    let source = NativeAudioSource::new(AudioSourceOptions::default(), 16_000, 1, 0);
    let audio = pair.factory.create_audio_track("microphone", source);
    sender
        .set_track(Some(audio.clone().into()))
        .expect("the same kind");
    assert_eq!(sender.track().map(|track| track.id()), Some(audio.id()));
    sender.set_track(None).expect("none is always possible");
    assert!(sender.track().is_none());
    assert!(
        pair.alice
            .add_transceiver_for_media(MediaType::Data, sending())
            .is_err()
    );
    assert!(
        pair.bob.remove_track(sender).is_err(),
        "it belongs to another connection"
    );
    transceiver.stop().expect("open");
    assert_eq!(transceiver.direction(), RtpTransceiverDirection::Stopped);
    pair.close();
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused() {
    let factory = PeerConnectionFactory::default();
    let mut relay = RtcConfiguration::default();
    relay.ice_transport_type = IceTransportsType::Relay;
    assert!(
        factory.create_peer_connection(relay.clone()).is_err(),
        "there are no relay candidates yet"
    );
    let connection = factory
        .create_peer_connection(RtcConfiguration::default())
        .expect("a connection");
    assert!(connection.set_configuration(relay).is_err());
    assert!(
        connection
            .set_configuration(RtcConfiguration::default())
            .is_ok()
    );
    let settings = |min, start, max| BitrateSettings {
        min_bitrate_bps: min,
        start_bitrate_bps: start,
        max_bitrate_bps: max,
    };
    assert!(
        connection
            .set_bitrate(settings(None, Some(500_000), None))
            .is_ok()
    );
    assert!(
        connection
            .set_bitrate(settings(None, Some(u64::MAX), None))
            .is_ok()
    );
    let error = connection
        .set_bitrate(settings(Some(600_000), Some(500_000), None))
        .expect_err("start below min");
    assert!(
        error
            .message
            .contains("start_bitrate_bps < min_bitrate_bps"),
        "{error}"
    );
    assert!(
        connection
            .set_bitrate(settings(Some(2), None, Some(1)))
            .is_err()
    );
    connection.close();
    let error = connection
        .set_bitrate(BitrateSettings::default())
        .expect_err("closed");
    assert_eq!(error.error_type, RtcErrorType::InvalidState);
    let candidate = IceCandidate::parse("0", 0, "candidate:1 1 udp 1 127.0.0.1 9 typ host")
        .expect("a candidate");
    assert!(connection.add_ice_candidate(candidate).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_is_asked_for_once_until_it_is_done() {
    let pair = Pair::new();
    let asked = Arc::new(Mutex::new(0));
    let count = asked.clone();
    pair.alice
        .on_negotiation_needed(Some(Box::new(move |_| *count.lock().expect("lock") += 1)));
    let asked = || *asked.lock().expect("lock");
    for _ in 0..3 {
        pair.alice
            .add_transceiver_for_media(MediaType::Audio, sending())
            .expect("transceiver");
    }
    assert_eq!(asked(), 1);
    pair.negotiate().await;
    assert_eq!(asked(), 1, "everything is negotiated");
    pair.alice
        .create_data_channel("late", DataChannelInit::default())
        .expect("channel");
    assert_eq!(asked(), 2);
    pair.negotiate().await;
    pair.alice.restart_ice();
    assert_eq!(asked(), 3);
    pair.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_muted_track_is_silent_until_it_is_unmuted() {
    let pair = Pair::new();
    let source = NativeAudioSource::new(AudioSourceOptions::default(), 48_000, 1, 100);
    let track = pair
        .factory
        .create_audio_track("microphone", source.clone());
    pair.alice
        .add_transceiver(track.clone().into(), sending())
        .expect("transceiver");
    let mut heard = tracks(&pair.bob);
    let mut up = connected(&pair.alice);
    pair.negotiate().await;
    let MediaStreamTrack::Audio(heard) = within("track", heard.recv()).await.expect("a track")
    else {
        panic!("not an audio track");
    };
    within("connected", up.recv()).await;
    let feeding = play_tone(source);
    let mut stream = NativeAudioStream::new(heard, 48_000, 1);
    let loud = |frame: &AudioFrame<'_>| {
        frame
            .data
            .iter()
            .any(|sample| sample.unsigned_abs() > 6_000)
    };
    within("tone", async {
        while !loud(&stream.next().await.expect("the stream goes on")) {}
    })
    .await;
    assert!(track.set_enabled(false));
    within("silence", async {
        let mut quiet = 0;
        while quiet < 30 {
            let frame = stream.next().await.expect("the stream goes on");
            quiet = if loud(&frame) { 0 } else { quiet + 1 };
        }
    })
    .await;
    assert!(track.set_enabled(true));
    within("tone again", async {
        while !loud(&stream.next().await.expect("the stream goes on")) {}
    })
    .await;
    feeding.abort();
    pair.close();
}
