//! Golden bitstreams with layers of which packets are lost: a picture is shown in the highest layer of which everything
//! that it refers to is there, sample by sample as the decoder makes it of the layer's whole stream; the higher layers are
//! back with the next key picture, which is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::film::{COUNT, FRAME, Film, KEY_INTERVAL, STREAMS, Sent, Viewer, needed, packets};
use lk_types::Codec;

const RTT: Duration = Duration::from_millis(50);
/// When packets that do not come are given up: where something later does without, and where nothing does.
const PATIENCE: Duration = Duration::from_millis(400);
const LONG_PATIENCE: Duration = Duration::from_millis(560);

/// Streams with spatial layers.
fn spatial() -> impl Iterator<Item = (Film, bool, String)> {
    STREAMS
        .into_iter()
        .filter(|(codec, _, _)| *codec != Codec::Vp8)
        .map(|(codec, mode, descriptor)| {
            let name = format!("{codec} {mode}, descriptor {descriptor}");
            (Film::load(codec, mode), descriptor, name)
        })
}

/// What a forwarder passes to a viewer of the highest layers, or everything.
fn passed(film: &Film, sent: &[Vec<Sent>], everything: bool) -> Vec<Vec<Sent>> {
    let wanted = |sent: &&Sent| everything || needed(film.mode, sent, 2, 2);
    sent.iter()
        .map(|picture| picture.iter().filter(wanted).cloned().collect())
        .collect()
}

/// Layer frames of which not all packets arrive: those that are not passed on, and the lost ones.
fn missing(film: &Film, arrived: &[Vec<Sent>], lost: &[&Sent]) -> BTreeSet<(u32, u8)> {
    let mut missing: BTreeSet<(u32, u8)> = (0..COUNT)
        .flat_map(|number| (0..=film.top()).map(move |spatial| (number, spatial)))
        .collect();
    for sent in arrived.iter().flatten() {
        missing.remove(&(sent.picture, sent.layer.spatial));
    }
    missing.extend(lost.iter().map(|sent| (sent.picture, sent.layer.spatial)));
    missing
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn chance(&mut self, of: u64) -> bool {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).is_multiple_of(of)
    }
}

#[test]
fn whatever_packet_is_lost_each_picture_is_shown_in_the_layer_that_is_left() {
    for (film, descriptor, name) in spatial() {
        let all = packets(&film, descriptor);
        for everything in [false, true] {
            let sent = passed(&film, &all, everything);
            // Of the last picture nobody would know what is missing.
            for lost in sent[..COUNT as usize - 1].iter().flatten() {
                let mut viewer = Viewer::new(film.codec, RTT);
                for picture in &sent {
                    let passed: Vec<&Sent> = picture.iter().collect();
                    viewer.picture(&passed, |one, _| !std::ptr::eq(one, lost));
                }
                viewer.pass(Duration::from_secs(2));
                let name = format!(
                    "{name}, everything {everything}, lost of picture {} S{}",
                    lost.picture, lost.layer.spatial
                );
                let shown = viewer.check(&film, &name);
                let right = film.showable(&missing(&film, &sent, &[lost]));
                assert_eq!(shown, right, "{name}");
            }
        }
    }
}

#[test]
fn whatever_is_lost_and_repeated_nothing_wrong_is_shown() {
    for (film, descriptor, name) in spatial() {
        let all = packets(&film, descriptor);
        let mut reduced = 0;
        for seed in 1..=12_u64 {
            let sent = passed(&film, &all, seed % 2 == 0);
            let mut random = Random(seed);
            let mut viewer = Viewer::new(film.codec, RTT);
            let mut lost = Vec::new();
            let mut late = Vec::new();
            for picture in &sent {
                for (index, one) in picture.iter().enumerate() {
                    let packet = viewer.number(one, index + 1 == picture.len());
                    if !random.chance(6) {
                        viewer.push(packet);
                    } else if random.chance(2) {
                        lost.push(one);
                    } else {
                        late.push(packet);
                    }
                }
                viewer.pass(FRAME);
                if random.chance(4) {
                    for packet in late.drain(..) {
                        viewer.push(packet);
                    }
                }
            }
            viewer.pass(Duration::from_secs(2));
            let name = format!("{name}, seed {seed}");
            let shown = viewer.check(&film, &name);
            let right = film.showable(&missing(&film, &sent, &lost));
            for (number, spatial) in &shown {
                assert!(
                    right.get(number) >= Some(spatial),
                    "{name}: picture {number} in layer {spatial}"
                );
                reduced += u32::from(*spatial < film.top());
            }
            assert!(viewer.buffer.queued().0 < 40, "{name}");
        }
        assert!(reduced > 0, "{name}: no lower layer was ever shown");
    }
}

