//! The calls into dav1d, and safe values around them.
#![expect(unsafe_code, reason = "dav1d is a C library")]

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr;

use libdav1d_sys::{
    DAV1D_ERR_AGAIN, DAV1D_ERR_INVAL, DAV1D_ERR_NOMEM, DAV1D_ERR_NOPROTOOPT, Dav1dContext,
    Dav1dData, Dav1dPicture, Dav1dPixelLayout, Dav1dSequenceHeader, Dav1dSettings, dav1d_close,
    dav1d_data_create, dav1d_data_unref, dav1d_default_settings, dav1d_get_picture, dav1d_open,
    dav1d_parse_sequence_header, dav1d_picture_unref, dav1d_send_data,
};

use super::LIBRARY;
use crate::video::{DecodedPlanes, MAX_PIXELS, VideoCodecError};

fn failure(call: &'static str, code: c_int) -> VideoCodecError {
    let description = match code {
        DAV1D_ERR_INVAL => "the data is damaged or refers to what never came",
        DAV1D_ERR_NOMEM => "there is not enough memory",
        DAV1D_ERR_NOPROTOOPT => "the data is of a kind that it does not know",
        _ => "it refused",
    };
    VideoCodecError::Library {
        library: LIBRARY,
        call,
        code: i64::from(code),
        description: description.to_owned(),
    }
}

/// The size that the payload's sequence header announces; 0 without one.
pub(super) fn announced_size(payload: &[u8]) -> (u32, u32) {
    let mut header = MaybeUninit::<Dav1dSequenceHeader>::uninit();
    // SAFETY: the payload is as long as said and only read; `header` takes the result.
    let code = unsafe {
        dav1d_parse_sequence_header(header.as_mut_ptr(), payload.as_ptr(), payload.len())
    };
    if code != 0 {
        return (0, 0);
    }
    // SAFETY: the call succeeded, so both are set. The rest is left alone: some of its enums may hold what Rust's do not.
    let (width, height) = unsafe { ((*header.as_ptr()).max_width, (*header.as_ptr()).max_height) };
    let size = |side: c_int| u32::try_from(side).unwrap_or(0);
    (size(width), size(height))
}

/// The C value; closed when dropped.
#[derive(Debug)]
pub(super) struct Decoder {
    raw: *mut Dav1dContext,
}

// SAFETY: the C value is not tied to a thread, nobody else holds it, and every call needs `&mut`.
unsafe impl Send for Decoder {}

impl Decoder {
    /// One without threads of its own, which holds no picture back.
    pub(super) fn new() -> Result<Self, VideoCodecError> {
        let mut settings = MaybeUninit::<Dav1dSettings>::uninit();
        // SAFETY: `settings` is filled in whole before it is taken for initialized.
        let mut settings = unsafe {
            dav1d_default_settings(settings.as_mut_ptr());
            settings.assume_init()
        };
        settings.n_threads = 1;
        settings.max_frame_delay = 1;
        settings.all_layers = 1;
        settings.operating_point = 0;
        // Also for what a sequence header does not announce.
        settings.frame_size_limit = MAX_PIXELS as u32;
        // It would write to the process's standard error.
        settings.logger.callback = None;
        let mut raw = ptr::null_mut();
        // SAFETY: the settings live; `raw` takes the result.
        let code = unsafe { dav1d_open(&mut raw, &settings) };
        if code != 0 || raw.is_null() {
            return Err(failure("dav1d_open", code));
        }
        Ok(Self { raw })
    }

    /// Decodes a payload and gives the last picture that came of it. After a failure nothing of the payload is left.
    pub(super) fn decode(&mut self, payload: &[u8]) -> Result<Option<Picture>, VideoCodecError> {
        let sent = self.send(payload);
        let mut last = None;
        loop {
            match self.next() {
                Ok(Some(picture)) => last = Some(picture),
                Ok(None) => return sent.map(|()| last),
                Err(error) => {
                    // What was decoded before the failure must not come out with the next payload.
                    while let Ok(Some(_)) = self.next() {}
                    return Err(error);
                }
            }
        }
    }

