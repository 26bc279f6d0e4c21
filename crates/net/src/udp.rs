//! UDP sockets, one for each local address, read and written in batches where the system can.

use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::task::Poll;
use std::time::Instant;

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Room for one coalesced receive (GRO joins up to 64 datagrams in 64 KiB).
const RECEIVE_BUFFER: usize = 64 * 1024;
/// What the kernel should hold for us, in bytes: a keyframe burst of a 4K layer fits.
const SOCKET_BUFFER: usize = 1 << 20;
/// Datagrams read from one socket before the others and the timers get a turn.
const RECEIVE_ROUNDS: usize = 32;

/// One datagram as it arrived.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// The peer.
    pub source: SocketAddr,
    /// The local socket's address.
    pub destination: SocketAddr,
    /// When this process read it.
    pub arrival: Instant,
    /// The UDP payload.
    pub payload: &'a [u8],
}

/// All UDP sockets of one ICE agent. Dropping the value closes them.
#[derive(Debug)]
pub struct UdpSockets {
    endpoints: Vec<Endpoint>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Endpoint {
    socket: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
}

impl Default for UdpSockets {
    fn default() -> Self {
        Self::new()
    }
}

impl UdpSockets {
    /// No sockets yet; memory for receiving is taken with the first one.
    #[must_use]
    pub fn new() -> Self {
        Self {
            endpoints: Vec::new(),
            buffer: Vec::new(),
        }
    }

