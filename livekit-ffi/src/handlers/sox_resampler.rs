//! Resampling of the host's own sound with the settings of the SoX resampler.

use std::sync::Arc;

use lk_dsp::{AlignedResampler, Quality, RateError};
use parking_lot::Mutex;

use crate::{
    convert::enum_field,
    error::FfiError,
    events::given::owned,
    hostmem::HostMemory,
    proto::{
        self, SoxQualityRecipe as Recipe, SoxResamplerDataType as DataType,
        new_sox_resampler_response::Message,
    },
    server::{
        Server,
        handles::{Ownership, Resource},
    },
};

/// More output than this for one push is a mistake: 256 MiB.
const MOST_OUTPUT_BYTES: f64 = 268_435_456.0;

/// Bytes of a sample.
const SAMPLE: usize = size_of::<i16>();

/// A resampler and what it gave last, which the host reads where it lies until the next request.
struct SoxResampler {
    resampler: AlignedResampler,
    /// Outputs for each input.
    ratio: f64,
    input: Layout,
    output: Layout,
    planes: Vec<Vec<i16>>,
    given: Vec<i16>,
}

struct SoxResamplerObject(Mutex<SoxResampler>);

impl Resource for SoxResamplerObject {
    const KIND: &'static str = "sox resampler";
}

/// How the channels of a block lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// All channels of one instant next to each other.
    Interleaved,
    /// All of one channel, then all of the next.
    Split,
}

impl Layout {
    fn of_field(field: &'static str, value: i32) -> Result<Self, FfiError> {
        Ok(match enum_field::<DataType>(field, value)? {
            DataType::SoxrDatatypeInt16i => Self::Interleaved,
            DataType::SoxrDatatypeInt16s => Self::Split,
        })
    }
}

/// Makes a resampler; one per stream of sound.
pub(crate) fn create(
    server: &Server,
    request: &proto::NewSoxResamplerRequest,
) -> proto::NewSoxResamplerResponse {
    let message = match SoxResampler::new(request) {
        Ok(resampler) => {
            let object = Arc::new(SoxResamplerObject(Mutex::new(resampler)));
            Message::Resampler(proto::OwnedSoxResampler {
                handle: owned(server.handles().insert(object, Ownership::HOST)),
                info: proto::SoxResamplerInfo {},
            })
        }
        Err(error) => Message::Error(error.to_string()),
    };
    proto::NewSoxResamplerResponse {
        message: Some(message),
    }
}

/// Takes in sound; gives what can be told by now.
pub(crate) fn push(
    server: &Server,
    memory: &HostMemory,
    request: &proto::PushSoxResamplerRequest,
) -> proto::PushSoxResamplerResponse {
    let outcome = server
        .handles()
        .get::<SoxResamplerObject>(request.resampler_handle)
        .map_err(FfiError::from)
        .and_then(|object| object.0.lock().push(memory, request.data_ptr, request.size));
    let (output_ptr, size, error) = parts(outcome);
    proto::PushSoxResamplerResponse {
        output_ptr,
        size,
        error,
    }
}

/// Gives what is still to come of the sound taken in; the resampler then begins anew.
pub(crate) fn flush(
    server: &Server,
    request: &proto::FlushSoxResamplerRequest,
) -> proto::FlushSoxResamplerResponse {
    let outcome = server
        .handles()
        .get::<SoxResamplerObject>(request.resampler_handle)
        .map(|object| object.0.lock().flush())
        .map_err(FfiError::from);
    let (output_ptr, size, error) = parts(outcome);
    proto::FlushSoxResamplerResponse {
        output_ptr,
        size,
        error,
    }
}

/// Where samples given to the host lie, and how many bytes they are.
type Given = (u64, u32);

fn parts(outcome: Result<Given, FfiError>) -> (u64, u32, Option<String>) {
    match outcome {
        Ok((address, size)) => (address, size, None),
        Err(error) => (0, 0, Some(error.to_string())),
    }
}

