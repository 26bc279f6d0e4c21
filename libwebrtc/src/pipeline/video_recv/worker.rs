//! The thread that decodes, while somebody watches.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use lk_codecs::video::VideoDecoder;
use lk_media::video::{AssembledFrame, FrameTrailer};
use lk_types::{Codec, I420Picture, Rotation, Ssrc};

use super::clock::MediaClock;
use super::{DecodedPicture, Shared};

/// A frame and what the stream says of it.
struct Work {
    ssrc: Ssrc,
    codec: Codec,
    rotation: Rotation,
    frame: AssembledFrame,
    /// What came with it, once it is decrypted.
    metadata: Option<FrameTrailer>,
    /// It waited for somebody to watch, and newer ones are there: decoded, because they refer to it, and not shown.
    passed: bool,
}

/// A picture this old is not shown where a newer one is there.
const OLD: Duration = Duration::from_millis(500);

pub(super) fn run(shared: &Arc<Shared>) {
    let mut decoder: Option<(Ssrc, Codec, Box<dyn VideoDecoder>)> = None;
    let mut clock = MediaClock::default();
    // A frame could not be decrypted: what follows refers to it, whoever it was encrypted for.
    let mut broken = false;
    // There is no decoder for it, which was said.
    let mut unknown = None;
    while let Some(mut work) = next(shared) {
        let passes;
        (passes, work.metadata) = shared.transform.video(work.ssrc, &mut work.frame);
        if !passes {
            broken = true;
            continue;
        }
        if std::mem::take(&mut broken) && !work.frame.keyframe {
            failed(shared, work.ssrc);
            continue;
        }
        let known = decoder
            .as_ref()
            .is_some_and(|(ssrc, codec, _)| *ssrc == work.ssrc && *codec == work.codec);
        if !known {
            clock = MediaClock::default();
            decoder = match lk_codecs::video::decoder(work.codec) {
                Ok(decoder) => Some((work.ssrc, work.codec, decoder)),
                Err(error) => {
                    if unknown.replace(work.codec) != Some(work.codec) {
                        log::error!("video source {}: {error}", work.ssrc);
                    }
                    None
                }
            };
        }
        let Some((_, _, decoder)) = &mut decoder else {
            continue;
        };
        let began = Instant::now();
        let decoded = decode(&mut **decoder, &work.frame);
        shared.stats.lock().decode_time += began.elapsed();
        match decoded {
            Ok(Some(_)) if work.passed => {}
            Ok(Some(image)) => {
                shared.transform.decoded(work.metadata.as_ref());
                give(shared, &work, image, began, &mut clock, &**decoder);
            }
            Ok(None) => {}
            Err(error) => {
                log::debug!("video source {}: {error}", work.ssrc);
                failed(shared, work.ssrc);
            }
        }
    }
}

/// Waits for the next frame; `None` where the track ended or nobody watches any more.
fn next(shared: &Arc<Shared>) -> Option<Work> {
    let mut guard = shared.state.lock();
    loop {
        let state = &mut *guard;
        if state.ended || !shared.sinks.watched() {
            state.running = false;
            // The frames that were decoded are gone: whoever watches next needs a key frame.
            state.forget();
            if let Some(stream) = &mut state.stream {
                stream.from_keyframe = true;
            }
            return None;
        }
        if let Some(frame) = state.ready.pop_front() {
            state.ready_bytes -= frame.payload.len();
            let passed = !state.ready.is_empty() && frame.last_arrival.elapsed() > OLD;
            if let Some(stream) = &state.stream {
                return Some(Work {
                    passed,
                    ssrc: stream.ssrc,
                    codec: stream.codec,
                    rotation: stream.rotation,
                    frame,
                    metadata: None,
                });
            }
            continue;
        }
        let deadline = state
            .stream
            .as_ref()
            .and_then(|stream| stream.buffer.deadline());
        match deadline {
            None => shared.news.wait(&mut guard),
            Some(deadline) => {
                if shared.news.wait_until(&mut guard, deadline).timed_out() {
                    let now = Instant::now();
                    let state = &mut *guard;
                    state.collect(now);
                    if let Some(ssrc) = state.wish(true, now) {
                        (shared.ask)(ssrc);
                    }
                }
            }
        }
    }
}

/// All layers of a picture, one after the other; the last one that shows something is the picture.
fn decode(
    decoder: &mut dyn VideoDecoder,
    frame: &AssembledFrame,
) -> Result<Option<I420Picture>, lk_codecs::video::VideoCodecError> {
    let mut image = I420Picture::default();
    let mut shown = false;
    if frame.codec == Codec::Vp9 && frame.layers.len() > 1 {
        let mut rest = frame.payload.as_slice();
        for layer in &frame.layers {
            let (layer, after) = rest.split_at((*layer).min(rest.len()));
            rest = after;
            shown |= decoder.decode(layer, &mut image)?;
        }
    } else {
        shown = decoder.decode(&frame.payload, &mut image)?;
    }
    Ok(shown.then_some(image))
}

fn give(
    shared: &Shared,
    work: &Work,
    image: I420Picture,
    began: Instant,
    clock: &mut MediaClock,
    decoder: &dyn VideoDecoder,
) {
    let now = Instant::now();
    {
        let mut stats = shared.stats.lock();
        stats.decoded(now);
        stats.key_frames_decoded += u64::from(work.frame.keyframe);
        stats.qp_sum += decoder.quantizer().map_or(0, u64::from);
        stats.implementation = decoder.implementation();
        (stats.width, stats.height) = (image.width, image.height);
        stats.processing_delay += now.saturating_duration_since(work.frame.first_arrival);
        stats.buffer_delay += began.saturating_duration_since(work.frame.first_arrival);
    }
    let age = now.saturating_duration_since(work.frame.first_arrival);
    let arrival = SystemTime::now()
        .checked_sub(age)
        .unwrap_or(SystemTime::UNIX_EPOCH);
    shared.sinks.deliver(DecodedPicture {
        image,
        rotation: work.rotation,
        timestamp_us: clock.moment(work.frame.timestamp, arrival),
        metadata: work.metadata.clone(),
    });
}

/// What follows refers to a picture that is not there: nothing is shown until a key frame comes.
fn failed(shared: &Shared, ssrc: Ssrc) {
    let now = Instant::now();
    let mut state = shared.state.lock();
    let state = &mut *state;
    shared.stats.lock().decode_errors += 1;
    state.forget();
    if let Some(stream) = state.stream.as_mut().filter(|stream| stream.ssrc == ssrc) {
        stream.from_keyframe = true;
        stream.buffer.decode_failed(now);
    }
    if let Some(ssrc) = state.wish(true, now) {
        (shared.ask)(ssrc);
    }
}
