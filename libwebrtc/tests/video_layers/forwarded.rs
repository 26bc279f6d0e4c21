//! Golden bitstreams with layers, as a selective forwarder passes them on: each picture that is shown is, sample by
//! sample, what the decoder makes of the whole stream of its layer.

use std::collections::BTreeMap;
use std::time::Duration;

use super::film::{COUNT, FRAME, Film, KEY_INTERVAL, STREAMS, Sent, Viewer, needed, packets};
use lk_types::InterLayer;

const RTT: Duration = Duration::from_millis(50);

/// Shows a film of which `target` says which spatial and temporal layer the viewer gets with each picture; what was shown,
/// by picture.
fn forwarded(
    film: &Film,
    descriptor: bool,
    target: impl Fn(u32) -> (u8, u8),
) -> (Viewer, BTreeMap<u32, u8>) {
    let mut viewer = Viewer::new(film.codec, RTT);
    for (number, sent) in packets(film, descriptor).iter().enumerate() {
        let (spatial, temporal) = target(number as u32);
        let passed: Vec<&Sent> = sent
            .iter()
            .filter(|sent| needed(film.mode, sent, spatial, temporal))
            .collect();
        viewer.picture(&passed, |_, _| true);
    }
    let name = format!("{} {}", film.codec, film.mode);
    let shown = viewer.check(film, &name);
    for shown in &viewer.shown {
        let key = shown.number % KEY_INTERVAL == 0;
        assert_eq!(shown.frame.keyframe, key, "{name} {}", shown.number);
    }
    assert!(viewer.asked.is_empty(), "{name}");
    assert_eq!(viewer.buffer.stats().frames_dropped, 0, "{name}");
    assert_eq!(viewer.buffer.queued(), (0, 0), "{name}");
    (viewer, shown)
}

fn temporal(film: &Film, number: u32) -> u8 {
    film.pictures[number as usize][0].layer.temporal
}

#[test]
fn a_whole_stream_shows_every_picture_in_its_highest_layer_at_once() {
    for (codec, mode, descriptor) in STREAMS {
        let film = Film::load(codec, mode);
        let (viewer, shown) = forwarded(&film, descriptor, |_| (2, 2));
        let all: BTreeMap<u32, u8> = (0..COUNT).map(|number| (number, film.top())).collect();
        assert_eq!(shown, all, "{codec} {mode}");
        let first = viewer.shown[0].at;
        for shown in &viewer.shown {
            assert_eq!(shown.at - first, FRAME * shown.number, "{codec} {mode}");
        }
        let (width, height) = (
            viewer.shown[0].picture.width,
            viewer.shown[0].picture.height,
        );
        assert_eq!((width, height), (320, 180), "{codec} {mode}");
    }
}

#[test]
fn without_its_highest_spatial_layers_it_is_a_smaller_film() {
    for (codec, mode, descriptor) in STREAMS {
        let film = Film::load(codec, mode);
        for spatial in 0..film.mode.spatial_layers {
            let (viewer, shown) = forwarded(&film, descriptor, |_| (spatial, 2));
            let all: BTreeMap<u32, u8> = (0..COUNT).map(|number| (number, spatial)).collect();
            assert_eq!(shown, all, "{codec} {mode} S{spatial}");
            let size = &film.pictures[0][usize::from(spatial)];
            for shown in &viewer.shown {
                let picture = (shown.picture.width, shown.picture.height);
                assert_eq!(picture, (size.width, size.height), "{codec} {mode}");
            }
        }
    }
}

#[test]
fn without_its_highest_temporal_layers_it_has_fewer_pictures() {
    for (codec, mode, descriptor) in STREAMS {
        let film = Film::load(codec, mode);
        for highest in 0..film.mode.temporal_layers {
            let (_, shown) = forwarded(&film, descriptor, |_| (2, highest));
            let some: BTreeMap<u32, u8> = (0..COUNT)
                .filter(|number| temporal(&film, *number) <= highest)
                .map(|number| (number, film.top()))
                .collect();
            assert_eq!(shown, some, "{codec} {mode} T{highest}");
        }
    }
}

#[test]
fn a_spatial_layer_comes_and_goes_where_the_stream_lets_it() {
    for (codec, mode, descriptor) in STREAMS {
        let film = Film::load(codec, mode);
        // Up and down with a key picture.
        for (before, behind) in [(0, film.top()), (film.top(), 0)] {
            let target = |number| {
                if number < KEY_INTERVAL {
                    before
                } else {
                    behind
                }
            };
            let (_, shown) = forwarded(&film, descriptor, |number| (target(number), 2));
            let all: BTreeMap<u32, u8> =
                (0..COUNT).map(|number| (number, target(number))).collect();
            assert_eq!(shown, all, "{codec} {mode}");
        }
        if film.mode.inter_layer != InterLayer::Always {
            continue;
        }
        // Down anywhere: the lower layers are there all the time.
        for leaves in 1..KEY_INTERVAL {
            let target = |number| {
                if (leaves..KEY_INTERVAL).contains(&number) {
                    0
                } else {
                    film.top()
                }
            };
            let (_, shown) = forwarded(&film, descriptor, |number| (target(number), 2));
            let all: BTreeMap<u32, u8> =
                (0..COUNT).map(|number| (number, target(number))).collect();
            assert_eq!(shown, all, "{codec} {mode} down at {leaves}");
        }
    }
}

#[test]
fn a_temporal_layer_goes_anywhere_and_comes_where_it_may() {
    for (codec, mode, descriptor) in STREAMS {
        let film = Film::load(codec, mode);
        let highest = film.mode.temporal_layers - 1;
        for leaves in 1..=4 {
            for comes in leaves + 1..COUNT {
                let frame = &film.pictures[comes as usize][0];
                if !(frame.layer.switching_up && frame.layer.temporal == highest) {
                    continue;
                }
                let target = |number| {
                    if (leaves..comes).contains(&number) {
                        0
                    } else {
                        highest
                    }
                };
                let (_, shown) = forwarded(&film, descriptor, |number| (2, target(number)));
                let some: BTreeMap<u32, u8> = (0..COUNT)
                    .filter(|number| temporal(&film, *number) <= target(*number))
                    .map(|number| (number, film.top()))
                    .collect();
                assert_eq!(shown, some, "{codec} {mode} from {leaves} to {comes}");
            }
        }
    }
}
