//! Evaluation of PromQL over what the town counts.
//!
//! Rates count the requests of the range exactly, where Prometheus extrapolates from scrapes.

use super::parse::{Expr, Matcher};
use super::series::{Counts, Labels, NAME, Series};
use crate::weather::Sky;
use std::collections::BTreeMap;
use std::time::Duration;

/// Points of a subquery; Prometheus has a bound on samples for this.
const MAX_SUB_STEPS: i64 = 11_000;

#[derive(Clone, Debug)]
pub(super) enum Answer {
    Scalar(f64),
    Vector(Vec<(Labels, f64)>),
}

pub(super) struct Eval<'a> {
    pub(super) sky: &'a Sky,
    pub(super) counts: Counts,
}

/// How far before the first moment an expression looks, and whether it reads a counter since its beginning.
pub(super) fn reach(expr: &Expr) -> (Duration, bool) {
    let both = |a: (Duration, bool), b: (Duration, bool)| (a.0.max(b.0), a.1 || b.1);
    match expr {
        Expr::Number(_) => (Duration::ZERO, false),
        Expr::Selector { range, offset, .. } => (range.unwrap_or_default() + *offset, range.is_none()),
        Expr::Subquery { inner, range, .. } => {
            let (far, all) = reach(inner);
            (far + *range, all)
        }
        Expr::Call { args, .. } => args.iter().map(reach).fold((Duration::ZERO, false), both),
        Expr::Aggregate { inner, .. } => reach(inner),
        Expr::Binary { left, right, .. } => both(reach(left), reach(right)),
    }
}

