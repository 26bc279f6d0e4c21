//! The calls into `shim.c`, and safe values around them.
#![expect(unsafe_code, reason = "libaom is a C library")]

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use lk_types::I420View;

use crate::video::{DecodedPlanes, VideoCodecError};

/// `lk_aom_settings` of `shim.c`, field for field.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub(super) struct Settings {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) threads: u32,
    pub(super) spatial_layers: u32,
    pub(super) temporal_layers: u32,
    pub(super) cpu_used: i32,
    pub(super) screen: u32,
    pub(super) drop_threshold: u32,
    pub(super) min_quantizer: u32,
    pub(super) max_quantizer: u32,
    pub(super) undershoot_pct: u32,
    pub(super) overshoot_pct: u32,
    pub(super) buffer_ms: u32,
    pub(super) buffer_initial_ms: u32,
    pub(super) buffer_optimal_ms: u32,
    pub(super) tile_columns_log2: u32,
    pub(super) scale_num: [u32; 3],
    pub(super) scale_den: [u32; 3],
}

/// `lk_aom_rates` of `shim.c`, kbit/s.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub(super) struct Rates {
    pub(super) total: u32,
    pub(super) layer: [u32; 9],
    pub(super) max_intra_pct: u32,
}

/// `lk_aom_structure` of `shim.c`.
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct Structure {
    pub(super) spatial: i32,
    pub(super) temporal: i32,
    pub(super) reference: [i32; 2],
    pub(super) update: u32,
}

#[repr(C)]
struct RawPacket {
    data: *const u8,
    size: usize,
    quantizer: i32,
}

#[repr(C)]
struct RawPicture {
    planes: [*const u8; 3],
    strides: [i32; 3],
    width: u32,
    height: u32,
    is_420: u32,
    two_bytes: u32,
    bit_depth: u32,
    monochrome: u32,
    quantizer: i32,
}

/// What an encoder gives for one layer.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) payload: Vec<u8>,
    pub(super) quantizer: Option<u32>,
}

unsafe extern "C" {
    fn lk_aom_error_text(code: i32) -> *const c_char;
    fn lk_aom_encoder_new(
        settings: *const Settings,
        rates: *const Rates,
        out: *mut *mut c_void,
    ) -> i32;
    fn lk_aom_encoder_free(encoder: *mut c_void);
    fn lk_aom_encoder_set_rates(encoder: *mut c_void, rates: *const Rates) -> i32;
    fn lk_aom_encoder_encode(
        encoder: *mut c_void,
        planes: *const *const u8,
        strides: *const i32,
        pts: i64,
        duration: u32,
        keyframe: u32,
        structure: *const Structure,
        out: *mut RawPacket,
    ) -> i32;
    fn lk_aom_decoder_new(threads: u32, out: *mut *mut c_void) -> i32;
    fn lk_aom_decoder_free(decoder: *mut c_void);
    fn lk_aom_announced_size(data: *const u8, size: usize, width: *mut u32, height: *mut u32);
    fn lk_aom_decoder_decode(
        decoder: *mut c_void,
        data: *const u8,
        size: usize,
        picture: *mut RawPicture,
        got: *mut u32,
    ) -> i32;
}

fn check(code: i32, call: &'static str) -> Result<(), VideoCodecError> {
    if code == 0 {
        return Ok(());
    }
    // SAFETY: libaom returns a string literal for every code, known to it or not.
    let text = unsafe { CStr::from_ptr(lk_aom_error_text(code)) };
    Err(VideoCodecError::Library {
        library: super::LIBRARY,
        call,
        code: i64::from(code),
        description: text.to_string_lossy().into_owned(),
    })
}

/// A libaom encoder; freed when dropped.
#[derive(Debug)]
pub(super) struct Encoder {
    raw: *mut c_void,
    width: u32,
    height: u32,
}

// SAFETY: the C value is not tied to a thread, nobody else holds it, and every call needs `&mut`.
unsafe impl Send for Encoder {}

impl Encoder {
    pub(super) fn new(settings: &Settings, rates: &Rates) -> Result<Self, VideoCodecError> {
        let mut raw = ptr::null_mut();
        // SAFETY: both structs have the C layout and outlive the call; `raw` takes the result.
        let code = unsafe { lk_aom_encoder_new(settings, rates, &mut raw) };
        check(code, "encoder_new")?;
        Ok(Self {
            raw,
            width: settings.width,
            height: settings.height,
        })
    }

    pub(super) fn set_rates(&mut self, rates: &Rates) -> Result<(), VideoCodecError> {
        // SAFETY: `raw` came from lk_aom_encoder_new and lives; the struct has the C layout.
        check(
            unsafe { lk_aom_encoder_set_rates(self.raw, rates) },
            "encoder_set_rates",
        )
    }

