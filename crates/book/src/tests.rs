//! The book against worlds of its own.

mod contract;
mod exchange;
mod places;
mod records;
mod restart;
mod signs;
mod world;
