//! A plain HTTP/1.1 client that can also be slow, silent or gone.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::sse::{self, SseEvent};

/// How long a test waits for bytes before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A complete answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, without its framing.
    pub body: Vec<u8>,
    /// Whether the body came to its orderly end.
    pub complete: bool,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as server-sent events.
    pub fn events(&self) -> Vec<SseEvent> {
        sse::parse(&self.text()).0
    }
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
        })
    }

    /// Connects with a receive buffer of this many bytes, so that a slow reader is soon felt.
    pub async fn open_narrow(address: SocketAddr, bytes: u32) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(bytes)?;
        Ok(Self {
            stream: socket.connect(address).await?,
            buffer: Vec::new(),
        })
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends a request with a body of known length.
    pub async fn request(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Result<()> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n{headers}\r\n",
            body.len()
        );
        self.send(&[head.as_bytes(), body].concat()).await
    }

    /// Reads some bytes; none at the end.
    pub async fn read_some(&mut self) -> Result<usize> {
        let wait = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.buffer));
        wait.await
            .map_err(|_| Error::new(ErrorKind::TimedOut, "the server sent nothing"))?
    }

    /// Reads until the buffer holds `needle`, and gives everything up to its end.
    pub async fn read_until(&mut self, needle: &str) -> Result<String> {
        loop {
            let found = self
                .buffer
                .windows(needle.len())
                .position(|window| window == needle.as_bytes());
            if let Some(place) = found {
                let rest = self.buffer.split_off(place + needle.len());
                let head = std::mem::replace(&mut self.buffer, rest);
                return Ok(String::from_utf8_lossy(&head).into_owned());
            }
            if self.read_some().await? == 0 {
                let seen = String::from_utf8_lossy(&self.buffer).into_owned();
                return Err(Error::new(
                    ErrorKind::UnexpectedEof,
                    format!("the server closed before `{needle}`; it sent `{seen}`"),
                ));
            }
        }
    }

    /// Reads one answer.
    pub async fn answer(&mut self) -> Result<Answer> {
        let head = self.read_until("\r\n\r\n").await?;
        let mut lines = head.lines();
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .and_then(|word| word.parse().ok())
            .ok_or_else(|| Error::new(ErrorKind::InvalidData, format!("no status line in `{head}`")))?;
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        let mut answer = Answer {
            status,
            headers,
            body: Vec::new(),
            complete: false,
        };
        if answer.status == 100 {
            return Ok(answer);
        }
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.complete = self.chunks(&mut answer.body).await?;
        } else if let Some(length) = answer.header("content-length").and_then(|text| text.parse().ok()) {
            while self.buffer.len() < length && self.read_some().await? > 0 {}
            answer.complete = self.buffer.len() >= length;
            let rest = self.buffer.split_off(length.min(self.buffer.len()));
            answer.body = std::mem::replace(&mut self.buffer, rest);
        } else {
            answer.complete = true;
        }
        Ok(answer)
    }

    /// Reads a chunked body. Answers whether it came to its orderly end.
    async fn chunks(&mut self, body: &mut Vec<u8>) -> Result<bool> {
        loop {
            let Ok(line) = self.read_until("\r\n").await else {
                return Ok(false);
            };
            let size = usize::from_str_radix(line.trim(), 16)
                .map_err(|_| Error::new(ErrorKind::InvalidData, format!("`{line}` is no chunk size")))?;
            while self.buffer.len() < size + 2 {
                if self.read_some().await? == 0 {
                    body.append(&mut self.buffer);
                    return Ok(false);
                }
            }
            body.extend(self.buffer.drain(..size));
            self.buffer.drain(..2);
            if size == 0 {
                return Ok(true);
            }
        }
    }

    /// Waits until the server closes, at most `limit`; what it still sends is read away. Answers
    /// whether it did.
    pub async fn closed_within(&mut self, limit: Duration) -> bool {
        tokio::time::timeout(limit, async {
            while self
                .stream
                .read_buf(&mut self.buffer)
                .await
                .is_ok_and(|count| count > 0)
            {
                self.buffer.clear();
            }
        })
        .await
        .is_ok()
    }
}

/// Sends one request on a fresh connection and reads the answer.
pub async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Result<Answer> {
    let mut connection = Connection::open(address).await?;
    connection.request(method, path, headers, body).await?;
    connection.answer().await
}

/// Reads a path.
pub async fn get(address: SocketAddr, path: &str) -> Result<Answer> {
    send(address, "GET", path, "", b"").await
}

/// Posts JSON.
pub async fn post(address: SocketAddr, path: &str, body: &Value) -> Result<Answer> {
    post_text(address, path, &body.to_string()).await
}

/// Posts a text that claims to be JSON.
pub async fn post_text(address: SocketAddr, path: &str, body: &str) -> Result<Answer> {
    send(
        address,
        "POST",
        path,
        "content-type: application/json\r\n",
        body.as_bytes(),
    )
    .await
}