impl Eval<'_> {
    pub(super) fn at(&self, expr: &Expr, at_ms: i64) -> Result<Answer, String> {
        match expr {
            Expr::Number(number) => Ok(Answer::Scalar(*number)),
            Expr::Selector { range: Some(_), .. } | Expr::Subquery { .. } => {
                Err("invalid expression type \"range vector\" for range query, must be Scalar or instant Vector".to_owned())
            }
            Expr::Selector { name, matchers, offset, .. } => {
                let at_ms = at_ms - millis(*offset);
                let found = self.chosen(name.as_deref(), matchers);
                Ok(Answer::Vector(
                    found
                        .filter_map(|series| self.counts.value(self.sky, series, at_ms).map(|value| (series.labels(), value)))
                        .collect(),
                ))
            }
            Expr::Call { name, args } => self.call(name, args, at_ms),
            Expr::Aggregate { op, by, without, parameter, inner } => {
                let vector = self.vector(inner, at_ms)?;
                let parameter = parameter.as_ref().map(|parameter| self.scalar(parameter, at_ms)).transpose()?;
                Ok(Answer::Vector(aggregate(op, by, *without, parameter, vector)))
            }
            Expr::Binary { op, is_bool, on, left, right } => {
                binary(op, *is_bool, on.as_ref(), self.at(left, at_ms)?, self.at(right, at_ms)?)
            }
        }
    }

    fn chosen(&self, name: Option<&str>, matchers: &[Matcher]) -> impl Iterator<Item = &Series> {
        self.counts.series.iter().filter(move |series| {
            name.is_none_or(|name| series.name() == name)
                && matchers.iter().all(|matcher| matcher.takes(series.label(&matcher.label)))
        })
    }

    fn vector(&self, expr: &Expr, at_ms: i64) -> Result<Vec<(Labels, f64)>, String> {
        match self.at(expr, at_ms)? {
            Answer::Vector(vector) => Ok(vector),
            Answer::Scalar(_) => Err("1:1: parse error: expected type instant vector, got scalar".to_owned()),
        }
    }

    fn scalar(&self, expr: &Expr, at_ms: i64) -> Result<f64, String> {
        match self.at(expr, at_ms)? {
            Answer::Scalar(number) => Ok(number),
            Answer::Vector(_) => Err("1:1: parse error: expected type scalar, got instant vector".to_owned()),
        }
    }

    fn call(&self, name: &str, args: &[Expr], at_ms: i64) -> Result<Answer, String> {
        let each = |vector: Vec<(Labels, f64)>, change: &dyn Fn(f64) -> f64| {
            Answer::Vector(vector.into_iter().map(|(labels, value)| (nameless(labels), change(value))).collect())
        };
        match (name, args) {
            ("rate" | "increase" | "irate", [Expr::Selector { name: of, matchers, range: Some(range), offset }]) => {
                let until = at_ms - millis(*offset);
                let seconds = if name == "increase" { 1.0 } else { range.as_secs_f64() };
                let found = self.chosen(of.as_deref(), matchers).filter_map(|series| {
                    let count = self.counts.within(series, until - millis(*range), until)?;
                    Some((nameless(series.labels()), count as f64 / seconds))
                });
                Ok(Answer::Vector(found.collect()))
            }
            ("quantile_over_time", [share, range]) => self.over_time(name, range, at_ms, self.scalar(share, at_ms)?),
            ("avg_over_time" | "min_over_time" | "max_over_time" | "sum_over_time" | "count_over_time", [range]) => {
                self.over_time(name, range, at_ms, 0.0)
            }
            ("abs", [inner]) => Ok(each(self.vector(inner, at_ms)?, &f64::abs)),
            ("clamp_min" | "clamp_max", [inner, bound]) => {
                let bound = self.scalar(bound, at_ms)?;
                let clamp = |value: f64| if name == "clamp_min" { value.max(bound) } else { value.min(bound) };
                Ok(each(self.vector(inner, at_ms)?, &clamp))
            }
            ("vector", [inner]) => Ok(Answer::Vector(vec![(Labels::new(), self.scalar(inner, at_ms)?)])),
            ("scalar", [inner]) => Ok(Answer::Scalar(match &self.vector(inner, at_ms)?[..] {
                [(_, value)] => *value,
                _ => f64::NAN,
            })),
            ("absent", [inner]) => {
                let is_there = !self.vector(inner, at_ms)?.is_empty();
                Ok(Answer::Vector(if is_there { Vec::new() } else { vec![(Labels::new(), 1.0)] }))
            }
            ("rate" | "increase" | "irate", [_]) => {
                Err(format!("1:1: parse error: expected type range vector in call to function \"{name}\", got instant vector"))
            }
            _ => Err(format!("1:1: parse error: wrong number of arguments in call to \"{name}\", got {}", args.len())),
        }
    }

    /// The values of a subquery or of a selector's minutes, reduced series by series.
    fn over_time(&self, how: &str, range: &Expr, at_ms: i64, share: f64) -> Result<Answer, String> {
        let minute = Duration::from_secs(60);
        let instant;
        let (inner, range, step): (&Expr, _, _) = match range {
            Expr::Subquery { inner, range, step } => (inner, *range, step.unwrap_or(minute)),
            Expr::Selector { name, matchers, range: Some(range), offset } => {
                let found: Vec<_> = self.chosen(name.as_deref(), matchers).map(Series::labels).collect();
                instant = (found, *offset);
                return self.reduce(how, *range, Duration::from_secs(15), at_ms, share, |at| {
                    let at = at - millis(instant.1);
                    let all = self.counts.series.iter().filter(|series| instant.0.contains(&series.labels()));
                    Ok(all
                        .filter_map(|series| self.counts.value(self.sky, series, at).map(|value| (series.labels(), value)))
                        .collect())
                });
            }
            _ => return Err(format!("1:1: parse error: expected type range vector in call to function \"{how}\"")),
        };
        self.reduce(how, range, step, at_ms, share, |at| match self.at(inner, at)? {
            Answer::Vector(vector) => Ok(vector),
            Answer::Scalar(number) => Ok(vec![(Labels::new(), number)]),
        })
    }

    fn reduce(
        &self,
        how: &str,
        range: Duration,
        step: Duration,
        at_ms: i64,
        share: f64,
        at: impl Fn(i64) -> Result<Vec<(Labels, f64)>, String>,
    ) -> Result<Answer, String> {
        let step = millis(step).max(1);
        if millis(range) / step > MAX_SUB_STEPS {
            return Err("query processing would load too many samples into memory in query execution".to_owned());
        }
        let mut groups = BTreeMap::<Labels, Vec<f64>>::new();
        // Steps of a subquery are aligned to multiples of the step.
        let mut moment = (at_ms - millis(range)).div_euclid(step) * step + step;
        while moment <= at_ms {
            for (labels, value) in at(moment)? {
                groups.entry(nameless(labels)).or_default().push(value);
            }
            moment += step;
        }
        let reduced = groups.into_iter().map(|(labels, mut values)| {
            let count = values.len() as f64;
            let value = match how {
                "min_over_time" => values.iter().copied().fold(f64::NAN, f64::min),
                "max_over_time" => values.iter().copied().fold(f64::NAN, f64::max),
                "sum_over_time" => values.iter().sum(),
                "count_over_time" => count,
                "quantile_over_time" => quantile(share, &mut values),
                _ => values.iter().sum::<f64>() / count,
            };
            (labels, value)
        });
        Ok(Answer::Vector(reduced.collect()))
    }
}

