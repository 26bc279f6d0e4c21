//! Cleaning of what the host's microphone hears.

use std::sync::Arc;

use livekit::webrtc::native::apm::AudioProcessingModule;
use parking_lot::Mutex;

use super::audio_source::limits;
use crate::{
    error::FfiError,
    events::given::owned,
    hostmem::HostMemory,
    proto,
    server::{
        Server,
        handles::{Ownership, Resource},
    },
};

/// One microphone with its loudspeaker.
struct ApmObject(Mutex<AudioProcessingModule>);

impl Resource for ApmObject {
    const KIND: &'static str = "audio processing module";
}

/// A block of the host's, as a request describes it.
struct Block {
    address: u64,
    size: u32,
    sample_rate: u32,
    num_channels: u32,
}

type Process = fn(&mut AudioProcessingModule, &mut [i16], i32, i32) -> Result<(), String>;

/// Makes a module with the stages that the host wants.
pub(crate) fn create(server: &Server, request: &proto::NewApmRequest) -> proto::NewApmResponse {
    let module = AudioProcessingModule::new(
        request.echo_canceller_enabled,
        request.gain_controller_enabled,
        request.high_pass_filter_enabled,
        request.noise_suppression_enabled,
    );
    let object = Arc::new(ApmObject(Mutex::new(module)));
    proto::NewApmResponse {
        apm: proto::OwnedApm {
            handle: owned(server.handles().insert(object, Ownership::HOST)),
        },
    }
}

/// Cleans what the microphone heard, where the host has it.
pub(crate) fn process_stream(
    server: &Server,
    memory: &mut HostMemory,
    request: &proto::ApmProcessStreamRequest,
) -> proto::ApmProcessStreamResponse {
    let block = Block {
        address: request.data_ptr,
        size: request.size,
        sample_rate: request.sample_rate,
        num_channels: request.num_channels,
    };
    let outcome = process(
        server,
        memory,
        request.apm_handle,
        &block,
        |module, data, sample_rate, num_channels| {
            module
                .process_stream(data, sample_rate, num_channels)
                .map_err(|error| error.message)
        },
    );
    proto::ApmProcessStreamResponse {
        error: outcome.err().map(|error| error.to_string()),
    }
}

/// Takes note of what the loudspeaker is about to play.
pub(crate) fn process_reverse_stream(
    server: &Server,
    memory: &mut HostMemory,
    request: &proto::ApmProcessReverseStreamRequest,
) -> proto::ApmProcessReverseStreamResponse {
    let block = Block {
        address: request.data_ptr,
        size: request.size,
        sample_rate: request.sample_rate,
        num_channels: request.num_channels,
    };
    let outcome = process(
        server,
        memory,
        request.apm_handle,
        &block,
        |module, data, sample_rate, num_channels| {
            module
                .process_reverse_stream(data, sample_rate, num_channels)
                .map_err(|error| error.message)
        },
    );
    proto::ApmProcessReverseStreamResponse {
        error: outcome.err().map(|error| error.to_string()),
    }
}

/// Says how long sound takes from the loudspeaker to the microphone.
pub(crate) fn set_stream_delay(
    server: &Server,
    request: &proto::ApmSetStreamDelayRequest,
) -> proto::ApmSetStreamDelayResponse {
    let outcome = server
        .handles()
        .get::<ApmObject>(request.apm_handle)
        .map_err(FfiError::from)
        .and_then(|object| {
            object
                .0
                .lock()
                .set_stream_delay_ms(request.delay_ms)
                .map_err(|_| FfiError::field("delay_ms", request.delay_ms, "must be 0 to 500"))
        });
    proto::ApmSetStreamDelayResponse {
        error: outcome.err().map(|error| error.to_string()),
    }
}

