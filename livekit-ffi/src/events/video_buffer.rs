//! Pictures that the host reads where they lie, and the memory that they use again.

use std::{
    mem,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;

use crate::server::handles::Resource;

/// Buffers that a pool keeps for the next frames: one that is written while the host reads another.
const KEPT: usize = 2;

/// A picture's bytes; the host holds them until it drops the handle.
pub(crate) struct VideoBuffer {
    data: Vec<u8>,
    pool: Weak<BufferPool>,
}

impl Resource for VideoBuffer {
    const KIND: &'static str = "video buffer";
}

impl VideoBuffer {
    /// A buffer of its own.
    pub(crate) fn of(data: Vec<u8>) -> Self {
        Self {
            data,
            pool: Weak::new(),
        }
    }

    /// A buffer of `length` bytes of whatever was in it before.
    pub(super) fn from_pool(pool: &Arc<BufferPool>, length: usize) -> Self {
        let mut data = pool.spare.lock().pop().unwrap_or_default();
        if data.len() != length {
            data = vec![0; length];
        }
        Self {
            data,
            pool: Arc::downgrade(pool),
        }
    }

    /// The bytes, which stay where they are.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.data
    }

    /// The bytes, to be written.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }
}

impl Drop for VideoBuffer {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            let mut spare = pool.spare.lock();
            if spare.len() < KEPT {
                spare.push(mem::take(&mut self.data));
            }
        }
    }
}

/// What a stream's dropped buffers leave for its next ones: megabytes need neither be found nor cleared for each
/// frame.
#[derive(Default)]
pub(crate) struct BufferPool {
    spare: Mutex<Vec<Vec<u8>>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_serves_the_next_frame() {
        let pool = Arc::new(BufferPool::default());
        let first = VideoBuffer::from_pool(&pool, 64);
        let address = first.bytes().as_ptr();
        drop(first);
        let second = VideoBuffer::from_pool(&pool, 64);
        assert_eq!(second.bytes().as_ptr(), address);
        drop(second);
        assert_eq!(VideoBuffer::from_pool(&pool, 65).bytes().len(), 65);
    }

    #[test]
    fn a_pool_keeps_few_buffers_and_may_go_first() {
        let pool = Arc::new(BufferPool::default());
        let buffers: Vec<_> = (0..5).map(|_| VideoBuffer::from_pool(&pool, 8)).collect();
        drop(buffers);
        assert_eq!(pool.spare.lock().len(), KEPT);
        let late = VideoBuffer::from_pool(&pool, 8);
        drop(pool);
        assert_eq!(late.bytes().len(), 8);
    }
}
