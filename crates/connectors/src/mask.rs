//! Masks what must not be stored, shown or sent: card numbers, IBANs, US social security numbers,
//! account numbers that are called so, passwords and bearer tokens. On for every event.
//!
//! It must not touch what looks alike and matters: fingerprints, UUIDs, times, ports, dedup keys.
//! So a number is masked only if its check digit is right and nothing sticks to it, and a text
//! without digit runs and secrets' marks is handed back untouched.

use serde_json::Value;
use std::borrow::Cow;

mod log;
mod numbers;
mod secrets;

/// What stands where something was masked (behind it, the last four digits of a card or account).
pub const MASK: &str = "****";

/// A free text (summary, annotation, label value).
pub fn text(text: &str) -> Cow<'_, str> {
    if !suspicious(text) {
        return Cow::Borrowed(text);
    }
    let mut spans = numbers::find(text);
    spans.extend(secrets::find(text, Names::Known));
    apply(text, spans)
}

/// A line or stack of somebody's log. Nobody has chosen what stands in it, so more is masked than in an alert's texts: contents of
/// elements and values whose name ends in `Password` and the like, also in sentences, local parts of e-mail addresses, and
/// runs of more than four digits (the last four of a long one stay). What identifies a request belongs into a field of its own.
pub fn log(text: &str) -> Cow<'_, str> {
    let mut spans = numbers::find(text);
    spans.extend(secrets::find(text, Names::Endings));
    spans.extend(log::find(text));
    apply(text, spans)
}

fn apply(text: &str, mut spans: Vec<Span>) -> Cow<'_, str> {
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    spans.sort_unstable_by_key(|span| (span.from, std::cmp::Reverse(span.to), span.keep_last));
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        if span.from < at {
            // What sticks out of the one before is as secret.
            at = at.max(span.to);
            continue;
        }
        masked.push_str(&text[at..span.from]);
        masked.push_str(MASK);
        if span.keep_last {
            masked.push_str(&last_four(&text[span.from..span.to]));
        }
        at = span.to;
    }
    masked.push_str(&text[at..]);
    Cow::Owned(masked)
}

/// A named value: whole if the name says that it is secret, else like any text.
pub fn field<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    match sensitivity(name) {
        Some(_) if value.is_empty() => Cow::Borrowed(value),
        Some(Sensitivity::Secret) => Cow::Borrowed(MASK),
        Some(Sensitivity::Account) => Cow::Owned(format!("{MASK}{}", last_four(value))),
        None => text(value),
    }
}

/// Every text in a JSON value, by its field names and by its patterns.
pub fn value(value: Value) -> Value {
    match value {
        Value::String(content) => match text(&content) {
            Cow::Borrowed(_) => Value::String(content),
            Cow::Owned(masked) => Value::String(masked),
        },
        Value::Array(items) => Value::Array(items.into_iter().map(self::value).collect()),
        Value::Object(mut fields) => {
            for (name, content) in fields.iter_mut() {
                let inner = content.take();
                *content = match (&inner, sensitivity(name)) {
                    (Value::String(text), Some(_)) => Value::String(field(name, text).into_owned()),
                    (Value::Number(number), Some(_)) => Value::String(field(name, &number.to_string()).into_owned()),
                    _ => self::value(inner),
                };
            }
            Value::Object(fields)
        }
        // A bare card number as a JSON number.
        Value::Number(ref number) if number.as_u64().is_some_and(|n| n >= 10_u64.pow(13)) => {
            let digits = number.to_string();
            match text(&digits) {
                Cow::Borrowed(_) => value,
                Cow::Owned(masked) => Value::String(masked),
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// Bytes `from..to` of a text are to be masked.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    from: usize,
    to: usize,
    keep_last: bool,
}

/// Which names are those of a secret.
#[derive(Clone, Copy, PartialEq)]
enum Names {
    /// Only those that we know, perhaps with something before `_` or `-`.
    Known,
    /// Whatever ends in one, as in `AdministrativePassword`; and a colon is enough to give it a value.
    Endings,
}

/// One pass over the bytes: is there anything that the slow search could find?
fn suspicious(text: &str) -> bool {
    let mut digits = 0;
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                // The shortest thing that is masked (an account number) has six.
                if digits == 6 {
                    return true;
                }
            }
            b'=' | b'"' | b'@' => return true,
            _ => {}
        }
    }
    contains_ignoring_case(text, "bearer ") || contains_ignoring_case(text, "basic ")
}

