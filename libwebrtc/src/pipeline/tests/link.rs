//! A one-way network in memory: loss, delay and jitter from a seed.

use std::time::Duration;

use lk_types::{Pt, Ssrc};
use tokio::time::{Instant, sleep_until};

use super::super::audio_recv::{AudioRecv, IncomingAudio};
use super::super::audio_send::OutgoingAudio;

/// What the network does to packets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conditions {
    pub(super) loss_percent: u64,
    pub(super) delay: Duration,
    /// Each packet is late by up to this, independently: reordering included.
    pub(super) jitter: Duration,
}

impl Conditions {
    pub(super) const PERFECT: Self = Self {
        loss_percent: 0,
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
    };
}

/// The sender's end of a link to `recv`; seeded, so that a run can be repeated.
pub(super) fn link(
    recv: AudioRecv,
    conditions: Conditions,
    seed: u64,
) -> impl FnMut(OutgoingAudio) + Send + 'static {
    let mut sequence = 0_u16;
    let mut state = seed;
    let mut random = move |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below.max(1)
    };
    move |packet: OutgoingAudio| {
        sequence = sequence.wrapping_add(1);
        let this = sequence;
        let late = random(u64::try_from(conditions.jitter.as_micros()).expect("short") + 1);
        if random(100) < conditions.loss_percent {
            return;
        }
        let recv = recv.clone();
        let at = Instant::now() + conditions.delay + Duration::from_micros(late);
        tokio::spawn(async move {
            sleep_until(at).await;
            let incoming = IncomingAudio {
                ssrc: Ssrc(1),
                sequence: this,
                timestamp: packet.timestamp,
                arrival: Instant::now().into_std(),
                marker: packet.marker,
                payload: &packet.payload,
            };
            recv.push(Pt(packet.pt.0), &incoming);
        });
    }
}