impl SoxResampler {
    fn new(request: &proto::NewSoxResamplerRequest) -> Result<Self, FfiError> {
        let input = Layout::of_field("input_data_type", request.input_data_type)?;
        let output = Layout::of_field("output_data_type", request.output_data_type)?;
        let quality = match enum_field::<Recipe>("quality_recipe", request.quality_recipe)? {
            Recipe::SoxrQualityQuick => Quality::Quick,
            Recipe::SoxrQualityLow => Quality::Low,
            Recipe::SoxrQualityMedium => Quality::Medium,
            Recipe::SoxrQualityHigh => Quality::High,
            Recipe::SoxrQualityVeryhigh => Quality::VeryHigh,
        };
        let resampler = AlignedResampler::new(
            request.input_rate,
            request.output_rate,
            request.num_channels,
            quality,
            early_rolloff(request.flags.unwrap_or(0))?,
        )
        .map_err(|error| match error {
            RateError::Channels(_) => {
                FfiError::field("num_channels", request.num_channels, "must be 1 to 24")
            }
            other => FfiError::operation("new_sox_resampler", other),
        })?;
        Ok(Self {
            ratio: request.output_rate / request.input_rate,
            input,
            output,
            planes: vec![Vec::new(); resampler.channels()],
            given: Vec::new(),
            resampler,
        })
    }

    fn push(&mut self, memory: &HostMemory, address: u64, size: u32) -> Result<Given, FfiError> {
        let channels = self.resampler.channels();
        let samples = size as usize / SAMPLE;
        if !(size as usize).is_multiple_of(SAMPLE * channels) {
            return Err(FfiError::field(
                "size",
                size,
                "must hold whole 16-bit samples of every channel",
            ));
        }
        if f64::from(size) * self.ratio > MOST_OUTPUT_BYTES {
            return Err(FfiError::field(
                "size",
                size,
                "would become more than 256 MiB: push it in parts",
            ));
        }
        let data = memory.samples("data_ptr", address, samples as u64)?;
        let frames = samples / channels;
        self.planes.iter_mut().for_each(Vec::clear);
        match self.input {
            Layout::Interleaved => self.resampler.process(
                frames,
                |channel, place| data[place * channels + channel],
                &mut self.planes,
            ),
            Layout::Split => self.resampler.process(
                frames,
                |channel, place| data[channel * frames + place],
                &mut self.planes,
            ),
        }
        Ok(self.give())
    }

    fn flush(&mut self) -> Given {
        self.planes.iter_mut().for_each(Vec::clear);
        self.resampler.flush(&mut self.planes);
        self.give()
    }

    /// Lays the planes out for the host.
    fn give(&mut self) -> Given {
        self.given.clear();
        match (self.output, &mut self.planes[..]) {
            (_, [one]) => std::mem::swap(one, &mut self.given),
            (Layout::Interleaved, planes) => {
                let frames = planes.first().map_or(0, Vec::len);
                self.given.reserve(frames * planes.len());
                for place in 0..frames {
                    self.given.extend(planes.iter().map(|plane| plane[place]));
                }
            }
            (Layout::Split, planes) => {
                for plane in planes {
                    self.given.extend_from_slice(plane);
                }
            }
        }
        if self.given.is_empty() {
            return (0, 0);
        }
        // Bounded where the input came in; a flush gives less than the filter's length.
        let size = u32::try_from(self.given.len() * SAMPLE).unwrap_or(u32::MAX);
        (self.given.as_ptr().expose_provenance() as u64, size)
    }
}

