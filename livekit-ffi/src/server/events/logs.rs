//! Log records on their way to the host: gathered, and as many as fit.

use std::{
    mem,
    time::{Duration, Instant},
};

use crate::proto::{self, ffi_event::Message};

/// How long log records are gathered before they are sent.
pub const LOG_DELAY: Duration = Duration::from_millis(100);

/// Log records kept at most; later ones are counted and reported.
pub const LOG_LIMIT: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Logs {
    records: Vec<proto::LogRecord>,
    due: Option<Instant>,
    lost: u32,
}

impl Logs {
    /// Gathers one; true if it is the batch's first, which sets the batch's time.
    pub(super) fn push(&mut self, record: proto::LogRecord) -> bool {
        if self.records.len() >= LOG_LIMIT {
            self.lost += 1;
            return false;
        }
        self.records.push(record);
        let first = self.due.is_none();
        if first {
            self.due = Some(Instant::now() + LOG_DELAY);
        }
        first
    }

    /// When the batch is to be sent, if there is one.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The batch.
    pub(super) fn take(&mut self) -> Message {
        self.due = None;
        let mut records = mem::take(&mut self.records);
        let lost = mem::take(&mut self.lost);
        if lost > 0 {
            records.push(proto::LogRecord {
                level: proto::LogLevel::LogWarn.into(),
                target: "livekit_ffi".to_owned(),
                message: format!("{lost} log records came too fast and were left out"),
                ..Default::default()
            });
        }
        Message::Logs(proto::LogBatch { records })
    }
}
