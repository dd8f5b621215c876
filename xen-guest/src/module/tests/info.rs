//! What a module says about itself, and what it must not say.

use std::format;
use std::string::{String, ToString};

use crate::module::{ABI, Info, Plan, tests::ROOM};
use kit::module::{INFO, good, saying};

#[track_caller]
fn says(info: &str, line: &str) {
    let bytes = saying(info.as_bytes()).bytes();
    assert_eq!(Info::of(&bytes).unwrap_err().to_string(), line);
    assert_eq!(Plan::new(&bytes, ROOM).unwrap_err().to_string(), line);
}

fn with(rest: &str) -> String {
    format!("name=a\0version=1\0license=MIT\0abi={ABI}\0{rest}")
}

#[test]
fn is_read() {
    let bytes = saying(INFO).bytes();
    let info = Info::of(&bytes).unwrap();
    assert_eq!((info.name, info.version, info.license, info.needs.len()), ("good", "1.0", "MIT", 0));
    let text = with("depends=b,,c-d_e.f,\0author=depends=x\0\0\0");
    let bytes = saying(text.as_bytes()).bytes();
    assert_eq!(Info::of(&bytes).unwrap().needs, ["b", "c-d_e.f"]);
    // The last text needs no zero byte.
    let bytes = saying(with("depends=z").as_bytes()).bytes();
    assert_eq!(Info::of(&bytes).unwrap().needs, ["z"]);
}

#[test]
fn lacks_something() {
    says("", "module says no abi= in its section .modinfo");
    says("abi=1", "module says no name= in its section .modinfo");
    says("abi=1\0name=a\0version=1", "module says no license= in its section .modinfo");
    says("abi=1\0name=a\0license=1\0versio=1", "module says no version= in its section .modinfo");
    let mut object = good();
    object.sections[4].name = ".modinfx".into();
    let error = Plan::new(&object.bytes(), ROOM).unwrap_err();
    assert_eq!(error.to_string(), "module says no abi= in its section .modinfo");
}

#[test]
fn says_what_cannot_be() {
    says("name=a\0abi=2", "module was built for ABI 2 of the kernel, this kernel has ABI 1");
    for abi in ["", "x", "-1", "4294967296", " 1"] {
        says(&format!("abi={abi}"), &format!("module says abi={abi}, which is not valid"));
    }
    says(&with("name=b"), "module says name= twice in its section .modinfo");
    says(&with("depends=b c"), "module says depends=b c, which is not valid");
    let named = |name: &str| format!("name={name}\0version=1\0license=MIT\0abi=1");
    for name in ["", "a/b", "a b", "a,b", "ä"] {
        says(&named(name), &format!("module says name={name}, which is not valid"));
    }
    let long = "x".repeat(33);
    says(&named(&long), &format!("module says name={long}, which is not valid"));
    assert!(Info::of(&saying(named(&"x".repeat(32)).as_bytes()).bytes()).is_ok());
    let many = with(&format!("depends={}", "a,".repeat(33)));
    assert!(Info::of(&saying(many.as_bytes()).bytes()).is_err());
    let odd = saying(b"abi=1\0name=\xff\xfe\0version=1\0license=MIT").bytes();
    let line = "module says name=\u{fffd}\u{fffd}, which is not valid";
    assert_eq!(Info::of(&odd).unwrap_err().to_string(), line);
}
