//! Reading a body: never more than the limit, never longer than a while.

use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use std::time::Duration;

/// Prometheus itself gives up after 10 s; whoever takes longer holds a connection for nothing.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Of a body that is too large so much is read and thrown away before the refusal. A connection that is closed while its client
/// still writes shows that client a broken pipe instead of the answer.
const DRAIN_BYTES: u64 = 8 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    TooLarge,
    /// It did not come, or not in time.
    Broken,
}

pub async fn read(body: Body, limit: usize) -> Result<Bytes, BodyError> {
    tokio::time::timeout(BODY_TIMEOUT, collect(body, limit)).await.unwrap_or(Err(BodyError::Broken))
}

async fn collect(body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let declared = axum::body::HttpBody::size_hint(&body).lower();
    let mut chunks = body.into_data_stream();
    if declared > limit as u64 {
        return Err(drain(&mut chunks, declared).await);
    }
    let mut whole = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| BodyError::Broken)?;
        if whole.len() + chunk.len() > limit {
            return Err(drain(&mut chunks, 0).await);
        }
        if whole.is_empty() && declared == chunk.len() as u64 {
            return Ok(chunk);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

/// Lets the client finish, unless it has said that it will send more than we throw away for anybody.
async fn drain(chunks: &mut BodyDataStream, declared: u64) -> BodyError {
    let mut left = DRAIN_BYTES;
    while declared <= DRAIN_BYTES && left > 0 {
        match chunks.next().await {
            Some(Ok(chunk)) => left = left.saturating_sub(chunk.len() as u64),
            Some(Err(_)) | None => break,
        }
    }
    BodyError::TooLarge
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit_whether_it_says_its_length_or_not() {
        assert_eq!(read(Body::from("12345"), 5).await, Ok(Bytes::from("12345")));
        assert_eq!(read(Body::from("123456"), 5).await, Err(BodyError::TooLarge));
        let chunks = |n: usize| {
            let chunks = (0..n).map(|_| Ok::<_, std::io::Error>(Bytes::from("ab")));
            Body::from_stream(futures_util::stream::iter(chunks))
        };
        assert_eq!(read(chunks(3), 6).await, Ok(Bytes::from("ababab")));
        assert_eq!(read(chunks(4), 6).await, Err(BodyError::TooLarge));
    }

    #[tokio::test]
    async fn what_is_too_large_is_read_to_its_end_but_not_without_end() {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicU64, Ordering};
        const CHUNK: usize = 64 << 10;
        let counted = |chunks: usize| {
            let taken = Arc::new(AtomicU64::new(0));
            let count = taken.clone();
            let chunks = (0..chunks).map(move |_| {
                count.fetch_add(CHUNK as u64, Ordering::Relaxed);
                Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; CHUNK]))
            });
            (Body::from_stream(futures_util::stream::iter(chunks)), taken)
        };
        let (body, taken) = counted(16);
        assert_eq!(read(body, CHUNK).await, Err(BodyError::TooLarge));
        assert_eq!(taken.load(Ordering::Relaxed), 16 * CHUNK as u64);
        let (body, taken) = counted(1_000);
        assert_eq!(read(body, CHUNK).await, Err(BodyError::TooLarge));
        assert!(taken.load(Ordering::Relaxed) <= DRAIN_BYTES + 4 * CHUNK as u64);
    }
}
