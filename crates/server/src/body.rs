//! Reading a body: never more than the limit, never longer than a while.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use std::time::Duration;

/// Prometheus itself gives up after 10 s; whoever takes longer holds a connection for nothing.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

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
    // A declared length is refused before anything is read.
    let declared = axum::body::HttpBody::size_hint(&body).lower();
    if declared > limit as u64 {
        return Err(BodyError::TooLarge);
    }
    let mut chunks = body.into_data_stream();
    let mut whole = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| BodyError::Broken)?;
        if whole.len() + chunk.len() > limit {
            return Err(BodyError::TooLarge);
        }
        if whole.is_empty() && declared == chunk.len() as u64 {
            return Ok(chunk);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
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
}
