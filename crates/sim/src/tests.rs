//! Tests of the kernel.

mod kernel;
