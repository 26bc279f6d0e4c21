//! The calls into OpenH264's C interface, and safe values around them.
#![expect(unsafe_code, reason = "OpenH264 is a C++ library with a C interface")]

use std::ffi::{c_int, c_void};
use std::ptr;

use lk_types::I420View;
use openh264_sys2 as raw;
use openh264_sys2::API;
use openh264_sys2::source::APILoader;

use crate::video::VideoCodecError;

/// What an encoder is made with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// Even.
    pub(super) width: u32,
    /// Even.
    pub(super) height: u32,
    pub(super) framerate: f64,
    pub(super) bitrate: i32,
    pub(super) temporal_layers: u8,
    pub(super) screen: bool,
    pub(super) threads: u32,
}

/// What an encoder made of a picture.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) payload: Vec<u8>,
    pub(super) keyframe: bool,
    pub(super) temporal: u8,
}

fn failure(call: &'static str, code: impl Into<i64>, description: &str) -> VideoCodecError {
    VideoCodecError::Library {
        library: super::LIBRARY,
        call,
        code: code.into(),
        description: description.to_owned(),
    }
}

fn check(call: &'static str, code: c_int) -> Result<(), VideoCodecError> {
    if code == 0 {
        Ok(())
    } else {
        Err(failure(call, code, "refused"))
    }
}

const FILLED: &str = "OpenH264 fills its table of functions";

/// An OpenH264 encoder; destroyed when dropped.
pub(super) struct Encoder {
    raw: *mut raw::ISVCEncoder,
    width: u32,
    height: u32,
    /// Kept, because it is some 6 kB that would have to be cleared for each picture.
    info: Box<raw::SFrameBSInfo>,
}

// SAFETY: the C++ value is not tied to a thread, nobody else holds it, and every call needs `&mut`.
unsafe impl Send for Encoder {}

impl Encoder {
    pub(super) fn new(settings: &Settings) -> Result<Self, VideoCodecError> {
        let mut encoder = ptr::null_mut();
        // SAFETY: the pointer takes the result.
        let code = unsafe { APILoader.WelsCreateSVCEncoder(&mut encoder) };
        check("WelsCreateSVCEncoder", code)?;
        if encoder.is_null() {
            return Err(failure("WelsCreateSVCEncoder", 0, "no encoder came"));
        }
        let mut this = Self {
            raw: encoder,
            width: settings.width,
            height: settings.height,
            info: Box::default(),
        };
        // It would write warnings to the host's standard error.
        let mut quiet: c_int = raw::WELS_LOG_QUIET as c_int;
        this.set_option(raw::ENCODER_OPTION_TRACE_LEVEL, &mut quiet, "trace level")?;
        let mut params = raw::SEncParamExt::default();
        // SAFETY: the encoder lives, and its table has the function; `params` takes the result.
        let code = unsafe { (this.table().GetDefaultParams.expect(FILLED))(this.raw, &mut params) };
        check("GetDefaultParams", code)?;
        fill(&mut params, settings);
        // SAFETY: the encoder lives, and its table has the function; the parameters are copied.
        let code = unsafe { (this.table().InitializeExt.expect(FILLED))(this.raw, &params) };
        check("InitializeExt", code)?;
        let mut format: c_int = raw::videoFormatI420;
        this.set_option(raw::ENCODER_OPTION_DATAFORMAT, &mut format, "data format")?;
        Ok(this)
    }

    fn table(&self) -> &raw::ISVCEncoderVtbl {
        // SAFETY: the encoder lives as long as `self` and begins with the pointer to its static table.
        unsafe { &**self.raw }
    }

    /// `value` must be of the type that `option` wants; only the callers in this file choose.
    fn set_option<T>(
        &mut self,
        option: raw::ENCODER_OPTION,
        value: &mut T,
        call: &'static str,
    ) -> Result<(), VideoCodecError> {
        let function = self.table().SetOption.expect(FILLED);
        // SAFETY: the encoder lives; each caller passes the type that the header asks for; it is read and not kept.
        let code = unsafe { function(self.raw, option, ptr::from_mut(value).cast::<c_void>()) };
        check(call, code)
    }

