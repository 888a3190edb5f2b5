//! How deep a condition nests, told from its text alone.
//!
//! `cel`'s parser calls itself some ten times for each bracket and has overflowed the stack of a server's
//! thread with 96 of them (its own limit) in a debug build. So what nests deep never gets to it.

/// Sum of the weights below along one path into the expression. People need about 20.
const MAX_WEIGHT: usize = 100;
/// A bracket or a `?` costs the parser a whole descent through its grammar, an operator in a chain one call.
const DESCENT: usize = 5;

/// Where (in bytes) the expression nests too deep, if it does. Texts and comments do not count.
pub(crate) fn too_deep(source: &str) -> Option<usize> {
    // What each open bracket has gathered in the current part of its contents.
    let mut open: Vec<usize> = vec![0];
    let mut total = 0;
    let bytes = source.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let here = at;
        at += 1;
        let weight = match bytes[here] {
            quote @ (b'\'' | b'"') => {
                at = end_of_text(bytes, here, quote);
                continue;
            }
            b'/' if bytes.get(at) == Some(&b'/') => {
                at += bytes[at..].iter().position(|b| *b == b'\n').unwrap_or(bytes.len() - at);
                continue;
            }
            b'(' | b'[' | b'{' => {
                open.push(DESCENT);
                total += DESCENT;
                0
            }
            b')' | b']' | b'}' => {
                if open.len() > 1 {
                    total -= open.pop().unwrap_or_default();
                }
                // `a[0][1]` and `f(x).g(y)` are chains: what was closed stays below what follows.
                1
            }
            // These stand side by side in the parser's tree.
            b'&' | b'|' | b',' => {
                let bracket = if open.len() > 1 { DESCENT } else { 0 };
                total -= open.last_mut().map(|gathered| std::mem::replace(gathered, bracket)).unwrap_or_default() - bracket;
                0
            }
            b'?' => DESCENT,
            b'.' | b'+' | b'-' | b'*' | b'/' | b'%' | b'<' | b'>' | b'=' | b'!' => 1,
            // `in` chains as well.
            b'i' if bytes.get(at) == Some(&b'n') => 1,
            _ => 0,
        };
        total += weight;
        if let Some(last) = open.last_mut() {
            *last += weight;
        }
        if total > MAX_WEIGHT {
            return Some(here);
        }
    }
    None
}

/// The place behind a text that starts at `start`; raw texts (`r'…'`) have no escapes, `'''…'''` ends with three.
fn end_of_text(bytes: &[u8], start: usize, quote: u8) -> usize {
    let prefix = bytes[..start].iter().rev().take(2).take_while(|b| b.is_ascii_alphabetic());
    let raw = prefix.clone().any(|b| b.eq_ignore_ascii_case(&b'r')) && prefix.clone().all(|b| b"rRbB".contains(b));
    let triple = bytes[start..].starts_with(&[quote; 3]);
    let closing: &[u8] = if triple { &[quote; 3] } else { &[quote] };
    let mut at = start + closing.len();
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if !raw => at += 2,
            // Not closed on its line: the parser will say so.
            b'\n' if !triple => return at,
            _ if bytes[at..].starts_with(closing) => return at + closing.len(),
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::too_deep;

    #[test]
    fn texts_and_comments_do_not_count_and_alternatives_stand_side_by_side() {
        let brackets = "(".repeat(99);
        for source in [
            format!("x == '{brackets}'"),
            format!("x == \"\\\"{brackets}\""),
            format!("x == r'\\' + '{brackets}'"),
            format!("x == '''it's {brackets}'''"),
            format!("x // it's {brackets}\n == 'y'"),
            vec!["labels.a == 'b' && (labels.c == 'd')"; 100].join(" || "),
        ] {
            assert_eq!(too_deep(&source), None, "{source}");
        }
        assert!(too_deep(&brackets).is_some());
        assert!(too_deep(&format!("x == r'\\' {brackets}")).is_some());
        assert!(too_deep(&"a.f(1, 2)".repeat(99)).is_some());
        assert!(too_deep(&"(a,".repeat(50)).is_some());
    }
}
