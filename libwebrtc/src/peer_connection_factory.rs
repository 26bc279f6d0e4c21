//! Makes peer connections and tracks.

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

/// Makes peer connections and tracks.
#[derive(Clone, Debug, Default)]
#[expect(
    dead_code,
    reason = "what is kept for video and for SNAP is only shown so far"
)]
pub struct PeerConnectionFactory {
    /// Received video is shown without waiting.
    zero_playout_delay: bool,
    /// A faster start is negotiated where the peer can.
    warp: bool,
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
            zero_playout_delay,
            warp: enable_warp,
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
    use std::time::{Duration, Instant};

    use parking_lot::Mutex;

    use super::PeerConnectionFactory;
    use crate::{
        audio_devices::{self, AudioDeviceError, Device, Devices},
        audio_source::native::NativeAudioSource,
        audio_track::RtcAudioTrack,
        video_source::native::NativeVideoSource,
        video_track::RtcVideoTrack,
    };

    /// Methods of [`PeerConnectionFactory`] that native programs have.
    ///
    /// Platform audio is the whole process's ([`audio_devices`]). Without the feature `devices`, or a sound server,
    /// there are no devices, nothing can be selected or started, and acquiring them fails.
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

    /// The list that counts, names and identifiers are read from: each is asked for by itself, and must fit the others.
    static LISTED: Mutex<Option<(Instant, Devices)>> = Mutex::new(None);
    /// How long it is good for.
    const LISTED_FOR: Duration = Duration::from_millis(500);

    /// Reads from the list; nothing where there are no devices.
    fn listed<T>(read: impl FnOnce(&Devices) -> T) -> Option<T> {
        let mut listed = LISTED.lock();
        let old = |(at, _): &mut (Instant, Devices)| at.elapsed() > LISTED_FOR;
        if listed.as_mut().is_none_or(old) {
            *listed = match audio_devices::list() {
                Ok(devices) => Some((Instant::now(), devices)),
                Err(error) => {
                    log::warn!("audio devices: {error}");
                    None
                }
            };
        }
        listed.as_ref().map(|(_, devices)| read(devices))
    }

    fn text(
        index: u16,
        list: impl FnOnce(&Devices) -> &[Device],
        field: impl FnOnce(&Device) -> &String,
    ) -> String {
        listed(|devices| {
            list(devices)
                .get(usize::from(index))
                .map(|device| field(device).clone())
        })
        .flatten()
        .unwrap_or_default()
    }

    fn count(list: impl FnOnce(&Devices) -> &[Device]) -> i16 {
        listed(|devices| i16::try_from(list(devices).len()).unwrap_or(i16::MAX)).unwrap_or(0)
    }

    fn microphones(devices: &Devices) -> &[Device] {
        &devices.microphones
    }

    fn loudspeakers(devices: &Devices) -> &[Device] {
        &devices.loudspeakers
    }

    /// The answer of methods that say no more than whether it went well; why not is logged.
    fn done(what: &str, outcome: Result<(), AudioDeviceError>) -> bool {
        outcome
            .inspect_err(|error| log::warn!("{what}: {error}"))
            .is_ok()
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
            match audio_devices::microphone() {
                Ok(source) => RtcAudioTrack::device(label, source),
                Err(error) => {
                    log::error!("a track of the microphone stays silent: {error}");
                    RtcAudioTrack::silent(label)
                }
            }
        }

        fn playout_devices(&self) -> i16 {
            count(loudspeakers)
        }

        fn recording_devices(&self) -> i16 {
            count(microphones)
        }

        fn playout_device_name(&self, index: u16) -> String {
            text(index, loudspeakers, |device| &device.name)
        }

        fn recording_device_name(&self, index: u16) -> String {
            text(index, microphones, |device| &device.name)
        }

        fn playout_device_guid(&self, index: u16) -> String {
            text(index, loudspeakers, |device| &device.id)
        }

        fn recording_device_guid(&self, index: u16) -> String {
            text(index, microphones, |device| &device.id)
        }

        fn set_playout_device(&self, index: u16) -> bool {
            self.set_playout_device_by_guid(&self.playout_device_guid(index))
        }

        fn set_recording_device(&self, index: u16) -> bool {
            self.set_recording_device_by_guid(&self.recording_device_guid(index))
        }

        fn set_playout_device_by_guid(&self, guid: &str) -> bool {
            done("loudspeaker", audio_devices::choose_loudspeaker(guid))
        }

        fn set_recording_device_by_guid(&self, guid: &str) -> bool {
            done("microphone", audio_devices::choose_microphone(guid))
        }

        fn stop_recording(&self) -> bool {
            done("stop_recording", audio_devices::stop_recording())
        }

        fn init_recording(&self) -> bool {
            audio_devices::shares() > 0
        }

        fn start_recording(&self) -> bool {
            done("start_recording", audio_devices::start_recording())
        }

        fn recording_is_initialized(&self) -> bool {
            audio_devices::is_recording()
        }

        fn stop_playout(&self) -> bool {
            done("stop_playout", audio_devices::set_playing(false))
        }

        fn init_playout(&self) -> bool {
            audio_devices::shares() > 0
        }

        fn start_playout(&self) -> bool {
            done("start_playout", audio_devices::set_playing(true))
        }

        fn playout_is_initialized(&self) -> bool {
            audio_devices::is_playing()
        }

        // Sound servers hide what the hardware can do: processing is ours.
        fn builtin_aec_is_available(&self) -> bool {
            false
        }

        fn builtin_agc_is_available(&self) -> bool {
            false
        }

        fn builtin_ns_is_available(&self) -> bool {
            false
        }

        fn enable_builtin_aec(&self, _enable: bool) -> bool {
            false
        }

        fn enable_builtin_agc(&self, _enable: bool) -> bool {
            false
        }

        fn enable_builtin_ns(&self, _enable: bool) -> bool {
            false
        }

        fn set_adm_recording_enabled(&self, enabled: bool) {
            audio_devices::set_recording_enabled(enabled);
        }

        fn adm_recording_enabled(&self) -> bool {
            audio_devices::recording_enabled()
        }

        fn set_adm_playout_enabled(&self, enabled: bool) {
            audio_devices::set_playout_enabled(enabled);
        }

        fn adm_playout_enabled(&self) -> bool {
            audio_devices::playout_enabled()
        }

        fn acquire_platform_adm(&self) -> bool {
            done("platform audio", audio_devices::acquire())
        }

        fn release_platform_adm(&self) {
            audio_devices::release();
        }

        fn platform_adm_ref_count(&self) -> i32 {
            i32::try_from(audio_devices::shares()).unwrap_or(i32::MAX)
        }

        fn is_platform_adm_active(&self) -> bool {
            audio_devices::shares() > 0
        }
    }
}