    pub(super) fn set_rates(
        &mut self,
        bitrate: i32,
        framerate: f64,
    ) -> Result<(), VideoCodecError> {
        let mut info = raw::SBitrateInfo {
            iLayer: raw::SPATIAL_LAYER_ALL,
            iBitrate: bitrate,
        };
        self.set_option(raw::ENCODER_OPTION_BITRATE, &mut info, "set bitrate")?;
        let mut framerate = framerate as f32;
        self.set_option(
            raw::ENCODER_OPTION_FRAME_RATE,
            &mut framerate,
            "set framerate",
        )
    }

    /// Encodes a picture; `None` when the rate control dropped it. The picture may be larger than the encoder by the
    /// column and the row that make its size odd.
    pub(super) fn encode(
        &mut self,
        picture: &I420View<'_>,
        milliseconds: i64,
        keyframe: bool,
    ) -> Result<Option<Encoded>, VideoCodecError> {
        assert!(
            picture.width >= self.width && picture.height >= self.height && picture.is_consistent(),
            "the encoder checks its pictures first"
        );
        if keyframe {
            let function = self.table().ForceIntraFrame.expect(FILLED);
            // SAFETY: the encoder lives.
            let code = unsafe { function(self.raw, true) };
            check("ForceIntraFrame", code)?;
        }
        let mut source = raw::SSourcePicture {
            iColorFormat: raw::videoFormatI420,
            iPicWidth: self.width as c_int,
            iPicHeight: self.height as c_int,
            uiTimeStamp: milliseconds,
            ..raw::SSourcePicture::default()
        };
        for (index, (plane, stride)) in picture.planes().into_iter().enumerate() {
            source.pData[index] = plane.as_ptr().cast_mut();
            source.iStride[index] =
                c_int::try_from(stride).map_err(|_| VideoCodecError::OutOfRange {
                    field: "stride",
                    value: stride as f64,
                    range: "0..=2147483647",
                })?;
        }
        let function = self.table().EncodeFrame.expect(FILLED);
        // SAFETY: the encoder lives; the planes hold a picture of at least its size (asserted above) and are only read,
        // during the call; the result is ours.
        let code = unsafe { function(self.raw, &source, &mut *self.info) };
        check("EncodeFrame", code)?;
        let keyframe = match self.info.eFrameType {
            raw::videoFrameTypeIDR => true,
            raw::videoFrameTypeI | raw::videoFrameTypeP | raw::videoFrameTypeIPMixed => false,
            _ => return Ok(None),
        };
        let count = usize::try_from(self.info.iLayerNum).unwrap_or(0);
        let mut payload =
            Vec::with_capacity(usize::try_from(self.info.iFrameSizeInBytes).unwrap_or(0));
        let mut temporal = 0;
        for layer in self.info.sLayerInfo.iter().take(count) {
            let units = usize::try_from(layer.iNalCount).unwrap_or(0);
            if layer.pBsBuf.is_null() || layer.pNalLengthInByte.is_null() {
                continue;
            }
            // SAFETY: OpenH264 lists `iNalCount` lengths there, valid until its next call.
            let lengths = unsafe { std::slice::from_raw_parts(layer.pNalLengthInByte, units) };
            let total: usize = lengths
                .iter()
                .map(|length| usize::try_from(*length).unwrap_or(0))
                .sum();
            // SAFETY: the layer's NAL units stand one after the other at `pBsBuf`, so many bytes together.
            payload.extend_from_slice(unsafe { std::slice::from_raw_parts(layer.pBsBuf, total) });
            temporal = layer.uiTemporalId;
        }
        Ok((!payload.is_empty()).then_some(Encoded {
            payload,
            keyframe,
            temporal,
        }))
    }
}