fn contains_ignoring_case(text: &str, word: &str) -> bool {
    text.as_bytes().windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

fn last_four(text: &str) -> String {
    let digits: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
    // Of a short number the last four would be most of it.
    if digits.len() < 8 { String::new() } else { digits[digits.len() - 4..].iter().collect() }
}

enum Sensitivity {
    Secret,
    Account,
}

/// Field names whose values are masked whatever they look like; case, `_` and `-` do not count.
fn sensitivity(name: &str) -> Option<Sensitivity> {
    // No listed name is longer; most labels end here.
    if name.len() > 24 {
        return None;
    }
    let mut plain = [0_u8; 24];
    let mut len = 0;
    for byte in name.bytes().filter(|b| !matches!(b, b'_' | b'-' | b' ' | b'.')) {
        plain[len] = byte.to_ascii_lowercase();
        len += 1;
    }
    Some(match &plain[..len] {
        b"password"
        | b"administrativepassword"
        | b"passwd"
        | b"pwd"
        | b"passphrase"
        | b"authorization"
        | b"proxyauthorization"
        | b"apikey"
        | b"xapikey"
        | b"accesstoken"
        | b"refreshtoken"
        | b"idtoken"
        | b"authtoken"
        | b"bearertoken"
        | b"clientsecret"
        | b"secretkey"
        | b"privatekey"
        | b"cookie"
        | b"setcookie"
        | b"cvv"
        | b"cvc"
        | b"pin"
        | b"ssn"
        | b"socialsecuritynumber"
        | b"taxid" => Sensitivity::Secret,
        b"cardnumber" | b"creditcard" | b"creditcardnumber" | b"debitcardnumber" | b"pan" | b"iban" | b"accountnumber"
        | b"acctnumber" | b"accountno" | b"acctno" | b"acctnbr" | b"accountnbr" | b"membernumber" => Sensitivity::Account,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn masks() {
        for (from, to) in [
            ("card 4111111111111111 declined", "card ****1111 declined"),
            ("card 4111 1111 1111 1111.", "card ****1111."),
            ("5500-0000-0000-0004", "****0004"),
            ("amex 3782 822463 10005", "amex ****0005"),
            ("\"pan\":\"6011000990139424\"", "\"pan\":\"****9424\""),
            ("to DE89 3704 0044 0532 0130 00 today", "to ****3000 today"),
            ("GB82WEST12345698765432", "****5432"),
            ("ssn 219-09-9999 of", "ssn **** of"),
            ("acct #0012345678", "acct #****5678"),
            ("Account number: 12345678", "Account number: ****5678"),
            ("account no. 123456 closed", "account no. **** closed"),
            ("Authorization: Bearer eyJhbGciOi.J9-x_y/z==", "Authorization: Bearer ****"),
            ("authorization: basic dXNlcjpwYXNz", "authorization: basic ****"),
            ("login failed: password=hunter2, user=bob", "login failed: password=****, user=bob"),
            ("https://api/x?api_key=abc123&y=2", "https://api/x?api_key=****&y=2"),
            (r#"{"user":"bob","password":"a \"b\" c"}"#, r#"{"user":"bob","password":"****"}"#),
            ("dsn postgres://app:s3cret@db:5432/x", "dsn postgres://app:****@db:5432/x"),
            ("4111111111111111 and 5500000000000004", "****1111 and ****0004"),
        ] {
            assert_eq!(text(from), to, "{from}");
            assert_eq!(text(to), to, "masking again changes nothing: {to}");
        }
    }

    #[test]
    fn leaves_alone_what_only_looks_alike() {
        for kept in [
            "p99 above 2s on 10.0.0.1:9093",
            "c75f68922c9ebc87",
            "4111111111111111abcd",
            "507a62d79ee76c9a 5500000000000004f",
            "0192a6a0-1c3e-7cc3-8b6d-5c2f1e4a9b10",
            "41111111-1111-1111-1111-111111111111",
            "2026-01-02T03:04:05.678901Z",
            "1767319440000 1767319440000000 1767319440000000000",
            "20260102030405 20260102030405678",
            "4111111111111112",
            "build 123456789012 of account 404",
            "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:api-5xx",
            "order-4111111111111111-x",
            "phone 555-123-4567",
            "000-12-3456 666-12-3456 987-65-4321 123-00-4567",
            "1219-09-9999",
            "token expired; password: wrong",
            "basic authentication failed",
            "bearer of bad news",
            "up{job=\"api\"} == 0",
            "user@example.org",
            "https://grafana.example/d/uid1?from=1767319440000&orgId=1&to=1767323040000",
            "GB82WEST12345698765433",
            "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        ] {
            assert_eq!(text(kept), kept);
        }
    }

    #[test]
    fn fields_are_masked_by_name() {
        let from = json!({ "Account-Number": "12345678", "password": "x", "nested": [{ "card_number": 4111111111111111_u64 }],
            "n": 5500000000000004_u64, "secret_name": "tls", "fingerprint": "c75f68922c9ebc87", "null": null, "password_age_days": 90 });
        let to = json!({ "Account-Number": "****5678", "password": "****", "nested": [{ "card_number": "****1111" }],
            "n": "****0004", "secret_name": "tls", "fingerprint": "c75f68922c9ebc87", "null": null, "password_age_days": 90 });
        assert_eq!(value(from), to);
        assert_eq!(field("alertname", "High"), "High");
        assert_eq!(field("accountnumber", "123"), "****");
    }

    #[test]
    fn logs_are_masked_harder() {
        for (from, to) in [
            ("<Password>hunter2</Password> rest", "<Password>****</Password> rest"),
            (
                "<ns2:AdministrativePassword xsi:type=\"s\">a<b>c</ns2:AdministrativePassword>",
                "<ns2:AdministrativePassword xsi:type=\"s\">****</ns2:AdministrativePassword>",
            ),
            ("<HomeBankingPassword>cut off here 12", "<HomeBankingPassword>****"),
            ("&lt;Password&gt;x&lt;/Password&gt;", "&lt;Password&gt;****&lt;/Password&gt;"),
            (r"\u003cPassword\u003ex\u003c/Password\u003e", r"\u003cPassword\u003e****\u003c/Password\u003e"),
            ("<PASSWORD><![CDATA[a</b>]]></PASSWORD>", "<PASSWORD>****</PASSWORD>"),
            ("<Password/><Name>Ann</Name>", "<Password/><Name>Ann</Name>"),
            ("<Request AdministrativePassword=\"x y\" Id='7'>", "<Request AdministrativePassword=\"****\" Id='7'>"),
            (r#"{"administrativePassword":"x","n":1}"#, r#"{"administrativePassword":"****","n":1}"#),
            ("SessionToken: abc, next", "SessionToken: ****, next"),
            ("AdministrativePassword=x; Account=0012345678", "AdministrativePassword=****; Account=****5678"),
            ("member 12345 at 1234 of 98765432109", "member **** at 1234 of ****2109"),
            ("id a12345678b", "id a****5678b"),
            ("mail from ann.b+c@bank.example failed", "mail from ****@bank.example failed"),
            ("at Foo.java:321 took 1234 ms", "at Foo.java:321 took 1234 ms"),
            ("timeout after 30 s to core:9093", "timeout after 30 s to core:9093"),
            ("pässwörd 4111111111111111", "pässwörd ****1111"),
        ] {
            assert_eq!(log(from), to, "{from}");
            assert_eq!(log(to), to, "masking again changes nothing: {to}");
        }
        assert!(matches!(log("connection refused after 3 tries"), Cow::Borrowed(_)));
    }

    #[test]
    fn hostile_logs_take_no_longer_than_they_are_long() {
        for part in ["<Password>", "<Password", "&lt;", "pwd=", "a@", "@", "password: ", "1", "</", "\\u003c", "://"] {
            let text = part.repeat(200_000 / part.len());
            assert!(log(&text).len() <= text.len() + MASK.len() * (text.len() / 2), "{part}");
        }
    }

    #[test]
    fn clean_texts_are_not_copied() {
        assert!(matches!(text("p99 above 2s for 5m"), Cow::Borrowed(_)));
        assert!(matches!(text("instance=a1, pod 123456789"), Cow::Borrowed(_)));
    }
}
