//! What the shims of libvpx and libaom have in common: rates, encoders as handles; and libvpx's decoders.
#![expect(unsafe_code, reason = "the shims are C")]

#[cfg(feature = "vpx")]
mod decoder;

use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;
use std::ptr;

use lk_types::I420View;

use crate::video::VideoCodecError;

#[cfg(feature = "vpx")]
pub(crate) use decoder::{Decoding, RawPicture, ShimDecoder};

/// `lk_rates` of `shim.h`, kbit/s.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub(crate) struct Rates {
    pub(crate) total: u32,
    pub(crate) layer: [u32; 9],
    pub(crate) max_intra_pct: u32,
}

/// A C library behind a shim of ours.
///
/// # Safety
/// The functions are those of `shim.c`: a code other than 0 is a failure, and `error_text` gives a string literal for
/// every code.
pub(crate) unsafe trait Library: 'static {
    /// What figures and errors call it.
    const NAME: &'static str;
    /// The struct of the C layout that `encoder_new` takes.
    type Settings;

    fn error_text(code: i32) -> *const c_char;
    /// # Safety
    /// The pointers are to live values.
    unsafe fn encoder_new(
        settings: *const Self::Settings,
        rates: *const Rates,
        out: *mut *mut c_void,
    ) -> i32;
    /// # Safety
    /// `encoder` is from `encoder_new` and not used again.
    unsafe fn encoder_free(encoder: *mut c_void);
    /// # Safety
    /// `encoder` is from `encoder_new`, `rates` a live value.
    unsafe fn encoder_set_rates(encoder: *mut c_void, rates: *const Rates) -> i32;
}

pub(crate) fn check<L: Library>(code: i32, call: &'static str) -> Result<(), VideoCodecError> {
    if code == 0 {
        return Ok(());
    }
    // SAFETY: a string literal for every code, as the trait demands.
    let text = unsafe { CStr::from_ptr(L::error_text(code)) };
    Err(VideoCodecError::Library {
        library: L::NAME,
        call,
        code: i64::from(code),
        description: text.to_string_lossy().into_owned(),
    })
}

/// An encoder; freed when dropped. How it encodes is each library's own.
#[derive(Debug)]
pub(crate) struct Encoder<L: Library> {
    pub(crate) raw: *mut c_void,
    /// Of the pictures that it takes.
    pub(crate) size: (u32, u32),
    library: PhantomData<L>,
}

// SAFETY: the C value is not tied to a thread, nobody else holds it, and every call needs `&mut`.
unsafe impl<L: Library> Send for Encoder<L> {}

impl<L: Library> Encoder<L> {
    pub(crate) fn new(
        settings: &L::Settings,
        rates: &Rates,
        size: (u32, u32),
    ) -> Result<Self, VideoCodecError> {
        let mut raw = ptr::null_mut();
        // SAFETY: both structs have the C layout and outlive the call; `raw` takes the result.
        let code = unsafe { L::encoder_new(settings, rates, &mut raw) };
        check::<L>(code, "encoder_new")?;
        Ok(Self {
            raw,
            size,
            library: PhantomData,
        })
    }

    pub(crate) fn set_rates(&mut self, rates: &Rates) -> Result<(), VideoCodecError> {
        // SAFETY: `raw` came from `encoder_new` and lives; the struct has the C layout.
        let code = unsafe { L::encoder_set_rates(self.raw, rates) };
        check::<L>(code, "encoder_set_rates")
    }
}

impl<L: Library> Drop for Encoder<L> {
    fn drop(&mut self) {
        // SAFETY: `raw` came from `encoder_new` and is freed once.
        unsafe { L::encoder_free(self.raw) };
    }
}

/// Where a picture's planes begin, and the bytes between their rows.
pub(crate) fn planes(
    picture: &I420View<'_>,
) -> Result<([*const u8; 3], [i32; 3]), VideoCodecError> {
    let starts = picture.planes().map(|(plane, _)| plane.as_ptr());
    let mut strides = [0_i32; 3];
    for (out, (_, stride)) in strides.iter_mut().zip(picture.planes()) {
        *out = i32::try_from(stride).map_err(|_| VideoCodecError::OutOfRange {
            field: "stride",
            value: stride as f64,
            range: "0..=2147483647",
        })?;
    }
    Ok((starts, strides))
}
