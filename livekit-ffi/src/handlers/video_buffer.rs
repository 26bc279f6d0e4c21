//! Pictures in the host's memory, and from one pixel format to another.

use std::sync::{Arc, LazyLock};

use lk_dsp::video::{MAX_PLANES, Picture, PictureMut, PixelFormat, Plane, convert};

use crate::{
    convert::{enum_field, video},
    error::FfiError,
    events::{
        given::owned,
        video_buffer::{BufferPool, VideoBuffer},
    },
    hostmem::{HostMemory, PlaneLayout},
    proto,
    server::{Server, handles::Ownership},
};

/// Longest side of a picture that is converted, in pixels: twice that of one that is sent.
const MAX_SIDE: u32 = 8_192;

/// The last buffer that the host gave back: who converts every frame has it at hand for the next one.
static SPARE: LazyLock<Arc<BufferPool>> = LazyLock::new(|| Arc::new(BufferPool::new(1)));

/// A picture of the host's, `max` pixels a side at most. Strides and sizes are checked against the memory that the
/// request declares.
pub(super) fn picture<'m>(
    memory: &'m HostMemory,
    info: &proto::VideoBufferInfo,
    max: u32,
) -> Result<Picture<'m>, FfiError> {
    let format: PixelFormat =
        enum_field::<proto::VideoBufferType>("buffer.type", info.r#type)?.into();
    let (width, height) = (info.width, info.height);
    video::resolution(["buffer.width", "buffer.height"], width, height, max)?;
    let mut planes = [Plane::default(); MAX_PLANES];
    if format.planes() == 1 {
        let (row, _) = format.plane_size(0, width, height);
        let stride = info
            .stride
            .unwrap_or(u32::try_from(row).unwrap_or(u32::MAX));
        // The one plane has no size of its own: the stride declares it.
        let size = u64::from(stride) * u64::from(height);
        let at = (info.data_ptr, stride, size);
        planes[0] = plane(
            memory,
            "buffer.data_ptr",
            at,
            format.plane_size(0, width, height),
        )?;
    } else {
        if info.components.len() < format.planes() {
            return Err(FfiError::field(
                "buffer.components",
                info.components.len(),
                "the format has more planes",
            ));
        }
        for (number, (into, from)) in planes.iter_mut().zip(&info.components).enumerate() {
            if number == format.planes() {
                break;
            }
            let at = (from.data_ptr, from.stride, from.size.into());
            let size = format.plane_size(number, width, height);
            *into = plane(memory, "buffer.components.data_ptr", at, size)?;
        }
    }
    Ok(Picture::new(format, width, height, planes)?)
}

fn plane<'m>(
    memory: &'m HostMemory,
    field: &'static str,
    (address, stride, size): (u64, u32, u64),
    (row, rows): (usize, usize),
) -> Result<Plane<'m>, FfiError> {
    let layout = PlaneLayout {
        row: row as u64,
        stride,
        height: u32::try_from(rows).unwrap_or(u32::MAX),
    };
    Ok(Plane {
        data: memory.plane(field, address, size, layout)?,
        stride: stride as usize,
    })
}

/// Turns a picture of the host's into another format, in memory that the host holds then.
pub(crate) fn video_convert(
    server: &Server,
    memory: &HostMemory,
    request: &proto::VideoConvertRequest,
) -> proto::VideoConvertResponse {
    use proto::video_convert_response::Message;
    let message = match converted(server, memory, request) {
        Ok(buffer) => Message::Buffer(buffer),
        Err(error) => Message::Error(error.to_string()),
    };
    proto::VideoConvertResponse {
        message: Some(message),
    }
}

fn converted(
    server: &Server,
    memory: &HostMemory,
    request: &proto::VideoConvertRequest,
) -> Result<proto::OwnedVideoBuffer, FfiError> {
    let source = picture(memory, &request.buffer, MAX_SIDE)?;
    let format: PixelFormat =
        enum_field::<proto::VideoBufferType>("dst_type", request.dst_type)?.into();
    let flip_y = request.flip_y.unwrap_or(false);
    let (width, height) = (request.buffer.width, request.buffer.height);
    let mut buffer = VideoBuffer::from_pool(&SPARE, format.tight_size(width, height)?)
        .map_err(|error| FfiError::operation("video_convert", error))?;
    let mut target = PictureMut::tight(format, width, height, buffer.bytes_mut())?;
    convert(&source, &mut target, flip_y)?;
    let info = video::tight_info(format, width, height, buffer.bytes());
    let buffer = Arc::new(buffer);
    let handle = server.handles().insert(buffer, Ownership::HOST);
    Ok(proto::OwnedVideoBuffer {
        handle: owned(handle),
        info,
    })
}
