//! Decoded sound that waits to be pulled, and the last of what was.

use super::{MAX_PACKET_FRAMES, PULL_FRAMES};

/// Frames kept after they were pulled, for whatever must look back: 40 ms.
pub(super) const HISTORY: usize = 1_920;

/// Room before old sound is moved out.
const CAPACITY: usize = HISTORY + 4 * MAX_PACKET_FRAMES;

/// One contiguous buffer: history, then what is pending.
#[derive(Debug)]
pub(super) struct Output {
    pcm: Vec<i16>,
    channels: usize,
    /// Frames before this one have been pulled.
    read: usize,
}

impl Output {
    /// Starts with a history of silence, so that looking back always works.
    pub(super) fn new(channels: usize) -> Self {
        let mut pcm = Vec::with_capacity(CAPACITY * channels);
        pcm.resize(HISTORY * channels, 0);
        Self {
            pcm,
            channels,
            read: HISTORY,
        }
    }

    /// Frames decoded and not pulled.
    pub(super) fn pending(&self) -> usize {
        self.pcm.len() / self.channels - self.read
    }

    /// All sound held; frames before [`Self::read`] are history.
    pub(super) fn pcm(&self) -> &[i16] {
        &self.pcm
    }

    /// For changes in place; the length stays.
    pub(super) fn pcm_mut(&mut self) -> &mut [i16] {
        &mut self.pcm
    }

    /// First pending frame.
    pub(super) fn read(&self) -> usize {
        self.read
    }

    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Appends sound and returns the frame at which it starts.
    pub(super) fn append(&mut self, pcm: &[i16]) -> usize {
        self.make_room(pcm.len());
        let at = self.pcm.len() / self.channels;
        self.pcm.extend_from_slice(pcm);
        at
    }

    /// Throws away all sound, and starts with a history of silence.
    pub(super) fn clear(&mut self) {
        self.pcm.clear();
        self.pcm.resize(HISTORY * self.channels, 0);
        self.read = HISTORY;
    }

    /// Removes `count` frames from `at` on.
    pub(super) fn remove(&mut self, at: usize, count: usize) {
        let (start, end) = (at * self.channels, (at + count) * self.channels);
        self.pcm.copy_within(end.., start);
        self.pcm.truncate(self.pcm.len() - (end - start));
    }

    /// Puts a copy of the `lag` frames before the read position in front of what is pending.
    pub(super) fn repeat(&mut self, lag: usize) {
        self.make_room(lag * self.channels);
        let (from, to) = ((self.read - lag) * self.channels, self.read * self.channels);
        let end = self.pcm.len();
        self.pcm.resize(end + lag * self.channels, 0);
        self.pcm.copy_within(from..end, to);
    }

    /// Gives the next 10 ms into `out`, which is emptied first. Missing frames are silence; the caller has seen to it
    /// that there are none.
    pub(super) fn pull(&mut self, out: &mut Vec<i16>) {
        let frames = self.pending().min(PULL_FRAMES);
        let start = self.read * self.channels;
        out.clear();
        out.extend_from_slice(&self.pcm[start..start + frames * self.channels]);
        out.resize(PULL_FRAMES * self.channels, 0);
        self.read += frames;
    }

    fn make_room(&mut self, values: usize) {
        if self.pcm.len() + values <= CAPACITY * self.channels || self.read <= HISTORY {
            return;
        }
        let keep = (self.read - HISTORY) * self.channels;
        self.pcm.copy_within(keep.., 0);
        self.pcm.truncate(self.pcm.len() - keep);
        self.read = HISTORY;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_goes_through_in_order_within_a_fixed_room() {
        let mut output = Output::new(2);
        let room = output.pcm.capacity();
        let mut out = Vec::new();
        let (mut fed, mut seen) = (0_i16, 0_i16);
        for _ in 0..500 {
            let packet: Vec<i16> = (0..960).flat_map(|n| [fed.wrapping_add(n), 0]).collect();
            fed = fed.wrapping_add(960);
            output.append(&packet);
            for _ in 0..2 {
                output.pull(&mut out);
                for frame in out.chunks(2) {
                    assert_eq!(frame[0], seen);
                    seen = seen.wrapping_add(1);
                }
            }
        }
        assert_eq!(output.pcm.capacity(), room);
        assert_eq!(output.pending(), 0);
    }

    #[test]
    fn repeating_and_removing_cancel() {
        let mut output = Output::new(1);
        output.append(&(0..2_000).collect::<Vec<i16>>());
        let mut out = Vec::new();
        output.pull(&mut out);
        output.repeat(200);
        assert_eq!(output.pcm()[output.read()], 280);
        assert_eq!(output.pcm()[output.read() + 200], 480);
        output.remove(output.read(), 200);
        output.pull(&mut out);
        assert_eq!(out, (480..960).collect::<Vec<i16>>());
    }
}
