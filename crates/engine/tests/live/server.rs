//! A real livekit-server on free ports of 127.0.0.1.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
}

impl Server {
    /// Starts the pinned server, which is built first where it is missing, and waits for its health answer.
    pub(crate) fn start() -> Self {
        let binary = std::env::var("LIVEKIT_SERVER_BINARY").unwrap_or_else(|_| {
            // Cargo runs tests in their package's folder.
            let script = Path::new("../../tests/livekit-server/build.sh");
            let output = Command::new(script)
                .stderr(Stdio::inherit())
                .output()
                .expect("tests/livekit-server/build.sh");
            assert!(
                output.status.success(),
                "tests/livekit-server/build.sh failed"
            );
            String::from_utf8(output.stdout)
                .expect("a path")
                .trim()
                .to_owned()
        });
        let [port, tcp, udp] = free_ports();
        let config = format!(
            r#"{{"port":{port},"bind_addresses":["127.0.0.1"],"keys":{{"devkey":"secret"}},"development":true,
            "logging":{{"level":"error"}},"limit":{{"num_tracks":-1}},
            "node_selector":{{"cpu_load_limit":1.0,"sysload_limit":100.0}},
            "rtc":{{"udp_port":{udp},"tcp_port":{tcp},"node_ip":"127.0.0.1","use_external_ip":false,
            "enable_loopback_candidate":true,"interfaces":{{"includes":["lo"]}}}}}}"#
        );
        let process = Command::new(&binary)
            .args(["--config-body", &config])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{binary}: {error}"));
        let mut server = Self { process, port };
        for _ in 0..600 {
            if server.healthy() {
                return server;
            }
            assert!(
                server.process.try_wait().expect("a process").is_none(),
                "livekit-server ended"
            );
            // The server tells nobody when it is ready, so its health answer is asked for.
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("livekit-server did not answer");
    }

    fn healthy(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else {
            return false;
        };
        let request = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
        let mut answer = String::new();
        stream
            .set_read_timeout(Some(Duration::from_secs(1)))
            .is_ok()
            && stream.write_all(request.as_bytes()).is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.starts_with("HTTP/1.1 200")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Held together, so that they differ.
fn free_ports() -> [u16; 3] {
    let first = TcpListener::bind("127.0.0.1:0").expect("a port");
    let second = TcpListener::bind("127.0.0.1:0").expect("a port");
    let third = UdpSocket::bind("127.0.0.1:0").expect("a port");
    [
        first.local_addr().expect("bound").port(),
        second.local_addr().expect("bound").port(),
        third.local_addr().expect("bound").port(),
    ]
}
