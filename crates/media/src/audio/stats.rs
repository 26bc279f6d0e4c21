//! Figures of a received audio stream.

/// Counters since the buffer was made, under the names of the W3C's `RTCInboundRtpStreamStats` in snake case.
///
/// "Samples" are frames: one for all channels together, as the W3C counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AudioStats {
    /// RTP packets given to `insert`, duplicates and late ones included; redundant copies are not packets.
    pub packets_received: u64,
    /// Expected by sequence number minus received (RFC 3550 §6.4.1); may be negative with duplicates.
    pub packets_lost: i64,
    /// Inter-arrival jitter (RFC 3550 §6.4.1), in seconds.
    pub jitter: f64,
    /// Packets that came too late, or were thrown away to make up for a delay that had grown too long.
    pub packets_discarded: u64,
    /// Packets that had come before with the same timestamp. Not a W3C figure.
    pub packets_duplicated: u64,
    /// Packets whose payload the decoder refused. Not a W3C figure.
    pub decode_errors: u64,
    /// Sum over all emitted samples of the time each spent here, in seconds.
    pub jitter_buffer_delay: f64,
    /// Sum over all emitted samples of the target delay at that time, in seconds.
    pub jitter_buffer_target_delay: f64,
    /// Like the target, from the network's behaviour alone, without a configured minimum, in seconds.
    pub jitter_buffer_minimum_delay: f64,
    /// Samples that came out of packets.
    pub jitter_buffer_emitted_count: u64,
    /// Samples given out, concealed ones included.
    pub total_samples_received: u64,
    /// Samples that were made up because their packet was missing or late; comfort noise in DTX is not counted.
    pub concealed_samples: u64,
    /// The part of `concealed_samples` that was silence.
    pub silent_concealed_samples: u64,
    /// Times that concealment began after sound that was received.
    pub concealment_events: u64,
    /// Samples added to play slower.
    pub inserted_samples_for_deceleration: u64,
    /// Samples left out to play faster.
    pub removed_samples_for_acceleration: u64,
    /// Lost packets that were made good from the in-band copy in the following packet. Not a W3C figure.
    pub fec_recovered: u64,
    /// Lost packets that were made good from a redundant block (RFC 2198). Not a W3C figure.
    pub red_recovered: u64,
    /// Loudest sample of the last 10 ms, 0 to 1: what Google's library calls the level.
    pub audio_level: f64,
    /// Sum of the squared level times its duration, in seconds.
    pub total_audio_energy: f64,
    /// Sound given out, in seconds.
    pub total_samples_duration: f64,
}
