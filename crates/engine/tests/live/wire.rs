//! As much of the signalling protocol as the proof needs: field numbers are the server's.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SessionDescription {
    #[prost(string, tag = "1")]
    pub(crate) kind: String,
    #[prost(string, tag = "2")]
    pub(crate) sdp: String,
    #[prost(uint32, tag = "3")]
    pub(crate) id: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Trickle {
    #[prost(string, tag = "1")]
    pub(crate) candidate_init: String,
    #[prost(int32, tag = "2")]
    pub(crate) target: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AddTrack {
    #[prost(string, tag = "1")]
    pub(crate) cid: String,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(int32, tag = "3")]
    pub(crate) kind: i32,
    #[prost(int32, tag = "8")]
    pub(crate) source: i32,
    #[prost(bool, tag = "13")]
    pub(crate) disable_red: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TrackPublished {
    #[prost(string, tag = "1")]
    pub(crate) cid: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct MediaSections {
    #[prost(uint32, tag = "1")]
    pub(crate) audio: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) video: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Ignored {}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Request {
    #[prost(oneof = "RequestKind", tags = "1, 2, 3, 4, 8")]
    pub(crate) kind: Option<RequestKind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum RequestKind {
    #[prost(message, tag = "1")]
    Offer(SessionDescription),
    #[prost(message, tag = "2")]
    Answer(SessionDescription),
    #[prost(message, tag = "3")]
    Trickle(Trickle),
    #[prost(message, tag = "4")]
    AddTrack(AddTrack),
    #[prost(message, tag = "8")]
    Leave(Ignored),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Response {
    #[prost(oneof = "ResponseKind", tags = "1, 2, 3, 4, 6, 8, 25")]
    pub(crate) kind: Option<ResponseKind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum ResponseKind {
    #[prost(message, tag = "1")]
    Join(Ignored),
    #[prost(message, tag = "2")]
    Answer(SessionDescription),
    #[prost(message, tag = "3")]
    Offer(SessionDescription),
    #[prost(message, tag = "4")]
    Trickle(Trickle),
    #[prost(message, tag = "6")]
    TrackPublished(TrackPublished),
    #[prost(message, tag = "8")]
    Leave(Ignored),
    #[prost(message, tag = "25")]
    MediaSections(MediaSections),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ClientInfo {
    #[prost(int32, tag = "1")]
    pub(crate) sdk: i32,
    #[prost(int32, tag = "3")]
    pub(crate) protocol: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ConnectionSettings {
    #[prost(bool, tag = "1")]
    pub(crate) auto_subscribe: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct JoinRequest {
    #[prost(message, optional, tag = "1")]
    pub(crate) client_info: Option<ClientInfo>,
    #[prost(message, optional, tag = "2")]
    pub(crate) settings: Option<ConnectionSettings>,
    #[prost(message, optional, tag = "6")]
    pub(crate) publisher_offer: Option<SessionDescription>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct WrappedJoinRequest {
    #[prost(int32, tag = "1")]
    pub(crate) compression: i32,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) join_request: Vec<u8>,
}

/// `DataPacket` with a `UserPacket` inside.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct DataPacket {
    #[prost(message, optional, tag = "2")]
    pub(crate) user: Option<UserPacket>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct UserPacket {
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) payload: Vec<u8>,
}

/// A WebSocket (RFC 6455) as small as the server allows.
pub(crate) struct WebSocket {
    stream: TcpStream,
    input: Vec<u8>,
}

impl WebSocket {
    pub(crate) fn connect(port: u16, path: &str, token: &str) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server's port");
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\
             Authorization: Bearer {token}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("written");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a timeout");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("an answer");
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        stream.set_nonblocking(true).expect("non-blocking");
        Self {
            stream,
            input: Vec::new(),
        }
    }

    pub(crate) fn send(&mut self, kind: RequestKind) {
        self.frame(2, &Request { kind: Some(kind) }.encode_to_vec());
    }

    fn frame(&mut self, opcode: u8, payload: &[u8]) {
        let mut frame = vec![0x80 | opcode];
        match u16::try_from(payload.len()) {
            Ok(size) if size < 126 => frame.push(0x80 | size.to_be_bytes()[1]),
            Ok(size) => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&size.to_be_bytes());
            }
            Err(_) => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
            }
        }
        // A mask of zeros is a mask.
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        self.stream.set_nonblocking(false).expect("blocking");
        self.stream.write_all(&frame).expect("written");
        self.stream.set_nonblocking(true).expect("non-blocking");
    }

    /// What the server said since the last time.
    pub(crate) fn receive(&mut self) -> Vec<ResponseKind> {
        let mut buffer = [0; 16_384];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(size) => self.input.extend_from_slice(&buffer[..size]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("signalling: {error}"),
            }
        }
        let mut messages = Vec::new();
        while let Some((opcode, payload, size)) = parse(&self.input) {
            match opcode {
                2 => {
                    let response = Response::decode(&payload[..]).expect("a response");
                    messages.extend(response.kind);
                }
                9 => self.frame(10, &payload),
                _ => {}
            }
            self.input.drain(..size);
        }
        messages
    }
}

fn parse(input: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let [first, second, rest @ ..] = input else {
        return None;
    };
    let (size, head) = match second & 0x7f {
        126 => (
            usize::from(u16::from_be_bytes(rest.get(..2)?.try_into().ok()?)),
            4,
        ),
        127 => (
            usize::try_from(u64::from_be_bytes(rest.get(..8)?.try_into().ok()?)).ok()?,
            10,
        ),
        small => (usize::from(small), 2),
    };
    let payload = input.get(head..head + size)?;
    Some((first & 0x0f, payload.to_vec(), head + size))
}

/// RFC 4648 §5.
pub(crate) fn base64_url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    bytes
        .chunks(3)
        .flat_map(|chunk| {
            let mut group = [0; 3];
            group[..chunk.len()].copy_from_slice(chunk);
            let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
            (0..4).map(move |digit| {
                let value = usize::try_from((bits >> (18 - 6 * digit)) & 63).expect("six bits");
                if digit <= chunk.len() {
                    char::from(DIGITS[value])
                } else {
                    '='
                }
            })
        })
        .collect()
}
