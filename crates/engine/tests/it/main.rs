//! The engine under simulation, and against both databases.

mod replay;
mod scenarios;
mod sim;
