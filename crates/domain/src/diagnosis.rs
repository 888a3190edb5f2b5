//! "Ours or theirs?": what failed calls have in common, who else fails, and what a decision table makes of it.
//!
//! Plain functions over what has been read: [`rules`] finds the root error of a failed call, [`blast`] compares one institution with
//! all others, [`table`] decides. What is late, missing or mixed is said, and never counted as nothing.

pub mod blast;
pub mod rules;
pub mod table;

#[cfg(test)]
mod tests;
