//! The `tree` parameter of Jenkins: `a,b[c,d]{0,20}` picks fields and ranges, and ignores names that do not exist.

use serde_json::{Map, Value};

/// Deeper trees are cut off; a client of ours needs four levels.
const MAX_DEPTH: usize = 16;

#[derive(Debug)]
struct Pick {
    name: String,
    inner: Option<Vec<Pick>>,
    range: Option<(usize, usize)>,
}

/// What `tree` leaves of `value`. `_class` always stays, as it does in Jenkins.
pub(crate) fn pick(value: &Value, tree: &str) -> Value {
    keep(value, &parse(&mut tree.chars().peekable(), MAX_DEPTH))
}

fn parse(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, depth: usize) -> Vec<Pick> {
    let mut picks = Vec::new();
    let mut name = String::new();
    loop {
        match rest.next() {
            Some('[') if depth > 0 => {
                let inner = parse(rest, depth - 1);
                picks.push(Pick { name: std::mem::take(&mut name), inner: Some(inner), range: None });
            }
            Some('{') => {
                let text: String = rest.by_ref().take_while(|found| *found != '}').collect();
                let (from, to) = text.split_once(',').unwrap_or(("", ""));
                let range = Some((from.trim().parse().unwrap_or(0), to.trim().parse().unwrap_or(usize::MAX)));
                match picks.last_mut() {
                    Some(last) if name.is_empty() => last.range = range,
                    _ => picks.push(Pick { name: std::mem::take(&mut name), inner: None, range }),
                }
            }
            found @ (Some(',' | ']') | None) => {
                if !name.is_empty() {
                    picks.push(Pick { name: std::mem::take(&mut name), inner: None, range: None });
                }
                if found != Some(',') {
                    return picks;
                }
            }
            Some(letter) => name.push(letter),
        }
    }
}

fn keep(value: &Value, picks: &[Pick]) -> Value {
    match value {
        Value::Array(all) => Value::Array(all.iter().map(|one| keep(one, picks)).collect()),
        Value::Object(fields) => {
            let mut kept = Map::new();
            kept.extend(fields.get("_class").map(|class| ("_class".to_owned(), class.clone())));
            for pick in picks {
                let Some(found) = fields.get(&pick.name) else { continue };
                let ranged = match (found, pick.range) {
                    (Value::Array(all), Some((from, to))) => Value::Array(all.iter().take(to).skip(from).cloned().collect()),
                    _ => found.clone(),
                };
                let inner = pick.inner.as_ref().map(|inner| keep(&ranged, inner));
                kept.insert(pick.name.clone(), inner.unwrap_or(ranged));
            }
            Value::Object(kept)
        }
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn picks_fields_and_ranges() {
        let value = json!({"a": 1, "b": [{"c": 1, "d": 2}, {"c": 3}, {"c": 4}], "_class": "x", "e": {"f": {"g": 1, "h": 2}}});
        assert_eq!(pick(&value, "a,b[c]{0,2},nothing"), json!({"_class": "x", "a": 1, "b": [{"c": 1}, {"c": 3}]}));
        assert_eq!(pick(&value, "e[f[h]]"), json!({"_class": "x", "e": {"f": {"h": 2}}}));
    }
}