/// Everything but the highest layer of one picture; the viewer, and the packets that were held back.
fn without_top(
    film: &Film,
    sent: &[Vec<Sent>],
    number: usize,
) -> (Viewer, Vec<lk_media::video::RtpPacket>) {
    let mut viewer = Viewer::new(film.codec, RTT);
    let mut held = Vec::new();
    for picture in &sent[..=number] {
        for (index, one) in picture.iter().enumerate() {
            let packet = viewer.number(one, index + 1 == picture.len());
            let top = one.layer.spatial == film.top();
            if one.picture as usize == number && top {
                held.push(packet);
            } else {
                viewer.push(packet);
            }
        }
        viewer.pass(FRAME);
    }
    (viewer, held)
}

fn pictures(viewer: &mut Viewer, sent: &[Vec<Sent>]) {
    for picture in sent {
        let passed: Vec<&Sent> = picture.iter().collect();
        viewer.picture(&passed, |_, _| true);
    }
}

#[test]
fn a_repeat_in_time_leaves_no_trace() {
    for (film, descriptor, name) in spatial() {
        let sent = packets(&film, descriptor);
        let (mut viewer, held) = without_top(&film, &sent, 4);
        pictures(&mut viewer, &sent[5..8]);
        assert_eq!(viewer.shown.len(), 4, "{name}");
        for packet in held {
            viewer.push(packet);
        }
        pictures(&mut viewer, &sent[8..]);
        let shown = viewer.check(&film, &name);
        let all: BTreeMap<u32, u8> = (0..COUNT).map(|number| (number, film.top())).collect();
        assert_eq!(shown, all, "{name}");
        assert!(viewer.asked.is_empty(), "{name}");
        assert_eq!(viewer.buffer.stats().frames_reduced, 0, "{name}");
    }
}

#[test]
fn lower_layers_are_shown_until_the_key_picture_that_is_asked_for() {
    for (film, descriptor, name) in spatial() {
        let sent = packets(&film, descriptor);
        // Picture 4 is one of the lowest temporal layer; those after it refer to it.
        let (mut viewer, held) = without_top(&film, &sent, 4);
        let lost_at = viewer.now - FRAME;
        pictures(&mut viewer, &sent[5..8]);
        viewer.pass(Duration::from_millis(600));
        let top = film.top();
        let shown = viewer.check(&film, &name);
        let right: BTreeMap<u32, u8> = (0..8)
            .map(|number| (number, if number < 4 { top } else { top - 1 }))
            .collect();
        assert_eq!(shown, right, "{name}");
        // The gap shows with the next picture's first packet.
        let waited = viewer.shown[4].at - lost_at - FRAME;
        assert_eq!(waited, LONG_PATIENCE, "{name}");
        // And not again before there is media that could be an answer.
        assert_eq!(viewer.asked.len(), 1, "{name}: {:?}", viewer.asked);
        assert_eq!(viewer.asked[0], viewer.shown[4].at, "{name}");
        // What comes too late is no picture, and breaks nothing.
        for packet in held {
            viewer.push(packet);
        }
        pictures(&mut viewer, &sent[8..]);
        let shown = viewer.check(&film, &name);
        assert_eq!(shown.len(), COUNT as usize, "{name}");
        assert!((8..COUNT).all(|number| shown[&number] == top), "{name}");
        assert_eq!(viewer.buffer.stats().frames_reduced, 4, "{name}");
        assert_eq!(viewer.buffer.stats().frames_dropped, 0, "{name}");
        assert_eq!(viewer.buffer.deadline(), None, "{name}");
    }
}

