//! Audio filters: libraries of the host's that change received sound on its way to a stream.
//!
//! `livekit` loads them and keeps them by name, for the whole process; here they meet our streams and rooms. What a
//! filter does inside is its own matter, and so is how long it takes.

use std::{sync::Arc, time::Duration};

use livekit::{
    AudioFilterAudioStream, AudioFilterPlugin, AudioFilterStreamInfo,
    registered_audio_filter_plugin, registered_audio_filter_plugins,
    webrtc::{
        audio_frame::AudioFrame,
        audio_stream::native::{NativeAudioStream, NativeAudioStreamOptions},
        audio_track::RtcAudioTrack,
    },
};
use tokio::time::timeout;
use tokio_stream::StreamExt as _;

use super::{audio_stream::AudioFormat, session::RoomSession};
use crate::{error::FfiError, server::Server};

/// What a filter takes and gives at a time.
const BLOCK: Duration = Duration::from_millis(10);

/// What received sound is decoded at: Opus, the one codec of received sound, has this clock.
const DECODED_RATE: u32 = 48_000;

/// What filters may take to get ready when a room is joined. They go on by themselves afterwards.
const READY_LIMIT: Duration = Duration::from_secs(10);

/// A filter that a stream is to go through.
pub(crate) struct AudioFilter {
    plugin: Arc<AudioFilterPlugin>,
    options: String,
    /// The room that the sound comes from, where it comes from one.
    session: Option<Arc<RoomSession>>,
    /// Identity and sid that the filter is told.
    participant: (String, String),
}

impl AudioFilter {
    /// The filter that `module_id` names; `None` where no name is given.
    ///
    /// # Errors
    ///
    /// If no filter was loaded under that name.
    pub(crate) fn named(
        module_id: Option<&str>,
        options: Option<&str>,
    ) -> Result<Option<Self>, FfiError> {
        let Some(module_id) = module_id.filter(|id| !id.is_empty()) else {
            return Ok(None);
        };
        let plugin = registered_audio_filter_plugin(module_id).ok_or_else(|| {
            FfiError::field(
                "audio_filter_module_id",
                module_id,
                "no audio filter was loaded under this name",
            )
        })?;
        Ok(Some(Self {
            plugin,
            options: options.unwrap_or_default().to_owned(),
            session: None,
            participant: Default::default(),
        }))
    }

    /// The same filter, told of the room and of whose sound it gets.
    pub(crate) fn of(mut self, session: Arc<RoomSession>, identity: String, sid: String) -> Self {
        self.session = Some(session);
        self.participant = (identity, sid);
        self
    }

    fn stream_info(&self, track_sid: String) -> AudioFilterStreamInfo {
        let (participant_identity, participant_id) = self.participant.clone();
        let mut info = AudioFilterStreamInfo {
            participant_identity,
            participant_id,
            track_id: track_sid,
            ..Default::default()
        };
        if let Some(session) = &self.session {
            info.url.clone_from(&session.url);
            if let Ok(room) = session.room("stream_info") {
                info.room_name = room.name();
                info.room_id = room.maybe_sid().map(String::from).unwrap_or_default();
            }
        }
        info
    }
}

/// The frames of a track, through a filter or as they are.
pub(super) enum Frames {
    Plain(NativeAudioStream),
    Filtered(Box<Filtered>),
}

pub(super) struct Filtered {
    stream: AudioFilterAudioStream,
    /// Where to ask for the room's sid, which the server may tell after the stream began.
    sid_from: Option<(Arc<RoomSession>, AudioFilterStreamInfo)>,
}

impl Frames {
    /// Begins to listen. A filter that refuses the stream is left out: sound comes unchanged then, as in the stock
    /// library.
    pub(super) fn of(
        sid: String,
        track: RtcAudioTrack,
        format: &AudioFormat,
        filter: Option<&AudioFilter>,
    ) -> Self {
        let listen = |sample_rate: u32| {
            NativeAudioStream::with_options(
                track.clone(),
                // Checked to be small where the request came in.
                i32::try_from(sample_rate).unwrap_or(i32::MAX),
                i32::try_from(format.num_channels).unwrap_or(i32::MAX),
                NativeAudioStreamOptions {
                    queue_size_frames: format.queue_frames,
                },
            )
        };
        let Some(filter) = filter else {
            return Self::Plain(listen(format.sample_rate));
        };
        let input_rate = if filter.plugin.supports_separate_rates() {
            DECODED_RATE
        } else {
            format.sample_rate
        };
        let info = filter.stream_info(sid);
        let opened = Arc::clone(&filter.plugin).new_session(
            input_rate,
            format.sample_rate,
            &filter.options,
            info.clone(),
        );
        let Some(opened) = opened else {
            log::warn!("the audio filter refused a stream: its sound comes unfiltered");
            return Self::Plain(listen(format.sample_rate));
        };
        let stream = AudioFilterAudioStream::new(
            listen(input_rate),
            opened,
            BLOCK,
            input_rate,
            format.sample_rate,
            format.num_channels,
        );
        let sid_from = filter
            .session
            .clone()
            .filter(|_| info.room_id.is_empty())
            .map(|session| (session, info));
        Self::Filtered(Box::new(Filtered { stream, sid_from }))
    }

    /// The next frame; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<AudioFrame<'static>> {
        match self {
            Self::Plain(frames) => frames.next().await,
            Self::Filtered(filtered) => {
                filtered.tell_sid();
                filtered.stream.next().await
            }
        }
    }
}

impl Filtered {
    fn tell_sid(&mut self) {
        let Some((session, info)) = &mut self.sid_from else {
            return;
        };
        let sid = session
            .room("stream_info")
            .ok()
            .and_then(|room| room.maybe_sid());
        if let Some(sid) = sid {
            info.room_id = sid.into();
            let info = std::mem::take(info);
            self.stream.update_stream_info(info);
            self.sid_from = None;
        }
    }
}

/// Tells every filter that is loaded of a room that was joined. A filter that refuses does so again where a stream
/// wants it; the room is none the worse for it.
pub(crate) async fn room_joined(server: &Server, url: &str, token: &str) {
    let told: Vec<_> = registered_audio_filter_plugins()
        .into_iter()
        .filter_map(|plugin| tell(server, plugin, url.to_owned(), token.to_owned()))
        .collect();
    if told.is_empty() {
        return;
    }
    let all = async {
        for one in told {
            // A filter that panics is no concern of the room's; `tell` has logged what it returned.
            drop(one.await);
        }
    };
    if timeout(READY_LIMIT, all).await.is_err() {
        log::warn!(
            "audio filters are not ready {} s after the room was joined",
            READY_LIMIT.as_secs()
        );
    }
}

/// Tells one filter of a room, on a thread that may wait for the network.
pub(crate) fn tell(
    server: &Server,
    plugin: Arc<AudioFilterPlugin>,
    url: String,
    token: String,
) -> Option<tokio::task::JoinHandle<()>> {
    let runtime = server.runtime().ok()?;
    Some(runtime.spawn_blocking(move || {
        if let Err(error) = plugin.on_load(url, token) {
            log::warn!("an audio filter cannot be used in this room: {error}");
        }
    }))
}
