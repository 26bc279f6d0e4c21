//! Our log records, batched and few, on their way to the host.
//!
//! [`LogBridge`] is a `log` logger; `tracing` events of our dependencies
//! arrive there too (feature `log` of `tracing`). If the host program has a
//! logger or subscriber of its own, records go there and nothing is installed.
//!
//! Info and above crosses for our own crates, warnings and above for others,
//! debug only if the host asked ([`LogBridge::connect`]), trace never.

use std::sync::Arc;

use log::{Level, LevelFilter, Log, Metadata, Record};
use parking_lot::RwLock;

use super::events::EventQueue;
use crate::proto;

/// A message is cut after this many bytes.
const MESSAGE_LIMIT: usize = 4096;

/// Crates whose info records are for the host.
const OURS: [&str; 3] = ["livekit", "libwebrtc", "lk_"];

/// The process's logger, as long as a server is connected to it.
#[derive(Debug, Default)]
pub struct LogBridge {
    queue: RwLock<Option<Arc<EventQueue>>>,
}

impl LogBridge {
    /// A bridge to nowhere.
    pub const fn new() -> Self {
        Self {
            queue: RwLock::new(None),
        }
    }

    /// Sends records to `queue` from now on; with `debug` also those of level debug.
    ///
    /// Installs itself as the process's logger unless there is one already.
    pub fn connect(&'static self, queue: Arc<EventQueue>, debug: bool) {
        *self.queue.write() = Some(queue);
        let ours = log::set_logger(self).is_ok() || std::ptr::addr_eq(log::logger(), self);
        if ours {
            log::set_max_level(if debug {
                LevelFilter::Debug
            } else {
                LevelFilter::Info
            });
        }
    }

    /// Sends records nowhere.
    pub fn disconnect(&'static self) {
        *self.queue.write() = None;
        if std::ptr::addr_eq(log::logger(), self) {
            log::set_max_level(LevelFilter::Off);
        }
    }
}

impl Log for LogBridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let limit = match log::max_level() {
            LevelFilter::Info if !is_ours(metadata.target()) => LevelFilter::Warn,
            limit => limit.min(LevelFilter::Debug),
        };
        metadata.level() <= limit
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let Some(queue) = self.queue.read().clone() else {
            return;
        };
        queue.log(proto::LogRecord {
            level: level(record.level()).into(),
            target: record.target().to_owned(),
            module_path: record.module_path().map(str::to_owned),
            file: None,
            line: record.line(),
            message: text(record),
        });
    }

    fn flush(&self) {}
}

/// An error record about `message`, for [`EventQueue::log`].
pub fn error_record(message: String) -> proto::LogRecord {
    proto::LogRecord {
        level: proto::LogLevel::LogError.into(),
        target: "livekit_ffi".to_owned(),
        message,
        ..Default::default()
    }
}

fn is_ours(target: &str) -> bool {
    OURS.iter().any(|prefix| target.starts_with(prefix))
}

fn level(level: Level) -> proto::LogLevel {
    match level {
        Level::Error => proto::LogLevel::LogError,
        Level::Warn => proto::LogLevel::LogWarn,
        Level::Info => proto::LogLevel::LogInfo,
        Level::Debug => proto::LogLevel::LogDebug,
        Level::Trace => proto::LogLevel::LogTrace,
    }
}

fn text(record: &Record<'_>) -> String {
    let mut message = record.args().to_string();
    if message.len() > MESSAGE_LIMIT {
        let end = message.floor_char_boundary(MESSAGE_LIMIT);
        message.truncate(end);
    }
    message
}
