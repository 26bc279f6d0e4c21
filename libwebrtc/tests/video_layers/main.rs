//! Golden bitstreams with layers, from packets to pictures, in virtual time: as a selective forwarder passes them on, and
//! with losses.

mod film;
mod forwarded;
mod lost;
