//! The decoder over a shim.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr;

use lk_types::{Codec, I420Picture};

use super::{Library, check};
use crate::video::{DecodedPlanes, VideoCodecError, VideoDecoder, check_announced};

/// `lk_picture` of `shim.h`.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct RawPicture {
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

/// A C library whose shim decodes, too.
///
/// # Safety
/// As for [`Library`]; what `decoder_decode` fills in stands until the decoder's next call.
pub(crate) unsafe trait Decoding: Library {
    /// # Safety
    /// `out` is to a live value.
    unsafe fn decoder_new(codec: Codec, threads: u32, out: *mut *mut c_void) -> i32;
    /// # Safety
    /// `decoder` is from `decoder_new` and not used again.
    unsafe fn decoder_free(decoder: *mut c_void);
    /// # Safety
    /// `decoder` is from `decoder_new`, `data` holds `size` bytes, the others are to live values.
    unsafe fn decoder_decode(
        decoder: *mut c_void,
        data: *const u8,
        size: usize,
        picture: *mut RawPicture,
        got: *mut u32,
    ) -> i32;
    /// The size that a payload at which decoding can begin announces; 0 for another one.
    fn announced_size(codec: Codec, payload: &[u8]) -> (u32, u32);
}

/// Decodes one stream; starts afresh after a failure, where the stream lets it.
pub(crate) struct ShimDecoder<L: Decoding> {
    codec: Codec,
    inner: Decoder<L>,
    /// The last payload failed.
    failed: bool,
    quantizer: Option<u32>,
}

impl<L: Decoding> ShimDecoder<L> {
    pub(crate) fn new(codec: Codec) -> Result<Self, VideoCodecError> {
        Ok(Self {
            codec,
            inner: Decoder::new(codec)?,
            failed: false,
            quantizer: None,
        })
    }
}

impl<L: Decoding> VideoDecoder for ShimDecoder<L> {
    fn decode(
        &mut self,
        payload: &[u8],
        picture: &mut I420Picture,
    ) -> Result<bool, VideoCodecError> {
        if payload.is_empty() {
            // To libvpx no bytes mean a lost picture, which it would make up.
            return Err(VideoCodecError::Empty);
        }
        let size = L::announced_size(self.codec, payload);
        check_announced(size)?;
        if self.failed && size != (0, 0) {
            // Failures may leave a decoder without reference buffers, or unusable. Nothing from before is needed here, so it
            // is a good time for a new one.
            self.inner = Decoder::new(self.codec)?;
            self.failed = false;
        }
        let shown = self.inner.decode(payload);
        self.failed |= shown.is_err();
        match shown? {
            None => Ok(false),
            Some(planes) => {
                self.quantizer = planes.quantizer;
                planes.copy_to(self.codec, picture).map(|()| true)
            }
        }
    }

    fn quantizer(&self) -> Option<u32> {
        self.quantizer
    }

    fn implementation(&self) -> &'static str {
        L::NAME
    }
}

/// The C value; freed when dropped.
#[derive(Debug)]
struct Decoder<L: Decoding> {
    raw: *mut c_void,
    library: PhantomData<L>,
}

// SAFETY: the C value is not tied to a thread, nobody else holds it, and every call needs `&mut`.
unsafe impl<L: Decoding> Send for Decoder<L> {}

impl<L: Decoding> Decoder<L> {
    fn new(codec: Codec) -> Result<Self, VideoCodecError> {
        let mut raw = ptr::null_mut();
        // SAFETY: `raw` takes the result.
        let code = unsafe { L::decoder_new(codec, 1, &mut raw) };
        check::<L>(code, "decoder_new")?;
        Ok(Self {
            raw,
            library: PhantomData,
        })
    }

    /// Decodes a payload; the picture is the decoder's own memory, until the next call.
    fn decode(&mut self, payload: &[u8]) -> Result<Option<DecodedPlanes<'_>>, VideoCodecError> {
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
            L::decoder_decode(
                self.raw,
                payload.as_ptr(),
                payload.len(),
                &mut picture,
                &mut got,
            )
        };
        check::<L>(code, "decode")?;
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
            // SAFETY: the library's picture has `rows` rows of `row_bytes` bytes, `stride` apart, from `start`; it stands
            // until the decoder's next call, which needs the `&mut` that the returned lifetime holds.
            out.planes[index] = (unsafe { std::slice::from_raw_parts(start, len) }, stride);
        }
        Ok(Some(out))
    }
}

impl<L: Decoding> Drop for Decoder<L> {
    fn drop(&mut self) {
        // SAFETY: `raw` came from `decoder_new` and is freed once.
        unsafe { L::decoder_free(self.raw) };
    }
}
