//! Data channels between the façade and the actor.

use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use lk_engine::ChannelInit;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::actor::Command;
use super::inbox::Inbox;
use super::observers::Slot;
use crate::callback::Callback;
use crate::data_channel::{DataBuffer, DataChannelError, DataChannelInit, DataChannelState};
use crate::native::receipts::{self, Receipt};
use crate::{RtcError, RtcErrorType};

/// Who is told of messages.
pub(crate) type OnData = Callback<dyn FnMut(DataBuffer<'_>) + Send + Sync>;

/// Callbacks of one channel; only the actor calls them, and the channel's [`Inbox`].
#[derive(Default)]
pub(crate) struct ChannelCallbacks {
    pub(crate) state: Slot<DataChannelState>,
    pub(crate) message: Arc<OnData>,
    pub(crate) buffered_amount: Slot<u64>,
}

/// A data channel as both sides share it.
pub(crate) struct Channel {
    init: ChannelInit,
    /// SCTP stream id; −1 until it is known.
    id: AtomicI32,
    state: AtomicU8,
    /// Bytes given to `send` and not yet reported as sent.
    buffered: AtomicU64,
    commands: mpsc::WeakUnboundedSender<Command>,
    /// Where messages wait for a program that says what it has read.
    inbox: OnceLock<Option<Arc<Inbox>>>,
    pub(crate) callbacks: ChannelCallbacks,
}

impl Channel {
    pub(crate) fn new(init: ChannelInit, commands: mpsc::WeakUnboundedSender<Command>) -> Self {
        let id = init.negotiated.map_or(-1, i32::from);
        Self {
            init,
            id: AtomicI32::new(id),
            state: AtomicU8::new(DataChannelState::Connecting as u8),
            buffered: AtomicU64::new(0),
            commands,
            inbox: OnceLock::new(),
            callbacks: ChannelCallbacks::default(),
        }
    }

    pub(crate) fn init(&self) -> &ChannelInit {
        &self.init
    }

    pub(crate) fn label(&self) -> &str {
        &self.init.label
    }

    pub(crate) fn id(&self) -> i32 {
        self.id.load(Ordering::Acquire)
    }

    pub(crate) fn set_id(&self, id: u16) {
        self.id.store(i32::from(id), Ordering::Release);
    }

    pub(crate) fn state(&self) -> DataChannelState {
        match self.state.load(Ordering::Acquire) {
            0 => DataChannelState::Connecting,
            1 => DataChannelState::Open,
            2 => DataChannelState::Closing,
            _ => DataChannelState::Closed,
        }
    }

    /// Moves the state forward (it never goes back) and tells the application. Called by the actor.
    pub(crate) fn enter(&self, state: DataChannelState) {
        let before = self.state.fetch_max(state as u8, Ordering::AcqRel);
        if before < state as u8 {
            self.callbacks.state.call(|callback| callback(state));
        }
        if state == DataChannelState::Closed {
            if let Some(Some(inbox)) = self.inbox.get() {
                inbox.close();
            }
            self.callbacks.state.set(None);
            self.callbacks.message.set(None);
            self.callbacks.buffered_amount.set(None);
        }
    }

    /// A message came in. Called by the actor, in its runtime.
    pub(crate) fn receive(&self, binary: bool, data: Vec<u8>) {
        match self.inbox.get_or_init(|| self.open_inbox()) {
            Some(inbox) => inbox.take(binary, data),
            None => {
                let data = data.as_slice();
                self.callbacks
                    .message
                    .call(|callback| callback(DataBuffer { data, binary }));
            }
        }
    }

    /// The inbox, where the program has receipts for this channel.
    fn open_inbox(&self) -> Option<Arc<Inbox>> {
        let make = receipts::maker()?;
        make(self.label(), Receipt::from_number(0))?;
        let reliable =
            self.init.max_retransmits.is_none() && self.init.max_packet_life_time.is_none();
        let give = Arc::clone(&self.callbacks.message);
        let runtime = Handle::try_current().ok()?;
        Some(Inbox::new(self.label(), make, give, reliable, runtime))
    }

    pub(crate) fn buffered_amount(&self) -> u64 {
        self.buffered.load(Ordering::Acquire)
    }

    /// Bytes left the queue. Called by the actor.
    pub(crate) fn sent(&self, amount: u64) {
        // Only `send` adds and only reports of what was added come here, so this cannot pass zero.
        self.buffered.fetch_sub(
            amount.min(self.buffered.load(Ordering::Acquire)),
            Ordering::AcqRel,
        );
        self.callbacks
            .buffered_amount
            .call(|callback| callback(amount));
    }

    pub(crate) fn send(
        self: &Arc<Self>,
        data: &[u8],
        binary: bool,
    ) -> Result<(), DataChannelError> {
        if !binary {
            std::str::from_utf8(data)?;
        }
        if self.state() != DataChannelState::Open {
            return Err(DataChannelError::Send);
        }
        let commands = self.commands.upgrade().ok_or(DataChannelError::Send)?;
        self.buffered.fetch_add(data.len() as u64, Ordering::AcqRel);
        let command = Command::SendChannel {
            channel: self.clone(),
            data: data.to_vec(),
            binary,
        };
        commands.send(command).map_err(|_| {
            self.buffered.fetch_sub(data.len() as u64, Ordering::AcqRel);
            DataChannelError::Send
        })
    }

    pub(crate) fn close(self: &Arc<Self>) {
        if matches!(
            self.state(),
            DataChannelState::Closing | DataChannelState::Closed
        ) {
            return;
        }
        if let Some(commands) = self.commands.upgrade() {
            self.state
                .fetch_max(DataChannelState::Closing as u8, Ordering::AcqRel);
            // The actor may end meanwhile; it closes every channel then.
            let _ = commands.send(Command::CloseChannel(self.clone()));
        }
    }
}

/// Checks what the application asked for.
pub(crate) fn engine_init(label: &str, init: &DataChannelInit) -> Result<ChannelInit, RtcError> {
    let invalid = |message: String| RtcError {
        error_type: RtcErrorType::InvalidState,
        message,
    };
    let bounded = |name: &str, value: Option<i32>| {
        value
            .map(|value| {
                u16::try_from(value).map_err(|_| {
                    invalid(format!(
                        "data channel `{label}`: {name} is {value}; give 0 to 65535"
                    ))
                })
            })
            .transpose()
    };
    let max_retransmits = bounded("max_retransmits", init.max_retransmits)?;
    let max_packet_life_time = bounded("max_retransmit_time", init.max_retransmit_time)?;
    if max_retransmits.is_some() && max_packet_life_time.is_some() {
        return Err(invalid(format!(
            "data channel `{label}`: give max_retransmits or max_retransmit_time, not both"
        )));
    }
    let negotiated = if init.negotiated {
        match u16::try_from(init.id) {
            Ok(id) if id != u16::MAX => Some(id),
            _ => {
                return Err(invalid(format!(
                    "data channel `{label}`: id is {}; a negotiated channel needs 0 to 65534",
                    init.id
                )));
            }
        }
    } else {
        None
    };
    if label.len() > usize::from(u16::MAX) || init.protocol.len() > usize::from(u16::MAX) {
        return Err(invalid(format!(
            "data channel: label and protocol have at most 65535 bytes, not {}",
            label.len()
        )));
    }
    Ok(ChannelInit {
        label: label.to_owned(),
        protocol: init.protocol.clone(),
        ordered: init.ordered,
        max_retransmits,
        max_packet_life_time,
        negotiated,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_checked_and_named() {
        let both = DataChannelInit {
            max_retransmits: Some(1),
            max_retransmit_time: Some(1),
            ..Default::default()
        };
        assert!(
            engine_init("x", &both)
                .unwrap_err()
                .message
                .contains("not both")
        );
        let negative = DataChannelInit {
            max_retransmits: Some(-1),
            ..Default::default()
        };
        assert!(
            engine_init("x", &negative)
                .unwrap_err()
                .message
                .contains("max_retransmits is -1")
        );
        let without_id = DataChannelInit {
            negotiated: true,
            ..Default::default()
        };
        assert!(
            engine_init("x", &without_id)
                .unwrap_err()
                .message
                .contains("id is -1")
        );
    }

    #[test]
    fn a_negotiated_channel_knows_its_id_from_the_start() {
        let init = DataChannelInit {
            negotiated: true,
            id: 100,
            ..Default::default()
        };
        let (commands, _queue) = mpsc::unbounded_channel();
        let channel = Channel::new(
            engine_init("reliable", &init).expect("valid"),
            commands.downgrade(),
        );
        assert_eq!(channel.id(), 100);
    }

    #[test]
    fn a_channel_that_is_not_open_refuses_data() {
        let (commands, _queue) = mpsc::unbounded_channel();
        let init = engine_init("x", &DataChannelInit::default()).expect("valid");
        let channel = Arc::new(Channel::new(init, commands.downgrade()));
        assert!(matches!(
            channel.send(b"hello", true),
            Err(DataChannelError::Send)
        ));
        assert_eq!(channel.buffered_amount(), 0);
    }

    #[test]
    fn the_state_never_goes_back() {
        let (commands, _queue) = mpsc::unbounded_channel();
        let init = engine_init("x", &DataChannelInit::default()).expect("valid");
        let channel = Channel::new(init, commands.downgrade());
        channel.enter(DataChannelState::Closed);
        channel.enter(DataChannelState::Open);
        assert_eq!(channel.state(), DataChannelState::Closed);
    }
}
