//! The pictures of recorded runs, and of odd ones: no text meets another, or leaves the picture.

use std::collections::BTreeMap;

use svg::node::Attributes;
use svg::node::element::tag::Type;
use svg::parser::Event;

use crate::picture::canvas::length;
use crate::picture::files;
use crate::picture::story::Story;
use crate::run::facts::Facts;

/// What three real runs said for programs: 64 MiB, the source document's 128 GiB, dom0 with 8 GiB.
const RUNS: [(&str, &str); 3] = [
    ("domu-64M", include_str!("../../recorded/pictures/domu-64M.txt")),
    ("domu-128G", include_str!("../../recorded/pictures/domu-128G.txt")),
    ("dom0-8G", include_str!("../../recorded/pictures/dom0-8G.txt")),
];

/// A text and where it stands: left, top, right, bottom.
#[derive(Debug)]
struct Set {
    text: String,
    sides: [f64; 4],
}

fn number(attributes: &Attributes, key: &str) -> f64 {
    attributes.get(key).unwrap_or_else(|| panic!("no {key}")).parse().unwrap()
}

/// The texts in a file, and the size of the picture.
fn texts(file: &str) -> (Vec<Set>, [f64; 2]) {
    let (mut all, mut size, mut open) = (Vec::new(), [0.0; 2], None);
    for event in svg::read(file).unwrap() {
        match event {
            Event::Tag("svg", Type::Start, attributes) => {
                size = ["width", "height"].map(|key| number(&attributes, key));
            }
            Event::Tag("text", Type::Start, attributes) => open = Some(attributes),
            Event::Text(text) => {
                let Some(attributes) = open.take() else { continue };
                let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
                let [x, y, font, long] =
                    ["x", "y", "font-size", "textLength"].map(|key| number(&attributes, key));
                assert!((long - length(&text, font)).abs() < 0.2, "{text}");
                let left = if &*attributes["text-anchor"] == "end" { x - long } else { x };
                all.push(Set { text, sides: [left, y - 0.8 * font, left + long, y + 0.25 * font] });
            }
            Event::Error(error) => panic!("{error}"),
            _ => {}
        }
    }
    (all, size)
}

/// What is wrong in a file.
fn complaints(file: &str) -> Vec<String> {
    let (all, [width, height]) = texts(file);
    let mut wrong = Vec::new();
    for (at, one) in all.iter().enumerate() {
        let [left, top, right, bottom] = one.sides;
        if left < 0.0 || top < 0.0 || right > width || bottom > height {
            wrong.push(format!("{one:?} leaves {width} × {height}"));
        }
        for other in &all[at + 1..] {
            let [other_left, other_top, other_right, other_bottom] = other.sides;
            if left < other_right && other_left < right && top < other_bottom && other_top < bottom {
                wrong.push(format!("{one:?} meets {other:?}"));
            }
        }
    }
    wrong
}

fn drawn(said: &str) -> [String; 3] {
    files(&Story::of(&Facts::found(said)).unwrap(), "domU, 64M, Xen 4.17", "verdict: SUCCESS", false)
}

fn judged(name: &str, said: &str) {
    let [layout, timeline, _] = drawn(said);
    for file in [layout, timeline] {
        let wrong = complaints(&file);
        assert!(wrong.is_empty(), "{name}: {} complaints:\n{}", wrong.len(), wrong.join("\n"));
    }
}

/// Where the texts of a layout stand, by text: the last of each.
fn places(said: &str) -> BTreeMap<String, [f64; 4]> {
    texts(&drawn(said)[0]).0.into_iter().map(|set| (set.text, set.sides)).collect()
}

/// How the last box looks that has this text in it.
fn look_of(file: &str, name: &str) -> String {
    let (all, _) = texts(file);
    let place = all.iter().rfind(|set| set.text == name).unwrap_or_else(|| panic!("no {name}")).sides;
    let [left, top, _, bottom] = place;
    let holds = |attributes: &Attributes| {
        let [x, y, width, height] = ["x", "y", "width", "height"].map(|key| number(attributes, key));
        x <= left && left <= x + width && y <= top && bottom <= y + height
    };
    let boxes = svg::read(file).unwrap().filter_map(|event| match event {
        Event::Tag("rect", _, attributes) if attributes.contains_key("x") && holds(&attributes) => {
            Some(attributes["class"].to_string())
        }
        _ => None,
    });
    boxes.last().unwrap_or_else(|| panic!("{name} is in no box"))
}

