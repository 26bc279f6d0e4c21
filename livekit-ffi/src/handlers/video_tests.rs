//! Video requests as a host makes them, without a room.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use prost::Message as _;

use crate::{
    dispatch::dispatch,
    error::FfiError,
    hostmem::HostMemory,
    proto::{
        self, VideoBufferType as Type, ffi_event::Message as Event,
        ffi_request::Message as Request, ffi_response::Message as Response,
        video_buffer_info::ComponentInfo, video_stream_event::Message as StreamEvent,
    },
    server::{Server, ServerConfig, events::EventSink},
};

const SOON: Duration = Duration::from_secs(10);

/// Remembers what the streams said.
#[derive(Default)]
struct Host {
    seen: Mutex<Vec<proto::VideoStreamEvent>>,
    changed: Condvar,
}

impl EventSink for Host {
    fn deliver(&self, bytes: &[u8]) {
        let event = proto::FfiEvent::decode(bytes).unwrap().message;
        if let Some(Event::VideoStreamEvent(event)) = event {
            self.seen.lock().push(event);
            self.changed.notify_all();
        }
    }
}

impl Host {
    /// Waits until the last event of the stream is its end: pictures that were on their way come before it.
    fn await_end(&self, stream: u64) {
        let until = Instant::now() + SOON;
        let mut seen = self.seen.lock();
        loop {
            let last = seen
                .iter()
                .rfind(|event| event.stream_handle == stream)
                .cloned();
            if matches!(
                last.as_ref().map(|event| &event.message),
                Some(Some(StreamEvent::Eos(_)))
            ) {
                return;
            }
            assert!(
                !self.changed.wait_until(&mut seen, until).timed_out(),
                "the last event of stream {stream} is {last:?}"
            );
        }
    }
}

struct Bench {
    host: Arc<Host>,
    server: Arc<Server>,
}

impl Bench {
    fn new() -> Self {
        let host = Arc::new(Host::default());
        let config = ServerConfig {
            first_id: 1,
            ..Default::default()
        };
        let server = Server::with_sink(config, Arc::clone(&host) as Arc<dyn EventSink>).unwrap();
        Self { host, server }
    }

    fn ask(&self, request: Request) -> Result<Response, FfiError> {
        let request = proto::FfiRequest {
            message: Some(request),
        };
        dispatch(&self.server, &mut HostMemory::for_tests(), request)
    }

