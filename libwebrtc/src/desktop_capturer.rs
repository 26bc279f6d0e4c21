//! Capturing screens and windows.
//!
//! No capturer is part of this build: [`DesktopCapturer::new`] says so by `None`.

use std::fmt;

/// What a capturer is made with.
#[derive(Debug, Clone, Copy)]
pub struct DesktopCapturerOptions {
    source_type: DesktopCaptureSourceType,
    include_cursor: bool,
}

/// What is captured.
#[derive(Debug, Copy, Clone, PartialEq)]
pub enum DesktopCaptureSourceType {
    /// A whole screen.
    Screen,
    /// One window.
    Window,
    /// Whatever the platform lets the user pick.
    Generic,
}

impl DesktopCapturerOptions {
    /// Captures the given type of source, without the cursor.
    #[must_use]
    pub fn new(source_type: DesktopCaptureSourceType) -> Self {
        Self {
            source_type,
            include_cursor: false,
        }
    }

    /// Whether the cursor is part of the picture.
    pub fn set_include_cursor(&mut self, include: bool) {
        self.include_cursor = include;
    }
}

/// Captures one source.
#[derive(Debug)]
pub struct DesktopCapturer {
    /// There is no capturer, so there is no value of this type.
    never: std::convert::Infallible,
}

impl DesktopCapturer {
    /// A capturer, where the platform has one. `None`: it has none here.
    #[must_use]
    pub fn new(options: DesktopCapturerOptions) -> Option<Self> {
        log::warn!(
            "a {:?} cannot be captured: there is no capturer on this platform; capture it in the host and push its frames",
            options.source_type
        );
        None
    }

    /// Begins to capture a source, or what the user picks; results go to the callback.
    pub fn start_capture<T>(&mut self, _source: Option<CaptureSource>, _callback: T)
    where
        T: FnMut(Result<DesktopFrame, CaptureError>) + Send + 'static,
    {
        match self.never {}
    }

    /// Captures one frame.
    pub fn capture_frame(&mut self) {
        match self.never {}
    }

    /// The sources there are.
    #[must_use]
    pub fn get_source_list(&self) -> Vec<CaptureSource> {
        match self.never {}
    }
}

/// A captured picture of four bytes for each pixel, in memory B, G, R, A.
#[derive(Debug)]
pub struct DesktopFrame {
    width: i32,
    height: i32,
    stride: u32,
    left: i32,
    top: i32,
    data: Vec<u8>,
}

impl DesktopFrame {
    /// Pixels in a row.
    #[must_use]
    pub fn width(&self) -> i32 {
        self.width
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> i32 {
        self.height
    }

    /// Bytes from one row's start to the next.
    #[must_use]
    pub fn stride(&self) -> u32 {
        self.stride
    }

    /// Left edge on the desktop.
    #[must_use]
    pub fn left(&self) -> i32 {
        self.left
    }

    /// Top edge on the desktop.
    #[must_use]
    pub fn top(&self) -> i32 {
        self.top
    }

    /// The pixels.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }
}

/// A screen or window.
#[derive(Debug, Clone)]
pub struct CaptureSource {
    id: u64,
    title: String,
    display_id: i64,
}

impl CaptureSource {
    /// Identifies it.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// A window's title.
    #[must_use]
    pub fn title(&self) -> String {
        self.title.clone()
    }

    /// The display it is on.
    #[must_use]
    pub fn display_id(&self) -> i64 {
        self.display_id
    }
}

impl fmt::Display for CaptureSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "source {} {:?} on display {}",
            self.id, self.title, self.display_id
        )
    }
}

/// A capture failed.
#[derive(Debug, PartialEq)]
pub enum CaptureError {
    /// The next one may work.
    Temporary,
    /// None will.
    Permanent,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_capturer_here() {
        let mut options = DesktopCapturerOptions::new(DesktopCaptureSourceType::Screen);
        options.set_include_cursor(true);
        assert!(options.include_cursor);
        assert!(DesktopCapturer::new(options).is_none());
    }
}
