//! start_info pages as the two builders make them, damaged in every way we could think of.
//!
//! `fixture` builds, `accepted` compares what the parser says with what was built, `refused` and `own_list` damage one
//! field at a time, `random` damages without a plan. `screen` does all of this for the description of the screen.

mod accepted;
mod fixture;
mod memory_map;
mod own_list;
mod random;
mod refused;
mod screen;
