//! HTTP over a connection that stands: one GET, of whose answer only the status is read.

use super::HTTP_TIMEOUT;
use super::stage::{Failure, Page, Stage};
use super::target::Expected;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use url::{Position, Url};

/// A status line with a long reason phrase is shorter.
const MAX_STATUS_LINE: usize = 1_024;

pub(super) async fn ask(stream: impl AsyncRead + AsyncWrite + Unpin, url: &Url, expected: &Expected) -> Stage<Page> {
    let begun = Instant::now();
    let line = match timeout(HTTP_TIMEOUT, first_line(stream, url)).await {
        Ok(Ok(line)) => line,
        Ok(Err(error)) => return Stage::failed(begun, Failure::NoHttp, &error.to_string(), None),
        Err(_) => return Stage::failed(begun, Failure::TimedOut, "no answer in time", None),
    };
    match status(&line) {
        Some(status) if expected.contains(&status) => Stage::found(begun, Page { status }),
        Some(status) => Stage::failed(begun, Failure::UnexpectedStatus, &format!("HTTP {status}"), Some(Page { status })),
        None => Stage::failed(begun, Failure::NoHttp, "what answers there does not speak HTTP", None),
    }
}

async fn first_line(mut stream: impl AsyncRead + AsyncWrite + Unpin, url: &Url) -> std::io::Result<Vec<u8>> {
    let target = &url[Position::BeforePath..Position::AfterQuery];
    // With the port only where it is not the scheme's own.
    let host = &url[Position::BeforeHost..Position::AfterPort];
    let version = env!("CARGO_PKG_VERSION");
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Firedog/{version}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut line = Vec::new();
    let mut chunk = [0; MAX_STATUS_LINE];
    while line.len() < MAX_STATUS_LINE && !line.contains(&b'\n') {
        match stream.read(&mut chunk).await? {
            0 => break,
            n => line.extend_from_slice(&chunk[..n]),
        }
    }
    Ok(line)
}

/// `HTTP/1.1 200 OK`
fn status(line: &[u8]) -> Option<u16> {
    let line = line.split(|byte| *byte == b'\n').next()?;
    let rest = line.strip_prefix(b"HTTP/1.")?;
    let digits = rest.get(2..5).filter(|_| matches!(rest[0], b'0' | b'1') && rest[1] == b' ')?;
    let ends = rest.get(5).is_none_or(|byte| matches!(byte, b' ' | b'\r'));
    std::str::from_utf8(digits).ok()?.parse().ok().filter(|status| ends && (100..600).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_lines() {
        for (line, expected) in [
            ("HTTP/1.1 200 OK\r\n", Some(200)),
            ("HTTP/1.0 503\r\nX: y", Some(503)),
            ("HTTP/1.1 404 Not Found", Some(404)),
            ("HTTP/1.1 2000 OK", None),
            ("HTTP/1.1 99", None),
            ("HTTP/1.1 +20 x", None),
            ("HTTP/2 200", None),
            ("SSH-2.0-OpenSSH_9.6", None),
            ("", None),
        ] {
            assert_eq!(status(line.as_bytes()), expected, "{line}");
        }
    }
}
