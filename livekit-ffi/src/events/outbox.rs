//! Messages on their way out, one after the other, each with its callback.
//!
//! A host may send many messages without waiting for the callbacks; they leave in the order in
//! which they were asked for. Reliable and lossy messages have an outbox each, so that a full
//! reliable channel does not hold up the other.

use std::{future::Future, pin::Pin, sync::Arc};

use livekit::{Room, participant::LocalParticipant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{error::FfiError, proto::ffi_event::Message, server::Server};

/// What a message's sending comes to: an error text, or nothing.
type Sending = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// A message that waits.
struct Letter {
    send: Box<dyn FnOnce(LocalParticipant) -> Sending + Send>,
    callback: Box<dyn FnOnce(Option<String>) -> Message + Send>,
}

/// Sends messages in order. Ends with the room; what waits then fails.
pub(crate) struct Outbox {
    server: Arc<Server>,
    letters: mpsc::UnboundedSender<Letter>,
}

impl Outbox {
    /// An outbox of `room`'s local participant, until `closed`.
    ///
    /// # Errors
    ///
    /// If the runtime is gone.
    pub(super) fn new(
        server: &Arc<Server>,
        room: &Arc<Room>,
        closed: &CancellationToken,
    ) -> Result<Self, FfiError> {
        let (letters, waiting) = mpsc::unbounded_channel();
        server.spawn(
            "outbox",
            deliver(
                Arc::clone(server),
                room.local_participant(),
                waiting,
                closed.clone(),
            ),
        )?;
        Ok(Self {
            server: Arc::clone(server),
            letters,
        })
    }

    /// Sends what `send` makes; `callback` makes the event from the error, if there is one.
    pub(crate) fn post<F>(
        &self,
        send: impl FnOnce(LocalParticipant) -> F + Send + 'static,
        callback: impl FnOnce(Option<String>) -> Message + Send + 'static,
    ) where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let letter = Letter {
            send: Box::new(move |participant| Box::pin(send(participant))),
            callback: Box::new(callback),
        };
        if let Err(mpsc::error::SendError(letter)) = self.letters.send(letter) {
            self.server
                .events()
                .send((letter.callback)(Some(room_closed())));
        }
    }
}

async fn deliver(
    server: Arc<Server>,
    participant: LocalParticipant,
    mut waiting: mpsc::UnboundedReceiver<Letter>,
    closed: CancellationToken,
) {
    loop {
        let letter = tokio::select! {
            letter = waiting.recv() => letter,
            () = closed.cancelled() => break,
        };
        let Some(letter) = letter else { return };
        let error = tokio::select! {
            outcome = (letter.send)(participant.clone()) => outcome.err(),
            () = closed.cancelled() => Some(room_closed()),
        };
        server.events().send((letter.callback)(error));
    }
    waiting.close();
    while let Ok(letter) = waiting.try_recv() {
        server.events().send((letter.callback)(Some(room_closed())));
    }
}

fn room_closed() -> String {
    FfiError::operation("send", "the room is closed").to_string()
}
