//! Pipelines of GStreamer, where the system has it: it is loaded by the first one.

mod sys;

use std::time::{Duration, Instant};

use thiserror::Error;

/// The appsink that a pipeline may name itself.
pub const APPSINK: &str = "lk_appsink";
/// What a pipeline may give: pictures, or frames as they are sent.
const CAPS: &str = "video/x-raw,format=I420; \
    video/x-h264,stream-format=byte-stream,alignment=au; \
    video/x-h265,stream-format=byte-stream,alignment=au; \
    video/x-vp8; video/x-vp9; video/x-av1,stream-format=obu-stream,alignment=tu";
/// Samples that wait: the pipeline waits in turn when there are more.
const HELD: u32 = 4;
/// What the first sample may take.
const DISCOVERY: Duration = Duration::from_secs(5);
const STEP: Duration = Duration::from_millis(100);

/// Why there is no picture.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// Not built, not started, or failed on its way; GStreamer's own words.
    #[error("GStreamer: {0}")]
    Failed(String),
    /// Nothing came.
    #[error("the pipeline gave nothing within {} s", DISCOVERY.as_secs())]
    Silent,
    /// It was over before it began.
    #[error("the pipeline ended before it gave anything")]
    Empty,
    /// Not what a video track carries.
    #[error("the pipeline gives {media} of {width}x{height}, which cannot be sent")]
    Media {
        /// The caps' name.
        media: String,
        /// Pixels; 0 where the caps do not say.
        width: i32,
        /// Pixels; 0 where the caps do not say.
        height: i32,
    },
    /// Another kind of frames than before.
    #[error("the pipeline changed from {from} to {to}")]
    Changed {
        /// The caps' name before.
        from: String,
        /// The caps' name now.
        to: String,
    },
    /// A picture with less bytes than its size needs.
    #[error("a picture of {width}x{height} came with {len} bytes")]
    Short {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// Bytes.
        len: usize,
    },
    /// No element of this name.
    #[error("the pipeline has no element called {name:?}")]
    NoElement {
        /// What was asked for.
        name: String,
    },
    /// No property of this name.
    #[error("element {element:?} has no property {property:?}")]
    NoProperty {
        /// The element's name.
        element: String,
        /// What was asked for.
        property: String,
    },
}

/// What a pipeline gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// Pictures.
    I420,
    /// VP8 frames.
    Vp8,
    /// VP9 frames.
    Vp9,
    /// AV1 temporal units.
    Av1,
    /// H.264 access units with start codes.
    H264,
    /// H.265 access units with start codes.
    H265,
}

/// One picture or frame.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What it is.
    pub media: Media,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// A frame that needs none before it.
    pub key: bool,
    /// Its bytes; of a picture, its planes lie as [`layout`](Self::layout) says.
    pub data: Vec<u8>,
}

/// Where a picture's plane lies: the offset of its first byte, and the bytes from row to row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaneLayout {
    /// Bytes before it.
    pub offset: usize,
    /// Bytes from row to row.
    pub stride: usize,
}

impl Sample {
    /// Where a picture's Y, U and V lie, as GStreamer lays I420 out.
    #[must_use]
    pub fn layout(&self) -> [PlaneLayout; 3] {
        let (width, height) = (self.width as usize, self.height as usize);
        let even = |size: usize| size.next_multiple_of(2);
        let luma = width.next_multiple_of(4);
        let chroma = (even(width) / 2).next_multiple_of(4);
        let u = luma * even(height);
        let v = u + chroma * even(height) / 2;
        [
            PlaneLayout {
                offset: 0,
                stride: luma,
            },
            PlaneLayout {
                offset: u,
                stride: chroma,
            },
            PlaneLayout {
                offset: v,
                stride: chroma,
            },
        ]
    }
}

/// What waiting for a sample came to.
#[derive(Debug)]
pub enum Pulled {
    /// One came.
    Sample(Sample),
    /// None yet.
    Nothing,
    /// None will.
    End,
}

/// A pipeline that runs. Dropped, it stops.
#[derive(Debug)]
pub struct Pipeline {
    raw: sys::RawPipeline,
    media: Media,
    media_name: String,
    /// Came while one waited for the first.
    first: Option<Sample>,
    size: (u32, u32),
}

