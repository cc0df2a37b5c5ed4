//! Standard input that says when it has ended.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, ReadBuf},
    sync::watch,
};

/// Tells everybody at the end of input. rmcp itself waits 5 s for calls that are under way
/// (measured with 3.9.0); told at once, they return what they have.
pub(super) struct Input<R> {
    reader: R,
    over: watch::Sender<bool>,
}

impl<R> Input<R> {
    pub const fn new(reader: R, over: watch::Sender<bool>) -> Self {
        Self { reader, over }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Input<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.reader).poll_read(context, buffer);
        let is_over = match &read {
            Poll::Ready(Ok(())) => buffer.filled().len() == before && buffer.remaining() > 0,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if is_over {
            self.over.send_replace(true);
        }
        read
    }
}
