//! Pictures that the library makes or reads itself: test patterns, a clock, pipelines of GStreamer.
//!
//! What is drawn depends on nothing but the arguments: who calls, when and how often is the caller's business, and so is
//! where the pictures go.
#![deny(unsafe_code)]

mod canvas;
mod clock;
mod font;
pub mod gstreamer;
mod pattern;

pub use canvas::{Canvas, CanvasError};
pub use clock::draw_clock;
pub use pattern::{draw_gradient, draw_logo};
