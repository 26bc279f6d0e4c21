//! Makes peer connections and tracks.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use lk_jsep::Capabilities;

use crate::{
    MediaType, RtcError, peer_connection::PeerConnection, rtp_parameters::RtpCapabilities,
};

/// A STUN or TURN server (W3C `RTCIceServer`).
#[derive(Debug, Clone)]
pub struct IceServer {
    /// `stun:`, `turn:` and `turns:` addresses.
    pub urls: Vec<String>,
    /// For TURN.
    pub username: String,
    /// For TURN.
    pub password: String,
}

/// Whether candidates are looked for once or as long as the connection lives.
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum ContinualGatheringPolicy {
    /// Once.
    GatherOnce,
    /// Whenever the network changes.
    GatherContinually,
}

/// Which candidates may be used (W3C `RTCIceTransportPolicy`).
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum IceTransportsType {
    /// Relayed ones only.
    Relay,
    /// All but those of our own interfaces.
    NoHost,
    /// All.
    All,
}

/// How a connection finds its way (W3C `RTCConfiguration`).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RtcConfiguration {
    /// Servers that give candidates.
    pub ice_servers: Vec<IceServer>,
    /// Once or always.
    pub continual_gathering_policy: ContinualGatheringPolicy,
    /// Which candidates may be used.
    pub ice_transport_type: IceTransportsType,
    /// Offer to take the first SCTP message from the SDP (SNAP), which saves a round trip.
    pub enable_sctp_snap: bool,
}

impl Default for RtcConfiguration {
    fn default() -> Self {
        Self {
            ice_servers: Vec::new(),
            continual_gathering_policy: ContinualGatheringPolicy::GatherContinually,
            ice_transport_type: IceTransportsType::All,
            enable_sctp_snap: false,
        }
    }
}

/// Makes peer connections and tracks. Clones share its settings.
#[derive(Clone, Debug, Default)]
pub struct PeerConnectionFactory {
    inner: Arc<Inner>,
}

#[derive(Debug)]
#[expect(
    dead_code,
    reason = "what is kept for video and for SNAP is only shown so far"
)]
struct Inner {
    /// Received video is shown without waiting.
    zero_playout_delay: bool,
    /// A faster start is negotiated where the peer can.
    warp: bool,
    recording_enabled: AtomicBool,
    playout_enabled: AtomicBool,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            zero_playout_delay: false,
            warp: false,
            recording_enabled: AtomicBool::new(true),
            playout_enabled: AtomicBool::new(false),
        }
    }
}

impl PeerConnectionFactory {
    /// A factory whose connections show received video as soon as they can.
    #[must_use]
    pub fn with_zero_playout_delay() -> Self {
        Self::with_options(true, false)
    }

    /// A factory with settings; `enable_warp` negotiates a faster start where the peer can.
    #[must_use]
    pub fn with_options(zero_playout_delay: bool, enable_warp: bool) -> Self {
        Self {
            inner: Arc::new(Inner {
                zero_playout_delay,
                warp: enable_warp,
                ..Inner::default()
            }),
        }
    }

    /// A new connection.
    ///
    /// # Errors
    /// Where its certificate cannot be made.
    pub fn create_peer_connection(
        &self,
        config: RtcConfiguration,
    ) -> Result<PeerConnection, RtcError> {
        PeerConnection::new(config)
    }

    /// What could be sent.
    #[must_use]
    pub fn get_rtp_sender_capabilities(&self, media_type: MediaType) -> RtpCapabilities {
        capabilities(media_type)
    }

    /// What could be received.
    #[must_use]
    pub fn get_rtp_receiver_capabilities(&self, media_type: MediaType) -> RtpCapabilities {
        capabilities(media_type)
    }
}

/// What sessions negotiate; nothing for data.
fn capabilities(media_type: MediaType) -> RtpCapabilities {
    let all = Capabilities::default();
    match media_type.kind() {
        Some(kind) => RtpCapabilities::from_jsep(all.of(kind)),
        None => RtpCapabilities {
            codecs: Vec::new(),
            header_extensions: Vec::new(),
        },
    }
}

/// Tracks, and the platform's audio devices.
pub mod native {
    use std::sync::atomic::Ordering;

    use super::PeerConnectionFactory;
    use crate::{
        audio_source::native::NativeAudioSource, audio_track::RtcAudioTrack,
        video_source::native::NativeVideoSource, video_track::RtcVideoTrack,
    };

    /// Methods of [`PeerConnectionFactory`] that native programs have.
    ///
    /// Platform audio devices are not part of this build: there are none, nothing can be selected or started,
    /// and acquiring them fails. The two enabled flags are kept.
    pub trait PeerConnectionFactoryExt {
        /// A track of the program's pictures.
        fn create_video_track(&self, label: &str, source: NativeVideoSource) -> RtcVideoTrack;
        /// A track of the program's sound.
        fn create_audio_track(&self, label: &str, source: NativeAudioSource) -> RtcAudioTrack;
        /// A track of the microphone.
        fn create_device_audio_track(&self, label: &str) -> RtcAudioTrack;

        /// Number of loudspeakers.
        fn playout_devices(&self) -> i16;
        /// Number of microphones.
        fn recording_devices(&self) -> i16;
        /// A loudspeaker's name; empty where there is none.
        fn playout_device_name(&self, index: u16) -> String;
        /// A microphone's name; empty where there is none.
        fn recording_device_name(&self, index: u16) -> String;
        /// A loudspeaker's lasting identifier; empty where there is none.
        fn playout_device_guid(&self, index: u16) -> String;
        /// A microphone's lasting identifier; empty where there is none.
        fn recording_device_guid(&self, index: u16) -> String;

