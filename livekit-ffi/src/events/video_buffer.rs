//! Pictures that the host reads where they lie, and the memory that they use again.

use std::{
    collections::TryReserveError,
    mem,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;

use crate::server::handles::Resource;

/// A picture's bytes; the host holds them until it drops the handle.
pub(crate) struct VideoBuffer {
    data: Vec<u8>,
    pool: Weak<BufferPool>,
}

impl Resource for VideoBuffer {
    const KIND: &'static str = "video buffer";
}

impl VideoBuffer {
    /// A buffer of `length` bytes of whatever was in it before.
    ///
    /// # Errors
    ///
    /// If there is not as much memory.
    pub(crate) fn from_pool(
        pool: &Arc<BufferPool>,
        length: usize,
    ) -> Result<Self, TryReserveError> {
        let mut data = pool.spare.lock().pop().unwrap_or_default();
        if data.len() != length {
            data = Vec::new();
            data.try_reserve_exact(length)?;
            data.resize(length, 0);
        }
        Ok(Self {
            data,
            pool: Arc::downgrade(pool),
        })
    }

    /// The bytes, which stay where they are.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.data
    }

    /// The bytes, to be written.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }
}

impl Drop for VideoBuffer {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            let mut spare = pool.spare.lock();
            if spare.len() < pool.kept {
                spare.push(mem::take(&mut self.data));
            }
        }
    }
}

/// What dropped buffers leave for the next ones: megabytes need neither be found nor cleared for each frame.
pub(crate) struct BufferPool {
    kept: usize,
    spare: Mutex<Vec<Vec<u8>>>,
}

impl BufferPool {
    /// A pool that keeps so many buffers.
    pub(crate) const fn new(kept: usize) -> Self {
        Self {
            kept,
            spare: Mutex::new(Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_serves_the_next_frame() {
        let pool = Arc::new(BufferPool::new(2));
        let first = VideoBuffer::from_pool(&pool, 64).unwrap();
        let address = first.bytes().as_ptr();
        drop(first);
        let second = VideoBuffer::from_pool(&pool, 64).unwrap();
        assert_eq!(second.bytes().as_ptr(), address);
        drop(second);
        assert_eq!(VideoBuffer::from_pool(&pool, 65).unwrap().bytes().len(), 65);
    }

    #[test]
    fn a_pool_keeps_few_buffers_and_may_go_first() {
        let pool = Arc::new(BufferPool::new(2));
        let buffers: Vec<_> = (0..5)
            .map(|_| VideoBuffer::from_pool(&pool, 8).unwrap())
            .collect();
        drop(buffers);
        assert_eq!(pool.spare.lock().len(), 2);
        let late = VideoBuffer::from_pool(&pool, 8).unwrap();
        drop(pool);
        assert_eq!(late.bytes().len(), 8);
    }

    #[test]
    fn more_memory_than_there_is_makes_an_error() {
        let pool = Arc::new(BufferPool::new(2));
        assert!(VideoBuffer::from_pool(&pool, usize::MAX).is_err());
    }
}
