//! The calls into `shim.c`, and safe values around them.
#![expect(unsafe_code, reason = "libaom is a C library")]

use std::ffi::{c_char, c_void};
use std::ptr;

use lk_types::I420View;

use crate::shim::{Encoder, Library, Rates, check, planes};
use crate::video::VideoCodecError;

/// `lk_aom_settings` of `shim.c`, field for field.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub(crate) struct Settings {
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
}

/// libaom behind `shim.c`.
#[derive(Debug)]
pub(crate) enum Aom {}

// SAFETY: the functions are those of `shim.c`.
unsafe impl Library for Aom {
    const NAME: &'static str = "libaom";
    type Settings = Settings;

    fn error_text(code: i32) -> *const c_char {
        // SAFETY: any code will do.
        unsafe { lk_aom_error_text(code) }
    }

    unsafe fn encoder_new(
        settings: *const Settings,
        rates: *const Rates,
        out: *mut *mut c_void,
    ) -> i32 {
        // SAFETY: the caller's promise.
        unsafe { lk_aom_encoder_new(settings, rates, out) }
    }

    unsafe fn encoder_free(encoder: *mut c_void) {
        // SAFETY: the caller's promise.
        unsafe { lk_aom_encoder_free(encoder) }
    }

    unsafe fn encoder_set_rates(encoder: *mut c_void, rates: *const Rates) -> i32 {
        // SAFETY: the caller's promise.
        unsafe { lk_aom_encoder_set_rates(encoder, rates) }
    }
}

impl Encoder<Aom> {
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
            (picture.width, picture.height) == self.size && picture.is_consistent(),
            "the encoder checks its pictures first"
        );
        let (planes, strides) = planes(picture)?;
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
        check::<Aom>(code, "encode")?;
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
