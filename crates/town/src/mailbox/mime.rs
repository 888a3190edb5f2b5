//! Just enough of MIME (RFC 2045 to 2047) to read the mails that a pager sends: header fields, the first plain and the
//! first HTML part, quoted-printable and base64. Text is taken as UTF-8.

/// Parts within parts; real mails have three levels.
const MAX_DEPTH: usize = 6;

/// Parts of one level; real mails have a handful.
const MAX_PARTS: usize = 64;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    pub subject: String,
    /// Unfolded, undecoded.
    pub headers: Vec<(String, String)>,
    /// Lines end with `\n`.
    pub text: Option<String>,
    pub html: Option<String>,
}

/// Reads what it can; there is no message that it refuses.
pub(super) fn read(bytes: &[u8]) -> Message {
    let (headers, body) = split_head(bytes);
    let subject = decode_words(field(&headers, "subject").unwrap_or_default());
    let mut message = Message { subject, ..Message::default() };
    read_part(&headers, body, 0, &mut message);
    message.headers = headers;
    message
}

fn read_part(headers: &[(String, String)], body: &[u8], depth: usize, message: &mut Message) {
    let content_type = field(headers, "content-type").unwrap_or("text/plain");
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind.starts_with("multipart/") {
        if let Some(boundary) = parameter(content_type, "boundary").filter(|_| depth < MAX_DEPTH) {
            for part in parts(body, &boundary).into_iter().take(MAX_PARTS) {
                let (headers, body) = split_head(part);
                read_part(&headers, body, depth + 1, message);
            }
        }
        return;
    }
    let wanted = match kind.as_str() {
        "text/plain" => &mut message.text,
        "text/html" => &mut message.html,
        _ => return,
    };
    if wanted.is_none() {
        let decoded = match field(headers, "content-transfer-encoding").unwrap_or_default().to_ascii_lowercase().as_str() {
            "quoted-printable" => quoted_printable(body),
            "base64" => base64(body),
            _ => body.to_vec(),
        };
        *wanted = Some(String::from_utf8_lossy(&decoded).replace("\r\n", "\n"));
    }
}

/// Lines with their ends.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n')
}

fn split_head(bytes: &[u8]) -> (Vec<(String, String)>, &[u8]) {
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut read = 0;
    for line in lines(bytes) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches(['\r', '\n']);
        if text.starts_with([' ', '\t']) && !text.trim().is_empty() {
            if let Some((_, value)) = headers.last_mut() {
                // Unfolding takes the line end away, not the white space (RFC 5322 section 2.2.3).
                value.push_str(text);
            }
        } else if let Some((name, value)) = text.split_once(':').filter(|(name, _)| !name.contains(' ')) {
            headers.push((name.to_owned(), value.trim().to_owned()));
        } else {
            // The empty line that ends the head, or a body that has no head.
            read += if text.is_empty() { line.len() } else { 0 };
            break;
        }
        read += line.len();
    }
    (headers, &bytes[read..])
}

fn field<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// A parameter of a structured field, such as `boundary` of `multipart/mixed; boundary="a;b"`.
fn parameter(value: &str, name: &str) -> Option<String> {
    let mut rest = value.split_once(';')?.1;
    loop {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (found, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(';').unwrap_or(after.len())),
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(found.trim().to_owned());
        }
        rest = next.trim_start().trim_start_matches(';');
    }
}

/// The parts between the boundary's lines, each without the line end before the next boundary (RFC 2046 section 5.1.1).
fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let (open, close) = (format!("--{boundary}"), format!("--{boundary}--"));
    let mut parts = Vec::new();
    let mut start = None;
    let mut at = 0;
    for line in lines(body) {
        let text = line.trim_ascii_end();
        if text == open.as_bytes() || text == close.as_bytes() {
            if let Some(start) = start {
                let part: &[u8] = &body[start..at];
                let part = part.strip_suffix(b"\n").unwrap_or(part);
                parts.push(part.strip_suffix(b"\r").unwrap_or(part));
            }
            start = (text == open.as_bytes()).then_some(at + line.len());
            if start.is_none() {
                return parts;
            }
        }
        at += line.len();
    }
    // Cut off before the last boundary: show what there is.
    parts.extend(start.map(|start| &body[start..]));
    parts
}

