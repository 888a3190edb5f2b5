//! `when` of a step: CEL over what the run knows. Loops and patterns are refused, so that it always ends at once.

use super::reference::{self, Names};
use crate::route::{Problem, syntax, too_deep};
use cel::common::ast::{EntryExpr, Expr, operators as op};
use cel::parser::Expression;
use cel::{Context, Value as Cel};
use serde_json::{Map, Value};

/// Longest condition of a step, in bytes: it is read at night.
const MAX_SOURCE: usize = 1_000;
/// What may be called beside the operators.
const FUNCTIONS: [&str; 4] = ["size", "contains", "startsWith", "endsWith"];

/// Whether the condition can be used where `names` are known.
pub fn check(source: &str, names: &Names) -> Result<(), Problem> {
    let expression = parse(source)?;
    let whole = 0..source.len();
    walk(&expression, names).map_err(|message| Problem::new(whole, message, ""))
}

/// Whether it holds.
///
/// # Errors
/// In words, why it cannot be told. The caller must not take that for a no.
pub fn hold(source: &str, values: &Map<String, Value>) -> Result<bool, String> {
    let expression = parse(source).map_err(|problem| problem.message)?;
    let mut context = Context::default();
    for (name, value) in values {
        context.add_variable_from_value(name.as_str(), crate::route::value_of(value));
    }
    match Cel::resolve(&expression, &context) {
        Ok(Cel::Bool(holds)) => Ok(holds),
        Ok(_) => Err("it is neither true nor false".to_owned()),
        Err(error) => Err(crate::route::explain(&error)),
    }
}

fn parse(source: &str) -> Result<Expression, Problem> {
    let whole = 0..source.len();
    if source.trim().is_empty() {
        return Err(Problem::new(whole, "the condition is empty", "write for example `decision.remedy == 'restart'`"));
    }
    if source.len() > MAX_SOURCE {
        return Err(Problem::new(whole, format!("the condition is longer than {MAX_SOURCE} bytes"), "use a decision table"));
    }
    if let Some(at) = too_deep(source) {
        return Err(Problem::new(at..at + 1, "the condition nests too deep here", "use a decision table"));
    }
    let program = cel::Program::compile(source).map_err(|errors| syntax(source, &errors))?;
    Ok(program.expression().clone())
}

/// Everything that it names exists, and it calls nothing that could run long.
fn walk(expression: &Expression, names: &Names) -> Result<(), String> {
    let each = |parts: &[Expression]| parts.iter().try_for_each(|part| walk(part, names));
    match &expression.expr {
        Expr::Ident(name) => reference::check(&[name.as_str()], names),
        Expr::Select(select) => match dotted(expression) {
            Some(path) => reference::check(&path, names),
            None => walk(&select.operand, names),
        },
        Expr::Call(call) => {
            let operator = call.func_name.starts_with('_')
                || call.func_name.starts_with('!')
                || call.func_name.starts_with('@')
                || call.func_name == op::NEGATE
                || call.func_name == op::IN;
            if !operator && !FUNCTIONS.contains(&call.func_name.as_str()) {
                return Err(format!("`{}` cannot be called here; there is {}", call.func_name, FUNCTIONS.join(", ")));
            }
            call.target.iter().try_for_each(|target| walk(target, names))?;
            each(&call.args)
        }
        Expr::Comprehension(_) => {
            Err("loops (`all`, `exists`, `map`, `filter`) cannot stand here: use a decision table".to_owned())
        }
        Expr::List(list) => each(&list.elements),
        Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
            EntryExpr::MapEntry(entry) => walk(&entry.key, names).and_then(|()| walk(&entry.value, names)),
            EntryExpr::StructField(field) => walk(&field.value, names),
        }),
        _ => Ok(()),
    }
}

/// `a.b.c` as a path.
fn dotted(expression: &Expression) -> Option<Vec<&str>> {
    match &expression.expr {
        Expr::Ident(name) => Some(vec![name.as_str()]),
        Expr::Select(select) => {
            let mut path = dotted(&select.operand)?;
            path.push(select.field.as_str());
            Some(path)
        }
        _ => None,
    }
}
