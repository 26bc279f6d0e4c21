//! Once warm, packets go in and sound comes out without a single allocation.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use lk_media::audio::{AudioDecoder, AudioPacket, DecodeError, JitterBuffer, JitterConfig};
use lk_types::Ssrc;
use support::{Random, epoch};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is passed on to the system's allocator unchanged; the counter is a thread-local without a
// destructor, which allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise about `layout` is the one that is asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `alloc` above with this layout, hence from the system's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A hum, without state.
struct Hum;

impl Hum {
    fn fill(pcm: &mut [i16]) {
        for (index, value) in pcm.iter_mut().enumerate() {
            *value = ((index % 240) as i16 - 120) * 50;
        }
    }
}

impl AudioDecoder for Hum {
    fn channels(&self) -> usize {
        1
    }

    fn packet_duration(&self, _: &[u8]) -> Option<u32> {
        Some(960)
    }

    fn has_fec(&self, payload: &[u8]) -> bool {
        payload[0].is_multiple_of(2)
    }

    fn decode(&mut self, _: &[u8], pcm: &mut [i16]) -> Result<usize, DecodeError> {
        Self::fill(&mut pcm[..960]);
        Ok(960)
    }

    fn decode_fec(
        &mut self,
        _: &[u8],
        frames: usize,
        pcm: &mut [i16],
    ) -> Result<usize, DecodeError> {
        Self::fill(&mut pcm[..frames]);
        Ok(frames)
    }

    fn conceal(&mut self, frames: usize, pcm: &mut [i16]) -> Result<usize, DecodeError> {
        Self::fill(&mut pcm[..frames]);
        Ok(frames)
    }

    fn reset(&mut self) {}
}

#[test]
fn a_warm_buffer_does_not_allocate() {
    let mut buffer = JitterBuffer::new(Hum, JitterConfig::default());
    let mut random = Random::new(3);
    let start = epoch();
    let mut out = Vec::new();
    let mut held: Option<(u16, Duration)> = None;
    let mut before = 0;
    for index in 0..6_000_u16 {
        if index == 2_000 {
            before = ALLOCATIONS.get();
        }
        let at = Duration::from_millis(u64::from(index) * 20);
        let insert = |buffer: &mut JitterBuffer<Hum>, index: u16, at| {
            buffer.insert(&AudioPacket {
                ssrc: Ssrc(1),
                sequence: index,
                timestamp: u32::from(index) * 960,
                arrival: start + at,
                marker: false,
                payload: &[index as u8; 100],
            });
        };
        // Loss, and packets that are overtaken.
        match random.below(12) {
            0 => {}
            1 if held.is_none() => held = Some((index, at)),
            _ => insert(&mut buffer, index, at),
        }
        if let Some((late, _)) = held.filter(|(late, _)| *late + 1 < index) {
            insert(&mut buffer, late, at);
            held = None;
        }
        for half in 0..2 {
            buffer.pull_into(start + at + Duration::from_millis(half * 10), &mut out);
        }
    }
    let stats = buffer.stats();
    assert!(
        stats.concealed_samples > 0 && stats.fec_recovered > 0,
        "the way through concealment was taken"
    );
    assert_eq!(ALLOCATIONS.get() - before, 0);
}
