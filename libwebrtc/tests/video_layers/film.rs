//! Golden bitstreams with layers, what is right to show of them, and their way through packets, frame buffer and decoder.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lk_codecs::video::{VideoDecoder, decoder};
use lk_media::video::descriptor::Mandatory;
use lk_media::video::vp8::Vp8Descriptor;
use lk_media::video::vp9::Vp9Descriptor;
use lk_media::video::{
    AssembledFrame, FrameBuffer, FrameBufferConfig, Packetizer, PacketizerConfig, RtpPacket,
    RtpPayload,
};
use lk_testkit::{golden, ivf};
use lk_types::{Codec, EncodedVideo, I420Picture, InterLayer, LayerFrame, ScalabilityMode};

/// Key pictures, as `tests/python/lkhost/bitstreams.py` has them made.
pub(crate) const KEY_INTERVAL: u32 = 8;
/// Pictures of each stream.
pub(crate) const COUNT: u32 = 16;
/// Between two pictures.
pub(crate) const FRAME: Duration = Duration::from_millis(33);

/// The streams: codec, mode, with dependency descriptor.
pub(crate) const STREAMS: [(Codec, &str, bool); 7] = [
    (Codec::Vp8, "L1T3", false),
    (Codec::Vp9, "L2T2", false),
    (Codec::Vp9, "L2T2", true),
    (Codec::Vp9, "L3T3_KEY", false),
    (Codec::Vp9, "L3T3_KEY", true),
    (Codec::Av1, "L2T2", true),
    (Codec::Av1, "L3T3_KEY", true),
];

/// A golden stream: the layer frames of each picture.
pub(crate) struct Film {
    pub(crate) codec: Codec,
    pub(crate) mode: ScalabilityMode,
    pub(crate) pictures: Vec<Vec<EncodedVideo>>,
    /// What the decoder makes of each picture of a spatial layer when it has everything up to it.
    whole: Vec<Vec<I420Picture>>,
}

impl Film {
    /// Reads an IVF file and the listing beside it.
    pub(crate) fn load(codec: Codec, mode: &str) -> Self {
        let name = format!("{}_{mode}", codec.to_string().to_lowercase());
        let listing = String::from_utf8(golden(&format!("{name}.txt"))).expect("a listing");
        let frames = ivf(&name);
        assert_eq!(frames.len(), listing.lines().count());
        let mut film = Self {
            codec,
            mode: ScalabilityMode::parse(mode).expect("a mode"),
            pictures: vec![Vec::new(); COUNT as usize],
            whole: Vec::new(),
        };
        for (line, (at, payload)) in listing.lines().zip(&frames) {
            let (number, frame) = film.frame(line, payload);
            assert_eq!(*at, number as u64);
            film.pictures[number].push(frame);
        }
        for frames in &mut film.pictures {
            assert_eq!(frames.len(), usize::from(film.mode.spatial_layers));
            frames.last_mut().expect("layers").end_of_picture = true;
        }
        film.whole = (0..film.mode.spatial_layers)
            .map(|top| film.decoded(top))
            .collect();
        film
    }

    /// A line of the listing: `4 S1 T0 160x90 205 key switching-up inter-layer 1`.
    fn frame(&self, line: &str, payload: &[u8]) -> (usize, EncodedVideo) {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("a word");
        let number = word().parse().expect("a number");
        let layer = |word: &str| word[1..].parse().expect("a layer");
        let (spatial, temporal) = (layer(word()), layer(word()));
        let (width, height) = word().split_once('x').expect("a size");
        assert_eq!(word().parse(), Ok(payload.len()));
        let rest: Vec<&str> = words.collect();
        let frame = EncodedVideo {
            codec: self.codec,
            payload: payload.to_vec(),
            keyframe: rest.contains(&"key"),
            width: width.parse().expect("a width"),
            height: height.parse().expect("a height"),
            end_of_picture: false,
            layer: LayerFrame {
                spatial,
                temporal,
                discardable: rest.contains(&"discardable"),
                switching_up: rest.contains(&"switching-up"),
                inter_layer: rest.contains(&"inter-layer"),
                references: rest.iter().filter_map(|word| word.parse().ok()).collect(),
            },
            qp: None,
        };
        (number, frame)
    }

    pub(crate) fn top(&self) -> u8 {
        self.mode.spatial_layers - 1
    }