/// Dashed: nothing is there. Regions that a payload can fill are empty at the end of a boot.
#[test]
fn what_is_empty_is_dashed_and_nothing_else() {
    for (name, said) in RUNS {
        let [layout, ..] = drawn(said);
        for empty in ["device memory", "payload", "builder's P2M", "module window, free"] {
            assert_eq!(look_of(&layout, empty), "empty", "{name}: {empty}");
        }
        for (full, class) in [
            ("direct map", "frames"),
            ("linear P2M", "p2m"),
            ("hypervisor hole", "xen"),
            ("kernel image", "image"),
            ("fixmap", "rings"),
            ("first tables", "tables"),
            ("relocations", "frames"),
        ] {
            assert_eq!(look_of(&layout, full), class, "{name}: {full}");
        }
    }
    let kept = RUNS[0].1.replace("\"copied\":true", "\"copied\":false");
    assert_eq!(look_of(&drawn(&kept)[0], "linear P2M"), "empty");
}

/// With `map=lazy` the direct map ends, at first, where the last frames' owner begins.
#[test]
fn a_direct_map_that_grows_is_solid_as_far_as_it_has_come() {
    let run = RUNS[0].1;
    let last = run.lines().rfind(|line| line.contains("\"owner\",\"name\":\"frames\"")).unwrap();
    let pfn = Facts::found(last).one("owner").unwrap().hex("pfn").unwrap();
    let lazy = run.replace(last, &last.replace("frames", "not mapped yet").replace("free", "was free"));
    judged("lazy", &lazy);
    let [layout, ..] = drawn(&lazy);
    assert_eq!(look_of(&layout, "direct map"), "frames");
    assert_eq!(look_of(&layout, "not mapped yet"), "empty");
    assert_eq!(look_of(&layout, "direct map, not mapped yet"), "empty");
    let waits = format!("{:016x}", 0xffff_8800_0000_0000 + pfn * 4096);
    assert!(places(&lazy).contains_key(&waits), "no {waits}");
}

/// Holes of the host are not said to be memory in use.
#[test]
fn holes_are_told_from_frames_in_use() {
    let said = "Among the frames are holes of the host's memory map (1 GiB): page numbers without memory.";
    for (name, run) in RUNS {
        let [layout, _, page] = drawn(run);
        assert_eq!(layout.contains(said), name == "dom0-8G", "{name}");
        assert_eq!(
            page.contains("262,273 page numbers among them have no memory"),
            name == "dom0-8G",
            "{name}"
        );
    }
}

/// Below both pictures, in the guest's words or, if it has none, in those of the run. The notes stay.
#[test]
fn the_pictures_say_how_a_run_ended_unless_well() {
    let died = RUNS[0].1.to_owned() + "\n@fact {\"fact\":\"fatal\",\"vector\":6,\"rip\":\"0x9\"}";
    for (said, last, words) in [
        (RUNS[0].1, "verdict: SUCCESS", None),
        (RUNS[0].1, "the guest crashed: why", Some("The run ended so: the guest crashed: why")),
        (&died, "the guest crashed: why", Some("The kernel died after the boot: trap 6 at 0x9")),
    ] {
        let story = Story::of(&Facts::found(said)).unwrap();
        let [layout, timeline, page] = files(&story, "domU", last, false);
        assert!(timeline.contains("Ticks of the time-stamp counter") && layout.contains("To scale: "));
        assert!(page.contains(last));
        for file in [layout, timeline] {
            assert!(words.is_none_or(|words| file.contains(words)), "{words:?}: {file}");
            assert_eq!(file.contains(" ended ") || file.contains(" died "), words.is_some(), "{file}");
            assert!(complaints(&file).is_empty());
        }
    }
}

/// The 64 MiB run as it would be with an image and a direct map at places of their own.
fn slid() -> String {
    RUNS[0]
        .1
        .replace(
            "\"kernel image\",\"start\":\"0xffffffff81000000\",\"last\":\"0xffffffff81110fff\"",
            "\"kernel image\",\"start\":\"0xffffffff93345000\",\"last\":\"0xffffffff93455fff\"",
        )
        .replace(
            "\"start\":\"0xffff880000000000\",\"last\":\"0xffff880003ffffff\"",
            "\"start\":\"0xffff918000000000\",\"last\":\"0xffff918003ffffff\"",
        )
}

/// The builder's picture has the image where it was, the other one where it is.
#[test]
fn an_image_that_was_moved_is_drawn_where_it_is() {
    judged("slid", &slid());
    let file = &drawn(&slid())[0];
    let (all, _) = texts(file);
    let said = |text: &str| all.iter().filter(|set| set.text == text).count();
    let tops = |text: &str| -> Vec<f64> {
        all.iter().filter(|set| set.text == text).map(|set| set.sides[1]).collect()
    };
    let after = tops("AFTER: as the payload runs in it")[0];
    for (address, is_after) in
        [("ffffffff81000000", false), ("ffffffff93345000", true), ("ffff918000000000", true)]
    {
        let found = tops(address);
        assert!(found.len() == 1 && (found[0] > after) == is_after, "{address}: {found:?}");
    }
    // Nothing is where it was: there, the hypervisor hole ends.
    assert_eq!((said("ffffffff80000000"), said("ffff880000000000")), (2, 1));
    assert_eq!(said("__ka: ffffffff80000000 + 4096 × page"), 1);
    assert_eq!(said("__ka: ffffffff92345000 + 4096 × page"), 1);
    assert_eq!(said("__va: ffff918000000000 + 4096 × page; other regions"), 2);
    assert_eq!(
        said("Kernel image: moved up by 0x12345000 at boot; its addresses are chosen anew each time."),
        1
    );
    // Where it stayed, nothing of it is said.
    for (name, run) in RUNS {
        let file = &drawn(run)[0];
        assert!(!file.contains("moved up by"), "{name}");
        assert_eq!(file.matches("__ka: ffffffff80000000 + 4096 × page").count(), 2, "{name}");
    }
}

