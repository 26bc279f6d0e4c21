//! Messages beside the media (RFC 8831).

use std::fmt;
use std::str::Utf8Error;
use std::sync::Arc;

use serde::Deserialize;
use thiserror::Error;

use crate::{rtp_parameters::Priority, session::Channel};

/// How a channel is opened (W3C `RTCDataChannelInit`).
#[derive(Clone, Debug)]
pub struct DataChannelInit {
    /// Messages arrive in the order they were sent.
    pub ordered: bool,
    /// Milliseconds after which a message is no longer sent again.
    pub max_retransmit_time: Option<i32>,
    /// How often a message is sent again.
    pub max_retransmits: Option<i32>,
    /// The program's name for what is spoken on it.
    pub protocol: String,
    /// Both sides open it under the same `id`; nothing is announced.
    pub negotiated: bool,
    /// Stream identifier of a negotiated channel, 0 to 65534; -1 where one is chosen.
    pub id: i32,
    /// Importance against other channels.
    pub priority: Option<Priority>,
}

impl Default for DataChannelInit {
    fn default() -> Self {
        Self {
            ordered: true,
            max_retransmit_time: None,
            max_retransmits: None,
            protocol: String::new(),
            negotiated: false,
            id: -1,
            priority: None,
        }
    }
}

/// A message was not sent.
#[derive(Debug, Error)]
pub enum DataChannelError {
    /// The channel is not open, its queue is full, or the message is larger than the peer takes.
    #[error(
        "the message was not sent: the channel is not open, its queue is full or the message is too large"
    )]
    Send,
    /// A text message is not UTF-8.
    #[error("a text message must be UTF-8: {0}")]
    Utf8(#[from] Utf8Error),
}

/// W3C `RTCDataChannelState`.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataChannelState {
    /// Not open yet.
    Connecting,
    /// Messages pass.
    Open,
    /// Messages on their way still pass.
    Closing,
    /// Over.
    Closed,
}

/// A received message.
#[derive(Debug)]
pub struct DataBuffer<'a> {
    /// Its bytes.
    pub data: &'a [u8],
    /// Bytes rather than text.
    pub binary: bool,
}

/// Told of a new state.
pub type OnStateChange = Box<dyn FnMut(DataChannelState) + Send + Sync>;
/// Told of a message.
pub type OnMessage = Box<dyn FnMut(DataBuffer<'_>) + Send + Sync>;
/// Told how many bytes left the queue since the last call; all calls together give what was sent.
pub type OnBufferedAmountChange = Box<dyn FnMut(u64) + Send + Sync>;

/// A channel. Clones share it; callbacks run one at a time, in order, without a lock held.
#[derive(Clone)]
pub struct DataChannel {
    channel: Arc<Channel>,
}

impl DataChannel {
    pub(crate) fn from_session(channel: Arc<Channel>) -> Self {
        Self { channel }
    }

    /// Queues a message.
    ///
    /// # Errors
    /// See [`DataChannelError`].
    pub fn send(&self, data: &[u8], binary: bool) -> Result<(), DataChannelError> {
        self.channel.send(data, binary)
    }

    /// Stream identifier; -1 before one is chosen.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.channel.id()
    }

    /// The name it was opened with.
    #[must_use]
    pub fn label(&self) -> String {
        self.channel.label().to_owned()
    }

    /// Its state.
    #[must_use]
    pub fn state(&self) -> DataChannelState {
        self.channel.state()
    }

    /// Closes it after what is queued.
    pub fn close(&self) {
        self.channel.close();
    }

    /// Bytes that were given to [`send`](Self::send) and have not left.
    #[must_use]
    pub fn buffered_amount(&self) -> u64 {
        self.channel.buffered_amount()
    }

    /// Sets or removes who is told of new states.
    pub fn on_state_change(&self, callback: Option<OnStateChange>) {
        self.channel.callbacks.state.set(callback);
    }

    /// Sets or removes who is told of messages.
    pub fn on_message(&self, callback: Option<OnMessage>) {
        self.channel.callbacks.message.set(callback);
    }

    /// Sets or removes who is told of bytes that left the queue.
    pub fn on_buffered_amount_change(&self, callback: Option<OnBufferedAmountChange>) {
        self.channel.callbacks.buffered_amount.set(callback);
    }
}

impl fmt::Debug for DataChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataChannel")
            .field("id", &self.id())
            .field("label", &self.label())
            .field("state", &self.state())
            .finish()
    }
}