/// Reads the flags as the stock library does: a number for the roll-off in the lowest two bits, then one bit each.
///
/// The rest of the flags has nothing to change: the instants of the outputs are always exact, 16-bit samples gain
/// nothing from double precision, and no request varies the rate.
fn early_rolloff(flags: u32) -> Result<bool, FfiError> {
    use proto::SoxFlagBits as Bit;
    const ROLLOFF: u32 = 0b11;
    let known = [
        Bit::SoxrHighPrecClock,
        Bit::SoxrDoublePrecision,
        Bit::SoxrVr,
    ]
    .into_iter()
    .fold(ROLLOFF, |known, bit| known | 1 << bit as u32);
    if flags & !known != 0 {
        return Err(FfiError::field("flags", flags, "has unknown bits"));
    }
    let rolloff = flags & ROLLOFF;
    if rolloff > Bit::SoxrRolloffNone as u32 {
        return Err(FfiError::field(
            "flags",
            flags,
            "its lowest two bits must be 0, 1 or 2",
        ));
    }
    // The filter falls by less than a thousandth of a dB before its edge: as good as none where little is wanted.
    Ok(rolloff == Bit::SoxrRolloffMedium as u32)
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

    fn request() -> proto::NewSoxResamplerRequest {
        proto::NewSoxResamplerRequest {
            input_rate: 48_000.0,
            output_rate: 16_000.0,
            num_channels: 2,
            input_data_type: DataType::SoxrDatatypeInt16i.into(),
            output_data_type: DataType::SoxrDatatypeInt16i.into(),
            quality_recipe: Recipe::SoxrQualityHigh.into(),
            flags: None,
        }
    }

    fn made(server: &Server, request: &proto::NewSoxResamplerRequest) -> Result<u64, String> {
        match create(server, request).message.unwrap() {
            Message::Resampler(resampler) => Ok(resampler.handle.id),
            Message::Error(error) => Err(error),
        }
    }

    /// All that comes of `data`, read where the host would read it.
    fn resampled(server: &Server, handle: u64, data: &[i16]) -> Vec<i16> {
        let memory = HostMemory::for_tests();
        let mut all = Vec::new();
        let mut read = |address, size: u32, error: Option<String>| {
            assert_eq!(error, None);
            let given = memory
                .samples("output_ptr", address, u64::from(size) / 2)
                .unwrap();
            all.extend_from_slice(given);
        };
        let answer = push(
            server,
            &memory,
            &proto::PushSoxResamplerRequest {
                resampler_handle: handle,
                data_ptr: data.as_ptr().expose_provenance() as u64,
                size: (data.len() * 2) as u32,
            },
        );
        read(answer.output_ptr, answer.size, answer.error);
        let answer = flush(
            server,
            &proto::FlushSoxResamplerRequest {
                resampler_handle: handle,
            },
        );
        read(answer.output_ptr, answer.size, answer.error);
        all
    }

    #[test]
    fn channels_stay_apart_in_both_layouts() {
        let server = server();
        let (interleaved, split) = (
            i32::from(DataType::SoxrDatatypeInt16i),
            i32::from(DataType::SoxrDatatypeInt16s),
        );
        let frames = 4_800;
        for (input, output) in [
            (interleaved, interleaved),
            (interleaved, split),
            (split, interleaved),
            (split, split),
        ] {
            let handle = made(
                &server,
                &proto::NewSoxResamplerRequest {
                    input_data_type: input,
                    output_data_type: output,
                    ..request()
                },
            )
            .unwrap();
            let data: Vec<i16> = (0..2 * frames)
                .map(|at| {
                    let right = if input == split {
                        at >= frames
                    } else {
                        at % 2 == 1
                    };
                    if right { -50 } else { 1_000 }
                })
                .collect();
            // Twice: a flush begins anew. A push alone keeps the tail back, so both layouts are cut there.
            for _ in 0..2 {
                let out = resampled(&server, handle, &data);
                assert_eq!(out.len(), 3_200);
                let middle = if output == split { 600 } else { 1_600 };
                let expected: &[i16] = if output == split {
                    &[1_000, 1_000]
                } else {
                    &[1_000, -50]
                };
                assert_eq!(&out[middle..middle + 2], expected);
            }
            assert!(server.handles().drop_handle(handle));
        }
        server.dispose();
    }

    #[test]
    fn every_recipe_and_flag_gives_the_same_length() {
        let server = server();
        for recipe in 0..=4 {
            for flags in [0, 1, 2, 8, 16, 32, 1 | 8 | 16 | 32] {
                let handle = made(
                    &server,
                    &proto::NewSoxResamplerRequest {
                        output_rate: 44_100.0,
                        quality_recipe: recipe,
                        flags: Some(flags),
                        ..request()
                    },
                )
                .unwrap();
                assert_eq!(resampled(&server, handle, &[5; 960]).len(), 882);
            }
        }
        server.dispose();
    }

    #[test]
    fn settings_that_cannot_be_are_refused_by_name() {
        let server = server();
        let refused = |request| made(&server, &request).unwrap_err();
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9, 999.0] {
            let error = refused(proto::NewSoxResamplerRequest {
                input_rate: rate,
                ..request()
            });
            assert!(error.contains("input_rate"), "{error}");
            let error = refused(proto::NewSoxResamplerRequest {
                output_rate: rate,
                ..request()
            });
            assert!(error.contains("output_rate"), "{error}");
        }
        for channels in [0, 1_000, u32::MAX] {
            let error = refused(proto::NewSoxResamplerRequest {
                num_channels: channels,
                ..request()
            });
            assert!(
                error.contains("num_channels") && error.contains(&channels.to_string()),
                "{error}"
            );
        }
        let error = refused(proto::NewSoxResamplerRequest {
            input_data_type: 2,
            ..request()
        });
        assert!(error.contains("input_data_type"), "{error}");
        let error = refused(proto::NewSoxResamplerRequest {
            output_data_type: -1,
            ..request()
        });
        assert!(error.contains("output_data_type"), "{error}");
        let error = refused(proto::NewSoxResamplerRequest {
            quality_recipe: 5,
            ..request()
        });
        assert!(error.contains("quality_recipe"), "{error}");
        for flags in [3, 4, 64, u32::MAX] {
            let error = refused(proto::NewSoxResamplerRequest {
                flags: Some(flags),
                ..request()
            });
            assert!(
                error.contains("flags") && error.contains(&flags.to_string()),
                "{error}"
            );
        }
        server.dispose();
    }

    #[test]
    fn blocks_that_cannot_be_are_refused_and_leave_no_trace() {
        let server = server();
        let handle = made(&server, &request()).unwrap();
        let memory = HostMemory::for_tests();
        let data = [1_i16; 64];
        let address = data.as_ptr().expose_provenance() as u64;
        let pushed = |resampler_handle, data_ptr, size| {
            let answer = push(
                &server,
                &memory,
                &proto::PushSoxResamplerRequest {
                    resampler_handle,
                    data_ptr,
                    size,
                },
            );
            assert_eq!((answer.output_ptr, answer.size), (0, 0));
            answer.error
        };
        for (data_ptr, size, field) in [
            (0, 8, "data_ptr"),
            (address + 1, 8, "data_ptr"),
            (u64::MAX - 1, 8, "data_ptr"),
            (address, 3, "size"),
            (address, 6, "size"),
            (address, u32::MAX - 3, "size"),
        ] {
            let error = pushed(handle, data_ptr, size).unwrap();
            assert!(error.contains(field), "{error}");
        }
        assert_eq!(pushed(handle, 0, 0), None, "nothing may be anywhere");
        for unknown in [0, 999, u64::MAX] {
            let error = pushed(unknown, address, 8).unwrap();
            assert!(
                error.contains("sox resampler") && error.contains(&unknown.to_string()),
                "{error}"
            );
            let answer = flush(
                &server,
                &proto::FlushSoxResamplerRequest {
                    resampler_handle: unknown,
                },
            );
            assert!(answer.error.unwrap().contains("sox resampler"));
        }
        assert_eq!(resampled(&server, handle, &data).len(), 22);
        server.dispose();
    }
}