#[test]
fn a_key_picture_that_lacks_its_upper_layers_is_shown_small() {
    for (film, descriptor, name) in spatial() {
        let sent = packets(&film, descriptor);
        let (mut viewer, _) = without_top(&film, &sent, 0);
        // As long as it may still become whole it is waited for.
        pictures(&mut viewer, &sent[1..3]);
        assert!(viewer.shown.is_empty(), "{name}");
        viewer.pass(LONG_PATIENCE);
        let shown = viewer.check(&film, &name);
        let lower = film.top() - 1;
        let right: BTreeMap<u32, u8> = (0..3).map(|number| (number, lower)).collect();
        assert_eq!(shown, right, "{name}");
        let frame = &film.pictures[0][usize::from(lower)];
        let size = viewer.shown[0].frame.size;
        assert_eq!(size, Some((frame.width, frame.height)), "{name}");
        assert!(!viewer.asked.is_empty(), "{name}");
        pictures(&mut viewer, &sent[3..]);
        let shown = viewer.check(&film, &name);
        for number in 0..COUNT {
            let right = if number < KEY_INTERVAL {
                lower
            } else {
                film.top()
            };
            assert_eq!(shown[&number], right, "{name} picture {number}");
        }
    }
}

#[test]
fn a_lost_picture_to_which_nothing_refers_costs_one_small_picture_and_no_key_picture() {
    for (film, descriptor, name) in spatial() {
        let sent = packets(&film, descriptor);
        // Of the highest temporal layer.
        let (mut viewer, _) = without_top(&film, &sent, 3);
        let lost_at = viewer.now - FRAME;
        pictures(&mut viewer, &sent[4..]);
        viewer.pass(Duration::from_secs(1));
        let shown = viewer.check(&film, &name);
        for number in 0..COUNT {
            let right = if number == 3 {
                film.top() - 1
            } else {
                film.top()
            };
            assert_eq!(shown[&number], right, "{name} picture {number}");
        }
        // Later pictures are there that do without: it is not waited for any longer than for them.
        let waited = viewer.shown[3].at - lost_at - FRAME;
        assert_eq!(waited, PATIENCE, "{name}");
        assert!(viewer.asked.is_empty(), "{name}");
    }
}

#[test]
fn key_pictures_are_asked_for_ever_more_rarely_while_their_upper_layer_is_lost_too() {
    for (film, descriptor, name) in spatial() {
        let film = film.repeated(4);
        let sent = packets(&film, descriptor);
        let mut viewer = Viewer::new(film.codec, RTT);
        let last_key = sent.len() - KEY_INTERVAL as usize;
        for picture in &sent[..last_key] {
            let passed: Vec<&Sent> = picture.iter().collect();
            viewer.picture(&passed, |one, _| one.layer.spatial < film.top());
        }
        let asked: Vec<Duration> = viewer.asked.windows(2).map(|two| two[1] - two[0]).collect();
        assert!((2..=4).contains(&asked.len()), "{name}: {asked:?}");
        for (at, pause) in asked.iter().enumerate() {
            // Not before the pause is over, and the next picture shows that one is still needed.
            let least = Duration::from_millis(200) * (1 << at);
            assert!((least..least + FRAME).contains(pause), "{name}: {asked:?}");
        }
        let count = viewer.asked.len();
        pictures(&mut viewer, &sent[last_key..]);
        viewer.pass(LONG_PATIENCE);
        let shown = viewer.check(&film, &name);
        assert_eq!(shown.len(), sent.len(), "{name}");
        for (number, spatial) in shown {
            let full = number as usize >= last_key;
            let right = if full { film.top() } else { film.top() - 1 };
            assert_eq!(spatial, right, "{name} picture {number}");
        }
        viewer.pass(Duration::from_secs(5));
        assert_eq!(viewer.asked.len(), count, "{name}");
        assert_eq!(viewer.buffer.deadline(), None, "{name}");
    }
}
