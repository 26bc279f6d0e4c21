//! Every pair of pixel formats against a reference written pixel by pixel in floating point (BT.601, limited range).

use lk_dsp::video::{Picture, PictureMut, PixelFormat, Plane, PlaneMut, VideoError, convert};

/// Padding of every plane that a test makes, in bytes.
const PADDING: usize = 6;

/// What must never be written: padding.
const UNTOUCHED: u8 = 0xa5;

struct Planes {
    format: PixelFormat,
    width: usize,
    height: usize,
    data: Vec<Vec<u8>>,
    strides: Vec<usize>,
}

impl Planes {
    fn new(format: PixelFormat, width: usize, height: usize) -> Self {
        let (mut data, mut strides) = (Vec::new(), Vec::new());
        for plane in 0..format.planes() {
            let (row, rows) = format.plane_size(plane, width as u32, height as u32);
            let stride = row + PADDING;
            // The last row goes without padding.
            data.push(vec![UNTOUCHED; stride * (rows - 1) + row]);
            strides.push(stride);
        }
        Self {
            format,
            width,
            height,
            data,
            strides,
        }
    }

    fn random(format: PixelFormat, width: usize, height: usize, seed: u32) -> Self {
        let mut planes = Self::new(format, width, height);
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        for data in &mut planes.data {
            data.fill_with(&mut next);
        }
        if format == PixelFormat::I010 {
            for data in &mut planes.data {
                for sample in data.chunks_exact_mut(2) {
                    let value = u16::from_ne_bytes([sample[0], sample[1]]) & 0x3ff;
                    sample.copy_from_slice(&value.to_ne_bytes());
                }
            }
        }
        planes
    }

    fn view(&self) -> Picture<'_> {
        let planes = self.data.iter().zip(&self.strides);
        let planes = planes.map(|(data, &stride)| Plane { data, stride });
        Picture::new(self.format, self.width as u32, self.height as u32, planes).unwrap()
    }

    fn convert(&self, format: PixelFormat, flip_y: bool) -> Self {
        let mut target = Self::new(format, self.width, self.height);
        let planes = target.data.iter_mut().zip(&target.strides);
        let planes = planes.map(|(data, &stride)| PlaneMut { data, stride });
        let mut picture =
            PictureMut::new(format, self.width as u32, self.height as u32, planes).unwrap();
        convert(&self.view(), &mut picture, flip_y).unwrap();
        target
    }

    fn byte(&self, plane: usize, row: usize, at: usize) -> u8 {
        self.data[plane][row * self.strides[plane] + at]
    }

    fn is_packed(&self) -> bool {
        order(self.format).is_some()
    }

    /// Red, green, blue, alpha of a packed pixel.
    fn packed(&self, x: usize, y: usize) -> [f64; 4] {
        let order = order(self.format).unwrap();
        let size = order.len();
        let at = |component: char| {
            order
                .find(component)
                .map_or(255, |byte| self.byte(0, y, x * size + byte))
        };
        ['r', 'g', 'b', 'a'].map(|component| f64::from(at(component)))
    }

    /// Whether chroma is halved across and down.
    fn halved(&self) -> (bool, bool) {
        match self.format {
            PixelFormat::I444 => (false, false),
            PixelFormat::I422 => (true, false),
            _ => (true, true),
        }
    }

    fn luma(&self, x: usize, y: usize) -> f64 {
        match self.format {
            PixelFormat::I010 => self.ten(0, x, y),
            _ => f64::from(self.byte(0, y, x)),
        }
    }

    /// Chroma sample `x`, `y` of the chroma planes.
    fn chroma(&self, x: usize, y: usize) -> [f64; 2] {
        match self.format {
            PixelFormat::I010 => [self.ten(1, x, y), self.ten(2, x, y)],
            PixelFormat::Nv12 => {
                [self.byte(1, y, x * 2), self.byte(1, y, x * 2 + 1)].map(f64::from)
            }
            _ => [self.byte(1, y, x), self.byte(2, y, x)].map(f64::from),
        }
    }

    /// A ten-bit sample as the eight bits that count.
    fn ten(&self, plane: usize, x: usize, y: usize) -> f64 {
        let value =
            u16::from_ne_bytes([self.byte(plane, y, x * 2), self.byte(plane, y, x * 2 + 1)]);
        f64::from(value >> 2)
    }

    fn chroma_of_pixel(&self, x: usize, y: usize) -> [f64; 2] {
        let (across, down) = self.halved();
        self.chroma(x >> u32::from(across), y >> u32::from(down))
    }

    fn alpha(&self, x: usize, y: usize) -> f64 {
        match self.format {
            PixelFormat::I420a => f64::from(self.byte(3, y, x)),
            _ if self.is_packed() => self.packed(x, y)[3],
            _ => 255.0,
        }
    }
}