    fn decoded(&self, top: u8) -> Vec<I420Picture> {
        let mut decoder = decoder(self.codec).expect("a decoder");
        let layers = |frames: &[EncodedVideo]| -> Option<I420Picture> {
            let layers = &frames[..=usize::from(top)];
            let payloads: Vec<&[u8]> = layers.iter().map(|frame| &frame.payload[..]).collect();
            show(self.codec, &mut *decoder, &payloads)
        };
        let pictures: Option<Vec<_>> = self
            .pictures
            .iter()
            .map(|one| &one[..])
            .map(layers)
            .collect();
        pictures.expect("every picture shows something")
    }

    /// The film several times over; each time begins with a key picture.
    pub(crate) fn repeated(mut self, times: usize) -> Self {
        self.pictures = vec![self.pictures; times].concat();
        for pictures in &mut self.whole {
            *pictures = vec![std::mem::take(pictures); times].concat();
        }
        self
    }

    /// The pictures that can be shown without the lost layer frames (picture, spatial layer), and in which layer: the
    /// highest one of which everything that it refers to, directly or not, is there.
    pub(crate) fn showable(&self, lost: &BTreeSet<(u32, u8)>) -> BTreeMap<u32, u8> {
        let mut good: Vec<bool> = Vec::new();
        let mut out = BTreeMap::new();
        for (number, frames) in self.pictures.iter().enumerate() {
            let number = number as u32;
            for frame in frames {
                let at = good.len();
                let mut references = frame.layer.references.iter();
                let fine = !lost.contains(&(number, frame.layer.spatial))
                    && references.all(|distance| good[at - usize::from(*distance)]);
                good.push(fine);
                if fine {
                    out.insert(number, frame.layer.spatial);
                }
            }
        }
        out
    }
}

/// Decodes a picture's layers as the pipeline does: VP9 one at a time, the others together.
fn show(codec: Codec, decoder: &mut dyn VideoDecoder, layers: &[&[u8]]) -> Option<I420Picture> {
    let mut picture = I420Picture::default();
    let mut shown = false;
    if codec == Codec::Vp9 {
        for layer in layers {
            shown |= decoder.decode(layer, &mut picture).expect("it is decoded");
        }
    } else {
        shown = decoder
            .decode(&layers.concat(), &mut picture)
            .expect("it is decoded");
    }
    shown.then_some(picture)
}

/// A packet as the publisher sends it, and where it belongs.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) payload: Arc<[u8]>,
    pub(crate) descriptor: Option<Arc<[u8]>>,
    pub(crate) picture: u32,
    pub(crate) layer: LayerFrame,
    pub(crate) key: bool,
}

/// All packets of a film, by picture; small ones, so that larger layer frames take several.
pub(crate) fn packets(film: &Film, descriptor: bool) -> Vec<Vec<Sent>> {
    let config = PacketizerConfig {
        max_payload: 400,
        mode: film.mode,
        descriptor,
        first_picture_id: 0x7ffa,
    };
    let mut packetizer = Packetizer::new(film.codec, config).expect("a packetiser");
    let mut all = Vec::new();
    for (number, frames) in film.pictures.iter().enumerate() {
        let mut sent: Vec<Sent> = Vec::new();
        let mut begun = frames.iter();
        let mut frame = None;
        packetizer
            .packetize(frames, |packet| {
                if begins(film.codec, packet) {
                    frame = begun.next();
                }
                let frame: &EncodedVideo = frame.expect("no more frames than there are");
                sent.push(Sent {
                    payload: packet.payload.into(),
                    descriptor: packet.descriptor.map(Arc::from),
                    picture: number as u32,
                    layer: frame.layer.clone(),
                    key: frame.keyframe,
                });
            })
            .expect("it fits");
        assert!(begun.next().is_none());
        all.push(sent);
    }
    all
}

/// Whether a layer frame begins with that packet.
fn begins(codec: Codec, packet: RtpPayload<'_>) -> bool {
    if let Some(descriptor) = packet.descriptor {
        let mandatory = Mandatory::parse(descriptor).expect("a descriptor");
        return mandatory.start_of_frame;
    }
    if codec == Codec::Vp8 {
        let (descriptor, _) = Vp8Descriptor::parse(packet.payload).expect("a VP8 packet");
        return descriptor.starts_frame();
    }
    let (descriptor, _, _) = Vp9Descriptor::parse(packet.payload).expect("a VP9 packet");
    descriptor.start
}

