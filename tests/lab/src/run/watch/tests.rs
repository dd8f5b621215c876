//! What a machine says, played: by events of dom0, and by lines.

use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use kit::elf::{ALLOC, EXECUTE, Elf, Kind, PROGBITS};

use super::Watch;
use crate::machine;
use crate::machine::options::{Mode, Options};
use crate::run::outcome::End;
use crate::run::screen::Screen;
use crate::run::serial::Line;

/// Plays dom0: says some events, waits, says others; `{ask}` waits until it is asked about the guest.
fn end_of(name: &str, cmdline: &str, guest: &str, events: &[&str]) -> End {
    let out: PathBuf = std::env::temp_dir().join(format!("lab-run-{name}-{}", std::process::id()));
    std::fs::create_dir_all(machine::inputs(&out)).unwrap();
    let mut options = Options::new(Mode::DomU);
    options.cmdline = cmdline.to_owned();
    options.timeout = Some(8);
    let screen = Screen::dark();
    let mut watch = Watch::new(&options, &out, &screen).unwrap();
    // The port stays open: the machine goes on.
    let (port, serial) = channel();
    std::fs::write(out.join("guest.log"), guest).unwrap();
    let mut file = std::fs::File::create(out.join("events")).unwrap();
    let asked = machine::inputs(&out).join("ask");
    let end = std::thread::scope(|scope| {
        scope.spawn(|| {
            for event in events {
                if *event == "{ask}" {
                    // Nobody asks if the lab has made up its mind by itself.
                    let started = Instant::now();
                    while !asked.exists() && started.elapsed() < Duration::from_secs(5) {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    // Longer than anybody would have waited.
                    std::thread::sleep(Duration::from_secs(2));
                } else {
                    writeln!(file, "{event}").unwrap();
                }
            }
        });
        watch.until_end(&serial).unwrap()
    });
    drop(port);
    std::fs::remove_dir_all(out).unwrap();
    end
}

#[test]
fn what_xen_said_before_dom0_was_up_is_not_about_the_guest() {
    let out: PathBuf = std::env::temp_dir().join(format!("lab-run-before-{}", std::process::id()));
    std::fs::create_dir_all(machine::inputs(&out)).unwrap();
    let screen = Screen::dark();
    let mut watch = Watch::new(&Options::new(Mode::DomU), &out, &screen).unwrap();
    let mut events = std::fs::File::create(out.join("events")).unwrap();
    let says = |watch: &mut Watch<'_>, line: &str| watch.lines(vec![Line::Xen(line.to_owned())]).unwrap();
    says(&mut watch, "(XEN) early");
    assert_eq!(watch.progress.doing, "Xen boots");
    watch.lines(vec![Line::Dom0("Linux".to_owned())]).unwrap();
    assert_eq!(watch.progress.doing, "dom0's Linux boots");
    watch.files().unwrap();
    assert_eq!(watch.before_guest, 1);
    // It came before the event was read, and may have been said after it was written.
    says(&mut watch, "(XEN) meanwhile");
    writeln!(events, "up").unwrap();
    watch.files().unwrap();
    says(&mut watch, "(XEN) late");
    watch.lines(vec![Line::Dom0("Linux again".to_owned())]).unwrap();
    assert_eq!(watch.progress.doing, "dom0 is up; xl create…");
    watch.files().unwrap();
    assert_eq!((watch.before_guest, watch.xen_lines), (1, 3));
    std::fs::remove_dir_all(out).unwrap();
}

const VERDICT: &str = "verdict: SUCCESS\n";

#[test]
fn a_crash_that_is_told_late_is_a_crash() {
    // The script is done, the console silent, and dom0 busy: only dom0 knows that the guest is dead.
    let events = ["up", "created 1", "script 0", "{ask}", "ended 3", "shutdown 3"];
    let crash = end_of("late", "then=crash", VERDICT, &events);
    assert!(matches!(crash, End::Crash(_)), "{crash:?}");
    let idle = end_of("idle", "then=idle", VERDICT, &events);
    assert!(matches!(idle, End::Crash(_)), "{idle:?}");
}

#[test]
fn an_end_that_is_told_is_waited_for() {
    // It has ended: what is written down then may take long, and nobody asks.
    let end = end_of("told", "", VERDICT, &["up", "created 1", "ended 3", "script 0"]);
    assert!(matches!(end, End::Crash(_)), "{end:?}");
    let end = end_of("gone", "", VERDICT, &["up", "created 1", "ended destroyed", "shutdown destroyed"]);
    assert_eq!(end, End::Shutdown("was destroyed"));
}

#[test]
fn a_guest_stays_if_dom0_says_so_and_not_before() {
    let events = ["up", "created 1", "{ask}", "runs"];
    assert_eq!(end_of("stays", "then=idle", VERDICT, &events), End::Stays);
    let silent = end_of("silent", "then=idle", VERDICT, &["up", "created 1"]);
    assert!(matches!(&silent, End::TimedOut(what) if what.contains("dom0 is asked")), "{silent:?}");
}

/// `xenctx` reads them if the guest crashes. A dom0 of our own is not seen by any.
#[test]
fn the_symbols_are_there_once_the_guest_has_said_where_its_image_is() {
    let mut kernel =
        Elf { kind: Kind::Program, segments: Vec::new(), sections: Vec::new(), symbols: Vec::new() };
    kernel.section(".text", PROGBITS, ALLOC | EXECUTE, &[0; 16]);
    kernel.symbol("image_start", 0x10, 1, 0xffff_ffff_8100_0000);
    for mode in [Mode::DomU, Mode::Dom0] {
        let out: PathBuf = std::env::temp_dir().join(format!("lab-run-symbols-{}", std::process::id()));
        std::fs::create_dir_all(machine::inputs(&out)).unwrap();
        let mut options = Options::new(mode);
        options.kernel = Some(out.join("kernel"));
        std::fs::write(out.join("kernel"), kernel.bytes()).unwrap();
        let screen = Screen::dark();
        let mut watch = Watch::new(&options, &out, &screen).unwrap();
        let symbols = || std::fs::read_to_string(machine::inputs(&out).join("System.map")).ok();
        watch.guest("hello");
        assert_eq!(symbols(), None);
        for (line, address) in [
            ("@fact {\"fact\":\"kaslr\",\"slide\":\"0x12345000\",\"bases\":9}", "ffffffff93345000"),
            ("@fact {\"fact\":\"fatal\",\"slide\":\"0x1000\"}", "ffffffff81001000"),
            ("more", "ffffffff81001000"),
        ] {
            watch.guest(line);
            let wanted = format!("{address} T _stext\n{address} T image_start\n");
            assert_eq!(symbols(), (mode == Mode::DomU).then_some(wanted), "{line}");
        }
        std::fs::remove_dir_all(out).unwrap();
    }
}
