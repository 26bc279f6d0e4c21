//! The C boundary: five functions, and the one [`Server`](crate::server::Server) of the process.
//!
//! Everything a host can do wrong ends here as a value: null pointers, wrong
//! order, forks, panics of ours. `livekit_ffi.h`, generated from
//! [`exports`], is the contract; nothing else of this crate is exported.

mod event_thread;
pub mod exports;
mod guard;
mod last_error;
mod process;
mod sink;
