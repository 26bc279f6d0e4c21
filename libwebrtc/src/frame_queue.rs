//! The queue between a media thread and a stream that a host polls.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

/// Frames for one stream. When it is full the oldest give way, so that delay stays bounded.
pub(crate) struct FrameQueue<T> {
    /// Most frames held; `None` for any number.
    capacity: Option<usize>,
    state: Mutex<State<T>>,
}

struct State<T> {
    frames: VecDeque<T>,
    /// No more frames come; those held are still given out.
    ended: bool,
    dropped: u64,
    waker: Option<Waker>,
}

impl<T> FrameQueue<T> {
    /// An empty queue; a capacity of 0 counts as none.
    pub(crate) fn new(capacity: Option<usize>) -> Self {
        let capacity = capacity.filter(|capacity| *capacity > 0);
        Self {
            capacity,
            state: Mutex::new(State {
                frames: VecDeque::with_capacity(capacity.unwrap_or(0).min(64)),
                ended: false,
                dropped: 0,
                waker: None,
            }),
        }
    }

    /// Adds a frame; false once the queue has ended.
    pub(crate) fn push(&self, frame: T) -> bool {
        let (waker, overflow) = {
            let mut state = self.state.lock();
            if state.ended {
                return false;
            }
            let full = self
                .capacity
                .is_some_and(|capacity| state.frames.len() >= capacity);
            let overflow = if full { state.frames.pop_front() } else { None };
            state.dropped += u64::from(overflow.is_some());
            state.frames.push_back(frame);
            (state.waker.take(), overflow)
        };
        drop(overflow);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// No more frames come: the stream ends after those it holds.
    pub(crate) fn end(&self) {
        let waker = {
            let mut state = self.state.lock();
            state.ended = true;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends the stream at once; frames it holds are dropped.
    pub(crate) fn close(&self) {
        let frames = std::mem::take(&mut self.state.lock().frames);
        drop(frames);
        self.end();
    }

    /// The next frame; `None` at the end.
    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.state.lock();
        if let Some(frame) = state.frames.pop_front() {
            return Poll::Ready(Some(frame));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// How many frames gave way.
    #[cfg(test)]
    pub(crate) fn dropped(&self) -> u64 {
        self.state.lock().dropped
    }
}

/// What a queue's capacity is when a host says nothing, nothing special or a number.
pub(crate) fn capacity(wanted: Option<usize>, default: usize) -> Option<usize> {
    match wanted {
        None => Some(default),
        Some(0) => None,
        some => some,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pop(queue: &FrameQueue<u32>) -> Option<Option<u32>> {
        match queue.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(frame) => Some(frame),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_full_queue_drops_the_oldest() {
        let queue = FrameQueue::new(Some(2));
        for frame in 1..=4 {
            assert!(queue.push(frame));
        }
        assert_eq!(queue.dropped(), 2);
        assert_eq!(
            (pop(&queue), pop(&queue), pop(&queue)),
            (Some(Some(3)), Some(Some(4)), None)
        );
    }

    #[test]
    fn an_ended_queue_gives_what_it_holds_and_then_ends() {
        let queue = FrameQueue::new(None);
        queue.push(1);
        queue.end();
        assert!(!queue.push(2));
        assert_eq!((pop(&queue), pop(&queue)), (Some(Some(1)), Some(None)));
    }

    #[test]
    fn a_closed_queue_ends_at_once() {
        let queue = FrameQueue::new(Some(8));
        queue.push(1);
        queue.close();
        assert_eq!(pop(&queue), Some(None));
    }

    #[test]
    fn capacities_follow_the_hosts_words() {
        assert_eq!(capacity(None, 10), Some(10));
        assert_eq!(capacity(Some(0), 10), None);
        assert_eq!(capacity(Some(3), 10), Some(3));
    }
}
