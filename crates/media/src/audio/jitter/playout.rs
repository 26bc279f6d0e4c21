//! The way out: what to play next, and from what to make it.

use super::super::decoder::AudioDecoder;
use super::super::packets::Stored;
use super::super::splice::{append_spliced, smooth_step};
use super::super::{MAX_PACKET_FRAMES, PULL_FRAMES, SAMPLE_RATE, ms};
use super::{IDLE, JitterBuffer, PullKind};

/// Above the target by this much, sound is dropped rather than played faster.
const CATCH_UP: i64 = ms(400);

/// The band around the target within which nothing is done.
const BELOW: i64 = ms(5);
const ABOVE: i64 = ms(8);

/// What concealment is asked for is a multiple of this: 2.5 ms.
const GRAIN: i64 = 120;

/// Where time spent concealing is given up to a lost packet, it is in multiples of this.
const SKIP_GRAIN: i64 = ms(5);

/// Comfort noise lasts this long without another DTX packet; senders repeat one every 400 ms.
const COMFORT: i64 = ms(1_500);

/// A packet that has been here so long is played, whatever the level says.
const LONGEST_WAIT: i64 = ms(1_000);

/// One pull's two views of the time: as it is, and without the puller's lateness.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    pub(super) now: i64,
    pub(super) due: i64,
}

impl<D: AudioDecoder> JitterBuffer<D> {
    /// Appends some sound to the output, or drops a packet: the queue is finite, so that repeating this ends.
    pub(super) fn step(&mut self, time: Time) {
        self.drop_obsolete();
        let Some(first) = self.packets.first() else {
            return self.conceal(PULL_FRAMES as i64);
        };
        let Some(next) = self.next else {
            return self.wait_for_first(time);
        };
        let gap = first.timestamp - next;
        let silence_before = self.waiting
            || first.talk_start
            || first.sequence == self.decoded_sequence.map(|s| s + 1);
        if gap > 0 && silence_before {
            return self.wait_for_first(time);
        }
        if gap <= 0 && self.waiting && !self.is_ready(time) {
            return self.conceal(PULL_FRAMES as i64);
        }
        if self.level(time.due, next) > self.target.frames() + CATCH_UP && self.catch_up(time) {
            return;
        }
        if gap > 0 {
            return self.bridge(time, next, gap);
        }
        self.play(time, -gap);
    }

    /// The puller slept: what is left from before is not continued.
    pub(super) fn begin_from_silence(&mut self) {
        self.output.clear();
        self.fader.silence();
        self.waiting = true;
        self.splice = false;
        self.kind = PullKind::Silence;
    }

    /// How long ago the fastest packet would have brought the sound at `timestamp`.
    fn level(&self, at: i64, timestamp: i64) -> i64 {
        // Without a base (copies only, so far), sound counts as just come.
        self.arrivals.base().map_or(0, |base| at - timestamp - base)
    }

    fn is_ready(&self, time: Time) -> bool {
        self.packets.first().is_some_and(|first| {
            self.level(time.now, first.timestamp) >= self.target.frames()
                || time.now - first.arrival > LONGEST_WAIT
        })
    }

    /// Play-out begins, or goes on after silence, with the first packet, once the level is right.
    fn wait_for_first(&mut self, time: Time) {
        match self.packets.first() {
            Some(first) if self.is_ready(time) => {
                self.next = Some(first.timestamp);
                self.waiting = false;
            }
            _ => self.conceal(PULL_FRAMES as i64),
        }
    }

