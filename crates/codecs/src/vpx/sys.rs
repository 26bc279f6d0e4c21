//! The calls into `shim.c`, and safe values around them.
#![expect(unsafe_code, reason = "libvpx is a C library")]

use std::ffi::{c_char, c_void};
use std::ptr;

use lk_types::{Codec, I420View};

use crate::shim::{Decoding, Encoder, Library, Rates, RawPicture, check, planes};
use crate::video::VideoCodecError;

/// `lk_vpx_settings` of `shim.c`, field for field.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub(crate) struct Settings {
    pub(super) vp9: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) threads: u32,
    pub(super) error_resilient: u32,
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
    pub(super) static_threshold: u32,
    pub(super) token_partitions_log2: u32,
    pub(super) tile_columns_log2: u32,
    pub(super) inter_layer_off: u32,
    pub(super) scale_num: [u32; 3],
    pub(super) scale_den: [u32; 3],
    pub(super) layer_speed: [u32; 3],
}

/// `lk_vpx_structure` of `shim.c`.
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct Structure {
    pub(super) first_spatial: i32,
    pub(super) temporal: [i32; 3],
    pub(super) reference: [[i32; 3]; 3],
    pub(super) update: [u32; 3],
}

#[repr(C)]
struct RawPacket {
    data: *const u8,
    size: usize,
    keyframe: u32,
    spatial: u32,
    width: u32,
    height: u32,
    quantizer: i32,
}

/// What an encoder gives for one layer.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) payload: Vec<u8>,
    pub(super) keyframe: bool,
    pub(super) spatial: u8,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) quantizer: Option<u32>,
}

/// The flags of `frame_flags` in `shim.c`.
pub(super) mod flag {
    pub(crate) const KEY: u32 = 1;
    pub(crate) const NO_REF_GOLDEN: u32 = 1 << 2;
    pub(crate) const NO_REF_ALTREF: u32 = 1 << 3;
    pub(crate) const NO_REF_LAST: u32 = 1 << 1;
    pub(crate) const NO_UPDATE_LAST: u32 = 1 << 4;
    pub(crate) const NO_UPDATE_GOLDEN: u32 = 1 << 5;
    pub(crate) const NO_UPDATE_ALTREF: u32 = 1 << 6;
    pub(crate) const NO_UPDATE_PROBABILITIES: u32 = 1 << 7;
}

type Sink = extern "C" fn(*mut c_void, *const RawPacket);

unsafe extern "C" {
    fn lk_vpx_error_text(code: i32) -> *const c_char;
    fn lk_vpx_encoder_new(
        settings: *const Settings,
        rates: *const Rates,
        out: *mut *mut c_void,
    ) -> i32;
    fn lk_vpx_encoder_free(encoder: *mut c_void);
    fn lk_vpx_encoder_set_rates(encoder: *mut c_void, rates: *const Rates) -> i32;
    fn lk_vpx_encoder_encode(
        encoder: *mut c_void,
        planes: *const *const u8,
        strides: *const i32,
        pts: i64,
        duration: u32,
        flags: u32,
        temporal: u32,
        structure: *const Structure,
        sink: Sink,
        context: *mut c_void,
    ) -> i32;
    fn lk_vpx_decoder_new(vp9: u32, threads: u32, out: *mut *mut c_void) -> i32;
    fn lk_vpx_announced_size(
        vp9: u32,
        data: *const u8,
        size: usize,
        width: *mut u32,
        height: *mut u32,
    );
    fn lk_vpx_decoder_free(decoder: *mut c_void);
    fn lk_vpx_decoder_decode(
        decoder: *mut c_void,
        data: *const u8,
        size: usize,
        picture: *mut RawPicture,
        got: *mut u32,
    ) -> i32;
}

/// libvpx behind `shim.c`.
#[derive(Debug)]
pub(crate) enum Vpx {}

// SAFETY: the functions are those of `shim.c`.
unsafe impl Library for Vpx {
    const NAME: &'static str = "libvpx";
    type Settings = Settings;

    fn error_text(code: i32) -> *const c_char {
        // SAFETY: any code will do.
        unsafe { lk_vpx_error_text(code) }
    }

