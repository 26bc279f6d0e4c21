//! Conversions between raw picture formats (BT.601, limited range).
//!
//! Planes are slices with a stride in samples; chroma of an odd size is rounded up. A negative height turns
//! the picture upside down. Packed formats of four bytes are named after the little-endian word: ARGB lies in
//! memory as B, G, R, A. Nothing here panics: a picture that one of the slices has no room for is left out.
#![expect(
    clippy::too_many_arguments,
    reason = "the signatures of the crate this one stands in for"
)]

use lk_dsp::video::{self, Picture, PictureMut, PixelFormat, Plane, PlaneMut, sample_bytes};

/// Rows of a plane by its bytes.
trait Samples {
    fn plane(&self, stride: u32) -> Plane<'_>;
}

impl Samples for [u8] {
    fn plane(&self, stride: u32) -> Plane<'_> {
        Plane {
            data: self,
            stride: stride as usize,
        }
    }
}

impl Samples for [u16] {
    fn plane(&self, stride: u32) -> Plane<'_> {
        Plane {
            data: sample_bytes(self),
            stride: (stride as usize).saturating_mul(size_of::<u16>()),
        }
    }
}

fn plane_mut(data: &mut [u8], stride: u32) -> PlaneMut<'_> {
    PlaneMut {
        data,
        stride: stride as usize,
    }
}

fn convert<const FROM: usize, const TO: usize>(
    (from, planes): (PixelFormat, [Plane<'_>; FROM]),
    (to, planes_mut): (PixelFormat, [PlaneMut<'_>; TO]),
    (width, height): (i32, i32),
) {
    let size = (u32::try_from(width).unwrap_or(0), height.unsigned_abs());
    let converted = Picture::new(from, size.0, size.1, planes).and_then(|source| {
        let mut target = PictureMut::new(to, size.0, size.1, planes_mut)?;
        video::convert(&source, &mut target, height < 0)
    });
    if let Err(error) = converted {
        log::debug!("a picture is left out: {error}");
    }
}

macro_rules! planar_to_packed {
    ($($(#[$doc:meta])* $name:ident($sample:ty, $from:ident => $to:ident);)+) => {$(
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
            let planes = [src_y.plane(src_stride_y), src_u.plane(src_stride_u), src_v.plane(src_stride_v)];
            let target = [plane_mut(dst, dst_stride)];
            convert((PixelFormat::$from, planes), (PixelFormat::$to, target), (width, height));
        }
    )+};
}

planar_to_packed! {
    /// I420 to ARGB.
    i420_to_argb(u8, I420 => Bgra);
    /// I420 to BGRA.
    i420_to_bgra(u8, I420 => Argb);
    /// I420 to ABGR.
    i420_to_abgr(u8, I420 => Rgba);
    /// I420 to RGBA.
    i420_to_rgba(u8, I420 => Abgr);
    /// I444 to ARGB.
    i444_to_argb(u8, I444 => Bgra);
    /// I444 to ABGR.
    i444_to_abgr(u8, I444 => Rgba);
    /// I422 to ARGB.
    i422_to_argb(u8, I422 => Bgra);
    /// I422 to ABGR.
    i422_to_abgr(u8, I422 => Rgba);
    /// I010 to ARGB.
    i010_to_argb(u16, I010 => Bgra);
    /// I010 to ABGR.
    i010_to_abgr(u16, I010 => Rgba);
}

macro_rules! nv12_to_packed {
    ($($(#[$doc:meta])* $name:ident($to:ident);)+) => {$(
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
            let planes = [src_y.plane(src_stride_y), src_uv.plane(src_stride_uv)];
            let target = [plane_mut(dst, dst_stride)];
            convert((PixelFormat::Nv12, planes), (PixelFormat::$to, target), (width, height));
        }
    )+};
}

nv12_to_packed! {
    /// NV12 to ARGB.
    nv12_to_argb(Bgra);
    /// NV12 to ABGR.
    nv12_to_abgr(Rgba);
}

macro_rules! packed_to_i420 {
    ($($(#[$doc:meta])* $name:ident($from:ident);)+) => {$(
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
            let target = [
                plane_mut(dst_y, dst_stride_y),
                plane_mut(dst_u, dst_stride_u),
                plane_mut(dst_v, dst_stride_v),
            ];
            let source = [src.plane(src_stride)];
            convert((PixelFormat::$from, source), (PixelFormat::I420, target), (width, height));
        }
    )+};
}

packed_to_i420! {
    /// ARGB to I420.
    argb_to_i420(Bgra);
    /// ABGR to I420.
    abgr_to_i420(Rgba);
}

macro_rules! packed_to_nv12 {
    ($($(#[$doc:meta])* $name:ident($from:ident);)+) => {$(
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
            let target = [plane_mut(dst_y, dst_stride_y), plane_mut(dst_uv, dst_stride_uv)];
            let source = [src.plane(src_stride)];
            convert((PixelFormat::$from, source), (PixelFormat::Nv12, target), (width, height));
        }
    )+};
}

packed_to_nv12! {
    /// ABGR to NV12.
    abgr_to_nv12(Rgba);
    /// ARGB to NV12.
    argb_to_nv12(Bgra);
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
    // Read as if red came first on both sides: nothing but alpha goes.
    let source = [src_argb.plane(src_stride_argb)];
    let target = [plane_mut(dst_rgb24, dst_stride_rgb24)];
    convert(
        (PixelFormat::Rgba, source),
        (PixelFormat::Rgb24, target),
        (width, height),
    );
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
    let planes = [
        src_y.plane(src_stride_y),
        src_u.plane(src_stride_u),
        src_v.plane(src_stride_v),
    ];
    let target = [
        plane_mut(dst_y, dst_stride_y),
        plane_mut(dst_uv, dst_stride_uv),
    ];
    convert(
        (PixelFormat::I420, planes),
        (PixelFormat::Nv12, target),
        (width, height),
    );
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
    let planes = [src_y.plane(src_stride_y), src_uv.plane(src_stride_uv)];
    let target = [
        plane_mut(dst_y, dst_stride_y),
        plane_mut(dst_u, dst_stride_u),
        plane_mut(dst_v, dst_stride_v),
    ];
    convert(
        (PixelFormat::Nv12, planes),
        (PixelFormat::I420, target),
        (width, height),
    );
}

macro_rules! planar_to_i420 {
    ($($(#[$doc:meta])* $name:ident($sample:ty, $from:ident);)+) => {$(
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
            let planes = [src_y.plane(src_stride_y), src_u.plane(src_stride_u), src_v.plane(src_stride_v)];
            let target = [
                plane_mut(dst_y, dst_stride_y),
                plane_mut(dst_u, dst_stride_u),
                plane_mut(dst_v, dst_stride_v),
            ];
            convert((PixelFormat::$from, planes), (PixelFormat::I420, target), (width, height));
        }
    )+};
}

planar_to_i420! {
    /// I444 to I420.
    i444_to_i420(u8, I444);
    /// I422 to I420.
    i422_to_i420(u8, I422);
    /// I010 to I420.
    i010_to_i420(u16, I010);
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
