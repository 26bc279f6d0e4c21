//! Scaled pictures against the mean of the area that each new sample covers.

use lk_dsp::video::{VideoError, scale_i420};
use lk_types::{I420Picture, I420View};

fn random(width: u32, height: u32) -> I420Picture {
    let mut picture = I420Picture::black(width, height);
    let mut state = width.wrapping_mul(31).wrapping_add(height);
    for plane in [&mut picture.y, &mut picture.u, &mut picture.v] {
        plane.fill_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
    }
    picture
}

fn scaled(source: &I420Picture, width: u32, height: u32) -> I420Picture {
    let mut target = I420Picture::default();
    scale_i420(&source.view(), width, height, &mut target).unwrap();
    assert_eq!((target.width, target.height), (width, height));
    assert!(target.view().is_consistent());
    target
}

/// How much of each source sample new sample `at` is made of.
fn shares(at: usize, to: usize, from: usize) -> Vec<f64> {
    let ratio = from as f64 / to as f64;
    let (start, end) = if ratio > 1.0 {
        (at as f64 * ratio, (at + 1) as f64 * ratio)
    } else {
        let middle = (at as f64 + 0.5) * ratio;
        (middle - 0.5, middle + 0.5)
    };
    let mut shares = vec![0.0; from];
    let first = start.floor() as i64;
    for sample in first..=end.ceil() as i64 {
        let share = (end.min((sample + 1) as f64) - start.max(sample as f64)).max(0.0);
        shares[sample.clamp(0, from as i64 - 1) as usize] += share;
    }
    let sum: f64 = shares.iter().sum();
    shares.iter().map(|share| share / sum).collect()
}

fn check_plane(
    from: &[u8],
    (from_width, from_height): (usize, usize),
    to: &[u8],
    (width, height): (usize, usize),
    what: &str,
) {
    let columns: Vec<_> = (0..width).map(|x| shares(x, width, from_width)).collect();
    for y in 0..height {
        let rows = shares(y, height, from_height);
        for (x, columns) in columns.iter().enumerate() {
            let mut expected = 0.0;
            for (row, row_share) in rows.iter().enumerate().filter(|(_, share)| **share > 0.0) {
                for (column, share) in columns.iter().enumerate() {
                    expected += row_share * share * f64::from(from[row * from_width + column]);
                }
            }
            let got = f64::from(to[y * width + x]);
            assert!(
                (got - expected).abs() <= 1.5,
                "{what}, {x}, {y}: {got} instead of {expected}"
            );
        }
    }
}

#[test]
fn every_sample_is_the_mean_of_its_area() {
    for ((from_width, from_height), (width, height)) in [
        ((64, 48), (32, 24)),
        ((64, 48), (16, 12)),
        ((64, 48), (48, 36)),
        ((48, 36), (32, 24)),
        ((48, 36), (16, 12)),
        ((48, 36), (8, 6)),
        ((48, 36), (32, 9)),
        ((64, 48), (64, 24)),
        ((64, 48), (23, 17)),
        ((33, 21), (16, 10)),
        ((33, 21), (17, 11)),
        ((16, 12), (32, 24)),
        ((5, 3), (16, 7)),
        ((40, 30), (3, 40)),
        ((1, 1), (6, 4)),
        ((7, 5), (1, 1)),
        ((7, 5), (7, 5)),
    ] {
        let source = random(from_width, from_height);
        let target = scaled(&source, width, height);
        let what = format!("{from_width} x {from_height} to {width} x {height}");
        let luma = (width as usize, height as usize);
        let from = (from_width as usize, from_height as usize);
        check_plane(&source.y, from, &target.y, luma, &what);
        let half = |(width, height): (usize, usize)| (width.div_ceil(2), height.div_ceil(2));
        check_plane(&source.u, half(from), &target.u, half(luma), &what);
        check_plane(&source.v, half(from), &target.v, half(luma), &what);
    }
}

#[test]
fn flat_pictures_stay_flat_however_they_are_scaled() {
    for value in [0, 1, 127, 254, 255] {
        let mut source = I420Picture::black(517, 303);
        for plane in [&mut source.y, &mut source.u, &mut source.v] {
            plane.fill(value);
        }
        for (width, height) in [
            (2, 2),
            (13, 300),
            (258, 151),
            (400, 400),
            (1_034, 1),
            (1, 606),
        ] {
            let target = scaled(&source, width, height);
            let mut samples = target.y.iter().chain(&target.u).chain(&target.v);
            assert!(
                samples.all(|&sample| sample == value),
                "{value}, {width} x {height}"
            );
        }
    }
}

#[test]
fn strides_are_skipped_and_memory_is_used_again() {
    let source = random(12, 8);
    let padded = |plane: &[u8], width: usize| -> Vec<u8> {
        let rows = plane.chunks(width).map(|row| [row, &[200; 5]].concat());
        rows.collect::<Vec<_>>().concat()
    };
    let (y, u, v) = (
        padded(&source.y, 12),
        padded(&source.u, 6),
        padded(&source.v, 6),
    );
    let view = I420View {
        width: 12,
        height: 8,
        y: &y,
        u: &u,
        v: &v,
        stride_y: 17,
        stride_u: 11,
        stride_v: 11,
    };
    let mut target = scaled(&source, 30, 30);
    let before = target.y.as_ptr();
    scale_i420(&view, 6, 4, &mut target).unwrap();
    assert_eq!(target, scaled(&source, 6, 4));
    assert_eq!(target.y.as_ptr(), before);
}

#[test]
fn senseless_sizes_and_short_planes_are_refused() {
    let source = random(4, 4);
    let mut target = I420Picture::black(2, 2);
    for (width, height) in [(0, 4), (4, 0), (u32::MAX, 4)] {
        assert_eq!(
            scale_i420(&source.view(), width, height, &mut target),
            Err(VideoError::Size { width, height })
        );
    }
    let short = I420View {
        u: &source.u[1..],
        ..source.view()
    };
    assert!(matches!(
        scale_i420(&short, 2, 2, &mut target),
        Err(VideoError::Plane { plane: 1, .. })
    ));
    assert_eq!(target, I420Picture::black(2, 2));
}
