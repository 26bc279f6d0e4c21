//! Video between two connections of ours over the loopback interface, through the public API only.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{Pair, connected, sending, tracks, within};
use libwebrtc::peer_connection_factory::native::PeerConnectionFactoryExt;
use libwebrtc::prelude::*;
use libwebrtc::video_source::native::NativeVideoSource;
use libwebrtc::video_stream::native::NativeVideoStream;
use tokio_stream::StreamExt;

const WIDTH: u32 = 320;
const HEIGHT: u32 = 180;

/// A picture in four fields of grey, red-ish and blue-ish colour; its left upper field counts.
fn picture(number: u8) -> I420Buffer {
    let mut buffer = I420Buffer::new(WIDTH, HEIGHT);
    let (stride_y, stride_u, _) = buffer.strides();
    let (y, u, v) = buffer.data_mut();
    for (at, sample) in y.iter_mut().enumerate() {
        let (row, column) = (at as u32 / stride_y, at as u32 % stride_y);
        *sample = match (row < HEIGHT / 2, column < WIDTH / 2) {
            (true, true) => 40 + number % 160,
            (true, false) => 200,
            (false, true) => 60,
            (false, false) => 120,
        };
    }
    for (at, (u, v)) in u.iter_mut().zip(v).enumerate() {
        let left = at as u32 % stride_u < WIDTH / 4;
        (*u, *v) = if left { (90, 180) } else { (180, 90) };
    }
    buffer
}

fn pixel(buffer: &I420Buffer, column: u32, row: u32) -> (u8, u8, u8) {
    let (y, u, v) = buffer.data();
    let (stride_y, stride_u, stride_v) = buffer.strides();
    let at =
        |data: &[u8], stride: u32, column: u32, row: u32| data[(row * stride + column) as usize];
    (
        at(y, stride_y, column, row),
        at(u, stride_u, column / 2, row / 2),
        at(v, stride_v, column / 2, row / 2),
    )
}

/// Feeds pictures, 30 a second, until told to stop.
fn play(source: NativeVideoSource, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut number = 0u8;
        while !stop.load(Ordering::Acquire) {
            source.capture_picture(VideoFrame::new(
                VideoRotation::VideoRotation0,
                picture(number),
            ));
            number = number.wrapping_add(1);
            // A camera's pace.
            std::thread::sleep(Duration::from_millis(33));
        }
    })
}

fn close(one: u8, other: u8) -> bool {
    one.abs_diff(other) <= 8
}

async fn pictures_arrive_in(codec: &str) {
    let pair = Pair::new();
    let mut up = connected(&pair.alice);
    let mut remote = tracks(&pair.bob);
    let source = NativeVideoSource::new(
        VideoResolution {
            width: WIDTH,
            height: HEIGHT,
        },
        false,
    );
    let track = pair.factory.create_video_track("camera", source.clone());
    let transceiver = pair
        .alice
        .add_transceiver(track.into(), sending())
        .expect("a transceiver");
    let wanted = pair
        .factory
        .get_rtp_sender_capabilities(MediaType::Video)
        .codecs
        .into_iter()
        .filter(|known| known.mime_type.eq_ignore_ascii_case(codec))
        .collect();
    transceiver
        .set_codec_preferences(wanted)
        .expect("a codec that is known");
    pair.negotiate().await;
    within("connected", up.recv()).await;
    let Some(MediaStreamTrack::Video(track)) = within("track", remote.recv()).await else {
        panic!("not a video track")
    };
    let mut stream = NativeVideoStream::new(track);
    let stop = Arc::new(AtomicBool::new(false));
    let player = play(source, stop.clone());
    let mut last = 0;
    for _ in 0..20 {
        let frame = within("a picture", stream.next()).await.expect("a picture");
        let buffer = frame.buffer.to_i420();
        assert_eq!((buffer.width(), buffer.height()), (WIDTH, HEIGHT));
        assert!(frame.timestamp_us > last, "time goes on");
        last = frame.timestamp_us;
        let right = pixel(&buffer, 3 * WIDTH / 4, HEIGHT / 4);
        assert!(
            close(right.0, 200) && close(right.1, 180) && close(right.2, 90),
            "{right:?}"
        );
        let below = pixel(&buffer, WIDTH / 4, 3 * HEIGHT / 4);
        assert!(
            close(below.0, 60) && close(below.1, 90) && close(below.2, 180),
            "{below:?}"
        );
    }
    stop.store(true, Ordering::Release);
    player.join().expect("the player ends");
    pair.close();
    while within("the end", stream.next()).await.is_some() {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vp8_arrives() {
    pictures_arrive_in("video/VP8").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h264_arrives() {
    pictures_arrive_in("video/H264").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vp9_arrives() {
    pictures_arrive_in("video/VP9").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn av1_arrives() {
    pictures_arrive_in("video/AV1").await;
}