    fn source(&self, kind: proto::VideoSourceType) -> u64 {
        let request = proto::NewVideoSourceRequest {
            r#type: kind.into(),
            resolution: proto::VideoSourceResolution {
                width: 64,
                height: 48,
            },
            is_screencast: None,
        };
        match self.ask(Request::NewVideoSource(request)).unwrap() {
            Response::NewVideoSource(answer) => {
                assert_eq!(answer.source.info.r#type(), kind);
                answer.source.handle.id
            }
            other => panic!("{other:?}"),
        }
    }

    fn track(&self, source_handle: u64) -> u64 {
        let name = "camera".to_owned();
        let request = proto::CreateVideoTrackRequest {
            name: name.clone(),
            source_handle,
        };
        match self.ask(Request::CreateVideoTrack(request)).unwrap() {
            Response::CreateVideoTrack(answer) => {
                assert_eq!(
                    (answer.track.info.kind(), answer.track.info.name),
                    (proto::TrackKind::KindVideo, name)
                );
                answer.track.handle.id
            }
            other => panic!("{other:?}"),
        }
    }

    fn stream(&self, track_handle: u64, format: Option<Type>) -> u64 {
        self.stream_with(track_handle, format, Some(true))
    }

    fn stream_with(
        &self,
        track_handle: u64,
        format: Option<Type>,
        normalize_stride: Option<bool>,
    ) -> u64 {
        let request = proto::NewVideoStreamRequest {
            track_handle,
            r#type: proto::VideoStreamType::VideoStreamNative.into(),
            format: format.map(Into::into),
            normalize_stride,
            queue_size_frames: None,
        };
        match self.ask(Request::NewVideoStream(request)).unwrap() {
            Response::NewVideoStream(answer) => answer.stream.handle.id,
            other => panic!("{other:?}"),
        }
    }

    fn capture(&self, source_handle: u64, buffer: proto::VideoBufferInfo) -> Option<String> {
        let request = proto::CaptureVideoFrameRequest {
            source_handle,
            buffer,
            timestamp_us: 1_234,
            rotation: proto::VideoRotation::VideoRotation180.into(),
            metadata: None,
        };
        match self.ask(Request::CaptureVideoFrame(request)).unwrap() {
            Response::CaptureVideoFrame(answer) => answer.error,
            other => panic!("{other:?}"),
        }
    }

    /// The first frame of each stream. They start to watch on threads of their own: `capture` is called until each has
    /// one.
    fn first_frames(&self, streams: &[u64], capture: impl Fn()) -> Vec<proto::VideoFrameReceived> {
        let until = Instant::now() + SOON;
        loop {
            let mut seen = self.host.seen.lock();
            let frames: Vec<_> = streams
                .iter()
                .filter_map(|stream| {
                    let first = seen.iter().find(|event| event.stream_handle == *stream)?;
                    match first.message.clone() {
                        Some(StreamEvent::FrameReceived(frame)) => Some(frame),
                        other => panic!("no frame first: {other:?}"),
                    }
                })
                .collect();
            if frames.len() == streams.len() {
                return frames;
            }
            assert!(Instant::now() < until, "no frames");
            self.host
                .changed
                .wait_for(&mut seen, Duration::from_millis(5));
            drop(seen);
            capture();
        }
    }

    /// The picture in another format, in memory of the library's that its handle keeps.
    fn convert(
        &self,
        buffer: proto::VideoBufferInfo,
        dst_type: i32,
        flip_y: bool,
    ) -> Result<proto::OwnedVideoBuffer, String> {
        use proto::video_convert_response::Message;
        let request = proto::VideoConvertRequest {
            flip_y: Some(flip_y),
            buffer,
            dst_type,
        };
        match self.ask(Request::VideoConvert(request)).unwrap() {
            Response::VideoConvert(answer) => match answer.message.unwrap() {
                Message::Buffer(buffer) => Ok(buffer),
                Message::Error(error) => Err(error),
            },
            other => panic!("{other:?}"),
        }
    }
}

fn address(data: &[u8]) -> u64 {
    data.as_ptr().expose_provenance() as u64
}

/// The bytes of a picture whose planes lie one behind the other.
fn bytes(info: &proto::VideoBufferInfo) -> Vec<u8> {
    let length: u64 = match info.stride {
        Some(stride) => u64::from(stride) * u64::from(info.height),
        None => info
            .components
            .iter()
            .map(|plane| u64::from(plane.size))
            .sum(),
    };
    let memory = HostMemory::for_tests();
    memory
        .bytes("data_ptr", info.data_ptr, length)
        .unwrap()
        .to_vec()
}

fn packed(kind: Type, width: u32, height: u32, data: &[u8]) -> proto::VideoBufferInfo {
    proto::VideoBufferInfo {
        r#type: kind.into(),
        width,
        height,
        data_ptr: address(data),
        stride: None,
        components: Vec::new(),
    }
}

fn planar(kind: Type, width: u32, height: u32, planes: &[(&[u8], u32)]) -> proto::VideoBufferInfo {
    proto::VideoBufferInfo {
        components: planes
            .iter()
            .map(|(data, stride)| ComponentInfo {
                data_ptr: address(data),
                stride: *stride,
                size: data.len() as u32,
            })
            .collect(),
        ..packed(kind, width, height, planes[0].0)
    }
}

#[test]
fn a_captured_picture_reaches_the_streams_of_its_track_in_their_formats() {
    let bench = Bench::new();
    let source = bench.source(proto::VideoSourceType::VideoSourceNative);
    let track = bench.track(source);
    let streams = [
        bench.stream(track, None),
        bench.stream(track, Some(Type::Rgba)),
        bench.stream(track, Some(Type::Nv12)),
    ];
    let red = [255, 0, 0, 255].repeat(5 * 3);
    let frames = bench.first_frames(&streams, || {
        assert_eq!(bench.capture(source, packed(Type::Rgba, 5, 3, &red)), None);
    });
    for (frame, kind) in frames.into_iter().zip([Type::I420, Type::Rgba, Type::Nv12]) {
        let info = frame.buffer.info;
        assert_eq!((info.r#type(), info.width, info.height), (kind, 5, 3));
        assert_eq!(frame.timestamp_us, 1_234);
        assert_eq!(
            frame.rotation,
            i32::from(proto::VideoRotation::VideoRotation180)
        );
        let pixels = bytes(&info);
        match kind {
            Type::Rgba => assert!(
                pixels
                    .chunks(4)
                    .all(|pixel| pixel[0] >= 253 && pixel[1] <= 2 && pixel[3] == 255),
                "{pixels:?}"
            ),
            _ => assert_eq!(
                (pixels.len(), pixels[0].abs_diff(81) <= 1),
                (27, true),
                "{pixels:?}"
            ),
        }
        assert!(bench.server.handles().drop_handle(frame.buffer.handle.id));
    }
    for stream in streams {
        assert!(bench.server.handles().drop_handle(stream));
    }
    for stream in streams {
        bench.host.await_end(stream);
    }
}

/// Whether a stream asks for it or not: hosts that do not look at strides see no skewed pictures.
#[test]
fn rows_with_room_behind_them_arrive_without_it() {
    let bench = Bench::new();
    let source = bench.source(proto::VideoSourceType::VideoSourceNative);
    let track = bench.track(source);
    let wishes = [Some(true), Some(false), None];
    let streams = wishes.map(|wish| bench.stream_with(track, None, wish));
    // What lies behind a row is of another value than all pixels.
    let rows = |pixel: u8, stride: usize, width: usize, height: usize| -> Vec<u8> {
        let row = |y| {
            let mut row = vec![255; stride];
            row[..width].fill(pixel + y as u8);
            row
        };
        (0..height).flat_map(row).collect()
    };
    let (luma, blue, red) = (rows(40, 16, 5, 3), rows(90, 8, 3, 2), rows(120, 9, 3, 2));
    let buffer = planar(Type::I420, 5, 3, &[(&luma, 16), (&blue, 8), (&red, 9)]);
    let frames = bench.first_frames(&streams, || {
        assert_eq!(bench.capture(source, buffer.clone()), None);
    });
    for frame in frames {
        let info = frame.buffer.info;
        let strides: Vec<_> = info.components.iter().map(|plane| plane.stride).collect();
        assert_eq!(strides, [5, 3, 3]);
        let expected: Vec<u8> = [rows(40, 5, 5, 3), rows(90, 3, 3, 2), rows(120, 3, 3, 2)].concat();
        assert_eq!(bytes(&info), expected);
        assert!(bench.server.handles().drop_handle(frame.buffer.handle.id));
    }
    let padded = [[7, 8, 9, 255, 255], [10, 11, 12, 255, 255]].concat();
    let one_pixel_wide = proto::VideoBufferInfo {
        stride: Some(5),
        ..packed(Type::Rgb24, 1, 2, &padded)
    };
    let other = bench
        .convert(one_pixel_wide, Type::Rgb24.into(), false)
        .unwrap();
    assert_eq!(bytes(&other.info), [7, 8, 9, 10, 11, 12]);
}

#[test]
fn every_pair_of_formats_converts_into_memory_that_the_handle_keeps() {
    let bench = Bench::new();
    let grey = vec![128; 9 * 7 * 4];
    for from in 0..=10 {
        let first = bench
            .convert(packed(Type::Rgba, 9, 7, &grey), from, false)
            .unwrap();
        assert_eq!(
            (first.info.r#type, first.info.width, first.info.height),
            (from, 9, 7)
        );
        for to in 0..=10 {
            let second = bench.convert(first.info.clone(), to, true).unwrap();
            assert!(bench.server.handles().drop_handle(second.handle.id));
        }
        let back = bench
            .convert(first.info.clone(), Type::Rgb24.into(), false)
            .unwrap();
        let pixels = bytes(&back.info);
        assert_eq!(pixels.len(), 9 * 7 * 3);
        assert!(
            pixels.iter().all(|value| value.abs_diff(128) <= 1),
            "{from}: {pixels:?}"
        );
        for buffer in [first, back] {
            assert!(bench.server.handles().drop_handle(buffer.handle.id));
        }
    }
}

#[test]
fn planes_are_read_by_their_own_strides_and_turned_over() {
    let bench = Bench::new();
    let (y, u, v) = (
        [1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9],
        [10, 11, 0, 0, 12, 13],
        [20, 21, 22, 23],
    );
    let info = planar(Type::I420, 3, 3, &[(&y, 4), (&u, 4), (&v, 2)]);
    let buffer = bench.convert(info, Type::I420.into(), true).unwrap();
    let expected = [7, 8, 9, 4, 5, 6, 1, 2, 3, 12, 13, 10, 11, 22, 23, 20, 21];
    assert_eq!(bytes(&buffer.info), expected);
}

#[test]
fn pictures_that_their_memory_cannot_hold_are_refused_by_name() {
    let bench = Bench::new();
    let source = bench.source(proto::VideoSourceType::VideoSourceNative);
    let data = vec![0; 64 * 64 * 4];
    let (y, u) = (&data[..64 * 64], &data[..32 * 32]);
    let good = planar(Type::I420, 64, 64, &[(y, 64), (u, 32), (u, 32)]);
    assert_eq!(bench.capture(source, good.clone()), None);
    let rgba = packed(Type::Rgba, 64, 64, &data);
    let cases = [
        (
            planar(Type::I420, 64, 64, &[(y, 63), (u, 32), (u, 32)]),
            "components",
        ),
        (
            planar(Type::I420, 64, 64, &[(&y[1..], 64), (u, 32), (u, 32)]),
            "components",
        ),
        (
            planar(Type::I420, 64, 64, &[(y, 64), (u, 32), (&u[..1], 32)]),
            "components",
        ),
        (
            planar(Type::I420, 64, 64, &[(y, u32::MAX), (u, 32), (u, 32)]),
            "components",
        ),
        (
            planar(Type::I420, 64, 64, &[(y, 64), (u, 32)]),
            "components",
        ),
        (
            planar(Type::I420a, 64, 64, &[(y, 64), (u, 32), (u, 32)]),
            "components",
        ),
        (
            planar(Type::Nv12, 64, 64, &[(y, 64), (u, 64)]),
            "components",
        ),
        (
            planar(Type::I010, 64, 64, &[(y, 64), (u, 32), (u, 32)]),
            "components",
        ),
        (
            proto::VideoBufferInfo {
                components: Vec::new(),
                ..good.clone()
            },
            "components",
        ),
        (
            proto::VideoBufferInfo {
                stride: Some(255),
                ..rgba.clone()
            },
            "data_ptr",
        ),
        (
            proto::VideoBufferInfo {
                stride: Some(0),
                ..rgba.clone()
            },
            "data_ptr",
        ),
        (
            proto::VideoBufferInfo {
                data_ptr: 0,
                ..rgba.clone()
            },
            "data_ptr",
        ),
        (
            proto::VideoBufferInfo {
                data_ptr: u64::MAX - 5,
                ..rgba.clone()
            },
            "data_ptr",
        ),
        (
            proto::VideoBufferInfo {
                width: 0,
                ..rgba.clone()
            },
            "width",
        ),
        (
            proto::VideoBufferInfo {
                height: 0,
                ..good.clone()
            },
            "height",
        ),
        (
            proto::VideoBufferInfo {
                width: u32::MAX,
                ..rgba.clone()
            },
            "width",
        ),
        (
            proto::VideoBufferInfo {
                height: u32::MAX,
                ..good.clone()
            },
            "height",
        ),
        (
            proto::VideoBufferInfo {
                r#type: 11,
                ..rgba.clone()
            },
            "type",
        ),
    ];
    for (info, named) in cases {
        let captured = bench
            .capture(source, info.clone())
            .unwrap_or_else(|| panic!("{info:?}"));
        let converted = bench.convert(info, Type::I420.into(), false).unwrap_err();
        assert!(
            captured.contains(named) && converted.contains(named),
            "{captured}; {converted}"
        );
    }
    assert!(
        bench
            .convert(rgba, 11, false)
            .unwrap_err()
            .contains("dst_type")
    );
}

#[test]
fn the_largest_picture_is_taken_and_a_larger_one_is_not() {
    let bench = Bench::new();
    let source = bench.source(proto::VideoSourceType::VideoSourceNative);
    let data = vec![0; 4_097 * 4_096 * 3];
    assert_eq!(
        bench.capture(source, packed(Type::Rgb24, 4_096, 4_096, &data)),
        None
    );
    for (width, height) in [(4_097, 4_096), (4_096, 4_097)] {
        assert!(
            bench
                .capture(source, packed(Type::Rgb24, width, height, &data))
                .is_some()
        );
    }
}

#[test]
fn sources_without_pixels_are_refused_by_name() {
    let bench = Bench::new();
    for (width, height, kind, named) in [
        (0, 48, 0, "resolution.width"),
        (64, 0, 0, "resolution.height"),
        (5_000, 48, 1, "resolution.width"),
        (64, 48, 9, "type"),
    ] {
        let request = proto::NewVideoSourceRequest {
            r#type: kind,
            resolution: proto::VideoSourceResolution { width, height },
            is_screencast: Some(true),
        };
        let error = bench
            .ask(Request::NewVideoSource(request))
            .unwrap_err()
            .to_string();
        assert!(error.contains(named), "{error}");
    }
}

#[test]
fn a_source_takes_the_kind_of_frames_that_it_was_made_for() {
    let bench = Bench::new();
    let pictures = bench.source(proto::VideoSourceType::VideoSourceNative);
    let encoded = bench.source(proto::VideoSourceType::VideoSourceEncoded);
    let data = [0; 4];
    let error = bench
        .capture(encoded, packed(Type::Rgba, 1, 1, &data))
        .unwrap();
    assert!(error.contains("encoded frames"), "{error}");
    let request = |source_handle, data_len, codec| proto::CaptureEncodedVideoFrameRequest {
        source_handle,
        buffer: proto::EncodedVideoBufferInfo {
            data_ptr: address(&data),
            data_len,
        },
        codec,
        frame_type: proto::EncodedFrameType::EncodedFrameKey.into(),
        width: 64,
        height: 48,
        timestamp_us: 1,
        metadata: None,
    };
    let capture = |request| bench.ask(Request::CaptureEncodedVideoFrame(request));
    match capture(request(encoded, 4, 0)).unwrap() {
        Response::CaptureEncodedVideoFrame(answer) => {
            assert!(!answer.accepted, "nobody publishes it")
        }
        other => panic!("{other:?}"),
    }
    for (request, named) in [
        (request(pictures, 4, 0), "source_handle"),
        (request(encoded, 0, 0), "data_len"),
        (request(encoded, u64::MAX, 0), "data_len"),
        (request(encoded, 4, 5), "codec"),
        (
            proto::CaptureEncodedVideoFrameRequest {
                width: 0,
                ..request(encoded, 4, 0)
            },
            "width",
        ),
    ] {
        let error = capture(request).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
    let feedback = |source_handle| {
        let request = proto::TakeEncodedVideoSourceFeedbackRequest { source_handle };
        bench.ask(Request::TakeEncodedVideoSourceFeedback(request))
    };
    assert!(matches!(
        feedback(encoded),
        Ok(Response::TakeEncodedVideoSourceFeedback(_))
    ));
    assert!(feedback(pictures).is_err());
}

#[test]
fn handles_of_another_kind_and_browser_streams_are_refused() {
    let bench = Bench::new();
    let source = bench.source(proto::VideoSourceType::VideoSourceNative);
    let track = bench.track(source);
    let data = [0; 4];
    assert!(
        bench
            .capture(track, packed(Type::Rgba, 1, 1, &data))
            .is_some()
    );
    assert!(
        bench
            .capture(9_999, packed(Type::Rgba, 1, 1, &data))
            .is_some()
    );
    let stream = |track_handle, kind: proto::VideoStreamType, format| {
        bench.ask(Request::NewVideoStream(proto::NewVideoStreamRequest {
            track_handle,
            r#type: kind.into(),
            format,
            normalize_stride: None,
            queue_size_frames: Some(2),
        }))
    };
    let native = proto::VideoStreamType::VideoStreamNative;
    for (outcome, named) in [
        (stream(source, native, None), "video source"),
        (
            stream(track, proto::VideoStreamType::VideoStreamHtml, None),
            "VIDEO_STREAM_HTML",
        ),
        (stream(track, native, Some(77)), "format"),
    ] {
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
    assert!(stream(track, native, Some(3)).is_ok());
}
