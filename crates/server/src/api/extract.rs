//! Extractors whose refusals are problems.

use super::{MAX_BODY_BYTES, Problem};
use crate::body::{self, BodyError};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

/// A JSON body.
pub(super) struct Json<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        read(request, MAX_BODY_BYTES).await.map(Self)
    }
}

/// A JSON body of a setup: its files may have 8 MiB, and JSON escapes make them longer.
pub(super) struct Large<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Large<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        read(request, MAX_LARGE_BYTES).await.map(Self)
    }
}

/// Twice the largest setup.
pub(super) const MAX_LARGE_BYTES: usize = 16 << 20;

pub(super) fn too_large(limit: usize) -> Problem {
    Problem::new(413, "The body is too large")
        .kind("urn:firedog:too_large")
        .detail(format!("at most {limit} bytes are read"))
        .next("send less")
}

async fn read<T: DeserializeOwned>(request: Request, limit: usize) -> Result<T, Problem> {
    let bytes = body::read(request.into_body(), limit).await.map_err(|error| match error {
        BodyError::TooLarge => too_large(limit),
        BodyError::Broken => Problem::invalid("the body did not come in time"),
    })?;
    // A POST that needs nothing may come without a body.
    let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
    let mut reader = serde_json::Deserializer::from_slice(text);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." { String::new() } else { format!("{path}: ") };
        Problem::invalid(format!("{place}{}", error.into_inner()))
    })?;
    reader.end().map_err(|error| Problem::invalid(error.to_string()))?;
    Ok(read)
}

/// The query.
pub(super) struct Params<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Query(read) = Query::<T>::try_from_uri(&parts.uri).map_err(|error| Problem::invalid(error.body_text()))?;
        Ok(Self(read))
    }
}