    /// Opens a socket on `address` with a port the system picks, and returns its full address.
    /// Must be called on a tokio runtime with I/O enabled.
    ///
    /// # Errors
    /// The system's reason, for example that the address is not local any more.
    pub fn bind(&mut self, address: IpAddr) -> io::Result<SocketAddr> {
        let socket = std::net::UdpSocket::bind(SocketAddr::new(address, 0))?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        // A smaller buffer than asked for costs packets in a burst, not correctness.
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), SOCKET_BUFFER);
        let _ = state.set_send_buffer_size(UdpSockRef::from(&socket), SOCKET_BUFFER);
        let local = socket.local_addr()?;
        let socket = UdpSocket::from_std(socket)?;
        if self.buffer.is_empty() {
            self.buffer = vec![0; RECEIVE_BUFFER];
        }
        self.endpoints.push(Endpoint {
            socket,
            state,
            local,
        });
        Ok(local)
    }

    /// The local addresses in the order they were bound.
    pub fn local_addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.endpoints.iter().map(|endpoint| endpoint.local)
    }

    /// Waits until some socket has a datagram, and says which; pending for ever while there is none.
    /// Safe to cancel.
    pub async fn readable(&self) -> usize {
        poll_fn(|cx| {
            for (index, endpoint) in self.endpoints.iter().enumerate() {
                // An error of the socket shows at the read that follows.
                if endpoint.socket.poll_recv_ready(cx).is_ready() {
                    return Poll::Ready(index);
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Reads what socket `index` holds and hands each datagram to `sink`; returns when the socket is empty or
    /// had its share.
    ///
    /// # Errors
    /// When the socket is broken for good; a peer's ICMP answer is not an error.
    pub fn receive(&mut self, index: usize, mut sink: impl FnMut(Datagram<'_>)) -> io::Result<()> {
        let Some(endpoint) = self.endpoints.get(index) else {
            return Ok(());
        };
        for _ in 0..RECEIVE_ROUNDS {
            let mut meta = [RecvMeta::default()];
            let read = endpoint.socket.try_io(Interest::READABLE, || {
                let mut slices = [IoSliceMut::new(&mut self.buffer)];
                endpoint
                    .state
                    .recv(UdpSockRef::from(&endpoint.socket), &mut slices, &mut meta)
            });
            match read {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::ConnectionRefused
                            | io::ErrorKind::ConnectionReset
                            | io::ErrorKind::HostUnreachable
                            | io::ErrorKind::NetworkUnreachable
                            | io::ErrorKind::Interrupted
                    ) =>
                {
                    continue;
                }
                Err(error) => return Err(error),
            }
            let arrival = Instant::now();
            let meta = &meta[0];
            let stride = meta.stride.max(1);
            for payload in self.buffer[..meta.len].chunks(stride) {
                sink(Datagram {
                    source: meta.addr,
                    destination: endpoint.local,
                    arrival,
                    payload,
                });
            }
        }
        Ok(())
    }

    /// Sends one datagram from the socket bound to `source`. A full socket buffer drops the datagram, as a full
    /// router queue would: the layers above recover, and nothing here may wait.
    pub fn send(&self, source: SocketAddr, destination: SocketAddr, payload: &[u8]) {
        self.transmit(source, destination, payload, None);
    }

    /// Sends several datagrams of `segment` bytes each (the last may be shorter), joined in `payload`, with one
    /// system call where the system segments for us (GSO).
    pub fn send_segments(
        &self,
        source: SocketAddr,
        destination: SocketAddr,
        payload: &[u8],
        segment: usize,
    ) {
        let Some(endpoint) = self.endpoint(source) else {
            return;
        };
        if segment == 0 {
            return;
        }
        let batch = segment * endpoint.state.max_gso_segments().max(1);
        for part in payload.chunks(batch) {
            self.transmit(
                source,
                destination,
                part,
                (part.len() > segment).then_some(segment),
            );
        }
    }

    fn transmit(
        &self,
        source: SocketAddr,
        destination: SocketAddr,
        contents: &[u8],
        segment_size: Option<usize>,
    ) {
        let Some(endpoint) = self.endpoint(source) else {
            return;
        };
        let transmit = Transmit {
            destination,
            ecn: None,
            contents,
            segment_size,
            src_ip: None,
        };
        // Past tokio's readiness, which a new socket does not have yet: the socket never blocks, and what it
        // refuses is loss. An unreachable peer is ICE's business, found by its checks.
        let _ = endpoint
            .state
            .try_send(UdpSockRef::from(&endpoint.socket), &transmit);
    }

    fn endpoint(&self, local: SocketAddr) -> Option<&Endpoint> {
        self.endpoints
            .iter()
            .find(|endpoint| endpoint.local == local)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn a_datagram_arrives_with_its_addresses() {
        let mut one = UdpSockets::new();
        let mut two = UdpSockets::new();
        let from = one.bind(Ipv4Addr::LOCALHOST.into()).expect("bind");
        let to = two.bind(Ipv4Addr::LOCALHOST.into()).expect("bind");
        one.send(from, to, b"hello");
        let index = two.readable().await;
        let mut seen = Vec::new();
        two.receive(index, |datagram| {
            seen.push((
                datagram.source,
                datagram.destination,
                datagram.payload.to_vec(),
            ));
        })
        .expect("receive");
        assert_eq!(seen, [(from, to, b"hello".to_vec())]);
    }

    #[tokio::test]
    async fn segments_arrive_as_single_datagrams() {
        let mut one = UdpSockets::new();
        let mut two = UdpSockets::new();
        let from = one.bind(Ipv4Addr::LOCALHOST.into()).expect("bind");
        let to = two.bind(Ipv4Addr::LOCALHOST.into()).expect("bind");
        one.send_segments(from, to, &[7; 250], 100);
        let mut lengths = Vec::new();
        while lengths.len() < 3 {
            let index = two.readable().await;
            two.receive(index, |datagram| lengths.push(datagram.payload.len()))
                .expect("receive");
        }
        assert_eq!(lengths, [100, 100, 50]);
    }

    #[tokio::test]
    async fn the_socket_that_has_data_is_named() {
        let mut one = UdpSockets::new();
        let first = one.bind(Ipv4Addr::LOCALHOST.into()).expect("bind");
        let second = one.bind(Ipv4Addr::LOCALHOST.into()).expect("bind");
        one.send(first, second, b"x");
        assert_eq!(one.readable().await, 1);
    }

    #[tokio::test]
    async fn a_send_from_an_address_that_is_not_ours_does_nothing() {
        let mut one = UdpSockets::new();
        let local = one.bind(Ipv4Addr::LOCALHOST.into()).expect("bind");
        let stranger: SocketAddr = "127.0.0.1:1".parse().expect("literal address");
        one.send(stranger, local, b"x");
        let mut count = 0;
        one.receive(0, |_| count += 1).expect("receive");
        assert_eq!(count, 0);
    }
}