/// A property of an element that follows the rate that the network bears.
pub struct Knob {
    element: sys::Element,
    property: String,
}

impl Pipeline {
    /// Builds a pipeline from GStreamer's notation, starts it, and waits for what it gives first, at most 5 s. It ends in
    /// an appsink called [`APPSINK`], or has one output that leads nowhere.
    ///
    /// # Errors
    /// Where GStreamer is not installed, the pipeline cannot be built or started, gives nothing, or nothing that can be
    /// sent.
    pub fn start(description: &str) -> Result<Self, PipelineError> {
        let raw = sys::RawPipeline::new(description, APPSINK, CAPS, HELD)
            .map_err(PipelineError::Failed)?;
        raw.play().map_err(PipelineError::Failed)?;
        let deadline = Instant::now() + DISCOVERY;
        let sample = loop {
            if let Some(sample) = raw.pull(STEP) {
                break sample;
            }
            if let Some(error) = raw.error(Duration::ZERO) {
                return Err(PipelineError::Failed(error));
            }
            if raw.is_over() {
                return Err(PipelineError::Empty);
            }
            if Instant::now() >= deadline {
                return Err(PipelineError::Silent);
            }
        };
        let media_name = sample.media.clone();
        let first = read(sample)?;
        Ok(Self {
            raw,
            media: first.media,
            media_name,
            size: (first.width, first.height),
            first: Some(first),
        })
    }

    /// What it gives.
    #[must_use]
    pub fn media(&self) -> Media {
        self.media
    }

    /// Width and height of what came first, pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// A property to turn.
    ///
    /// # Errors
    /// Where there is no such element or property.
    pub fn knob(&self, name: &str, property: &str) -> Result<Knob, PipelineError> {
        let element = self.raw.element(name).map_err(PipelineError::Failed)?;
        let element = element.ok_or_else(|| PipelineError::NoElement {
            name: name.to_owned(),
        })?;
        if !element.has(property).map_err(PipelineError::Failed)? {
            return Err(PipelineError::NoProperty {
                element: name.to_owned(),
                property: property.to_owned(),
            });
        }
        Ok(Knob {
            element,
            property: property.to_owned(),
        })
    }

    /// The next sample, waited for at most so long.
    ///
    /// # Errors
    /// Where the pipeline failed, or gives something else now.
    pub fn pull(&mut self, wait: Duration) -> Result<Pulled, PipelineError> {
        if let Some(first) = self.first.take() {
            return Ok(Pulled::Sample(first));
        }
        if let Some(sample) = self.raw.pull(wait) {
            let name = sample.media.clone();
            let sample = read(sample)?;
            if sample.media != self.media {
                return Err(PipelineError::Changed {
                    from: self.media_name.clone(),
                    to: name,
                });
            }
            return Ok(Pulled::Sample(sample));
        }
        if let Some(error) = self.raw.error(Duration::ZERO) {
            return Err(PipelineError::Failed(error));
        }
        Ok(if self.raw.is_over() {
            Pulled::End
        } else {
            Pulled::Nothing
        })
    }

    /// Asks the encoder in it for a frame that needs none before it.
    pub fn wish_for_key(&self) {
        self.raw.wish_for_key();
    }
}

impl Knob {
    /// Sets a whole number.
    ///
    /// # Errors
    /// Where the property's name cannot be passed on.
    pub fn turn(&self, value: u64) -> Result<(), PipelineError> {
        self.element
            .set(&self.property, &value.to_string())
            .map_err(PipelineError::Failed)
    }
}

