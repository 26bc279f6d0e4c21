//! The proof: descriptions of lk-jsep and packets of the engine, in rooms of a real livekit-server, in both
//! signalling shapes.
#![expect(
    clippy::disallowed_methods,
    reason = "a real server lives in real time and behind real sockets"
)]

mod live;

use std::time::{Duration, Instant};

use live::client::{Client, Shape, run_until};
use live::server::Server;
use lk_jsep::TransceiverId;

const LIMIT: Duration = Duration::from_secs(30);

/// For participants `one` and `two` of room `engine`, signed with the server's public development key.
const TOKENS: [&str; 2] = [
    "eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9.eyJpc3MiOiAiZGV2a2V5IiwgInN1YiI6ICJvbmUiLCAibmJmIjogMTcwMDAwMDAwMCwgImV4cCI6IDQxMDI0NDQ4MDAsICJ2aWRlbyI6IHsicm9vbSI6ICJlbmdpbmUiLCAicm9vbUpvaW4iOiB0cnVlfX0.1gS-_vJn2m3WGtZcw2xEbQSGBNEeUVL_Xu9YOXFz8v0",
    "eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9.eyJpc3MiOiAiZGV2a2V5IiwgInN1YiI6ICJ0d28iLCAibmJmIjogMTcwMDAwMDAwMCwgImV4cCI6IDQxMDI0NDQ4MDAsICJ2aWRlbyI6IHsicm9vbSI6ICJlbmdpbmUiLCAicm9vbUpvaW4iOiB0cnVlfX0.U6l7lbTuUd83f3C8DC1oIJPVNunwovR_ytX9TN4MYjM",
];

/// Both participants, connected, with the first one's data channel open.
fn room(server: &Server, shape: Shape) -> [Client; 2] {
    let mut clients: [Client; 2] = [(TOKENS[0], 1), (TOKENS[1], 2)]
        .map(|(token, seed)| Client::join(server.port, shape, token, seed));
    run_until(&mut clients, LIMIT, "connections", |clients| {
        clients.iter_mut().all(|client| {
            client.settled() && client.publisher.connected() && client.receiving().connected()
        })
    });
    run_until(&mut clients, LIMIT, "data channels", |clients| {
        clients.iter_mut().all(Client::has_channels)
    });
    clients
}

fn publish(clients: &mut [Client; 2], cid: &str) -> TransceiverId {
    clients[0].announce(cid);
    run_until(clients, LIMIT, "the publication", |clients| {
        clients[0].is_published(cid)
    });
    let id = clients[0].publish(cid);
    run_until(clients, LIMIT, "the negotiation", |clients| {
        clients[0].settled()
    });
    id
}

/// Sends until the other one has heard 30 packets of it.
fn speak(clients: &mut [Client; 2], id: TransceiverId, payload: &[u8]) {
    let before = clients[1].heard(payload);
    let mut next = Instant::now();
    run_until(clients, LIMIT, "audio", |clients| {
        if Instant::now() >= next {
            next += Duration::from_millis(20);
            clients[0].send_audio(id, payload).expect("sent");
        }
        clients[1].heard(payload) >= before + 30
    });
}

fn prove(shape: Shape) {
    let server = Server::start();
    let mut clients = room(&server, shape);

    for (from, to) in [(0, 1), (1, 0)] {
        let text = format!("from {from}");
        clients[from].send_data(text.as_bytes());
        run_until(&mut clients, LIMIT, "a message", |clients| {
            clients[to].got_data(text.as_bytes())
        });
    }

    let first = publish(&mut clients, "first");
    speak(&mut clients, first, b"the first track");
    let second = publish(&mut clients, "second");
    speak(&mut clients, second, b"the second track");
    speak(&mut clients, first, b"the first track goes on");

    clients[0].unpublish(first);
    run_until(&mut clients, LIMIT, "the removal", |clients| {
        clients[0].settled()
    });
    assert!(
        clients[0].send_audio(first, b"nothing").is_err(),
        "a removed track cannot be sent"
    );
    speak(&mut clients, second, b"the second goes on");
    let third = publish(&mut clients, "third");
    speak(&mut clients, third, b"the third track");

    let before = clients[0].publisher.plan.clone().expect("a plan").local_ice;
    clients[0].restart_ice();
    run_until(&mut clients, LIMIT, "the restart", |clients| {
        clients[0].settled() && clients[0].publisher.connected()
    });
    assert_ne!(
        clients[0].publisher.plan.clone().expect("a plan").local_ice,
        before
    );
    speak(&mut clients, third, b"after the restart");

    let stats = clients[0].publisher.engine.stats();
    assert!(
        stats.pair.is_some()
            && stats
                .outbound
                .iter()
                .any(|outbound| outbound.packets_sent >= 30),
        "{stats:?}"
    );
    let inbound: u64 = clients[1]
        .receiving()
        .engine
        .stats()
        .inbound
        .iter()
        .map(|one| one.packets_received)
        .sum();
    assert!(inbound >= 30, "{inbound}");
    for client in clients {
        client.leave();
    }
}

#[test]
fn one_connection_carries_data_tracks_and_a_restart() {
    prove(Shape::Single);
}

#[test]
fn two_connections_carry_data_tracks_and_a_restart() {
    prove(Shape::Double);
}