fn order(format: PixelFormat) -> Option<&'static str> {
    Some(match format {
        PixelFormat::Rgba => "rgba",
        PixelFormat::Abgr => "abgr",
        PixelFormat::Argb => "argb",
        PixelFormat::Bgra => "bgra",
        PixelFormat::Rgb24 => "rgb",
        _ => return None,
    })
}

fn to_rgb(y: f64, [u, v]: [f64; 2]) -> [f64; 3] {
    let (y, u, v) = ((y - 16.0) / 219.0, (u - 128.0) / 224.0, (v - 128.0) / 224.0);
    [
        y + 1.402 * v,
        y - 0.344_136 * u - 0.714_136 * v,
        y + 1.772 * u,
    ]
    .map(|value| (value * 255.0).clamp(0.0, 255.0))
}

fn to_yuv([r, g, b]: [f64; 3]) -> [f64; 3] {
    let y = (0.299 * r + 0.587 * g + 0.114 * b) / 255.0;
    [
        16.0 + 219.0 * y,
        128.0 + 224.0 * (b / 255.0 - y) / 1.772,
        128.0 + 224.0 * (r / 255.0 - y) / 1.402,
    ]
}

fn close(got: f64, expected: f64, tolerance: f64, what: &str) {
    assert!(
        (got - expected).abs() <= tolerance,
        "{what}: {got} instead of {expected}"
    );
}

/// The pixels that share a chroma sample, as positions in the source.
fn covered(target: &Planes, x: usize, y: usize, flip_y: bool) -> Vec<(usize, usize)> {
    let (across, down) = target.halved();
    let mut pixels = Vec::new();
    for row in 0..=usize::from(down) {
        for column in 0..=usize::from(across) {
            let at = (x << u32::from(across)) + column;
            let row = (y << u32::from(down)) + row;
            let (at, row) = (at.min(target.width - 1), row.min(target.height - 1));
            pixels.push((at, if flip_y { target.height - 1 - row } else { row }));
        }
    }
    pixels
}

fn mean<const N: usize>(values: impl Iterator<Item = [f64; N]>) -> [f64; N] {
    let mut sum = [0.0; N];
    let mut count = 0.0;
    for value in values {
        for (sum, value) in sum.iter_mut().zip(value) {
            *sum += value;
        }
        count += 1.0;
    }
    sum.map(|sum| sum / count)
}

fn check(source: &Planes, target: &Planes, flip_y: bool) {
    let what = format!(
        "{:?} to {:?}, {} x {}, flipped {flip_y}",
        source.format, target.format, source.width, source.height
    );
    for y in 0..target.height {
        let from = if flip_y { target.height - 1 - y } else { y };
        for x in 0..target.width {
            let at = format!("{what}, pixel {x}, {y}");
            if target.is_packed() || target.format == PixelFormat::I420a {
                close(
                    target.alpha(x, y),
                    if target.format == PixelFormat::Rgb24 {
                        255.0
                    } else {
                        source.alpha(x, from)
                    },
                    0.0,
                    &at,
                );
            }
            match (source.is_packed(), target.is_packed()) {
                (true, true) => {
                    assert_eq!(
                        source.packed(x, from)[..3],
                        target.packed(x, y)[..3],
                        "{at}"
                    );
                }
                (false, true) => {
                    let expected = to_rgb(source.luma(x, from), source.chroma_of_pixel(x, from));
                    for (got, expected) in target.packed(x, y).into_iter().zip(expected) {
                        close(got, expected, 1.0, &at);
                    }
                }
                (true, false) => {
                    let [r, g, b, _] = source.packed(x, from);
                    close(target.luma(x, y), to_yuv([r, g, b])[0], 1.0, &at);
                }
                (false, false) => close(target.luma(x, y), source.luma(x, from), 0.0, &at),
            }
        }
    }
    if target.is_packed() {
        return;
    }
    let (_, rows) = target
        .format
        .plane_size(1, target.width as u32, target.height as u32);
    let columns = if target.halved().0 {
        target.width.div_ceil(2)
    } else {
        target.width
    };
    for y in 0..rows {
        for x in 0..columns {
            let at = format!("{what}, chroma {x}, {y}");
            let pixels = covered(target, x, y, flip_y).into_iter();
            let got = target.chroma(x, y);
            let (expected, tolerance) = if source.is_packed() {
                let [r, g, b, _] = mean(pixels.map(|(x, y)| source.packed(x, y)));
                let [_, u, v] = to_yuv([r, g, b]);
                ([u.round(), v.round()], 1.0)
            } else if source.halved() == target.halved() {
                // The same samples, also where an odd picture is turned over.
                let y = if flip_y { rows - 1 - y } else { y };
                (source.chroma(x, y), 0.0)
            } else if flip_y && target.height % 2 == 1 {
                // Which rows meet then is nobody's rule.
                continue;
            } else {
                (mean(pixels.map(|(x, y)| source.chroma_of_pixel(x, y))), 0.5)
            };
            close(got[0], expected[0], tolerance, &at);
            close(got[1], expected[1], tolerance, &at);
        }
    }
}

