//! A connection whose other end must keep taking what it is sent.
//!
//! Reading has its limits in hyper and in `request`; writing has none there. Who asks for something large and doesn't
//! read it, or reads it drop by drop, would hold a connection and the answer for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long the other end may take for [`AT_LEAST`] bytes that it doesn't take at once.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How many bytes it must take in that time: about a KiB a second, which a telephone at the edge of its network does.
const AT_LEAST: usize = 32 * 1024;

/// A connection that breaks when its other end doesn't keep up.
#[derive(Debug)]
pub(super) struct Paced<S> {
    stream: S,
    limit: Duration,
    /// Runs since the other end first didn't take everything.
    late: Option<Pin<Box<Sleep>>>,
    /// What it has taken since.
    taken: usize,
}

impl<S> Paced<S> {
    /// A connection with this limit.
    pub(super) fn new(stream: S, limit: Duration) -> Paced<S> {
        Paced {
            stream,
            limit,
            late: None,
            taken: 0,
        }
    }

    /// Notes what came of an attempt to write `offered` bytes.
    fn note(
        &mut self,
        context: &mut Context<'_>,
        offered: usize,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = &written {
            self.taken += *count;
            if *count >= offered || self.taken >= AT_LEAST {
                self.late = None;
                self.taken = 0;
            }
            if *count >= offered {
                return written;
            }
        }
        if matches!(written, Poll::Ready(Err(_))) {
            return written;
        }
        let limit = self.limit;
        let late = self.late.get_or_insert_with(|| Box::pin(sleep(limit)));
        if late.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the other end doesn't take what it asked for",
            )));
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(context, bytes.len(), written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let offered = bytes.iter().map(|slice| slice.len()).sum();
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.note(context, offered, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn who_reads_nothing_or_drop_by_drop_is_cut_off_and_who_reads_on_is_not() {
        let limit = Duration::from_millis(200);
        let (ours, _theirs) = duplex(1024);
        let error = Paced::new(ours, limit).write_all(&[0; 4096]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);

        let (ours, mut theirs) = duplex(1024);
        let drops = tokio::spawn(async move {
            let mut drop = [0];
            while theirs.read_exact(&mut drop).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let error = Paced::new(ours, limit).write_all(&[0; 4096]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drops.await.unwrap();

        let (ours, mut theirs) = duplex(1024);
        let reader = tokio::spawn(async move {
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).await.unwrap();
            all.len()
        });
        let mut paced = Paced::new(ours, Duration::from_secs(60));
        paced.write_all(&[0; 500_000]).await.unwrap();
        drop(paced);
        assert_eq!(reader.await.unwrap(), 500_000);
    }
}
