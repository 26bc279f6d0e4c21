//! Sockets and interfaces for ICE: which local addresses are worth a host candidate, and batched UDP on them.
//!
//! Knows nothing of ICE, DTLS or media: datagrams in, datagrams out, each with its addresses and arrival time.
#![forbid(unsafe_code)]

mod interfaces;
mod udp;

pub use interfaces::host_addresses;
pub use udp::{Datagram, UdpSockets};