/// Whether a forwarder passes a packet on to a viewer of that spatial and temporal layer.
pub(crate) fn needed(mode: ScalabilityMode, sent: &Sent, spatial: u8, temporal: u8) -> bool {
    let layer = &sent.layer;
    layer.temporal <= temporal
        && match mode.inter_layer {
            InterLayer::Always => layer.spatial <= spatial,
            InterLayer::KeyOnly => layer.spatial == spatial || sent.key && layer.spatial < spatial,
            InterLayer::Never => layer.spatial == spatial,
        }
}

/// A picture that was shown.
pub(crate) struct Shown {
    pub(crate) number: u32,
    pub(crate) frame: AssembledFrame,
    pub(crate) picture: I420Picture,
    pub(crate) at: Instant,
}

/// From the forwarder to the screen.
pub(crate) struct Viewer {
    codec: Codec,
    pub(crate) buffer: FrameBuffer,
    decoder: Box<dyn VideoDecoder>,
    pub(crate) now: Instant,
    sequence: u64,
    pub(crate) shown: Vec<Shown>,
    /// When key frames were asked for.
    pub(crate) asked: Vec<Instant>,
}

impl Viewer {
    pub(crate) fn new(codec: Codec, rtt: Duration) -> Self {
        let mut buffer =
            FrameBuffer::new(codec, FrameBufferConfig::default()).expect("a video codec");
        buffer.set_rtt(rtt);
        Self {
            codec,
            buffer,
            decoder: decoder(codec).expect("a decoder"),
            now: Instant::now(),
            sequence: 65_500,
            shown: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// Passes on those packets of a picture that `arrives` says come through; all of them get numbers. The last one has
    /// the marker, as a forwarder gives it.
    pub(crate) fn picture(&mut self, passed: &[&Sent], arrives: impl Fn(&Sent, usize) -> bool) {
        for (index, sent) in passed.iter().enumerate() {
            let packet = self.number(sent, index + 1 == passed.len());
            if arrives(sent, index) {
                self.push(packet);
            }
        }
        self.pass(FRAME);
    }

    /// A packet with the next sequence number.
    pub(crate) fn number(&mut self, sent: &Sent, marker: bool) -> RtpPacket {
        self.sequence += 1;
        RtpPacket {
            sequence: self.sequence,
            timestamp: (sent.picture * 3_000).wrapping_sub(20_000),
            marker,
            arrival: self.now,
            payload: sent.payload.clone(),
            descriptor: sent.descriptor.clone(),
        }
    }

    pub(crate) fn push(&mut self, mut packet: RtpPacket) {
        packet.arrival = self.now;
        self.buffer.push(packet, self.now);
        self.look();
    }

    /// Lets time go by; the buffer is looked at when it asks for it.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(deadline) = self.buffer.deadline().filter(|deadline| *deadline <= end) {
            let stuck = deadline <= self.now;
            self.now = self.now.max(deadline);
            let before = (self.shown.len(), self.asked.len());
            self.look();
            assert!(
                !stuck || before != (self.shown.len(), self.asked.len()),
                "a deadline that is over and does nothing"
            );
        }
        self.now = end;
        self.look();
    }

    fn look(&mut self) {
        while let Some(frame) = self.buffer.poll(self.now) {
            let mut layers = Vec::new();
            let mut rest = frame.payload.as_slice();
            for layer in &frame.layers {
                let (layer, behind) = rest.split_at(*layer);
                layers.push(layer);
                rest = behind;
            }
            let picture = show(self.codec, &mut *self.decoder, &layers).expect("a picture");
            let number = frame.timestamp.wrapping_add(20_000) / 3_000;
            assert!(self.shown.last().is_none_or(|last| last.number < number));
            self.shown.push(Shown {
                number,
                frame,
                picture,
                at: self.now,
            });
        }
        if self.buffer.wants_keyframe(self.now) {
            self.asked.push(self.now);
        }
    }

    /// What was shown is what the decoder makes of the layer's whole stream; gives which layer of which picture that was.
    pub(crate) fn check(&self, film: &Film, name: &str) -> BTreeMap<u32, u8> {
        let mut out = BTreeMap::new();
        for shown in &self.shown {
            let spatial = shown.frame.spatial;
            let right = &film.whole[usize::from(spatial)][shown.number as usize];
            assert!(
                shown.picture == *right,
                "{name}: picture {} in layer {spatial} is not what was encoded ({}x{})",
                shown.number,
                shown.picture.width,
                shown.picture.height
            );
            out.insert(shown.number, spatial);
        }
        out
    }
}
