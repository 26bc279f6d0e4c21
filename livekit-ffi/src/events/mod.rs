//! From `livekit`'s events to the host's, one file per source, and the promises about their order.
//!
//! - connect callback before any room event, room events once the host is ready: [`session`];
//! - publish callback before `local_track_published` before `local_track_subscribed`,
//!   `local_track_unpublished` before the unpublish callback, one `local_track_republished` per
//!   track after a full reconnect: [`order`], driven by [`room`];
//! - room EOS before the disconnect callback: [`session`];
//! - a stream's EOS is its last event: [`media_stream`], [`data_stream`], [`data_track`].
//!
//! Requests are not handled here; `handlers` calls in.

pub(crate) mod audio_filter;
pub(crate) mod audio_stream;
pub(crate) mod data_stream;
pub(crate) mod data_track;
mod follow;
pub(crate) mod given;
pub(crate) mod local_data_track;
pub(crate) mod media_stream;
pub(crate) mod objects;
pub(crate) mod order;
pub(crate) mod outbox;
pub(crate) mod published;
pub(crate) mod receipts;
pub(crate) mod room;
mod room_event;
pub(crate) mod session;
pub(crate) mod subscription;
pub(crate) mod video_buffer;
pub(crate) mod video_stream;
