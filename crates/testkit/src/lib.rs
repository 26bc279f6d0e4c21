//! Test support: a virtual clock, a seeded network and a loop that joins two peers in one thread.
//!
//! Dev-only. Nothing here sleeps: time passes as fast as the peers can follow, and a run with the same seed
//! delivers the same datagrams at the same moments.
#![forbid(unsafe_code)]

mod clock;
mod golden;
mod network;
mod pair;
mod rng;

pub use clock::start;
pub use golden::{golden, ivf};
pub use network::{Link, Network};
pub use pair::{Pair, Peer, Side, Step};
pub use rng::Rng;
