//! Data channels: names that hold from creation to close, and the send queue above SCTP.

/// Names a channel for the engine's life; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelKey(pub(crate) u64);

/// How a channel is opened (W3C `RTCDataChannelInit`, RFC 8832 §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelInit {
    /// Its label.
    pub label: String,
    /// Subprotocol; empty for none.
    pub protocol: String,
    /// Messages come out in the order they went in.
    pub ordered: bool,
    /// Give a message up after so many resends; excludes `max_packet_life_time`.
    pub max_retransmits: Option<u16>,
    /// Give a message up after so many milliseconds.
    pub max_packet_life_time: Option<u16>,
    /// Both sides open the channel under this stream id, nothing is announced in-band.
    pub negotiated: Option<u16>,
}

impl ChannelInit {
    /// Reliable, ordered, announced in-band.
    #[must_use]
    pub fn reliable(label: &str) -> Self {
        Self {
            label: label.to_owned(),
            protocol: String::new(),
            ordered: true,
            max_retransmits: None,
            max_packet_life_time: None,
            negotiated: None,
        }
    }
}

/// `RTCDataChannelState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChannelState {
    /// Not usable yet.
    Connecting,
    /// Messages flow.
    Open,
    /// We asked to close; what is queued still goes out.
    Closing,
    /// Gone.
    Closed,
}