#[test]
fn no_text_of_a_recorded_run_meets_another() {
    for (name, said) in RUNS {
        judged(name, said);
    }
}

#[test]
fn a_run_that_was_cut_off_anywhere_has_pictures() {
    for (name, said) in RUNS {
        let lines: Vec<&str> = said.lines().filter(|line| line.starts_with('@')).collect();
        for end in 1..lines.len() {
            judged(name, &lines[..end].join("\n"));
            // In the middle of a line.
            let line = lines[end];
            judged(name, &format!("{}\n{}", lines[..end].join("\n"), &line[..line.len() / 2]));
        }
    }
}

/// Numbers and names that no guest has, each in place of a real one.
#[test]
fn odd_numbers_and_names() {
    for (name, said) in RUNS {
        for (from, to) in [
            ("\"pages\":1,", "\"pages\":1099511627775,"),
            ("\"pages\":1}", "\"pages\":0}"),
            (
                "\"fact\":\"region\",\"name\":\"direct map\"",
                "\"fact\":\"region\",\"pages\":0,\"name\":\"direct map\"",
            ),
            ("\"free\":", "\"free\":18446744073709551615,\"was\":"),
            ("\"hypercalls\":2", "\"hypercalls\":18446744073709551615"),
            ("\"took\":", "\"took\":9999999"),
            ("\"tsc\":", "\"tsc\":9"),
            ("\"frames\":", "\"frames\":18446744"),
            ("\"pfn\":\"0x1", "\"pfn\":\"0xfffffff1"),
            ("kernel image", "an image with a name that is longer than any box is wide, <b>&quot;"),
            ("\"stage\":\"layout\"", "\"stage\":\"a stage whose name is too long for its column\""),
            ("0xffffffffa0", "0xffffffff90"),
            ("\"copied\":true", "\"copied\":false"),
        ] {
            judged(&format!("{name}, {to} for {from}"), &said.replace(from, to));
        }
    }
}

#[test]
fn many_modules_become_one_box() {
    let module = |at: u64| {
        let start = 0xffff_ffff_a000_0000 + at * 0x4000;
        format!(
            "@report {{\"stage\":\"module m{at}\",\"tsc\":{},\"took\":7,\"hypercalls\":2,\"frames\":4,\"start\":\"{start:#x}\",\
             \"last\":\"{:#x}\",\"size\":9,\"relocations\":1,\"symbols\":1}}\n",
            at + 9,
            start + 0x3fff
        )
    };
    let bare: Vec<&str> = RUNS[0].1.lines().filter(|line| !line.contains("stage\":\"module ")).collect();
    let said = bare.join("\n") + "\n" + &(0..300).map(module).collect::<String>();
    judged("300 modules", &said);
    let places = places(&said);
    assert!(places.contains_key("290 more modules") && places.contains_key("module m9"));
    assert!(!places.contains_key("module m10"));
}

/// The source document's case: the list lies across the border, and the window is free afterwards.
#[test]
fn the_border_of_modules_divides_the_list() {
    let places = places(RUNS[1].1);
    let top = |text: &str| places.get(text).unwrap_or_else(|| panic!("no {text}"))[1];
    assert!(top("P2M list, continued") > top("boot stack") - 200.0);
    for address in ["ffffffff925c7000", "ffffffffa0000000", "ffffffffa25c7000", "ffffffffa2800000"] {
        assert!(places.contains_key(address), "{address}");
    }
    assert!(drawn(RUNS[1].1)[0].matches("class=\"red\"").count() >= 4);
}

#[test]
fn the_page_has_every_page_and_module() {
    let [layout, timeline, page] = drawn(RUNS[0].1);
    assert!(page.contains(&layout) && page.contains(&timeline));
    assert!(page.contains("verdict: SUCCESS") && page.contains("boot stack") && page.contains(">plainc<"));
    // The first and the last page of the first tables.
    assert!(page.contains("<td class=\"a\">0xff2</td><td class=\"a\">0xfff</td>"), "{page}");
    let hostile = RUNS[0].1.replace("plainc", "<script>");
    assert!(!drawn(&hostile)[2].contains("<script>"));
}