    unsafe fn encoder_new(
        settings: *const Settings,
        rates: *const Rates,
        out: *mut *mut c_void,
    ) -> i32 {
        // SAFETY: the caller's promise.
        unsafe { lk_vpx_encoder_new(settings, rates, out) }
    }

    unsafe fn encoder_free(encoder: *mut c_void) {
        // SAFETY: the caller's promise.
        unsafe { lk_vpx_encoder_free(encoder) }
    }

    unsafe fn encoder_set_rates(encoder: *mut c_void, rates: *const Rates) -> i32 {
        // SAFETY: the caller's promise.
        unsafe { lk_vpx_encoder_set_rates(encoder, rates) }
    }
}

// SAFETY: the functions are those of `shim.c`.
unsafe impl Decoding for Vpx {
    unsafe fn decoder_new(codec: Codec, threads: u32, out: *mut *mut c_void) -> i32 {
        // SAFETY: the caller's promise.
        unsafe { lk_vpx_decoder_new(u32::from(codec == Codec::Vp9), threads, out) }
    }

    unsafe fn decoder_free(decoder: *mut c_void) {
        // SAFETY: the caller's promise.
        unsafe { lk_vpx_decoder_free(decoder) }
    }

    unsafe fn decoder_decode(
        decoder: *mut c_void,
        data: *const u8,
        size: usize,
        picture: *mut RawPicture,
        got: *mut u32,
    ) -> i32 {
        // SAFETY: the caller's promise.
        unsafe { lk_vpx_decoder_decode(decoder, data, size, picture, got) }
    }

    fn announced_size(codec: Codec, payload: &[u8]) -> (u32, u32) {
        let (mut width, mut height) = (0, 0);
        // SAFETY: the payload is as long as said and only read; both results are ours.
        unsafe {
            lk_vpx_announced_size(
                u32::from(codec == Codec::Vp9),
                payload.as_ptr(),
                payload.len(),
                &mut width,
                &mut height,
            );
        }
        (width, height)
    }
}

impl Encoder<Vpx> {
    /// Encodes a picture; what comes of it is appended to `packets`. Of a picture larger than the encoder the left upper
    /// part is taken.
    #[expect(clippy::too_many_arguments, reason = "it mirrors the C function")]
    pub(super) fn encode(
        &mut self,
        picture: &I420View<'_>,
        pts: i64,
        duration: u32,
        flags: u32,
        temporal: u8,
        structure: Option<&Structure>,
        packets: &mut Vec<Packet>,
    ) -> Result<(), VideoCodecError> {
        assert!(
            picture.width >= self.size.0
                && picture.height >= self.size.1
                && picture.is_consistent(),
            "the encoders check their pictures first"
        );
        let (planes, strides) = planes(picture)?;
        // SAFETY: `raw` lives. The planes hold a picture of at least the encoder's size (asserted above) and are only read,
        // and only during the call, because there is no lag. The sink gets `packets` back as its context, during the call.
        let code = unsafe {
            lk_vpx_encoder_encode(
                self.raw,
                planes.as_ptr(),
                strides.as_ptr(),
                pts,
                duration,
                flags,
                u32::from(temporal),
                structure.map_or(ptr::null(), ptr::from_ref),
                collect,
                ptr::from_mut(packets).cast(),
            )
        };
        check::<Vpx>(code, "encode")
    }
}

extern "C" fn collect(context: *mut c_void, packet: *const RawPacket) {
    // SAFETY: the context is the `&mut Vec<Packet>` that `encode` handed over, and it is in nobody else's hands
    // meanwhile; the packet is a live struct on the C caller's stack.
    let (packets, packet) = unsafe { (&mut *context.cast::<Vec<Packet>>(), &*packet) };
    if packet.data.is_null() || packet.size == 0 {
        return;
    }
    // SAFETY: libvpx says that so many bytes stand there; they are copied before its next call.
    let payload = unsafe { std::slice::from_raw_parts(packet.data, packet.size) }.to_vec();
    packets.push(Packet {
        payload,
        keyframe: packet.keyframe != 0,
        spatial: packet.spatial as u8,
        width: packet.width,
        height: packet.height,
        quantizer: u32::try_from(packet.quantizer).ok(),
    });
}
