//! Addresses of the module window can be mapped only once.
//!
//! On Xen: the second mapping takes the place of the first. The first one's frames still count as mapped, and the
//! module window holds more pages than addresses.

use mmu::{DirectMap, MmuError, Machine, MappedModule, ModulePart, Window, Reservation};
use p2m::{Frame, Tree};

pub fn map_both<M: Machine>(
    machine: &mut M,
    window: &mut Window,
    map: &mut DirectMap,
    p2m: &Tree,
    first: Reservation,
    second: Reservation,
    parts: [ModulePart<Vec<Frame>>; 2],
) -> Result<[MappedModule; 2], MmuError> {
    let [part, other] = parts;
    let one = window.map(machine, map, p2m, first, [part])?;
    let two = window.map(machine, map, p2m, second, [other])?; //~ TWIN
    let two = window.map(machine, map, p2m, first, [other])?; //~ FAIL E0382
    Ok([one, two])
}
