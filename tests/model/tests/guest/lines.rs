//! What is logged about modules: each number in its place.

use kit::module::small_module_with_start;
use start_info::PageCount;
use xen_guest::LoadError;
use xen_model::GuestConfig;

#[test]
fn the_table_of_modules_shows_every_number_of_a_module() {
    let mut booted = GuestConfig::new(0x4000).build().unwrap().boot().unwrap();
    let object = small_module_with_start();
    let (calls, free) = (booted.machine().calls(), booted.running.free());
    let module = booted.running.load_bytes("small", &object).unwrap();
    let (cost, region) = (module.cost(), module.region());
    let rates = module.rates();
    // Code, constants, variables, two pages of variables without values; and a page for the start, which was given
    // back.
    let (pages, kept) = (6, 5);
    assert_eq!(region.pages(), PageCount::new(kept));
    assert_eq!((cost.tables, booted.running.free()), (1, free - kept - 1));
    assert!(cost.hypercalls > 0 && cost.hypercalls < booted.machine().calls() - calls);
    assert_eq!(cost.total(), cost.plan + cost.relocate + cost.map);
    let modules = booted.running.modules();
    let text = modules.to_string();
    let (head, row) = text.split_once('\n').unwrap();
    let columns = [
        ("module", "small".to_owned()),
        ("from", format!("{:016x}", region.start())),
        ("to", format!("{:016x}", region.last())),
        ("size", object.len().to_string()),
        ("pages", pages.to_string()),
        ("kept", kept.to_string()),
        ("relocs", "0".to_owned()),
        ("symbols", "0".to_owned()),
        ("users", "0".to_owned()),
        ("hypercalls", cost.hypercalls.to_string()),
        ("ticks", cost.total().to_string()),
        ("per reloc", rates[0].to_string()),
        ("per page", rates[1].to_string()),
    ];
    let names = columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
    assert_eq!(head.split_whitespace().collect::<Vec<_>>().join(" "), names);
    let numbers: Vec<&str> = columns.iter().map(|(_, number)| number.as_str()).collect();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), numbers);
    let json = format!(
        "@report {{\"stage\":\"module small\",\"tsc\":{},\"took\":{},\"hypercalls\":{},\"frames\":{},\"start\":\"{:#x}\",\
         \"last\":\"{:#x}\",\"size\":{},\"pages\":{pages},\"relocations\":0,\"symbols\":0,\"per_relocation\":{},\
         \"per_page\":{}}}",
        cost.at,
        cost.total(),
        cost.hypercalls,
        pages + cost.tables,
        region.start(),
        region.last(),
        object.len(),
        rates[0],
        rates[1],
    );
    assert_eq!(modules.json().to_string(), json);
}

/// The place of an error in the list below: a new one does not compile until it has a place.
const fn rank(error: &LoadError) -> usize {
    match error {
        LoadError::Module(_) => 0,
        LoadError::Mmu(_) => 1,
        LoadError::AlreadyLoaded => 2,
        LoadError::NeedNotLoaded { .. } => 3,
        LoadError::Init { .. } => 4,
        LoadError::NotLoaded => 5,
        LoadError::InUse { users: 1, .. } => 6,
        LoadError::InUse { .. } => 7,
        LoadError::Lingers { .. } => 8,
    }
}

#[test]
fn why_a_module_does_not_come_or_go_is_said_with_its_numbers() {
    let no_pages = mmu::MmuError::NotMapped { address: 0x1234, level: 2 };
    let lines = [
        (
            LoadError::Module(xen_guest::module::ModuleError::NoMemory { entries: 5 }),
            "heap is full: no room for 5 entries of a plan",
        ),
        (LoadError::Mmu(no_pages), "0x1234 has no L2 table"),
        (LoadError::AlreadyLoaded, "a module of that name is loaded already"),
        (LoadError::NeedNotLoaded { need: "one".into() }, "module one, which it needs, is not loaded"),
        (LoadError::Init { code: -7 }, "its init returned -7; it was taken out again"),
        (LoadError::NotLoaded, "no module of that name is loaded"),
        (LoadError::InUse { users: 1, user: "one".into() }, "module one uses it; unload that first"),
        (
            LoadError::InUse { users: 3, user: "one".into() },
            "3 modules use it, one among them; unload those first",
        ),
        (
            LoadError::Lingers { pages: PageCount::new(7), error: no_pages },
            "it is unloaded, but 7 pages of it are not given back yet: 0x1234 has no L2 table",
        ),
    ];
    assert!(lines.iter().map(|(error, _)| rank(error)).eq(0..lines.len()));
    for (error, line) in lines {
        assert_eq!(error.to_string(), line, "{error:?}");
    }
}