fn read(raw: sys::RawSample) -> Result<Sample, PipelineError> {
    let media = match raw.media.as_str() {
        "video/x-raw" => Some(Media::I420),
        "video/x-vp8" => Some(Media::Vp8),
        "video/x-vp9" => Some(Media::Vp9),
        "video/x-av1" => Some(Media::Av1),
        "video/x-h264" => Some(Media::H264),
        "video/x-h265" => Some(Media::H265),
        _ => None,
    };
    let side = |side: i32| {
        u32::try_from(side)
            .ok()
            .filter(|side| (1..=16_384).contains(side))
    };
    let (Some(media), Some(width), Some(height)) = (media, side(raw.width), side(raw.height))
    else {
        let sys::RawSample {
            media,
            width,
            height,
            ..
        } = raw;
        return Err(PipelineError::Media {
            media,
            width,
            height,
        });
    };
    let sample = Sample {
        media,
        width,
        height,
        key: raw.key,
        data: raw.data,
    };
    if media == Media::I420 {
        let v = sample.layout()[2];
        let rows = height.div_ceil(2) as usize;
        let needed = v.offset + v.stride * (rows - 1) + width.div_ceil(2) as usize;
        if sample.data.len() < needed {
            return Err(PipelineError::Short {
                width,
                height,
                len: sample.data.len(),
            });
        }
    }
    Ok(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether this system has GStreamer with its base plugins; where tests are counted it must.
    fn installed() -> bool {
        let found = Pipeline::start(
            "videotestsrc num-buffers=1 ! video/x-raw,width=16,height=16 ! videoconvert",
        );
        assert!(
            found.is_ok() || std::env::var("CI").is_err(),
            "run scripts/setup.sh: {found:?}"
        );
        found.is_ok()
    }

    #[test]
    fn pictures_come_until_the_end() {
        if !installed() {
            return;
        }
        let mut pipeline = Pipeline::start(
            "videotestsrc num-buffers=5 pattern=white ! video/x-raw,format=I420,width=18,height=9 ! appsink name=lk_appsink",
        )
        .expect("a pipeline");
        assert_eq!((pipeline.media(), pipeline.size()), (Media::I420, (18, 9)));
        let mut count = 0;
        loop {
            match pipeline.pull(Duration::from_secs(10)).expect("no fault") {
                Pulled::Sample(sample) => {
                    let [y, u, _] = sample.layout();
                    assert!(
                        sample.data[y.offset..][..18]
                            .iter()
                            .all(|luma| *luma == 235)
                    );
                    assert!(
                        sample.data[u.offset..][..9]
                            .iter()
                            .all(|chroma| *chroma == 128)
                    );
                    count += 1;
                }
                Pulled::Nothing => {}
                Pulled::End => break,
            }
        }
        assert_eq!(count, 5);
    }

    #[test]
    fn what_is_wrong_is_said() {
        if !installed() {
            return;
        }
        let said = |description: &str| Pipeline::start(description).expect_err("wrong").to_string();
        let unknown = said("nosuchelement ! appsink name=lk_appsink");
        assert!(unknown.contains("nosuchelement"), "{unknown}");
        let sound = said("audiotestsrc num-buffers=1 ! appsink name=lk_appsink");
        assert!(sound.starts_with("GStreamer: "), "{sound}");
        let closed = said("videotestsrc ! fakesink");
        assert!(closed.contains("lk_appsink"), "{closed}");
        let other = said("videotestsrc ! fakesink name=lk_appsink");
        assert!(other.contains("no appsink"), "{other}");
        let missing = said("filesrc location=/nowhere/at-all ! appsink name=lk_appsink");
        assert!(missing.contains("/nowhere/at-all"), "{missing}");
        assert_eq!(
            said("videotestsrc num-buffers=0 ! videoconvert"),
            PipelineError::Empty.to_string()
        );
    }

    #[test]
    fn a_property_that_is_not_there_is_refused_by_name() {
        if !installed() {
            return;
        }
        let pipeline = Pipeline::start(
            "videotestsrc name=camera ! video/x-raw,width=16,height=16 ! videoconvert",
        )
        .expect("a pipeline");
        pipeline
            .knob("camera", "blocksize")
            .expect("every source has it")
            .turn(4_096)
            .expect("set");
        let error = pipeline.knob("camera", "bitrate").err().expect("none");
        assert!(error.to_string().contains("bitrate"), "{error}");
        let error = pipeline.knob("encoder", "bitrate").err().expect("none");
        assert!(error.to_string().contains("encoder"), "{error}");
        pipeline.wish_for_key();
    }
}