    fn drop_obsolete(&mut self) {
        let Some(next) = self.next else { return };
        while self
            .packets
            .first()
            .is_some_and(|first| first.timestamp + first.duration <= next)
        {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some(packet) = self.packets.pop() {
            self.stats.packets_discarded += u64::from(!packet.redundant);
            self.packets.recycle(packet);
        }
    }

    /// Drops packets until the level is back at the target, the newest excepted. Returns whether it dropped any.
    fn catch_up(&mut self, time: Time) -> bool {
        let mut dropped = false;
        while self.packets.len() > 1
            && self.packets.first().is_some_and(|first| {
                self.level(time.due, first.timestamp + first.duration) >= self.target.frames()
            })
        {
            self.drop_first();
            dropped = true;
        }
        if dropped {
            self.next = self.packets.first().map(|first| first.timestamp);
            self.splice = true;
        }
        dropped
    }

    /// A packet is missing before the first one; `gap` frames are to be filled.
    fn bridge(&mut self, time: Time, next: i64, gap: i64) {
        let target = self.target.frames();
        let Some(first) = self.packets.first() else {
            return;
        };
        let in_band = if self.decoder.has_fec(&first.payload) {
            first.duration.min(gap)
        } else {
            0
        };

        // Level above the target is time that was spent concealing already: it counts for what is missing. Sound that
        // can be had from the in-band copy is worth a little more delay.
        let excess = self.level(time.due, next) - target;
        let spare = if excess > ms(25) { gap } else { gap - in_band };
        let skip = excess.clamp(0, spare) / SKIP_GRAIN * SKIP_GRAIN;
        if skip > 0 {
            self.next = Some(next + skip);
            return;
        }
        if self.level(time.now, next) + PULL_FRAMES as i64 <= target {
            // Too low anyway: what is made up now is time won.
            return self.conceal(PULL_FRAMES as i64);
        }
        if in_band > 0 && gap <= in_band {
            return self.play_in_band(time, gap);
        }
        let wanted = (gap - in_band).min(PULL_FRAMES as i64);
        self.next = Some(next + wanted);
        self.conceal(wanted);
    }

    /// Plays the last `gap` frames of the copy that the first packet carries of the one before it.
    fn play_in_band(&mut self, time: Time, gap: i64) {
        let Some(first) = self.packets.pop() else {
            return;
        };
        let frames = usize::try_from(first.duration)
            .unwrap_or(0)
            .min(MAX_PACKET_FRAMES);
        let decoded = self
            .decoder
            .decode_fec(&first.payload, frames, &mut self.scratch);
        let (timestamp, arrival) = (first.timestamp, first.arrival);
        self.packets.put_back(first);
        match decoded {
            Ok(decoded) if decoded > 0 => {
                let decoded = decoded.min(frames);
                let head = decoded.saturating_sub(usize::try_from(gap).unwrap_or(0));
                self.next = Some(timestamp);
                self.decoded_sequence = None;
                self.stats.fec_recovered += 1;
                self.emit(head, decoded, time, arrival);
            }
            _ => {
                self.stats.decode_errors += 1;
                let wanted = gap.min(PULL_FRAMES as i64);
                self.next = Some(timestamp - gap + wanted);
                self.conceal(wanted);
            }
        }
    }

    /// Plays the first packet without its first `head` frames, whose time has passed.
    fn play(&mut self, time: Time, head: i64) {
        let Some(packet) = self.packets.pop() else {
            return;
        };
        if std::mem::take(&mut self.reset_decoder) {
            self.decoder.reset();
        }
        let level = self.level(time.due, packet.timestamp + head);
        let level_now = self.level(time.now, packet.timestamp + head);
        match self.decoder.decode(&packet.payload, &mut self.scratch) {
            Ok(frames) if (1..=MAX_PACKET_FRAMES).contains(&frames) => {
                let after_concealment = self.run > 0;
                self.packet_frames = packet.duration;
                self.next = Some((packet.timestamp + frames as i64).max(packet.timestamp + head));
                self.decoded_sequence = packet.sequence;
                self.waiting = false;
                self.stats.red_recovered += u64::from(packet.redundant);
                let head = usize::try_from(head).unwrap_or(0).min(frames);
                self.emit(head, frames, time, packet.arrival);
                self.dtx = self.decoder.is_dtx(&packet.payload);
                if !after_concealment {
                    self.stretch(level, level_now);
                }
            }
            _ => {
                // As good as lost: what follows finds a gap.
                self.stats.decode_errors += 1;
                self.drop_damaged(&packet, head);
            }
        }
        self.packets.recycle(packet);
    }

    fn drop_damaged(&mut self, packet: &Stored, head: i64) {
        self.decoded_sequence = None;
        let left = (packet.duration - head).clamp(GRAIN, PULL_FRAMES as i64);
        self.next = Some(packet.timestamp + head + left);
        self.conceal(left);
    }

    /// Appends frames `head..end` of the scratch buffer: received sound.
    fn emit(&mut self, head: usize, end: usize, time: Time, arrival: i64) {
        let frames = end - head;
        if frames == 0 {
            self.splice = true;
            return;
        }
        let channels = self.output.channels();
        let waited = (time.now - arrival).max(0) + self.output.pending() as i64;
        let seconds = |count: i64| count as f64 / f64::from(SAMPLE_RATE);
        self.stats.jitter_buffer_delay += seconds(waited) * frames as f64;
        self.stats.jitter_buffer_target_delay += seconds(self.target.frames()) * frames as f64;
        self.stats.jitter_buffer_minimum_delay += seconds(self.target.unbounded()) * frames as f64;
        self.stats.jitter_buffer_emitted_count += frames as u64;

        let pcm = &mut self.scratch[head * channels..end * channels];
        let from_silence = self.fader.is_silent();
        self.fader.restore(pcm, channels);
        let splice = std::mem::take(&mut self.splice) || head > 0;
        if splice && !from_silence {
            append_spliced(&mut self.output, pcm);
        } else {
            let at = self.output.append(pcm);
            if self.run > 0 {
                smooth_step(&mut self.output, at);
            }
        }
        self.run = 0;
        self.stretcher.advance(frames as i64);
        self.kind = PullKind::Decoded;
    }

    /// Brings the level into its band by playing the sound just appended faster or slower.
    ///
    /// Sound is needed on the grid of the pulls, so the level goes in steps of a pull: what is left out, or repeated,
    /// moves it only once it adds up to a step with what was pending (`phase`). The length is kept below what would
    /// carry the level out of the band on the other side, or the two would alternate for ever.
    fn stretch(&mut self, level: i64, level_now: i64) {
        let pull = PULL_FRAMES as i64;
        let phase = self.output.pending() as i64 % pull;
        let target = self.target.frames();
        let (lowest, highest) = (target - BELOW, target + ABOVE);
        if level > highest {
            let steps = (level - lowest) / pull;
            let urgent = level - target > ms(60);
            let removed = self
                .stretcher
                .accelerate(&mut self.output, phase + steps * pull, urgent);
            self.stats.removed_samples_for_acceleration += removed as u64;
        } else if level_now < lowest {
            let steps = (highest - level_now) / pull;
            let longest = (steps + 1) * pull - phase - 1;
            let inserted = self.stretcher.decelerate(&mut self.output, longest);
            self.stats.inserted_samples_for_deceleration += inserted as u64;
        } else {
            self.stretcher.content();
        }
    }

    /// Appends `frames`, at most 10 ms, of made-up sound.
    fn conceal(&mut self, frames: i64) {
        let frames = usize::try_from(frames).unwrap_or(0).clamp(1, PULL_FRAMES);
        let channels = self.output.channels();
        let comfort = self.dtx && self.run < COMFORT;
        let started = self.next.is_some() || self.kind != PullKind::Silence;
        let begins = self.run == 0;

        let pcm = &mut self.scratch[..frames * channels];
        if !started || self.fader.is_silent() {
            pcm.fill(0);
            self.fader.silence();
        } else {
            let whole = frames.next_multiple_of(GRAIN as usize);
            let decoded = self
                .decoder
                .conceal(whole, &mut self.scratch)
                .unwrap_or(0)
                .min(frames);
            let pcm = &mut self.scratch[..frames * channels];
            pcm[decoded * channels..].fill(0);
            // Comfort noise was meant to be heard: it fades only when it has outlived its sender.
            let age = if self.dtx {
                (self.run - COMFORT).max(0)
            } else {
                self.run
            };
            self.fader.conceal(pcm, channels, age);
            // The decoder is ahead by what was cut off.
            self.splice |= whole != frames;
        }
        let silent = self.fader.is_silent();
        let at = self.output.append(&self.scratch[..frames * channels]);
        if begins && !silent {
            smooth_step(&mut self.output, at);
        }
        self.run = self.run.saturating_add(frames as i64);
        if silent || comfort {
            // Nobody hears how long this lasts: go on with the level right.
            self.waiting = true;
        }
        if started && !comfort {
            self.stats.concealed_samples += frames as u64;
            self.stats.silent_concealed_samples += if silent { frames as u64 } else { 0 };
            self.stats.concealment_events += u64::from(begins);
        }
        self.kind = match (silent, comfort) {
            (true, _) => PullKind::Silence,
            (false, true) => PullKind::Comfort,
            (false, false) => PullKind::Concealed,
        };
    }

    pub(super) fn count_pull(&mut self, pcm: &[i16]) {
        let seconds = PULL_FRAMES as f64 / f64::from(SAMPLE_RATE);
        let loudest = pcm.iter().map(|value| value.unsigned_abs()).max();
        let level = (f64::from(loudest.unwrap_or(0)) / f64::from(i16::MAX)).min(1.0);
        self.stats.total_samples_received += PULL_FRAMES as u64;
        self.stats.total_samples_duration += seconds;
        self.stats.audio_level = level;
        self.stats.total_audio_energy += level * level * seconds;
    }

    pub(super) fn idle_at(&self, now: i64) -> bool {
        let quiet = self
            .arrivals
            .last_arrival()
            .is_none_or(|arrival| now - arrival > IDLE);
        quiet
            && self.kind == PullKind::Silence
            && self.packets.is_empty()
            && self.output.pending() < PULL_FRAMES
    }
}
