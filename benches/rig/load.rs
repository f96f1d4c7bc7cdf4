//! A small generator of load: some connections that are kept, each with one request after the other, as fast as they are
//! answered. It reads every byte of every answer.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// At so many connections, more don't make a server on the same machine faster.
const CONNECTIONS: usize = 8;
/// How long a server is asked before the other has its turn.
const ROUND: Duration = Duration::from_millis(700);
/// How often each has its turn; its best counts.
const ROUNDS: usize = 5;
/// Size of what is read at once, in bytes.
const BUFFER: usize = 256 * 1024;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

/// A request without a body.
pub(crate) fn request(target: &str, headers: &[(&str, &str)]) -> String {
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!("GET {target} HTTP/1.1\r\nHost: blog.example\r\n{headers}\r\n")
}

/// Asks once.
pub(crate) fn ask(address: SocketAddr, request: &str) -> io::Result<Answer> {
    let mut connection = Connection::open(address)?;
    let mut body = Vec::new();
    let (status, head) = connection.ask(request, |part| body.extend_from_slice(part))?;
    Ok(Answer { status, head, body })
}

/// How many requests a second two servers answer with this status, in turns, so that what else the machine does hits both
/// alike.
pub(crate) fn race(
    one: (SocketAddr, &str),
    other: (SocketAddr, &str),
    status: u16,
    rounds: Option<usize>,
) -> io::Result<(f64, f64)> {
    let mut best = (0.0, 0.0);
    for _ in 0..rounds.unwrap_or(ROUNDS) {
        best.0 = f64::max(best.0, rate(one, status)?);
        best.1 = f64::max(best.1, rate(other, status)?);
    }
    Ok(best)
}

fn rate((address, request): (SocketAddr, &str), status: u16) -> io::Result<f64> {
    let begun = Instant::now();
    let until = begun + ROUND;
    let count = || -> io::Result<usize> {
        let mut connection = Connection::open(address)?;
        let mut count = 0;
        while Instant::now() < until {
            let (answered, head) = connection.ask(request, |_| {})?;
            if answered != status {
                return Err(io::Error::other(format!("{status} was expected: {head}")));
            }
            count += 1;
        }
        Ok(count)
    };
    let counts: Vec<io::Result<usize>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(count)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("it doesn't panic"))
            .collect()
    });
    let total = counts.into_iter().sum::<io::Result<usize>>()?;
    Ok(total as f64 / begun.elapsed().as_secs_f64())
}

/// A connection that is kept.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Opens one.
    pub(crate) fn open(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Connection {
            stream,
            buffer: vec![0; BUFFER],
        })
    }

    /// Sends a request and reads the whole answer; `see` is given its body in parts.
    pub(crate) fn ask(&mut self, request: &str, mut see: impl FnMut(&[u8])) -> io::Result<(u16, String)> {
        self.stream.write_all(request.as_bytes())?;
        let mut filled = 0;
        let end = loop {
            let read = self.stream.read(&mut self.buffer[filled..])?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            let head = self.buffer[..filled]
                .windows(4)
                .position(|four| four == b"\r\n\r\n");
            if let Some(end) = head {
                break end + 4;
            }
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        let length = match status {
            Some(304) => 0,
            _ => header(&head, "content-length")
                .and_then(|length| length.parse::<usize>().ok())
                .ok_or_else(|| io::Error::other(format!("an answer without a length: {head}")))?,
        };
        see(&self.buffer[end..filled]);
        let mut left = length.saturating_sub(filled - end);
        while left > 0 {
            let read = self.stream.read(&mut self.buffer)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            see(&self.buffer[..read]);
            left = left.saturating_sub(read);
        }
        Ok((status.unwrap_or_default(), head))
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