    fn send(&mut self, payload: &[u8]) -> Result<(), VideoCodecError> {
        let mut data = MaybeUninit::<Dav1dData>::zeroed();
        // SAFETY: `data` takes the result; no bytes are asked for that it could not hold.
        let space = unsafe { dav1d_data_create(data.as_mut_ptr(), payload.len()) };
        if space.is_null() {
            return Err(failure("dav1d_data_create", DAV1D_ERR_NOMEM));
        }
        // SAFETY: dav1d made so much space, for us alone. It was zeroed, which suits every field, and then filled in.
        let mut data = unsafe {
            ptr::copy_nonoverlapping(payload.as_ptr(), space, payload.len());
            data.assume_init()
        };
        // SAFETY: `raw` lives, and `data` holds the bytes. What dav1d takes of them is its own from here on.
        let code = unsafe { dav1d_send_data(self.raw, &mut data) };
        // SAFETY: `data` is what `dav1d_send_data` left: empty, or still ours to give back.
        unsafe { dav1d_data_unref(&mut data) };
        if code == 0 {
            Ok(())
        } else {
            Err(failure("dav1d_send_data", code))
        }
    }

    fn next(&mut self) -> Result<Option<Picture>, VideoCodecError> {
        let mut raw = MaybeUninit::<Dav1dPicture>::zeroed();
        // SAFETY: `raw` lives; an empty picture, which is all zeros, takes the result.
        let code = unsafe { dav1d_get_picture(self.raw, raw.as_mut_ptr()) };
        match code {
            0 => {
                // SAFETY: it was zeroed, which suits every field, and the call filled it in.
                let raw = unsafe { raw.assume_init() };
                Ok(Some(Picture { raw }))
            }
            DAV1D_ERR_AGAIN => Ok(None),
            code => Err(failure("dav1d_get_picture", code)),
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: `raw` came from `dav1d_open` and is closed once.
        unsafe { dav1d_close(&mut self.raw) };
    }
}

/// A reference to a picture of dav1d's, which stands for as long; given back when dropped.
pub(super) struct Picture {
    raw: Dav1dPicture,
}

impl Picture {
    pub(super) fn planes(&self) -> DecodedPlanes<'_> {
        let picture = &self.raw;
        let monochrome = picture.p.layout == Dav1dPixelLayout::DAV1D_PIXEL_LAYOUT_I400;
        let is_420 = monochrome || picture.p.layout == Dav1dPixelLayout::DAV1D_PIXEL_LAYOUT_I420;
        // SAFETY: a picture that was handed out has its header; only this field of it is read.
        let quantizer = unsafe { (*picture.frame_hdr).quant.yac };
        let mut out = DecodedPlanes {
            width: u32::try_from(picture.p.w).unwrap_or(0),
            height: u32::try_from(picture.p.h).unwrap_or(0),
            planes: [(&[], 0); 3],
            is_420,
            two_bytes: picture.p.bpc > 8,
            bit_depth: u32::try_from(picture.p.bpc).unwrap_or(0),
            monochrome,
            quantizer: Some(u32::from(quantizer)),
        };
        if !is_420 {
            return out;
        }
        let used = if monochrome { 1 } else { 3 };
        for (index, (row_bytes, rows)) in out.plane_sizes().into_iter().enumerate().take(used) {
            let stride = usize::try_from(picture.stride[index.min(1)]).unwrap_or(0);
            let start = picture.data[index].cast::<u8>().cast_const();
            assert!(
                !start.is_null() && rows > 0 && stride >= row_bytes,
                "dav1d's own allocator lays rows one after the other"
            );
            let len = stride * (rows - 1) + row_bytes;
            // SAFETY: the picture has `rows` rows of `row_bytes` bytes, `stride` apart, from `start`; it stands for as long
            // as this reference to it, and nobody writes to it any more.
            out.planes[index] = (unsafe { std::slice::from_raw_parts(start, len) }, stride);
        }
        out
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        // SAFETY: the reference is ours and is given back once.
        unsafe { dav1d_picture_unref(&mut self.raw) };
    }
}
