//! Set-based statements, the one place where the engines want different texts: PostgreSQL gets one
//! statement for the whole set (columns as arrays, through `unnest`), because each statement costs a
//! round trip; SQLite gets the same cached statement once per row, which there costs nothing more.

use crate::error::Result;
use crate::tx::{Dialect, Tx};
use crate::value::{Row, Ty, Val};

/// A column: name and type.
pub(crate) type Col = (&'static str, Ty);

/// Rows per statement on PostgreSQL; keeps one statement's memory and lock time bounded.
const CHUNK: usize = 1_000;

/// `INSERT INTO table (cols) … tail`; answers how many rows were written.
pub(crate) async fn insert(tx: &mut dyn Tx, table: &str, cols: &[Col], rows: Vec<Vec<Val<'_>>>, tail: &str) -> Result<u64> {
    let names = names(cols);
    match tx.dialect() {
        Dialect::Sqlite => {
            let sql = format!("INSERT INTO {table} ({names}) VALUES ({}) {tail}", places(cols.len()));
            let mut written = 0;
            for row in &rows {
                written += tx.exec(&sql, row).await?;
            }
            Ok(written)
        }
        Dialect::Postgres => {
            let sql = format!("INSERT INTO {table} ({names}) SELECT {names} FROM {} {tail}", unnest(cols));
            let mut written = 0;
            for lists in columns(cols.len(), rows) {
                written += tx.exec(&sql, &lists).await?;
            }
            Ok(written)
        }
    }
}

/// `UPDATE table AS t SET sets[, also] WHERE t.keys = …`. A row holds the keys' values, then the sets'.
/// The first key is a text id, distinct among `rows`; answers the ids that matched no row.
pub(crate) async fn update(
    tx: &mut dyn Tx,
    table: &str,
    keys: &[Col],
    sets: &[Col],
    also: &str,
    rows: Vec<Vec<Val<'_>>>,
) -> Result<Vec<String>> {
    let Some(id) = keys.first().map(|(name, _)| *name) else { return Ok(Vec::new()) };
    match tx.dialect() {
        Dialect::Sqlite => {
            let set = list(sets.iter().enumerate().map(|(i, (name, _))| format!("{name} = ${}", keys.len() + i + 1)), ", ");
            let key = list(keys.iter().enumerate().map(|(i, (name, _))| format!("t.{name} = ${}", i + 1)), " AND ");
            let sql = format!("UPDATE {table} AS t SET {set}{also} WHERE {key}");
            let mut missed = Vec::new();
            for row in &rows {
                if tx.exec(&sql, row).await? == 0 {
                    missed.extend(id_of(row));
                }
            }
            Ok(missed)
        }
        Dialect::Postgres => {
            let all: Vec<Col> = keys.iter().chain(sets).copied().collect();
            let set = list(sets.iter().map(|(name, _)| format!("{name} = v.{name}")), ", ");
            let key = list(keys.iter().map(|(name, _)| format!("t.{name} = v.{name}")), " AND ");
            let sql = format!("UPDATE {table} AS t SET {set}{also} FROM {} WHERE {key} RETURNING t.{id}", unnest(&all));
            let mut missed: std::collections::BTreeSet<String> = rows.iter().filter_map(|row| id_of(row)).collect();
            for lists in columns(all.len(), rows) {
                for mut row in tx.query(&sql, &lists).await? {
                    missed.remove(&row.text()?);
                }
            }
            Ok(missed.into_iter().collect())
        }
    }
}

/// For each row of keys: `SELECT what FROM table AS t WHERE t.keys = … tail`; all answers together.
pub(crate) async fn select(
    tx: &mut dyn Tx,
    what: &str,
    table: &str,
    keys: &[Col],
    rows: Vec<Vec<Val<'_>>>,
    tail: &str,
) -> Result<Vec<Row>> {
    let mut found = Vec::new();
    match tx.dialect() {
        Dialect::Sqlite => {
            let key = list(keys.iter().enumerate().map(|(i, (name, _))| format!("t.{name} = ${}", i + 1)), " AND ");
            let sql = format!("SELECT {what} FROM {table} AS t WHERE {key} {tail}");
            for row in &rows {
                found.extend(tx.query(&sql, row).await?);
            }
        }
        Dialect::Postgres => {
            let key = list(keys.iter().map(|(name, _)| format!("t.{name} = v.{name}")), " AND ");
            let sql = format!(
                "SELECT x.* FROM {} CROSS JOIN LATERAL (SELECT {what} FROM {table} AS t WHERE {key} {tail}) AS x",
                unnest(keys)
            );
            for lists in columns(keys.len(), rows) {
                found.extend(tx.query(&sql, &lists).await?);
            }
        }
    }
    Ok(found)
}

/// Runs a statement for a set of ids, which it names as `column {IN}`; `$1` is theirs, `rest` begins at `$2`. Answers how
/// many rows were touched.
pub(crate) async fn exec(tx: &mut dyn Tx, sql: &str, ids: Vec<Val<'_>>, rest: &[Val<'_>]) -> Result<u64> {
    let (sql, sets) = match tx.dialect() {
        Dialect::Sqlite => (sql.replace("{IN}", "= $1"), ids),
        Dialect::Postgres => (sql.replace("{IN}", "= ANY($1::TEXT[])"), vec![Val::List(ids)]),
    };
    let mut touched = 0;
    for set in sets {
        let params: Vec<Val<'_>> = std::iter::once(set).chain(rest.iter().cloned()).collect();
        touched += tx.exec(&sql, &params).await?;
    }
    Ok(touched)
}

/// `a, b, c`.
pub(crate) fn names(cols: &[Col]) -> String {
    list(cols.iter().map(|(name, _)| (*name).to_owned()), ", ")
}

fn places(n: usize) -> String {
    list((1..=n).map(|i| format!("${i}")), ", ")
}

fn list(items: impl Iterator<Item = String>, between: &str) -> String {
    items.collect::<Vec<_>>().join(between)
}

fn unnest(cols: &[Col]) -> String {
    let arrays = cols.iter().enumerate().map(|(i, (_, ty))| {
        let ty = match ty {
            Ty::Text => "TEXT",
            Ty::Int => "BIGINT",
            Ty::Bool => "BOOLEAN",
        };
        format!("${}::{ty}[]", i + 1)
    });
    format!("unnest({}) AS v({})", list(arrays, ", "), names(cols))
}

/// Rows to columns, a chunk at a time.
fn columns(width: usize, rows: Vec<Vec<Val<'_>>>) -> Vec<Vec<Val<'_>>> {
    let mut chunks: Vec<Vec<Vec<Val<'_>>>> = Vec::new();
    for (n, row) in rows.into_iter().enumerate() {
        if n % CHUNK == 0 {
            chunks.push((0..width).map(|_| Vec::new()).collect());
        }
        if let Some(columns) = chunks.last_mut() {
            for (column, value) in columns.iter_mut().zip(row) {
                column.push(value);
            }
        }
    }
    chunks.into_iter().map(|columns| columns.into_iter().map(Val::List).collect()).collect()
}

fn id_of(row: &[Val<'_>]) -> Option<String> {
    match row.first() {
        Some(Val::Text(id)) => Some(id.clone().into_owned()),
        _ => None,
    }
}
