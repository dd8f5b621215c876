//! Which tests are run for a break, and in which order.

/// The packages of the boot code, each of which uses those before it, and the folder of each.
const PACKAGES: [(&str, &str); 4] = [
    ("start_info", "xen-guest-start-info"),
    ("p2m", "xen-guest-p2m"),
    ("mmu", "xen-guest-mmu"),
    ("xen-guest", "xen-guest"),
];
/// The tests that boot on the model, and the quick ones among them: they catch most.
const BOOT: &str = "boot";
const QUICK_BOOTS: [&str; 7] =
    ["domains::", "builder_end::", "flushes::", "lines::", "published::", "refused::", "rings::"];
/// How the names of tests that measure time begin, after their modules. They may fail on a busy machine, whatever is
/// broken.
const TIMED: &str = "::the_time_for_";
/// The search for bugs that nobody thought of: it takes longest.
const SEARCH: &str = "search";
/// The tests of what a payload does with a booted guest: very quick.
const GUEST: &str = "guest";

/// Arguments of `cargo test`, one set for each round: first the tests of the broken package and those of the payload,
/// then boots of small guests, then the rest that uses the package, with the long boots and the search last. The
/// packages that it uses are unchanged.
pub(super) fn rounds(file: Option<&str>, model_tests: &[String]) -> Vec<Vec<String>> {
    let folder = file.and_then(|file| file.split('/').next());
    let broken = PACKAGES.iter().position(|(place, _)| folder == Some(place));
    let all = |packages: &[(&'static str, &'static str)]| {
        let names = packages.iter().flat_map(|(_, name)| ["--package", name]).chain(["--", "--skip", TIMED]);
        // The documentation has no examples to run.
        ["--lib", "--bins", "--tests"].into_iter().chain(names).map(String::from).collect::<Vec<_>>()
    };
    let model = |rest: Vec<&str>| {
        ["--package", "xen-model"].into_iter().chain(rest).map(String::from).collect::<Vec<_>>()
    };
    // For a break, those of the payload have already run.
    let had = [BOOT, if broken.is_some() { GUEST } else { BOOT }];
    let others = model_tests.iter().filter(|name| !had.contains(&name.as_str()) && *name != SEARCH);
    let others = model(["--lib"].into_iter().chain(others.flat_map(|name| ["--test", name])).collect());
    let boots = model(vec!["--test", BOOT]);
    let search = model(vec!["--test", SEARCH]);
    let Some(broken) = broken else { return vec![all(&PACKAGES), others, boots, search] };
    let quick_boots = model(["--test", BOOT, "--"].into_iter().chain(QUICK_BOOTS).collect());
    let guest = model(vec!["--test", GUEST]);
    let mut rounds = vec![all(&PACKAGES[broken..=broken]), guest, quick_boots];
    match &PACKAGES[broken + 1..] {
        // The stages themselves are tested only by the boots.
        [] => rounds.rotate_left(1),
        users => rounds.push(all(users)),
    }
    rounds.extend([others, boots, search]);
    rounds
}

#[cfg(test)]
mod tests {
    use super::{QUICK_BOOTS, rounds};

    #[test]
    fn every_test_that_can_notice_runs() {
        let tests = ["boot", "guest", "rules", "search"].map(String::from);
        let told = |file| rounds(file, &tests).iter().map(|round| round.join(" ")).collect::<Vec<_>>();
        let boots = "--package xen-model --test boot";
        let quick = format!("{boots} -- {}", QUICK_BOOTS.join(" "));
        let quick = quick.as_str();
        let rest = "--package xen-model --lib --test rules";
        let search = "--package xen-model --test search";
        let guest = "--package xen-model --test guest";
        let skip = "-- --skip ::the_time_for_";
        let all = format!(
            "--lib --bins --tests --package xen-guest-start-info --package xen-guest-p2m --package xen-guest-mmu \
             --package xen-guest {skip}"
        );
        let all = all.as_str();
        assert_eq!(told(None), [all, "--package xen-model --lib --test guest --test rules", boots, search]);
        let own = format!("--lib --bins --tests --package xen-guest-mmu {skip}");
        let users = format!("--lib --bins --tests --package xen-guest {skip}");
        let (own, users) = (own.as_str(), users.as_str());
        assert_eq!(told(Some("mmu/src/paging/leaf.rs")), [own, guest, quick, users, rest, boots, search]);
        assert_eq!(told(Some("xen-guest/src/boot/mod.rs")), [guest, quick, users, rest, boots, search]);
    }
}
