//! A trap is reported with its module's name: every module that can run is known by name, and no other.

use kit::module::{small_module, small_module_with_start};
use xen_guest::LoadError;
use xen_model::Booted;

use crate::booted;

fn noted(booted: &Booted) -> Vec<String> {
    booted.machine().modules_noted().iter().map(|(name, region)| format!("{name} {region}")).collect()
}

fn loaded(booted: &Booted) -> Vec<String> {
    let loaded = booted.running.modules().loaded().iter();
    loaded.map(|module| format!("{} {}", module.name(), module.region())).collect()
}

#[test]
fn a_module_is_known_while_it_is_loaded() {
    let mut booted = booted();
    for object in [small_module(), small_module_with_start()] {
        // The model checks while it starts that it is noted.
        let _ = booted.running.load_bytes("small", &object).unwrap();
        assert_eq!(noted(&booted).len(), 1);
        assert_eq!(noted(&booted), loaded(&booted));
        booted.running.unload_module("small").unwrap();
        assert_eq!(noted(&booted), [""; 0]);
    }
}

#[test]
fn a_module_that_fails_is_known_no_more() {
    let mut booted = booted();
    booted.machine_mut().set_init_code(-7);
    let error = booted.running.load_bytes("small", &small_module()).map(|_| ()).unwrap_err();
    assert_eq!(error, LoadError::Init { code: -7 });
    assert_eq!(error.to_string(), "its init returned -7; it was taken out again");
    assert_eq!(noted(&booted), [""; 0]);
    assert_eq!(booted.running.modules().loaded().len(), 0);
    booted.machine_mut().set_init_code(0);
    let _ = booted.running.load_bytes("small", &small_module()).unwrap();
    assert_eq!(noted(&booted), loaded(&booted));
}

/// What Xen refuses to unmap waits in the module window, and the next load or unload tries again.
#[test]
fn what_was_refused_is_tried_again_by_whatever_comes_next() {
    let mut booted = booted();
    let small = small_module();
    let waits = |booted: &Booted| booted.running.parts().window.leaving().count();
    for by_load in [true, false] {
        let _ = booted.running.load_bytes("small", &small).unwrap();
        let free = booted.running.free();
        booted.machine_mut().refuse_at(1, mmu::Errno::EINVAL);
        let error = booted.running.unload_module("small").unwrap_err();
        assert!(matches!(error, LoadError::Lingers { .. }), "{error}");
        assert_eq!((waits(&booted), booted.running.free()), (1, free));
        if by_load {
            let _ = booted.running.load_bytes("small", &small).unwrap();
            assert_eq!((waits(&booted), booted.running.free()), (0, free));
            booted.running.unload_module("small").unwrap();
        } else {
            assert_eq!(booted.running.unload_module("small"), Err(LoadError::NotLoaded));
            assert_eq!(waits(&booted), 0);
        }
        assert!(booted.running.free() > free);
    }
}
