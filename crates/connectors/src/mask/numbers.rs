//! Card numbers (ISO/IEC 7812 with Luhn), IBANs (ISO 13616, mod 97), US social security numbers,
//! and numbers that are called account numbers.

use super::Span;

pub(super) fn find(text: &str) -> Vec<Span> {
    let bytes = text.as_bytes();
    let mut spans = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        // Only at the start of a word: what follows a letter, a digit, `-` or `_` is part of an id.
        let starts = bytes[at].is_ascii_alphanumeric() && (at == 0 || !is_id(bytes[at - 1]));
        let span = if !starts {
            None
        } else if bytes[at].is_ascii_digit() {
            card(bytes, at).or_else(|| ssn(bytes, at)).or_else(|| account(bytes, at))
        } else {
            iban(bytes, at)
        };
        match span {
            Some(span) => {
                at = span.to;
                spans.push(span);
            }
            None => at += 1,
        }
    }
    spans
}

fn is_id(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || byte >= 0x80
}

/// A word ends here: the end, or something that cannot be part of an id.
fn ends(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_none_or(|byte| !is_id(*byte))
}

fn digits_at(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().take_while(|b| b.is_ascii_digit()).count()
}

/// How card numbers are written: in one piece or in groups with one separator.
const CARD_GROUPS: [&[usize]; 4] = [&[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[4, 4, 4, 4, 3]];

fn card(bytes: &[u8], from: usize) -> Option<Span> {
    let run = digits_at(bytes, from);
    if (14..=19).contains(&run) {
        let to = from + run;
        return (ends(bytes, to) && is_card(&bytes[from..to])).then_some(Span { from, to, keep_last: true });
    }
    if run != 4 {
        return None;
    }
    let separator = *bytes.get(from + 4).filter(|b| matches!(b, b' ' | b'-'))?;
    // The longest first, so that a number of 19 digits is not taken for one of 16.
    CARD_GROUPS.iter().rev().find_map(|groups| {
        let (to, digits) = grouped(bytes, from, groups, separator)?;
        (ends(bytes, to) && is_card(&digits)).then_some(Span { from, to, keep_last: true })
    })
}

fn grouped(bytes: &[u8], from: usize, groups: &[usize], separator: u8) -> Option<(usize, Vec<u8>)> {
    let mut at = from;
    let mut digits = Vec::with_capacity(19);
    for (n, group) in groups.iter().enumerate() {
        if n > 0 {
            if bytes.get(at) != Some(&separator) {
                return None;
            }
            at += 1;
        }
        if digits_at(bytes, at.min(bytes.len())) != *group {
            return None;
        }
        digits.extend_from_slice(&bytes[at..at + group]);
        at += group;
    }
    Some((at, digits))
}

/// A known issuer's range, a length it uses, and the right check digit. Without the ranges, one in
/// ten times written as `20260102030405` or in milliseconds would be a card.
fn is_card(digits: &[u8]) -> bool {
    let prefix = |n: usize| digits[..n].iter().fold(0_u32, |sum, d| sum * 10 + u32::from(d - b'0'));
    let known = match digits.len() {
        14 => matches!(prefix(2), 36 | 38 | 39) || (300..=305).contains(&prefix(3)),
        15 => matches!(prefix(2), 34 | 37),
        16 => {
            prefix(1) == 4
                || (51..=55).contains(&prefix(2))
                || (2221..=2720).contains(&prefix(4))
                || (3528..=3589).contains(&prefix(4))
                || matches!(prefix(2), 50 | 56..=58 | 62 | 63 | 65 | 67)
                || prefix(4) == 6011
                || (644..=649).contains(&prefix(3))
        }
        17 | 18 => matches!(prefix(2), 62 | 50 | 56..=58 | 63 | 67),
        19 => prefix(1) == 4 || matches!(prefix(2), 62 | 50 | 56..=58 | 63 | 67),
        _ => false,
    };
    known && luhn(digits)
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0');
            match (place % 2, digit) {
                (0, d) => d,
                (_, d @ 0..=4) => d * 2,
                (_, d) => d * 2 - 9,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// `219-09-9999`: areas 000, 666 and 900 up, group 00 and serial 0000 are never given out.
fn ssn(bytes: &[u8], from: usize) -> Option<Span> {
    let (to, digits) = grouped(bytes, from, &[3, 2, 4], b'-')?;
    let given = &digits[..3] != b"000"
        && &digits[..3] != b"666"
        && digits[0] != b'9'
        && &digits[3..5] != b"00"
        && &digits[5..] != b"0000";
    (given && ends(bytes, to)).then_some(Span { from, to, keep_last: false })
}

/// Six to seventeen digits after `acct`, or after `account`, `member` or `routing` with `number`, `no` or `#`.
fn account(bytes: &[u8], from: usize) -> Option<Span> {
    let run = digits_at(bytes, from);
    let to = from + run;
    if !(6..=17).contains(&run) || !ends(bytes, to) {
        return None;
    }
    /// Furthest back that the word may stand.
    const BEFORE: usize = 24;
    let before = bytes[from.saturating_sub(BEFORE)..from].to_ascii_lowercase();
    let trim = |text: &[u8]| {
        let end = text.iter().rposition(|b| !matches!(b, b' ' | b':' | b'.' | b'=' | b'"')).map_or(0, |last| last + 1);
        text[..end].to_vec()
    };
    let before = trim(&before);
    let marked = ["number", "num", "nbr", "no", "#"].iter().find_map(|mark| before.strip_suffix(mark.as_bytes()));
    let word = trim(marked.unwrap_or(&before));
    let word = word.strip_suffix(b"_").unwrap_or(&word);
    let called = word.ends_with(b"acct") || (marked.is_some() && (word.ends_with(b"account") || word.ends_with(b"member")));
    called.then_some(Span { from, to, keep_last: true })
}

/// Two letters, two digits, 11 to 30 letters and digits, in one piece or in groups of four.
fn iban(bytes: &[u8], from: usize) -> Option<Span> {
    let head = bytes.get(from..from + 4)?;
    if !head[..2].iter().all(u8::is_ascii_uppercase) || !head[2..].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let is_part = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    let mut plain = Vec::with_capacity(34);
    let mut best = None;
    let mut at = from;
    loop {
        let run = bytes[at..].iter().take_while(|b| is_part(b)).count();
        if run == 0 || plain.len() + run > 34 {
            break;
        }
        plain.extend_from_slice(&bytes[at..at + run]);
        at += run;
        if plain.len() >= 15 && ends(bytes, at) && mod_97(&plain) {
            best = Some(Span { from, to: at, keep_last: true });
        }
        // Groups are of four; only the last may be shorter.
        if run != 4 || bytes.get(at) != Some(&b' ') {
            break;
        }
        at += 1;
    }
    best
}

fn mod_97(iban: &[u8]) -> bool {
    let (head, tail) = iban.split_at(4);
    let rest = tail.iter().chain(head).fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    rest == 1
}
