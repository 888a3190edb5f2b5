//! The mail with its headers.

use super::{Letter, html, text};
use crate::bounds::{cut, one_line};
use crate::message::Message;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use sha2::{Digest, Sha256};
use std::time::SystemTime;

/// What mail programs still show, in characters.
const MAX_SUBJECT: usize = 150;

/// # Errors
/// The address is none.
pub(super) fn mail(message: &Message, from: &Mailbox, to: &str) -> Result<lettre::Message, String> {
    let address = to.trim().parse().map_err(|error| format!("`{}` is not an e-mail address ({error})", one_line(to)))?;
    let name = Some(one_line(&message.user_name)).filter(|name| !name.is_empty());
    let domain = from.email.domain();
    // Every attempt has the same id, so that mail programs show a repeated one once.
    let id = format!("<{}@{domain}>", id_word(&message.idempotency_key));
    // No mail has this id; what shares it is one conversation in every mail program.
    let thread = format!("<alert.{}@{domain}>", id_word(message.alert.id.as_str()));
    let (plain, html) = (text::plain(message), html::html(message));
    let parts = MultiPart::alternative()
        .boundary(boundary(&id, &plain, &html))
        .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(plain));
    let parts = parts.singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body(html));
    lettre::Message::builder()
        .from(from.clone())
        .to(Mailbox::new(name, address))
        .date(SystemTime::from(message.at))
        .subject(text::subject(message))
        .message_id(Some(id))
        .in_reply_to(thread.clone())
        .references(thread)
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .raw_header(header("X-Firedog-Alert", message.alert.id.as_str()))
        .raw_header(header("X-Firedog-Notification", &message.idempotency_key))
        .multipart(parts)
        .map_err(|error| format!("the mail cannot be written: {error}"))
}

/// A text to somebody outside, who need not know what Firedog is.
///
/// # Errors
/// The address is none.
pub(super) fn letter(letter: &Letter, from: &Mailbox) -> Result<lettre::Message, String> {
    let to = &letter.to;
    let address = to.trim().parse().map_err(|error| format!("`{}` is not an e-mail address ({error})", one_line(to)))?;
    let id = format!("<{}@{}>", id_word(&letter.key), from.email.domain());
    lettre::Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, address))
        .date(SystemTime::from(letter.at))
        .subject(cut(&one_line(&crate::mask::text(&letter.subject)), MAX_SUBJECT))
        .message_id(Some(id))
        .header(ContentType::TEXT_PLAIN)
        .body(crate::mask::text(&letter.text).into_owned())
        .map_err(|error| format!("the mail cannot be written: {error}"))
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), id_word(value))
}

/// Ours are UUIDs and dots already. Anything else would end the header or the id early, so it is hashed.
fn id_word(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'#');
    if !text.is_empty() && text.len() <= 100 && text.bytes().all(plain) { text.to_owned() } else { hex(text.as_bytes()) }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Not to be guessed by who writes the summary, and the same for every attempt.
fn boundary(id: &str, plain: &str, html: &str) -> String {
    format!("firedog-{}", hex([id, plain, html].concat().as_bytes()))
}
