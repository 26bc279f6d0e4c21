//! The source's queue: pace, backpressure, rest.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use super::super::audio_sink::SinkConfig;
use super::super::audio_source::{AudioSource, AudioSourceError};
use super::tone;

fn source(queue_size_ms: u32) -> AudioSource {
    AudioSource::new(Handle::current(), 48_000, 1, queue_size_ms).expect("a usual format")
}

fn unbounded() -> SinkConfig {
    SinkConfig {
        capacity: None,
        ..SinkConfig::new(48_000, 1).expect("a usual format")
    }
}

fn alive_tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

#[tokio::test(start_paused = true)]
async fn samples_leave_in_real_time_and_in_order() {
    let source = source(1_000);
    let mut frames = source.add_sink(unbounded());
    let samples: Vec<i16> = (0..4_800).map(|n| n as i16).collect();
    let start = Instant::now();
    source.capture(&samples, 48_000, 1).await.expect("fits");
    assert_eq!(
        start.elapsed(),
        Duration::ZERO,
        "the queue has room for all of it"
    );
    for (index, expected) in samples.chunks(480).enumerate() {
        let frame = frames.next().await.expect("the source lives");
        assert_eq!(frame.samples, expected);
        let at = start.elapsed().as_millis();
        assert!(
            (10 * index as u128..=10 * index as u128 + 1).contains(&at),
            "frame {index} at {at} ms"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn capture_waits_while_the_queue_is_full() {
    let source = source(100);
    let start = Instant::now();
    source
        .capture(&vec![1; 48_000], 48_000, 1)
        .await
        .expect("a second");
    let took = start.elapsed().as_millis();
    assert!(
        (890..=910).contains(&took),
        "all but the queue's 100 ms had to leave: {took} ms"
    );
    assert_eq!(source.queued(), 4_800);
}

#[tokio::test(start_paused = true)]
async fn concurrent_captures_keep_their_order() {
    let source = source(20);
    let mut frames = source.add_sink(unbounded());
    let captures = (0..5).map(|n| {
        let source = source.clone();
        tokio::spawn(async move { source.capture(&[n; 960], 48_000, 1).await })
    });
    for capture in captures.collect::<Vec<_>>() {
        capture.await.expect("no panic").expect("captured");
    }
    for n in 0..5 {
        for _ in 0..2 {
            assert_eq!(frames.next().await.expect("lives").samples, [n; 480]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_at_rest_has_no_task() {
    let source = source(100);
    assert_eq!(alive_tasks(), 0);
    source.capture(&[1; 960], 48_000, 1).await.expect("fits");
    assert_eq!(alive_tasks(), 1);
    sleep(Duration::from_millis(100)).await;
    assert_eq!(alive_tasks(), 0);
    // A host in real time, give or take, needs none at all.
    for slip in [0, 3, 1, 4, 0, 2] {
        sleep(Duration::from_millis(10 + slip) - Duration::from_millis(2)).await;
        source.capture(&[1; 480], 48_000, 1).await.expect("fits");
        assert_eq!(alive_tasks(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_queue_frames_of_any_size_go_straight_through() {
    let source = source(0);
    let mut frames = source.add_sink(unbounded());
    let start = Instant::now();
    for size in [1, 479, 1_000, 440] {
        source
            .capture(&vec![5; size], 48_000, 1)
            .await
            .expect("direct");
    }
    for _ in 0..4 {
        assert_eq!(frames.next().await.expect("lives").samples.len(), 480);
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_rest_of_less_than_ten_ms_goes_out_with_silence_behind_it() {
    let source = source(100);
    let mut frames = source.add_sink(unbounded());
    source.capture(&[7; 500], 48_000, 1).await.expect("fits");
    assert_eq!(frames.next().await.expect("lives").samples, [7; 480]);
    let rest = timeout(Duration::from_millis(50), frames.next())
        .await
        .expect("in time")
        .expect("lives");
    assert_eq!(rest.samples[..20], [7; 20]);
    assert_eq!(rest.samples[20..], [0; 460]);
}

#[tokio::test(start_paused = true)]
async fn clear_forgets_what_is_queued_and_lets_a_capture_go() {
    let source = source(50);
    let mut frames = source.add_sink(unbounded());
    let capture = tokio::spawn({
        let source = source.clone();
        async move { source.capture(&vec![1; 48_000], 48_000, 1).await }
    });
    sleep(Duration::from_millis(25)).await;
    source.clear();
    timeout(Duration::from_millis(1), capture)
        .await
        .expect("at once")
        .expect("no panic")
        .expect("no error");
    source.capture(&[2; 480], 48_000, 1).await.expect("fits");
    let mut heard = Vec::new();
    while let Ok(Some(frame)) = timeout(Duration::from_millis(50), frames.next()).await {
        heard.push(frame.samples[0]);
    }
    assert_eq!(heard, [1, 1, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_source_ends_its_listeners() {
    let source = source(100);
    let mut frames = source.add_sink(unbounded());
    source.capture(&[1; 4_800], 48_000, 1).await.expect("fits");
    drop(source);
    let mut count = 0;
    while frames.next().await.is_some() {
        count += 1;
    }
    assert_eq!(count, 1);
    sleep(Duration::from_millis(50)).await;
    assert_eq!(alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn listeners_get_the_format_they_asked_for() {
    let source = AudioSource::new(Handle::current(), 44_100, 2, 1_000).expect("a usual format");
    let wide = SinkConfig {
        capacity: None,
        frame_ms: 20,
        ..SinkConfig::new(16_000, 1).expect("usual")
    };
    let (mut wide, mut same) = (
        source.add_sink(wide),
        source.add_sink(SinkConfig::new(44_100, 2).expect("usual")),
    );
    source
        .capture(&tone(44_100, 2, 440.0, 0, 44_100 / 2), 44_100, 2)
        .await
        .expect("fits");
    let frame = same.next().await.expect("lives");
    assert_eq!(
        (frame.samples.len(), frame.sample_rate, frame.num_channels),
        (882, 44_100, 2)
    );
    let mut heard = Vec::new();
    for _ in 0..25 {
        let frame = wide.next().await.expect("lives");
        assert_eq!(
            (frame.samples.len(), frame.sample_rate, frame.num_channels),
            (320, 16_000, 1)
        );
        heard.extend(frame.samples);
    }
    let level = super::amplitude(&heard[1_600..], 16_000, 440.0);
    assert!((16_000.0..16_800.0).contains(&level), "{level}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_listener_loses_the_oldest() {
    let source = source(0);
    let mut frames = source.add_sink(SinkConfig {
        capacity: Some(2),
        ..unbounded()
    });
    for n in 0..5 {
        source.capture(&[n; 480], 48_000, 1).await.expect("direct");
    }
    assert_eq!(frames.next().await.expect("lives").samples[0], 3);
    assert_eq!(frames.next().await.expect("lives").samples[0], 4);
    frames.close();
    assert!(frames.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_refused_with_its_value() {
    let new = |rate, channels, queue| {
        AudioSource::new(Handle::current(), rate, channels, queue).map(|_| ())
    };
    assert!(matches!(new(0, 1, 100), Err(AudioSourceError::Format(_))));
    assert!(matches!(
        new(48_000, 0, 100),
        Err(AudioSourceError::Format(_))
    ));
    assert_eq!(
        new(48_000, 1, 55),
        Err(AudioSourceError::QueueSize { queue_size_ms: 55 })
    );
    let source = source(100);
    assert_eq!(
        source.capture(&[], 48_000, 1).await,
        Err(AudioSourceError::Empty)
    );
    let error = source
        .capture(&[0; 480], 16_000, 1)
        .await
        .expect_err("another rate");
    assert!(error.to_string().contains("16000"), "{error}");
    let stereo = AudioSource::new(Handle::current(), 48_000, 2, 100).expect("usual");
    assert!(matches!(
        stereo.capture(&[0; 3], 48_000, 2).await,
        Err(AudioSourceError::Format(_))
    ));
}