fn process(
    server: &Server,
    memory: &mut HostMemory,
    handle: u64,
    block: &Block,
    process: Process,
) -> Result<(), FfiError> {
    let object = server.handles().get::<ApmObject>(handle)?;
    let sample_rate = limits::sample_rate("sample_rate", block.sample_rate)?;
    let num_channels = limits::channels("num_channels", block.num_channels)?;
    let ten_ms = sample_rate / 100 * num_channels * size_of::<i16>() as u32;
    if block.size == 0 || !block.size.is_multiple_of(ten_ms) {
        return Err(FfiError::field(
            "size",
            block.size,
            "must be whole blocks of 10 ms of 16-bit samples",
        ));
    }
    let samples = u64::from(block.size) / size_of::<i16>() as u64;
    let data = memory.samples_in_place("data_ptr", block.address, samples)?;
    let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    process(
        &mut object.0.lock(),
        data,
        number(sample_rate),
        number(num_channels),
    )
    .map_err(|error| FfiError::operation("apm", error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{ServerConfig, events::EventSink};

    struct Deaf;
    impl EventSink for Deaf {
        fn deliver(&self, _: &[u8]) {}
    }

    fn server() -> Arc<Server> {
        Server::with_sink(ServerConfig::default(), Arc::new(Deaf)).unwrap()
    }

    fn filter(server: &Server) -> u64 {
        let request = proto::NewApmRequest {
            high_pass_filter_enabled: true,
            ..Default::default()
        };
        create(server, &request).apm.handle.id
    }

    fn request(handle: u64, data: &mut [i16]) -> proto::ApmProcessStreamRequest {
        proto::ApmProcessStreamRequest {
            apm_handle: handle,
            data_ptr: data.as_mut_ptr().expose_provenance() as u64,
            size: size_of_val(data) as u32,
            sample_rate: 16_000,
            num_channels: 1,
        }
    }

    #[test]
    fn the_hosts_samples_are_cleaned_where_they_are() {
        let server = server();
        let handle = filter(&server);
        let mut data = vec![5_000_i16; 16_000];
        let request = request(handle, &mut data);
        let mut memory = HostMemory::for_tests();
        assert_eq!(process_stream(&server, &mut memory, &request).error, None);
        assert!(data[8_000..].iter().all(|sample| sample.abs() < 50));
        server.dispose();
    }

    #[test]
    fn blocks_and_delays_that_cannot_be_are_refused_by_name() {
        let server = server();
        let handle = filter(&server);
        let mut memory = HostMemory::for_tests();
        let mut data = [7_i16; 320];
        let good = request(handle, &mut data);
        type Spoil = fn(&mut proto::ApmProcessStreamRequest);
        let cases: [(&str, Spoil); 12] = [
            ("data_ptr", |bad| bad.data_ptr = 0),
            ("data_ptr", |bad| bad.data_ptr += 1),
            ("data_ptr", |bad| bad.data_ptr = u64::MAX - 1),
            ("size", |bad| bad.size = 0),
            ("size", |bad| bad.size = 319),
            ("size", |bad| bad.size = u32::MAX),
            ("sample_rate", |bad| bad.sample_rate = 0),
            ("sample_rate", |bad| bad.sample_rate = 16_001),
            ("sample_rate", |bad| bad.sample_rate = u32::MAX),
            ("num_channels", |bad| bad.num_channels = 0),
            ("num_channels", |bad| bad.num_channels = u32::MAX),
            ("audio processing module", |bad| bad.apm_handle = 9_999),
        ];
        for (field, spoil) in cases {
            let mut bad = good;
            spoil(&mut bad);
            let error = process_stream(&server, &mut memory, &bad).error.unwrap();
            assert!(error.contains(field), "{field}: {error}");
            let reverse = proto::ApmProcessReverseStreamRequest {
                apm_handle: bad.apm_handle,
                data_ptr: bad.data_ptr,
                size: bad.size,
                sample_rate: bad.sample_rate,
                num_channels: bad.num_channels,
            };
            let error = process_reverse_stream(&server, &mut memory, &reverse)
                .error
                .unwrap();
            assert!(error.contains(field), "{field}: {error}");
        }
        assert_eq!(data, [7; 320]);
        for delay_ms in [-1, 501, i32::MIN, i32::MAX] {
            let request = proto::ApmSetStreamDelayRequest {
                apm_handle: handle,
                delay_ms,
            };
            let error = set_stream_delay(&server, &request).error.unwrap();
            assert!(
                error.contains("delay_ms") && error.contains(&delay_ms.to_string()),
                "{error}"
            );
        }
        let request = proto::ApmSetStreamDelayRequest {
            apm_handle: 0,
            delay_ms: 10,
        };
        assert!(set_stream_delay(&server, &request).error.is_some());
        server.dispose();
    }
}
