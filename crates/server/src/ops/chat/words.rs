//! What was typed after a command.

/// The first word, and what comes after it.
pub(super) fn first(text: &str) -> (&str, &str) {
    let text = text.trim();
    text.split_once(char::is_whitespace).map_or((text, ""), |(word, rest)| (word, rest.trim()))
}

/// `name=value` and `name="two words"`, in order. Slack makes curly quotation marks of straight ones.
///
/// # Errors
/// What is none, and what to write instead.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut pairs = Vec::new();
    for word in split(text)? {
        match word.split_once('=') {
            Some((name, value)) if !name.is_empty() => pairs.push((name.to_owned(), value.to_owned())),
            _ => {
                return Err(format!(
                    "`{}` is no NAME=VALUE; write for example institution=inst-123, or note=\"two words\"",
                    super::short(&word)
                ));
            }
        }
    }
    Ok(pairs)
}

fn is_mark(c: char) -> bool {
    matches!(c, '"' | '\u{201c}' | '\u{201d}' | '\u{201e}')
}

fn split(text: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
    for c in text.chars() {
        match c {
            c if is_mark(c) => (quoted, begun) = (!quoted, true),
            c if c.is_whitespace() && !quoted => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            c => {
                word.push(c);
                begun = true;
            }
        }
    }
    if quoted {
        return Err("a quotation mark is not closed".to_owned());
    }
    if begun {
        words.push(word);
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_be_quoted_as_slack_quotes_them() {
        let read = |text: &str| {
            pairs(text).map(|pairs| pairs.into_iter().map(|(n, v)| format!("{n}:{v}")).collect::<Vec<_>>().join("|"))
        };
        for (text, expected) in [
            ("", ""),
            ("  a=1   b=2 ", "a:1|b:2"),
            ("a=\"x y\" b=", "a:x y|b:"),
            ("a=\u{201c}x = y\u{201d} b=1", "a:x = y|b:1"),
            ("a=x\"y z\"", "a:xy z"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
        for bad in ["inst-1", "=1", "a=\"x", "a=1 \"\""] {
            assert!(pairs(bad).is_err(), "{bad}");
        }
        assert_eq!(first("  page  support \n it is down "), ("page", "support \n it is down"));
        assert_eq!((first(""), first("help")), (("", ""), ("help", "")));
    }
}
