//! Buffers in memory of the platform, and conversions.

use std::fmt;

use super::internal::BufferSealed;
use super::{I420Buffer, VideoBuffer, VideoBufferType, VideoFormatType};
use crate::video_source::VideoResolution;

/// A DMA-BUF descriptor that its owner keeps open and closes.
pub type DmaBufFileDescriptor = std::os::fd::RawFd;

/// How pixels lie in a DMA-BUF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DmaBufPixelFormat {
    /// Luma, then interleaved chroma.
    NV12 = 0,
    /// Three planes.
    YUV420M = 1,
}

/// A buffer that only a hardware encoder can read.
pub struct NativeBuffer {
    descriptor: DmaBufFileDescriptor,
    resolution: VideoResolution,
    pixel_format: DmaBufPixelFormat,
}

impl NativeBuffer {
    /// Names a DMA-BUF. The descriptor stays the caller's, who keeps it open as long as frames of it are in use.
    #[must_use]
    pub fn from_dmabuf(
        dmabuf_fd: DmaBufFileDescriptor,
        resolution: VideoResolution,
        pixel_format: DmaBufPixelFormat,
    ) -> Self {
        Self {
            descriptor: dmabuf_fd,
            resolution,
            pixel_format,
        }
    }

    /// The descriptor it was made from.
    #[must_use]
    pub fn get_dmabuf_fd(&self) -> Option<DmaBufFileDescriptor> {
        Some(self.descriptor)
    }
}

impl VideoBuffer for NativeBuffer {
    fn width(&self) -> u32 {
        self.resolution.width
    }

    fn height(&self) -> u32 {
        self.resolution.height
    }

    fn buffer_type(&self) -> VideoBufferType {
        VideoBufferType::Native
    }

    fn as_native(&self) -> Option<&NativeBuffer> {
        Some(self)
    }
}

impl BufferSealed for NativeBuffer {
    /// A DMA-BUF is not mapped here: the picture is black, and the log says so.
    fn to_i420(&self) -> I420Buffer {
        log::warn!(
            "a DMA-BUF of {:?} cannot be read by the processor; it is shown black",
            self.pixel_format
        );
        I420Buffer::new_black(self.resolution.width, self.resolution.height)
    }

    fn to_argb(
        &self,
        format: VideoFormatType,
        dst: &mut [u8],
        dst_stride: u32,
        dst_width: i32,
        dst_height: i32,
    ) {
        BufferSealed::to_argb(
            &BufferSealed::to_i420(self),
            format,
            dst,
            dst_stride,
            dst_width,
            dst_height,
        );
    }
}

impl fmt::Debug for NativeBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NativeBuffer")
            .field("resolution", &self.resolution)
            .field("pixel_format", &self.pixel_format)
            .finish_non_exhaustive()
    }
}

impl AsRef<dyn VideoBuffer> for NativeBuffer {
    fn as_ref(&self) -> &(dyn VideoBuffer + 'static) {
        self
    }
}

/// Conversions of every buffer.
pub trait VideoFrameBufferExt: VideoBuffer {
    /// The same picture as I420.
    fn to_i420(&self) -> I420Buffer;

    /// Writes the top left `dst_width * dst_height` pixels as packed RGB (BT.601, limited range). A negative
    /// height turns the picture upside down. Rows that do not fit into `dst` are left out.
    fn to_argb(
        &self,
        format: VideoFormatType,
        dst: &mut [u8],
        dst_stride: u32,
        dst_width: i32,
        dst_height: i32,
    );
}

impl<T: VideoBuffer> VideoFrameBufferExt for T {
    fn to_i420(&self) -> I420Buffer {
        BufferSealed::to_i420(self)
    }

    fn to_argb(
        &self,
        format: VideoFormatType,
        dst: &mut [u8],
        dst_stride: u32,
        dst_width: i32,
        dst_height: i32,
    ) {
        BufferSealed::to_argb(self, format, dst, dst_stride, dst_width, dst_height);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dma_buf_keeps_its_descriptor_and_size() {
        let buffer = NativeBuffer::from_dmabuf(
            7,
            VideoResolution {
                width: 16,
                height: 8,
            },
            DmaBufPixelFormat::YUV420M,
        );
        assert_eq!(buffer.get_dmabuf_fd(), Some(7));
        assert_eq!((buffer.width(), buffer.height()), (16, 8));
        assert_eq!(VideoFrameBufferExt::to_i420(&buffer).data().1[0], 128);
    }
}
