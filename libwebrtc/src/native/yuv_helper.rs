//! Conversions between raw picture formats (BT.601, limited range).
//!
//! Planes are slices with a stride in samples; chroma of an odd size is rounded up. A negative height turns
//! the picture upside down. Packed formats of four bytes are named after the little-endian word: ARGB lies in
//! memory as B, G, R, A. Nothing here panics: rows that one of the slices has no room for are left out.
#![expect(
    clippy::too_many_arguments,
    reason = "the signatures of the crate this one stands in for"
)]

/// Samples in rows, read only.
#[derive(Clone, Copy)]
struct View<'a, T> {
    data: &'a [T],
    stride: u32,
}

impl<'a, T> View<'a, T> {
    fn new(data: &'a [T], stride: u32) -> Self {
        Self { data, stride }
    }

    fn row(self, row: usize, length: usize) -> Option<&'a [T]> {
        let start = row.checked_mul(self.stride as usize)?;
        self.data.get(start..start.checked_add(length)?)
    }
}

fn row_mut<T>(data: &mut [T], stride: u32, row: usize, length: usize) -> Option<&mut [T]> {
    let start = row.checked_mul(stride as usize)?;
    data.get_mut(start..start.checked_add(length)?)
}

/// Size of a picture, and whether it is turned upside down.
#[derive(Clone, Copy)]
struct Size {
    width: usize,
    height: usize,
    flip: bool,
}

impl Size {
    fn new(width: i32, height: i32) -> Self {
        Self {
            width: width.max(0) as usize,
            height: height.unsigned_abs() as usize,
            flip: height < 0,
        }
    }

    /// The source rows of a plane with `rows` rows, in the order they are written.
    fn source_row(self, row: usize, rows: usize) -> usize {
        if self.flip { rows - 1 - row } else { row }
    }

    fn chroma_width(self) -> usize {
        self.width.div_ceil(2)
    }

    fn chroma_height(self) -> usize {
        self.height.div_ceil(2)
    }
}

/// Where the components of a packed pixel lie in memory.
#[derive(Clone, Copy)]
struct Order {
    red: usize,
    green: usize,
    blue: usize,
    alpha: usize,
}

const ARGB: Order = Order {
    blue: 0,
    green: 1,
    red: 2,
    alpha: 3,
};
const BGRA: Order = Order {
    alpha: 0,
    red: 1,
    green: 2,
    blue: 3,
};
const ABGR: Order = Order {
    red: 0,
    green: 1,
    blue: 2,
    alpha: 3,
};
const RGBA: Order = Order {
    alpha: 0,
    blue: 1,
    green: 2,
    red: 3,
};

/// Red, green and blue of one pixel, with coefficients in 256ths.
fn rgb(y: u8, u: u8, v: u8) -> [u8; 3] {
    let luma = 298 * (i32::from(y) - 16) + 128;
    let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
    let clip = |value: i32| (value >> 8).clamp(0, 255) as u8;
    [
        clip(luma + 409 * v),
        clip(luma - 100 * u - 208 * v),
        clip(luma + 516 * u),
    ]
}

fn luma([red, green, blue]: [u32; 3]) -> u8 {
    ((66 * red + 129 * green + 25 * blue + 0x1080) >> 8).min(255) as u8
}

/// U and V of one pixel, or of the mean of some.
fn chroma([red, green, blue]: [u32; 3]) -> (u8, u8) {
    let (red, green, blue) = (red as i32, green as i32, blue as i32);
    let clip = |value: i32| ((value + 0x8080) >> 8).clamp(0, 255) as u8;
    (
        clip(112 * blue - 74 * green - 38 * red),
        clip(112 * red - 94 * green - 18 * blue),
    )
}

/// The eight bits that a sample shows.
trait Depth: Copy {
    fn eight(self) -> u8;
}

impl Depth for u8 {
    fn eight(self) -> u8 {
        self
    }
}

impl Depth for u16 {
    /// Ten bits in the low end.
    fn eight(self) -> u8 {
        (self >> 2).min(255) as u8
    }
}