fn fill(params: &mut raw::SEncParamExt, settings: &Settings) {
    let (width, height) = (settings.width as c_int, settings.height as c_int);
    params.iUsageType = if settings.screen {
        raw::SCREEN_CONTENT_REAL_TIME
    } else {
        raw::CAMERA_VIDEO_REAL_TIME
    };
    params.iPicWidth = width;
    params.iPicHeight = height;
    params.iTargetBitrate = settings.bitrate;
    params.iMaxBitrate = raw::UNSPECIFIED_BIT_RATE as c_int;
    params.iRCMode = raw::RC_BITRATE_MODE;
    params.fMaxFrameRate = settings.framerate as f32;
    params.bEnableFrameSkip = true;
    params.iComplexityMode = raw::LOW_COMPLEXITY;
    // Keyframes on request only.
    params.uiIntraPeriod = 0;
    params.bEnableSceneChangeDetect = false;
    params.eSpsPpsIdStrategy = raw::CONSTANT_ID;
    params.iEntropyCodingModeFlag = 0;
    params.bEnableDenoise = false;
    params.iTemporalLayerNum = c_int::from(settings.temporal_layers);
    params.iMultipleThreadIdc = settings.threads as u16;
    params.iSpatialLayerNum = 1;
    let layer = &mut params.sSpatialLayers[0];
    layer.iVideoWidth = width;
    layer.iVideoHeight = height;
    layer.fFrameRate = settings.framerate as f32;
    layer.iSpatialBitrate = settings.bitrate;
    layer.iMaxSpatialBitrate = raw::UNSPECIFIED_BIT_RATE as c_int;
    layer.uiProfileIdc = raw::PRO_BASELINE;
    layer.uiLevelIdc = raw::LEVEL_UNKNOWN;
    // What we are given and what we convert is BT.601 (H.264 annex E); who is not told takes it for BT.709.
    layer.bVideoSignalTypePresent = true;
    layer.uiVideoFormat = raw::VF_UNDEF as u8;
    layer.bFullRange = false;
    layer.bColorDescriptionPresent = true;
    layer.uiColorPrimaries = raw::CP_SMPTE170M as u8;
    layer.uiTransferCharacteristics = raw::TRC_SMPTE170M as u8;
    layer.uiColorMatrix = raw::CM_SMPTE170M as u8;
    // One slice for each thread: OpenH264 shares the work out by slices.
    layer.sSliceArgument.uiSliceMode = if settings.threads > 1 {
        raw::SM_FIXEDSLCNUM_SLICE
    } else {
        raw::SM_SINGLE_SLICE
    };
    layer.sSliceArgument.uiSliceNum = settings.threads;
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: the encoder came from WelsCreateSVCEncoder and is given back once. Uninitialize may be called on one
        // whose initialization failed.
        unsafe {
            (self.table().Uninitialize.expect(FILLED))(self.raw);
            APILoader.WelsDestroySVCEncoder(self.raw);
        }
    }
}

/// An OpenH264 decoder; destroyed when dropped.
pub(super) struct Decoder {
    raw: *mut raw::ISVCDecoder,
}

// SAFETY: the C++ value is not tied to a thread, nobody else holds it, and every call needs `&mut`.
unsafe impl Send for Decoder {}

impl Decoder {
    pub(super) fn new() -> Result<Self, VideoCodecError> {
        let mut decoder = ptr::null_mut();
        // SAFETY: the pointer takes the result.
        let code = unsafe { APILoader.WelsCreateDecoder(&mut decoder) };
        if code != 0 || decoder.is_null() {
            return Err(failure("WelsCreateDecoder", code, "no decoder came"));
        }
        let this = Self { raw: decoder };
        let mut quiet: c_int = raw::WELS_LOG_QUIET as c_int;
        // SAFETY: the decoder lives; the option is an int that is read and not kept.
        unsafe {
            (this.table().SetOption.expect(FILLED))(
                this.raw,
                raw::DECODER_OPTION_TRACE_LEVEL,
                ptr::from_mut(&mut quiet).cast(),
            )
        };
        let mut params = raw::SDecodingParam {
            // A picture made of what is at hand would look like one that is right.
            eEcActiveIdc: raw::ERROR_CON_DISABLE,
            uiTargetDqLayer: u8::MAX,
            ..raw::SDecodingParam::default()
        };
        params.sVideoProperty.size = size_of::<raw::SVideoProperty>() as u32;
        params.sVideoProperty.eVideoBsType = raw::VIDEO_BITSTREAM_AVC;
        // SAFETY: the decoder lives; the parameters are copied.
        let code = unsafe { (this.table().Initialize.expect(FILLED))(this.raw, &params) };
        if code != 0 {
            return Err(failure("Initialize", code, "refused"));
        }
        Ok(this)
    }

