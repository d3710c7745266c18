//! An origin that answers each request with what it received.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

pub(crate) struct Origin {
    port: u16,
}

impl Origin {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
        let port = listener.local_addr().expect("it is bound").port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || serve(stream));
            }
        });
        Self { port }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

/// A port that nobody listens on: it was given out and closed again.
pub(crate) fn unused_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("loopback can be bound").port()
}

fn serve(mut stream: TcpStream) {
    let mut received = Vec::new();
    let mut piece = [0; 4096];
    loop {
        while let Some(request) = take_request(&mut received) {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", request.len());
            if stream.write_all(&[head.as_bytes(), &request].concat()).is_err() {
                return;
            }
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(n) => received.extend_from_slice(&piece[..n]),
        }
    }
}

/// The next whole request as `head|body`.
fn take_request(received: &mut Vec<u8>) -> Option<Vec<u8>> {
    let end = received.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&received[..end]).into_owned();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let total = end + 4 + length;
    if received.len() < total {
        return None;
    }
    let message: Vec<u8> = received.drain(..total).collect();
    Some([&message[..end], b"|", &message[end + 4..]].concat())
}
