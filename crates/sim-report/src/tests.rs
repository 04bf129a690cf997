//! Reports made by hand, and what pages, tables and statistics make of them.

mod bars;
mod compare;
mod fixture;
mod folder;
mod page;
mod plot;
mod statistics;
mod sweep;
mod units;
