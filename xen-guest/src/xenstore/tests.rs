//! Messages byte by byte, and the client against anything.

mod fuzz;
mod messages;
mod noise;
