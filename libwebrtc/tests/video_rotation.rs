//! Pictures of a camera that is held askew, between two connections of ours: where the orientation extension is
//! negotiated they arrive as they were captured, with their rotation; where it is not they arrive upright.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use common::{Pair, connected, exchange_as, sending, tracks, within};
use libwebrtc::peer_connection_factory::native::PeerConnectionFactoryExt;
use libwebrtc::prelude::*;
use libwebrtc::video_source::native::NativeVideoSource;
use libwebrtc::video_stream::native::NativeVideoStream;
use tokio_stream::StreamExt;

const WIDTH: u32 = 320;
const HEIGHT: u32 = 180;
const ORIENTATION: &str = "urn:3gpp:video-orientation";
const ROTATIONS: [VideoRotation; 4] = [
    VideoRotation::VideoRotation0,
    VideoRotation::VideoRotation90,
    VideoRotation::VideoRotation180,
    VideoRotation::VideoRotation270,
];

/// Dark, but for its left upper quarter.
fn captured() -> I420Buffer {
    let mut buffer = I420Buffer::new(WIDTH, HEIGHT);
    let (stride, _, _) = buffer.strides();
    let (y, u, v) = buffer.data_mut();
    for (at, sample) in y.iter_mut().enumerate() {
        let (row, column) = (at as u32 / stride, at as u32 % stride);
        let bright = row < HEIGHT / 2 && column < WIDTH / 2;
        *sample = if bright { 200 } else { 50 };
    }
    u.fill(128);
    v.fill(128);
    buffer
}

/// The quarters that are bright: left upper, right upper, right lower, left lower.
fn bright(buffer: &I420Buffer) -> [bool; 4] {
    let (y, _, _) = buffer.data();
    let (stride, _, _) = buffer.strides();
    let (left, top) = (buffer.width() / 4, buffer.height() / 4);
    let (right, bottom) = (3 * left, 3 * top);
    [(left, top), (right, top), (right, bottom), (left, bottom)]
        .map(|(column, row)| y[(row * stride + column) as usize] > 125)
}

/// Alice sends what a camera captures that is turned once a picture of the last turn came; gives `each` what Bob sees,
/// with the turn, until it says that the turn is seen.
async fn turn_and_turn(negotiated: bool, mut each: impl FnMut(&BoxVideoFrame, usize) -> bool) {
    let pair = Pair::new();
    let mut up = connected(&pair.alice);
    let mut remote = tracks(&pair.bob);
    let resolution = VideoResolution {
        width: WIDTH,
        height: HEIGHT,
    };
    let source = NativeVideoSource::new(resolution, false);
    let track = pair.factory.create_video_track("camera", source.clone());
    pair.alice
        .add_transceiver(track.into(), sending())
        .expect("a transceiver");
    if negotiated {
        pair.negotiate().await;
    } else {
        exchange_as(&pair.alice, &pair.bob, without_orientation).await;
    }
    within("connected", up.recv()).await;
    let Some(MediaStreamTrack::Video(track)) = within("track", remote.recv()).await else {
        panic!("not a video track")
    };
    let mut stream = NativeVideoStream::new(track);
    let turn = Arc::new(AtomicUsize::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let player = std::thread::spawn({
        let (turn, stop) = (turn.clone(), stop.clone());
        move || {
            while !stop.load(Ordering::Acquire) {
                let rotation = ROTATIONS[turn.load(Ordering::Acquire)];
                source.capture_picture(VideoFrame::new(rotation, captured()));
                // A camera's pace.
                std::thread::sleep(Duration::from_millis(33));
            }
        }
    });
    // Once round, and to the first again.
    for at in [0, 1, 2, 3, 0] {
        turn.store(at, Ordering::Release);
        loop {
            let frame = within("a picture", stream.next()).await.expect("a picture");
            if each(&frame, at) {
                break;
            }
        }
    }
    stop.store(true, Ordering::Release);
    player.join().expect("the player ends");
    pair.close();
}

/// Takes the extension out of an offer.
fn without_orientation(offer: &str) -> String {
    assert!(offer.contains(ORIENTATION));
    let lines = offer.split_inclusive('\n');
    lines.filter(|line| !line.contains(ORIENTATION)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_rotation_arrives_as_it_was_captured() {
    turn_and_turn(true, |frame, turn| {
        let buffer = frame.buffer.to_i420();
        assert_eq!((buffer.width(), buffer.height()), (WIDTH, HEIGHT));
        assert_eq!(bright(&buffer), [true, false, false, false]);
        let before = ROTATIONS[(turn + ROTATIONS.len() - 1) % ROTATIONS.len()];
        assert!([before, ROTATIONS[turn]].contains(&frame.rotation));
        frame.rotation == ROTATIONS[turn]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_are_turned_upright_where_their_rotation_cannot_be_told() {
    turn_and_turn(false, |frame, turn| {
        assert_eq!(frame.rotation, VideoRotation::VideoRotation0);
        let buffer = frame.buffer.to_i420();
        let seen = bright(&buffer);
        let corner = seen.iter().position(|bright| *bright).expect("a corner");
        assert_eq!(seen.iter().filter(|bright| **bright).count(), 1);
        // The corner goes round clockwise, and by every second turn the picture stands on its side.
        let standing = corner % 2 == 1;
        let size = if standing {
            (HEIGHT, WIDTH)
        } else {
            (WIDTH, HEIGHT)
        };
        assert_eq!((buffer.width(), buffer.height()), size);
        corner == turn
    })
    .await;
}