    /// Encodes one layer of a picture; `None` when the rate control dropped it.
    pub(super) fn encode(
        &mut self,
        picture: &I420View<'_>,
        pts: i64,
        duration: u32,
        keyframe: bool,
        structure: &Structure,
    ) -> Result<Option<Packet>, VideoCodecError> {
        assert!(
            (picture.width, picture.height) == (self.width, self.height) && picture.is_consistent(),
            "the encoder checks its pictures first"
        );
        let planes = picture.planes().map(|(plane, _)| plane.as_ptr());
        let mut strides = [0_i32; 3];
        for (out, (_, stride)) in strides.iter_mut().zip(picture.planes()) {
            *out = i32::try_from(stride).map_err(|_| VideoCodecError::OutOfRange {
                field: "stride",
                value: stride as f64,
                range: "0..=2147483647",
            })?;
        }
        let mut packet = RawPacket {
            data: ptr::null(),
            size: 0,
            quantizer: -1,
        };
        // SAFETY: `raw` lives. The planes hold a picture of the encoder's size (asserted above) and are only read, and
        // only during the call, because there is no lag. The other pointers are to structs of the C layout.
        let code = unsafe {
            lk_aom_encoder_encode(
                self.raw,
                planes.as_ptr(),
                strides.as_ptr(),
                pts,
                duration,
                u32::from(keyframe),
                structure,
                &mut packet,
            )
        };
        check(code, "encode")?;
        if packet.data.is_null() || packet.size == 0 {
            return Ok(None);
        }
        // SAFETY: libaom says that so many bytes stand there; they are copied before its next call.
        let payload = unsafe { std::slice::from_raw_parts(packet.data, packet.size) }.to_vec();
        Ok(Some(Packet {
            payload,
            quantizer: u32::try_from(packet.quantizer).ok(),
        }))
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: `raw` came from lk_aom_encoder_new and is freed once.
        unsafe { lk_aom_encoder_free(self.raw) };
    }
}

/// The size that a sequence header in the payload announces.
pub(super) fn announced_size(payload: &[u8]) -> (u32, u32) {
    let (mut width, mut height) = (0, 0);
    // SAFETY: the payload is as long as said and only read; both results are ours.
    unsafe { lk_aom_announced_size(payload.as_ptr(), payload.len(), &mut width, &mut height) };
    (width, height)
}

/// A libaom decoder; freed when dropped.
#[derive(Debug)]
pub(super) struct Decoder {
    raw: *mut c_void,
}

// SAFETY: the C value is not tied to a thread, nobody else holds it, and every call needs `&mut`.
unsafe impl Send for Decoder {}

impl Decoder {
    pub(super) fn new(threads: u32) -> Result<Self, VideoCodecError> {
        let mut raw = ptr::null_mut();
        // SAFETY: `raw` takes the result.
        let code = unsafe { lk_aom_decoder_new(threads, &mut raw) };
        check(code, "decoder_new")?;
        Ok(Self { raw })
    }

    /// Decodes a payload; the picture is the decoder's own memory, until the next call.
    pub(super) fn decode(
        &mut self,
        payload: &[u8],
    ) -> Result<Option<DecodedPlanes<'_>>, VideoCodecError> {
        let mut picture = RawPicture {
            planes: [ptr::null(); 3],
            strides: [0; 3],
            width: 0,
            height: 0,
            is_420: 0,
            two_bytes: 0,
            bit_depth: 8,
            monochrome: 0,
            quantizer: -1,
        };
        let mut got = 0;
        // SAFETY: `raw` lives, the payload is as long as said and only read during the call, both results are ours.
        let code = unsafe {
            lk_aom_decoder_decode(
                self.raw,
                payload.as_ptr(),
                payload.len(),
                &mut picture,
                &mut got,
            )
        };
        check(code, "decode")?;
        if got == 0 {
            return Ok(None);
        }
        let mut out = DecodedPlanes {
            width: picture.width,
            height: picture.height,
            planes: [(&[], 0); 3],
            is_420: picture.is_420 != 0,
            two_bytes: picture.two_bytes != 0,
            bit_depth: picture.bit_depth,
            quantizer: u32::try_from(picture.quantizer).ok(),
            monochrome: picture.monochrome != 0,
        };
        if !out.is_420 {
            return Ok(Some(out));
        }
        let used = if out.monochrome { 1 } else { 3 };
        for (index, (row_bytes, rows)) in out.plane_sizes().into_iter().enumerate().take(used) {
            let start = picture.planes[index];
            let stride = usize::try_from(picture.strides[index]).unwrap_or(0);
            if start.is_null() || row_bytes == 0 || rows == 0 || stride < row_bytes {
                return Ok(None);
            }
            let len = stride * (rows - 1) + row_bytes;
            // SAFETY: libaom's picture has `rows` rows of `row_bytes` bytes, `stride` apart, from `start`; it stands until
            // the decoder's next call, which needs the `&mut` that the returned lifetime holds.
            out.planes[index] = (unsafe { std::slice::from_raw_parts(start, len) }, stride);
        }
        Ok(Some(out))
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: `raw` came from lk_aom_decoder_new and is freed once.
        unsafe { lk_aom_decoder_free(self.raw) };
    }
}