fn quantile(share: f64, values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = share.clamp(0.0, 1.0) * (values.len() as f64 - 1.0);
    let (low, high) = (rank.floor() as usize, rank.ceil() as usize);
    match (values.get(low), values.get(high)) {
        (Some(low), Some(high)) => low + (high - low) * rank.fract(),
        _ => f64::NAN,
    }
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

fn nameless(mut labels: Labels) -> Labels {
    labels.remove(NAME);
    labels
}

fn aggregate(op: &str, by: &[String], without: bool, parameter: Option<f64>, vector: Vec<(Labels, f64)>) -> Vec<(Labels, f64)> {
    let mut groups = BTreeMap::<Labels, Vec<(Labels, f64)>>::new();
    for (labels, value) in vector {
        let key = labels.iter().filter(|(name, _)| name.as_str() != NAME && by.contains(name) != without);
        let key = key.map(|(name, value)| (name.clone(), value.clone())).collect();
        groups.entry(key).or_default().push((labels, value));
    }
    if op == "topk" || op == "bottomk" {
        let count = parameter.unwrap_or(0.0).max(0.0) as usize;
        return groups
            .into_values()
            .flat_map(|mut members| {
                members.sort_by(|(_, a), (_, b)| if op == "topk" { b.total_cmp(a) } else { a.total_cmp(b) });
                members.truncate(count);
                members
            })
            .collect();
    }
    let reduced = groups.into_iter().map(|(labels, members)| {
        let values = members.iter().map(|(_, value)| *value);
        let value = match op {
            "sum" => values.sum(),
            "avg" => values.sum::<f64>() / members.len() as f64,
            "min" => values.fold(f64::NAN, f64::min),
            "max" => values.fold(f64::NAN, f64::max),
            _ => members.len() as f64,
        };
        (labels, value)
    });
    reduced.collect()
}

/// `None` when a comparison leaves nothing.
fn apply(op: &str, is_bool: bool, left: f64, right: f64) -> Option<f64> {
    let compared = match op {
        "+" => return Some(left + right),
        "-" => return Some(left - right),
        "*" => return Some(left * right),
        "/" => return Some(left / right),
        "%" => return Some(left % right),
        "==" => left == right,
        "!=" => left != right,
        ">" => left > right,
        "<" => left < right,
        ">=" => left >= right,
        _ => left <= right,
    };
    if is_bool { Some(f64::from(u8::from(compared))) } else { compared.then_some(left) }
}

fn binary(op: &str, is_bool: bool, on: Option<&(Vec<String>, bool)>, left: Answer, right: Answer) -> Result<Answer, String> {
    let is_comparison = matches!(op, "==" | "!=" | ">" | "<" | ">=" | "<=");
    let shown = |labels: Labels| if is_comparison && !is_bool { labels } else { nameless(labels) };
    let key = |labels: &Labels| -> Labels {
        let kept = labels
            .iter()
            .filter(|(name, _)| name.as_str() != NAME && on.is_none_or(|(names, is_on)| names.contains(name) == *is_on));
        kept.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    match (left, right) {
        (Answer::Scalar(_), Answer::Scalar(_)) if is_comparison && !is_bool => {
            Err("1:1: parse error: comparisons between scalars must use BOOL modifier".to_owned())
        }
        (Answer::Scalar(left), Answer::Scalar(right)) => Ok(Answer::Scalar(apply(op, is_bool, left, right).unwrap_or(f64::NAN))),
        (_, Answer::Scalar(_)) | (Answer::Scalar(_), _) if matches!(op, "and" | "or" | "unless") => {
            Err(format!("1:1: parse error: set operator \"{op}\" not allowed in binary scalar expression"))
        }
        (Answer::Vector(left), Answer::Scalar(right)) => {
            let all = left.into_iter().filter_map(|(labels, value)| Some((shown(labels), apply(op, is_bool, value, right)?)));
            Ok(Answer::Vector(all.collect()))
        }
        (Answer::Scalar(left), Answer::Vector(right)) => {
            // A filter keeps the vector's own value.
            let value =
                |value: f64| apply(op, is_bool, left, value).map(|result| if is_comparison && !is_bool { value } else { result });
            Ok(Answer::Vector(right.into_iter().filter_map(|(labels, found)| Some((shown(labels), value(found)?))).collect()))
        }
        (Answer::Vector(left), Answer::Vector(right)) => {
            let right_keys: BTreeMap<Labels, f64> = right.iter().map(|(labels, value)| (key(labels), *value)).collect();
            match op {
                "and" => {
                    return Ok(Answer::Vector(
                        left.into_iter().filter(|(labels, _)| right_keys.contains_key(&key(labels))).collect(),
                    ));
                }
                "unless" => {
                    return Ok(Answer::Vector(
                        left.into_iter().filter(|(labels, _)| !right_keys.contains_key(&key(labels))).collect(),
                    ));
                }
                "or" => {
                    let left_keys: std::collections::BTreeSet<Labels> = left.iter().map(|(labels, _)| key(labels)).collect();
                    let rest = right.into_iter().filter(|(labels, _)| !left_keys.contains(&key(labels)));
                    return Ok(Answer::Vector(left.into_iter().chain(rest).collect()));
                }
                _ => {}
            }
            if right_keys.len() < right.len() {
                return Err("found duplicate series for the match group on the right hand-side of the operation;many-to-many matching not allowed: matching labels must be unique on one side".to_owned());
            }
            let mut seen = std::collections::BTreeSet::new();
            let mut all = Vec::new();
            for (labels, value) in left {
                let key = key(&labels);
                let Some(other) = right_keys.get(&key) else { continue };
                if !seen.insert(key.clone()) {
                    return Err(
                        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)".to_owned()
                    );
                }
                all.extend(
                    apply(op, is_bool, value, *other)
                        .map(|result| (if is_comparison && !is_bool { labels } else { key }, result)),
                );
            }
            Ok(Answer::Vector(all))
        }
    }
}