    fn table(&self) -> &raw::ISVCDecoderVtbl {
        // SAFETY: the decoder lives as long as `self` and begins with the pointer to its static table.
        unsafe { &**self.raw }
    }

    /// Decodes an access unit; the picture is the decoder's own memory, until the next call.
    pub(super) fn decode(
        &mut self,
        payload: &[u8],
    ) -> Result<Option<I420View<'_>>, VideoCodecError> {
        let len = c_int::try_from(payload.len()).map_err(|_| VideoCodecError::OutOfRange {
            field: "payload length",
            value: payload.len() as f64,
            range: "1..=2147483647",
        })?;
        let mut planes: [*mut u8; 3] = [ptr::null_mut(); 3];
        let mut info = raw::SBufferInfo::default();
        let function = self.table().DecodeFrameNoDelay.expect(FILLED);
        // SAFETY: the decoder lives; the payload is as long as said and only read during the call; both results are ours.
        let state = unsafe {
            function(
                self.raw,
                payload.as_ptr(),
                len,
                planes.as_mut_ptr(),
                &mut info,
            )
        };
        if state != raw::dsErrorFree && state != raw::dsFramePending {
            return Err(failure("DecodeFrameNoDelay", state, state_text(state)));
        }
        if info.iBufferStatus != 1 {
            return Ok(None);
        }
        // SAFETY: the union has this one member, and the status says that it was written.
        let buffer = unsafe { info.UsrData.sSystemBuffer };
        let (Ok(width), Ok(height)) = (
            usize::try_from(buffer.iWidth),
            usize::try_from(buffer.iHeight),
        ) else {
            return Ok(None);
        };
        let chroma = (width.div_ceil(2), height.div_ceil(2));
        let shapes = [
            (width, height, buffer.iStride[0]),
            (chroma.0, chroma.1, buffer.iStride[1]),
            (chroma.0, chroma.1, buffer.iStride[1]),
        ];
        let mut views: [(&[u8], usize); 3] = [(&[], 0); 3];
        for (index, (width, height, stride)) in shapes.into_iter().enumerate() {
            let stride = usize::try_from(stride).unwrap_or(0);
            let start = info.pDst[index];
            if start.is_null() || width == 0 || height == 0 || stride < width {
                return Ok(None);
            }
            let len = stride * (height - 1) + width;
            // SAFETY: the decoder's picture has `height` rows of `width` bytes, `stride` apart, from `start`; it stands
            // until the decoder's next call, which needs the `&mut` that the returned lifetime holds.
            views[index] = (unsafe { std::slice::from_raw_parts(start, len) }, stride);
        }
        Ok(Some(I420View {
            width: width as u32,
            height: height as u32,
            y: views[0].0,
            u: views[1].0,
            v: views[2].0,
            stride_y: views[0].1,
            stride_u: views[1].1,
            stride_v: views[2].1,
        }))
    }
}

/// The state is a set of bits; the gravest is named.
fn state_text(state: raw::DECODING_STATE) -> &'static str {
    for (bit, text) in [
        (raw::dsOutOfMemory, "out of memory"),
        (raw::dsInitialOptExpected, "not initialized"),
        (raw::dsInvalidArgument, "invalid argument"),
        (raw::dsNoParamSets, "no parameter sets came"),
        (raw::dsBitstreamError, "damaged data"),
        (raw::dsRefLost, "a reference is missing"),
        (raw::dsDepLayerLost, "a layer is missing"),
    ] {
        if state & bit != 0 {
            return text;
        }
    }
    "damaged data"
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the decoder came from WelsCreateDecoder and is given back once. Uninitialize may be called on one whose
        // initialization failed.
        unsafe {
            (self.table().Uninitialize.expect(FILLED))(self.raw);
            APILoader.WelsDestroyDecoder(self.raw);
        }
    }
}