#[test]
fn every_pair_of_formats_follows_the_reference() {
    for (width, height) in [(1, 1), (2, 2), (7, 5), (33, 3), (64, 4), (131, 8)] {
        for source in PixelFormat::ALL {
            let picture = Planes::random(source, width, height, 7);
            for target in PixelFormat::ALL {
                for flip_y in [false, true] {
                    check(&picture, &picture.convert(target, flip_y), flip_y);
                }
            }
        }
    }
}

#[test]
fn rows_longer_than_a_block_follow_the_reference() {
    for source in PixelFormat::ALL {
        let picture = Planes::random(source, 4_099, 3, 9);
        for target in [
            PixelFormat::Rgba,
            PixelFormat::Rgb24,
            PixelFormat::I420,
            PixelFormat::I444,
        ] {
            check(&picture, &picture.convert(target, false), false);
        }
    }
}

#[test]
fn padding_is_left_alone() {
    let picture = Planes::random(PixelFormat::Rgba, 9, 5, 3);
    for format in PixelFormat::ALL {
        let target = picture.convert(format, false);
        for plane in 0..format.planes() {
            let (row, rows) = format.plane_size(plane, 9, 5);
            for at in 0..rows - 1 {
                let padding = &target.data[plane][at * target.strides[plane] + row..][..PADDING];
                assert_eq!(
                    padding, [UNTOUCHED; PADDING],
                    "{format:?}, plane {plane}, row {at}"
                );
            }
        }
    }
}

#[test]
fn a_format_turned_into_itself_is_the_same_to_the_bit() {
    for format in PixelFormat::ALL {
        let picture = Planes::random(format, 13, 7, 5);
        let twice = picture.convert(format, true).convert(format, true);
        for plane in 0..format.planes() {
            let (row, rows) = format.plane_size(plane, 13, 7);
            for at in 0..rows {
                for byte in 0..row {
                    assert_eq!(
                        picture.byte(plane, at, byte),
                        twice.byte(plane, at, byte),
                        "{format:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn grey_stays_grey() {
    for grey in 0..=255 {
        let data = vec![grey; 4 * 4 * 3];
        let mut planar = vec![0; PixelFormat::I420.tight_size(4, 4).unwrap()];
        let source = Picture::tight(PixelFormat::Rgb24, 4, 4, &data).unwrap();
        let mut target = PictureMut::tight(PixelFormat::I420, 4, 4, &mut planar).unwrap();
        convert(&source, &mut target, false).unwrap();
        assert!(
            planar[16..].iter().all(|&chroma| chroma == 128),
            "{grey}: {planar:?}"
        );
        assert!((16..=235).contains(&planar[0]), "{grey}: {planar:?}");
        let mut back = vec![0; 4 * 4 * 3];
        let source = Picture::tight(PixelFormat::I420, 4, 4, &planar).unwrap();
        let mut target = PictureMut::tight(PixelFormat::Rgb24, 4, 4, &mut back).unwrap();
        convert(&source, &mut target, false).unwrap();
        assert!(
            back.iter().all(|&value| value.abs_diff(grey) <= 1),
            "{grey}: {back:?}"
        );
    }
}

#[test]
fn planes_that_do_not_hold_the_picture_are_refused() {
    let data = [0; 64];
    let plane = |length: usize, stride| Plane {
        data: &data[..length],
        stride,
    };
    let luma = plane(30, 5);
    assert!(Picture::new(PixelFormat::I420, 5, 6, [luma, plane(9, 3), plane(9, 3)]).is_ok());
    for (planes, wrong) in [
        ([plane(29, 5), plane(9, 3), plane(9, 3)], 0),
        ([luma, plane(8, 3), plane(9, 3)], 1),
        ([luma, plane(9, 3), plane(9, 2)], 2),
        ([luma, plane(9, usize::MAX), plane(9, 3)], 1),
    ] {
        match Picture::new(PixelFormat::I420, 5, 6, planes).err() {
            Some(VideoError::Plane { plane, .. }) => assert_eq!(plane, wrong),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(
        Picture::new(PixelFormat::I420, 5, 6, [luma]).err(),
        Some(VideoError::Plane { plane: 1, .. })
    ));
    for (width, height) in [(0, 1), (1, 0), (u32::MAX, 1), (1, u32::MAX)] {
        assert_eq!(
            Picture::new(PixelFormat::Rgba, width, height, [luma]).err(),
            Some(VideoError::Size { width, height })
        );
    }
}

#[test]
fn pictures_of_different_sizes_are_refused() {
    let (data, mut into) = (vec![0; 16], vec![0; 32]);
    let source = Picture::tight(PixelFormat::Rgba, 2, 2, &data).unwrap();
    let mut target = PictureMut::tight(PixelFormat::Rgba, 4, 2, &mut into).unwrap();
    assert!(matches!(
        convert(&source, &mut target, false),
        Err(VideoError::SizesDiffer {
            source_width: 2,
            target_width: 4,
            ..
        })
    ));
}