/// RFC 2045 section 6.7. What is not valid stands for itself.
fn quoted_printable(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'=', [b'\r', b'\n', ..]) => rest = &after[2..],
            (b'=', [b'\n', ..]) => rest = &after[1..],
            (b'=', [high, low, ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    decoded.push(high << 4 | low);
                    rest = &after[2..];
                }
                _ => decoded.push(b'='),
            },
            _ => decoded.push(*byte),
        }
    }
    decoded
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// RFC 2045 section 6.8: characters outside the alphabet are skipped, padding ends it.
fn base64(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(bytes.len() * 3 / 4);
    let (mut bits, mut count) = (0u32, 0u32);
    for byte in bytes.iter().take_while(|byte| **byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push((bits >> count & 0xff) as u8);
        }
    }
    decoded
}

/// Encoded words (RFC 2047): `=?utf-8?Q?On_fire?=`; white space between two of them goes away.
fn decode_words(text: &str) -> String {
    let mut decoded = String::new();
    let mut rest = text;
    let mut after_word = false;
    while let Some(start) = rest.find("=?") {
        let Some((word, length)) = encoded_word(&rest[start..]) else {
            decoded.push_str(&rest[..start + 2]);
            (rest, after_word) = (&rest[start + 2..], false);
            continue;
        };
        if !(after_word && rest[..start].trim().is_empty()) {
            decoded.push_str(&rest[..start]);
        }
        decoded.push_str(&word);
        (rest, after_word) = (&rest[start + length..], true);
    }
    decoded + rest
}

fn encoded_word(text: &str) -> Option<(String, usize)> {
    let (_charset, rest) = text.strip_prefix("=?")?.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (content, after) = rest.split_once("?=")?;
    let bytes = match encoding {
        "B" | "b" => base64(content.as_bytes()),
        "Q" | "q" => quoted_printable(content.replace('_', " ").as_bytes()),
        _ => return None,
    };
    Some((String::from_utf8_lossy(&bytes).into_owned(), text.len() - after.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_message() {
        let message = read(b"From: a\r\nSubject: Long\r\n  and folded\r\n\r\nHello: no header\r\n");
        assert_eq!(message.subject, "Long  and folded");
        assert_eq!(message.headers.len(), 2);
        assert_eq!(message.text.as_deref(), Some("Hello: no header\n"));
    }

    #[test]
    fn alternatives_within_mixed() {
        let message = read(
            b"Content-Type: multipart/mixed; charset=x;\r\n boundary=\"out;er\"\r\n\r\npreamble\r\n--out;er\r\n\
              Content-Type: multipart/alternative; boundary=inner\r\n\r\n--inner\r\n\
              Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
              caf=C3=A9 =\r\nhttp://a/?b=3Dc 1=2 =zz\r\n--inner\r\n\
              Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+aGk8\r\nL2I+\r\n--inner--\r\n\
              --out;er\r\nContent-Type: text/plain\r\n\r\nan attachment\r\n--out;er--\r\nepilogue\r\n",
        );
        assert_eq!(message.text.as_deref(), Some("café http://a/?b=c 1=2 =zz"));
        assert_eq!(message.html.as_deref(), Some("<b>hi</b>"));
    }

    #[test]
    fn encoded_words() {
        assert_eq!(decode_words("=?utf-8?Q?Caf=C3=A9_is?= =?UTF-8?B?IG9uIGZpcmU=?= now"), "Café is on fire now");
        assert_eq!(decode_words("a =?b c =?utf-8?X?y?="), "a =?b c =?utf-8?X?y?=");
    }

    #[test]
    fn base64_of_every_length() {
        assert_eq!(base64(b""), b"");
        assert_eq!(base64(b"Zg=="), b"f");
        assert_eq!(base64(b"Zm8="), b"fo");
        assert_eq!(base64(b"Zm9v"), b"foo");
        assert_eq!(base64(b"/+8A"), [0xff, 0xef, 0x00]);
    }

    #[test]
    fn anything_is_survived() {
        let nested = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n".repeat(50);
        let cases: [&[u8]; 7] = [
            b"",
            b"\r\n",
            b"=\r\n=",
            b" folded without a start\r\n",
            b"\xff\xfe: \xff",
            b"Content-Type: multipart/mixed; boundary=\r\n\r\n--\r\n--\r\n",
            &nested,
        ];
        for case in cases {
            read(case);
        }
        assert_eq!(quoted_printable(b"a="), b"a=");
        assert_eq!(quoted_printable(b"a=4"), b"a=4");
    }
}