/// Writes packed pixels; `pixels` gives a source row's Y, U and V by column.
fn paint<P: Fn(usize) -> [u8; 3]>(
    dst: &mut [u8],
    dst_stride: u32,
    order: Order,
    size: Size,
    pixels: impl Fn(usize) -> Option<P>,
) {
    for row in 0..size.height {
        let Some(target) = row_mut(dst, dst_stride, row, size.width * 4) else {
            break;
        };
        let Some(source) = pixels(size.source_row(row, size.height)) else {
            continue;
        };
        for (column, pixel) in target.chunks_exact_mut(4).enumerate() {
            let [y, u, v] = source(column);
            let [red, green, blue] = rgb(y, u, v);
            pixel[order.red] = red;
            pixel[order.green] = green;
            pixel[order.blue] = blue;
            pixel[order.alpha] = u8::MAX;
        }
    }
}

/// Three planes to packed; `shift_x` and `shift_y` say how often chroma is halved each way.
fn planar_to_packed<T: Depth>(
    [y, u, v]: [View<'_, T>; 3],
    (shift_x, shift_y): (u32, u32),
    dst: &mut [u8],
    dst_stride: u32,
    order: Order,
    size: Size,
) {
    let chroma_width = if shift_x == 0 {
        size.width
    } else {
        size.chroma_width()
    };
    paint(dst, dst_stride, order, size, |row| {
        let y = y.row(row, size.width)?;
        let u = u.row(row >> shift_y, chroma_width)?;
        let v = v.row(row >> shift_y, chroma_width)?;
        Some(move |column: usize| {
            [
                y[column].eight(),
                u[column >> shift_x].eight(),
                v[column >> shift_x].eight(),
            ]
        })
    });
}

fn nv12_to_packed(
    y: View<'_, u8>,
    uv: View<'_, u8>,
    dst: &mut [u8],
    dst_stride: u32,
    order: Order,
    size: Size,
) {
    paint(dst, dst_stride, order, size, |row| {
        let y = y.row(row, size.width)?;
        let uv = uv.row(row / 2, size.chroma_width() * 2)?;
        Some(move |column: usize| [y[column], uv[column / 2 * 2], uv[column / 2 * 2 + 1]])
    });
}

/// Packed pixels to luma, and to chroma of two-by-two blocks, which `store` takes by row and column.
fn packed_to_planar(
    src: View<'_, u8>,
    order: Order,
    dst_y: &mut [u8],
    dst_stride_y: u32,
    size: Size,
    mut store: impl FnMut(usize, usize, (u8, u8)),
) {
    let pixel = |row: &[u8], column: usize| {
        let at = column * 4;
        [order.red, order.green, order.blue].map(|component| u32::from(row[at + component]))
    };
    let source = |row: usize| src.row(size.source_row(row, size.height), size.width * 4);
    let mut rows = 0_usize;
    for row in 0..size.height {
        let Some(target) = row_mut(dst_y, dst_stride_y, row, size.width) else {
            break;
        };
        rows += 1;
        let Some(source) = source(row) else { continue };
        for (column, sample) in target.iter_mut().enumerate() {
            *sample = luma(pixel(source, column));
        }
    }
    for row in 0..rows.div_ceil(2) {
        let Some(upper) = source(row * 2) else {
            continue;
        };
        let lower = source((row * 2 + 1).min(size.height - 1)).unwrap_or(upper);
        for column in 0..size.chroma_width() {
            let (left, right) = (column * 2, (column * 2 + 1).min(size.width - 1));
            let mut mean = [2; 3];
            for (row, column) in [(upper, left), (upper, right), (lower, left), (lower, right)] {
                for (sum, component) in mean.iter_mut().zip(pixel(row, column)) {
                    *sum += component;
                }
            }
            store(row, column, chroma(mean.map(|sum| sum / 4)));
        }
    }
}

/// Copies a plane of `width` by `height` samples, brought to eight bits.
fn copy_plane<T: Depth>(
    src: View<'_, T>,
    dst: &mut [u8],
    dst_stride: u32,
    width: usize,
    height: usize,
    size: Size,
) {
    for row in 0..height {
        let Some(target) = row_mut(dst, dst_stride, row, width) else {
            break;
        };
        if let Some(source) = src.row(size.source_row(row, height), width) {
            for (sample, source) in target.iter_mut().zip(source) {
                *sample = source.eight();
            }
        }
    }
}

/// Halves a chroma plane: `columns` and `rows` source samples become one.
fn shrink_plane(
    src: View<'_, u8>,
    dst: &mut [u8],
    dst_stride: u32,
    (width, height): (usize, usize),
    (columns, rows): (usize, usize),
    size: Size,
) {
    for row in 0..height.div_ceil(rows) {
        let source = |row: usize| src.row(size.source_row(row.min(height - 1), height), width);
        let Some(target) = row_mut(dst, dst_stride, row, width.div_ceil(columns)) else {
            break;
        };
        let (Some(upper), Some(lower)) = (source(row * rows), source(row * rows + rows - 1)) else {
            continue;
        };
        for (column, sample) in target.iter_mut().enumerate() {
            let (left, right) = (
                column * columns,
                (column * columns + columns - 1).min(width - 1),
            );
            let sum: u32 = [upper[left], upper[right], lower[left], lower[right]]
                .into_iter()
                .map(u32::from)
                .sum();
            *sample = ((sum + 2) / 4) as u8;
        }
    }
}

macro_rules! planar_to_packed {
    ($($(#[$doc:meta])* $name:ident($sample:ty, $shift:expr, $order:ident);)+) => {$(
        $(#[$doc])*
        pub fn $name(
            src_y: &[$sample],
            src_stride_y: u32,
            src_u: &[$sample],
            src_stride_u: u32,
            src_v: &[$sample],
            src_stride_v: u32,
            dst: &mut [u8],
            dst_stride: u32,
            width: i32,
            height: i32,
        ) {
            let planes = [View::new(src_y, src_stride_y), View::new(src_u, src_stride_u), View::new(src_v, src_stride_v)];
            planar_to_packed(planes, $shift, dst, dst_stride, $order, Size::new(width, height));
        }
    )+};
}

planar_to_packed! {
    /// I420 to ARGB.
    i420_to_argb(u8, (1, 1), ARGB);
    /// I420 to BGRA.
    i420_to_bgra(u8, (1, 1), BGRA);
    /// I420 to ABGR.
    i420_to_abgr(u8, (1, 1), ABGR);
    /// I420 to RGBA.
    i420_to_rgba(u8, (1, 1), RGBA);
    /// I444 to ARGB.
    i444_to_argb(u8, (0, 0), ARGB);
    /// I444 to ABGR.
    i444_to_abgr(u8, (0, 0), ABGR);
    /// I422 to ARGB.
    i422_to_argb(u8, (1, 0), ARGB);
    /// I422 to ABGR.
    i422_to_abgr(u8, (1, 0), ABGR);
    /// I010 to ARGB.
    i010_to_argb(u16, (1, 1), ARGB);
    /// I010 to ABGR.
    i010_to_abgr(u16, (1, 1), ABGR);
}

macro_rules! nv12_to_packed {
    ($($(#[$doc:meta])* $name:ident($order:ident);)+) => {$(
        $(#[$doc])*
        pub fn $name(
            src_y: &[u8],
            src_stride_y: u32,
            src_uv: &[u8],
            src_stride_uv: u32,
            dst: &mut [u8],
            dst_stride: u32,
            width: i32,
            height: i32,
        ) {
            let (y, uv) = (View::new(src_y, src_stride_y), View::new(src_uv, src_stride_uv));
            nv12_to_packed(y, uv, dst, dst_stride, $order, Size::new(width, height));
        }
    )+};
}

nv12_to_packed! {
    /// NV12 to ARGB.
    nv12_to_argb(ARGB);
    /// NV12 to ABGR.
    nv12_to_abgr(ABGR);
}

macro_rules! packed_to_i420 {
    ($($(#[$doc:meta])* $name:ident($order:ident);)+) => {$(
        $(#[$doc])*
        pub fn $name(
            src: &[u8],
            src_stride: u32,
            dst_y: &mut [u8],
            dst_stride_y: u32,
            dst_u: &mut [u8],
            dst_stride_u: u32,
            dst_v: &mut [u8],
            dst_stride_v: u32,
            width: i32,
            height: i32,
        ) {
            let size = Size::new(width, height);
            let src = View::new(src, src_stride);
            packed_to_planar(src, $order, dst_y, dst_stride_y, size, |row, column, (u, v)| {
                if let Some(target) = dst_u.get_mut(row * dst_stride_u as usize + column) {
                    *target = u;
                }
                if let Some(target) = dst_v.get_mut(row * dst_stride_v as usize + column) {
                    *target = v;
                }
            });
        }
    )+};
}

packed_to_i420! {
    /// ARGB to I420.
    argb_to_i420(ARGB);
    /// ABGR to I420.
    abgr_to_i420(ABGR);
}

macro_rules! packed_to_nv12 {
    ($($(#[$doc:meta])* $name:ident($order:ident);)+) => {$(
        $(#[$doc])*
        pub fn $name(
            src: &[u8],
            src_stride: u32,
            dst_y: &mut [u8],
            dst_stride_y: u32,
            dst_uv: &mut [u8],
            dst_stride_uv: u32,
            width: i32,
            height: i32,
        ) {
            let size = Size::new(width, height);
            let src = View::new(src, src_stride);
            packed_to_planar(src, $order, dst_y, dst_stride_y, size, |row, column, (u, v)| {
                let at = row * dst_stride_uv as usize + column * 2;
                if let Some(pair) = dst_uv.get_mut(at..at + 2) {
                    pair.copy_from_slice(&[u, v]);
                }
            });
        }
    )+};
}

packed_to_nv12! {
    /// ABGR to NV12.
    abgr_to_nv12(ABGR);
    /// ARGB to NV12.
    argb_to_nv12(ARGB);
}

/// ARGB to three bytes for each pixel, in memory B, G, R.
pub fn argb_to_rgb24(
    src_argb: &[u8],
    src_stride_argb: u32,
    dst_rgb24: &mut [u8],
    dst_stride_rgb24: u32,
    width: i32,
    height: i32,
) {
    let size = Size::new(width, height);
    let src = View::new(src_argb, src_stride_argb);
    for row in 0..size.height {
        let Some(target) = row_mut(dst_rgb24, dst_stride_rgb24, row, size.width * 3) else {
            break;
        };
        if let Some(source) = src.row(size.source_row(row, size.height), size.width * 4) {
            for (pixel, source) in target.chunks_exact_mut(3).zip(source.chunks_exact(4)) {
                pixel.copy_from_slice(&source[..3]);
            }
        }
    }
}

/// I420 to NV12.
pub fn i420_to_nv12(
    src_y: &[u8],
    src_stride_y: u32,
    src_u: &[u8],
    src_stride_u: u32,
    src_v: &[u8],
    src_stride_v: u32,
    dst_y: &mut [u8],
    dst_stride_y: u32,
    dst_uv: &mut [u8],
    dst_stride_uv: u32,
    width: i32,
    height: i32,
) {
    let size = Size::new(width, height);
    copy_plane(
        View::new(src_y, src_stride_y),
        dst_y,
        dst_stride_y,
        size.width,
        size.height,
        size,
    );
    let (u, v) = (
        View::new(src_u, src_stride_u),
        View::new(src_v, src_stride_v),
    );
    for row in 0..size.chroma_height() {
        let Some(target) = row_mut(dst_uv, dst_stride_uv, row, size.chroma_width() * 2) else {
            break;
        };
        let source = size.source_row(row, size.chroma_height());
        let (Some(u), Some(v)) = (
            u.row(source, size.chroma_width()),
            v.row(source, size.chroma_width()),
        ) else {
            continue;
        };
        for ((pair, u), v) in target.chunks_exact_mut(2).zip(u).zip(v) {
            pair.copy_from_slice(&[*u, *v]);
        }
    }
}

/// NV12 to I420.
pub fn nv12_to_i420(
    src_y: &[u8],
    src_stride_y: u32,
    src_uv: &[u8],
    src_stride_uv: u32,
    dst_y: &mut [u8],
    dst_stride_y: u32,
    dst_u: &mut [u8],
    dst_stride_u: u32,
    dst_v: &mut [u8],
    dst_stride_v: u32,
    width: i32,
    height: i32,
) {
    let size = Size::new(width, height);
    copy_plane(
        View::new(src_y, src_stride_y),
        dst_y,
        dst_stride_y,
        size.width,
        size.height,
        size,
    );
    let uv = View::new(src_uv, src_stride_uv);
    for row in 0..size.chroma_height() {
        let u = row_mut(dst_u, dst_stride_u, row, size.chroma_width());
        let v = row_mut(dst_v, dst_stride_v, row, size.chroma_width());
        let (Some(u), Some(v)) = (u, v) else { break };
        let source = uv.row(
            size.source_row(row, size.chroma_height()),
            size.chroma_width() * 2,
        );
        let Some(source) = source else { continue };
        for ((pair, u), v) in source.chunks_exact(2).zip(u).zip(v) {
            (*u, *v) = (pair[0], pair[1]);
        }
    }
}

macro_rules! planar_to_i420 {
    ($($(#[$doc:meta])* $name:ident($sample:ty, |$source:ident, $dst:ident, $stride:ident, $size:ident| $chroma:expr);)+) => {$(
        $(#[$doc])*
        pub fn $name(
            src_y: &[$sample],
            src_stride_y: u32,
            src_u: &[$sample],
            src_stride_u: u32,
            src_v: &[$sample],
            src_stride_v: u32,
            dst_y: &mut [u8],
            dst_stride_y: u32,
            dst_u: &mut [u8],
            dst_stride_u: u32,
            dst_v: &mut [u8],
            dst_stride_v: u32,
            width: i32,
            height: i32,
        ) {
            let $size = Size::new(width, height);
            copy_plane(View::new(src_y, src_stride_y), dst_y, dst_stride_y, $size.width, $size.height, $size);
            for ($source, $dst, $stride) in [
                (View::new(src_u, src_stride_u), dst_u, dst_stride_u),
                (View::new(src_v, src_stride_v), dst_v, dst_stride_v),
            ] {
                $chroma;
            }
        }
    )+};
}

planar_to_i420! {
    /// I444 to I420.
    i444_to_i420(u8, |source, dst, stride, size| {
        shrink_plane(source, dst, stride, (size.width, size.height), (2, 2), size)
    });
    /// I422 to I420.
    i422_to_i420(u8, |source, dst, stride, size| {
        shrink_plane(source, dst, stride, (size.chroma_width(), size.height), (1, 2), size)
    });
    /// I010 to I420.
    i010_to_i420(u16, |source, dst, stride, size| {
        copy_plane(source, dst, stride, size.chroma_width(), size.chroma_height(), size)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_orders_place_components_as_their_names_say() {
        // Pure red in limited-range YUV.
        let (y, u, v) = ([81], [90], [240]);
        let mut pixel = [0; 4];
        i420_to_argb(&y, 1, &u, 1, &v, 1, &mut pixel, 4, 1, 1);
        assert!(
            pixel[2] >= 253 && pixel[0] <= 2 && pixel[3] == 255,
            "{pixel:?}"
        );
        i420_to_abgr(&y, 1, &u, 1, &v, 1, &mut pixel, 4, 1, 1);
        assert!(
            pixel[0] >= 253 && pixel[2] <= 2 && pixel[3] == 255,
            "{pixel:?}"
        );
        i420_to_bgra(&y, 1, &u, 1, &v, 1, &mut pixel, 4, 1, 1);
        assert!(pixel[1] >= 253 && pixel[0] == 255, "{pixel:?}");
        i420_to_rgba(&y, 1, &u, 1, &v, 1, &mut pixel, 4, 1, 1);
        assert!(pixel[3] >= 253 && pixel[0] == 255, "{pixel:?}");
    }

    #[test]
    fn colours_survive_the_way_to_yuv_and_back() {
        for colour in [
            [0, 0, 0],
            [255, 255, 255],
            [255, 0, 0],
            [0, 255, 0],
            [0, 0, 255],
            [90, 140, 200],
        ] {
            let [red, green, blue]: [u8; 3] = colour;
            let argb: Vec<u8> = [blue, green, red, 255].repeat(4);
            let (mut y, mut u, mut v) = ([0; 4], [0; 1], [0; 1]);
            argb_to_i420(&argb, 8, &mut y, 2, &mut u, 1, &mut v, 1, 2, 2);
            let mut back = [0; 16];
            i420_to_argb(&y, 2, &u, 1, &v, 1, &mut back, 8, 2, 2);
            for (before, after) in argb.iter().zip(back) {
                assert!(before.abs_diff(after) <= 3, "{colour:?} became {back:?}");
            }
        }
    }

    #[test]
    fn nv12_and_i420_carry_the_same_samples() {
        let (y, u, v) = (
            [1, 2, 3, 4, 5, 6, 7, 8, 9],
            [10, 20, 30, 40],
            [50, 60, 70, 80],
        );
        let (mut ny, mut uv) = ([0; 9], [0; 8]);
        i420_to_nv12(&y, 3, &u, 2, &v, 2, &mut ny, 3, &mut uv, 4, 3, 3);
        assert_eq!(uv, [10, 50, 20, 60, 30, 70, 40, 80]);
        let (mut y2, mut u2, mut v2) = ([0; 9], [0; 4], [0; 4]);
        nv12_to_i420(&ny, 3, &uv, 4, &mut y2, 3, &mut u2, 2, &mut v2, 2, 3, 3);
        assert_eq!((y2, u2, v2), (y, u, v));
    }

    #[test]
    fn a_negative_height_turns_the_picture_upside_down() {
        let argb = [1, 1, 1, 255, 9, 9, 9, 255];
        let mut rgb = [0; 6];
        argb_to_rgb24(&argb, 4, &mut rgb, 3, 1, -2);
        assert_eq!(rgb, [9, 9, 9, 1, 1, 1]);
    }

    #[test]
    fn chroma_of_full_size_is_averaged() {
        let (y, u, v) = ([0; 4], [10, 20, 30, 40], [50, 50, 50, 54]);
        let (mut y2, mut u2, mut v2) = ([0; 4], [0; 1], [0; 1]);
        i444_to_i420(
            &y, 2, &u, 2, &v, 2, &mut y2, 2, &mut u2, 1, &mut v2, 1, 2, 2,
        );
        assert_eq!((u2, v2), ([25], [51]));
    }

    #[test]
    fn short_slices_and_absurd_sizes_are_survived() {
        let mut dst = [0; 4];
        i420_to_argb(&[], 0, &[], 0, &[], 0, &mut dst, 4, i32::MAX, 3);
        i420_to_argb(
            &[1],
            u32::MAX,
            &[1],
            1,
            &[1],
            1,
            &mut dst,
            u32::MAX,
            -5,
            i32::MIN + 1_000_000_000 * 2,
        );
        argb_to_nv12(&[1; 3], 4, &mut [0; 1], 1, &mut [0; 1], 1, 1, 1);
        i444_to_i420(
            &[1],
            1,
            &[1],
            1,
            &[1],
            1,
            &mut [0],
            1,
            &mut [0],
            1,
            &mut [0],
            1,
            0,
            1,
        );
        i422_to_i420(
            &[1],
            1,
            &[1],
            1,
            &[1],
            1,
            &mut [0],
            1,
            &mut [0],
            1,
            &mut [0],
            1,
            3,
            3,
        );
        assert_eq!(dst, [0; 4]);
    }
}