        /// Chooses a loudspeaker; false where there is none.
        fn set_playout_device(&self, index: u16) -> bool;
        /// Chooses a microphone; false where there is none.
        fn set_recording_device(&self, index: u16) -> bool;
        /// Chooses a loudspeaker; false where there is none.
        fn set_playout_device_by_guid(&self, guid: &str) -> bool;
        /// Chooses a microphone; false where there is none.
        fn set_recording_device_by_guid(&self, guid: &str) -> bool;

        /// Stops the microphone; false where it was not stopped.
        fn stop_recording(&self) -> bool;
        /// Prepares the microphone; false where that failed.
        fn init_recording(&self) -> bool;
        /// Starts the microphone; false where that failed.
        fn start_recording(&self) -> bool;
        /// Whether the microphone is prepared.
        fn recording_is_initialized(&self) -> bool;

        /// Stops the loudspeaker; false where it was not stopped.
        fn stop_playout(&self) -> bool;
        /// Prepares the loudspeaker; false where that failed.
        fn init_playout(&self) -> bool;
        /// Starts the loudspeaker; false where that failed.
        fn start_playout(&self) -> bool;
        /// Whether the loudspeaker is prepared.
        fn playout_is_initialized(&self) -> bool;

        /// Whether the hardware cancels echo.
        fn builtin_aec_is_available(&self) -> bool;
        /// Whether the hardware controls gain.
        fn builtin_agc_is_available(&self) -> bool;
        /// Whether the hardware suppresses noise.
        fn builtin_ns_is_available(&self) -> bool;
        /// Switches the hardware's echo cancellation; false where it has none.
        fn enable_builtin_aec(&self, enable: bool) -> bool;
        /// Switches the hardware's gain control; false where it has none.
        fn enable_builtin_agc(&self, enable: bool) -> bool;
        /// Switches the hardware's noise suppression; false where it has none.
        fn enable_builtin_ns(&self, enable: bool) -> bool;

        /// Whether the microphone may run.
        fn set_adm_recording_enabled(&self, enabled: bool);
        /// Whether the microphone may run.
        fn adm_recording_enabled(&self) -> bool;
        /// Whether received audio goes to the loudspeaker.
        fn set_adm_playout_enabled(&self, enabled: bool);
        /// Whether received audio goes to the loudspeaker.
        fn adm_playout_enabled(&self) -> bool;

        /// Takes a share in the platform's devices; false where there are none.
        fn acquire_platform_adm(&self) -> bool;
        /// Gives a share back.
        fn release_platform_adm(&self);
        /// Shares taken.
        fn platform_adm_ref_count(&self) -> i32;
        /// Whether any share is taken.
        fn is_platform_adm_active(&self) -> bool;
    }

    /// Methods whose answer without platform devices is always the same.
    macro_rules! without_devices {
        ($($method:ident($($argument:ident: $kind:ty),*) -> $ret:ty { $value:expr })+) => {$(
            fn $method(&self $(, $argument: $kind)*) -> $ret {
                $(let _ = $argument;)*
                $value
            }
        )+};
    }

    impl PeerConnectionFactoryExt for PeerConnectionFactory {
        fn create_video_track(&self, label: &str, source: NativeVideoSource) -> RtcVideoTrack {
            RtcVideoTrack::local(label, source)
        }

        fn create_audio_track(&self, label: &str, source: NativeAudioSource) -> RtcAudioTrack {
            match source.pipeline() {
                Some(source) => RtcAudioTrack::local(label, source.clone()),
                None => RtcAudioTrack::silent(label),
            }
        }

        fn create_device_audio_track(&self, label: &str) -> RtcAudioTrack {
            log::warn!(
                "a track of the microphone stays silent: audio devices are not supported yet"
            );
            RtcAudioTrack::silent(label)
        }

        without_devices! {
            playout_devices() -> i16 { 0 }
            recording_devices() -> i16 { 0 }
            playout_device_name(index: u16) -> String { String::new() }
            recording_device_name(index: u16) -> String { String::new() }
            playout_device_guid(index: u16) -> String { String::new() }
            recording_device_guid(index: u16) -> String { String::new() }
            set_playout_device(index: u16) -> bool { false }
            set_recording_device(index: u16) -> bool { false }
            set_playout_device_by_guid(guid: &str) -> bool { false }
            set_recording_device_by_guid(guid: &str) -> bool { false }
            stop_recording() -> bool { false }
            init_recording() -> bool { false }
            start_recording() -> bool { false }
            recording_is_initialized() -> bool { false }
            stop_playout() -> bool { false }
            init_playout() -> bool { false }
            start_playout() -> bool { false }
            playout_is_initialized() -> bool { false }
            builtin_aec_is_available() -> bool { false }
            builtin_agc_is_available() -> bool { false }
            builtin_ns_is_available() -> bool { false }
            enable_builtin_aec(enable: bool) -> bool { false }
            enable_builtin_agc(enable: bool) -> bool { false }
            enable_builtin_ns(enable: bool) -> bool { false }
            acquire_platform_adm() -> bool { false }
            release_platform_adm() -> () { () }
            platform_adm_ref_count() -> i32 { 0 }
            is_platform_adm_active() -> bool { false }
        }

        fn set_adm_recording_enabled(&self, enabled: bool) {
            self.inner
                .recording_enabled
                .store(enabled, Ordering::Release);
        }

        fn adm_recording_enabled(&self) -> bool {
            self.inner.recording_enabled.load(Ordering::Acquire)
        }

        fn set_adm_playout_enabled(&self, enabled: bool) {
            self.inner.playout_enabled.store(enabled, Ordering::Release);
        }

        fn adm_playout_enabled(&self) -> bool {
            self.inner.playout_enabled.load(Ordering::Acquire)
        }
    }
}
