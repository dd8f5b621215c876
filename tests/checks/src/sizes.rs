//! Files and functions that are too long to read in one go.
//!
//! *What this is*: the lines of every Rust file that git knows, tests included, and of every function in them, from its
//! `fn` to its closing brace. A function inside another counts for both. In a file of `tests/compile_fail` the program
//! that compiles counts.
//!
//! *What is not seen*: a function that a macro writes, and a closure, which counts for the function around it.

use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use proc_macro2::Span;
use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, Signature, TraitItemFn};

use tools::paths;

use crate::changed::{git, names};

/// The most lines of a file.
const FILE: usize = 450;
/// The most lines of a function.
const FUNCTION: usize = 60;

/// Fails when a file or a function is too long.
///
/// # Errors
/// A file cannot be read or is not Rust; git does not answer.
pub(crate) fn sizes() -> Result<ExitCode> {
    let listed = git(&["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.rs"])?;
    let mut found = Vec::new();
    let (mut file, mut function) = (0, 0);
    for name in names(&listed) {
        let path = paths::root().join(&name);
        // A deleted file is still listed until that is committed.
        if !path.exists() {
            continue;
        }
        let text = std::fs::read_to_string(&path).with_context(|| name.clone())?;
        let measured = Measured::of(&text).with_context(|| name.clone())?;
        file = file.max(measured.lines);
        function = measured.functions.iter().map(|one| one.lines).max().unwrap_or(0).max(function);
        found.extend(measured.too_long(&name));
    }
    found.iter().for_each(|line| tools::say!("{line}"));
    tools::say!(
        "sizes: the longest file has {file} lines, {FILE} may be; the longest function {function}, {FUNCTION} may be"
    );
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How long a file is, and the functions in it.
#[derive(Debug)]
struct Measured {
    lines: usize,
    functions: Vec<Function>,
}

#[derive(Debug)]
struct Function {
    name: String,
    /// The line of its `fn`.
    line: usize,
    lines: usize,
}

impl Measured {
    fn of(text: &str) -> Result<Self> {
        let compiles = |line: &str| if line.contains("//~ FAIL") { String::new() } else { line.to_owned() };
        let twin: Vec<String> = text.lines().map(compiles).collect();
        let file = syn::parse_file(&twin.join("\n")).map_err(|error| anyhow!("{error}"))?;
        let mut measured = Self { lines: text.lines().count(), functions: Vec::new() };
        measured.visit_file(&file);
        Ok(measured)
    }

    /// Says what is too long, one line each.
    fn too_long(&self, file: &str) -> Vec<String> {
        let whole = (self.lines > FILE).then(|| format!("{file}: {} lines, {FILE} may be", self.lines));
        let long = self.functions.iter().filter(|function| function.lines > FUNCTION);
        let long = long.map(|Function { name, line, lines }| {
            format!("{file}:{line}: function {name} has {lines} lines, {FUNCTION} may be")
        });
        whole.into_iter().chain(long).collect()
    }

    fn note(&mut self, signature: &Signature, block: &Block) {
        let line = |span: Span| span.start().line;
        let (first, last) = (line(signature.fn_token.span), line(block.brace_token.span.close()));
        let name = signature.ident.to_string();
        self.functions.push(Function { name, line: first, lines: last - first + 1 });
    }
}

impl<'a> Visit<'a> for Measured {
    fn visit_item_fn(&mut self, function: &'a ItemFn) {
        self.note(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'a ImplItemFn) {
        self.note(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'a TraitItemFn) {
        if let Some(block) = &function.default {
            self.note(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::{FILE, FUNCTION, Measured};

    fn found(text: &str) -> Vec<String> {
        Measured::of(text).unwrap().too_long("x.rs")
    }

    /// A function of this many lines.
    fn function(head: &str, lines: usize) -> String {
        format!("{head} {{\n{}}}\n", "    g();\n".repeat(lines - 2))
    }

    #[test]
    fn a_file_may_have_so_many_lines_and_no_more() {
        assert!(found(&"// one\n".repeat(FILE)).is_empty());
        assert_eq!(found(&"// one\n".repeat(FILE + 1)), ["x.rs: 451 lines, 450 may be"]);
    }

    #[test]
    fn a_function_may_have_so_many_lines_and_no_more_wherever_it_stands() {
        for (before, after) in
            [("", ""), ("impl X {", "}"), ("trait X {", "}"), ("mod m {", "}"), ("fn o() {", "}")]
        {
            let of = |lines| found(&format!("{before}\n{}{after}\n", function("fn f()", lines)));
            assert!(of(FUNCTION).iter().all(|line| !line.contains("function f")), "{before}");
            let line = "x.rs:2: function f has 61 lines, 60 may be";
            assert!(of(FUNCTION + 1).iter().any(|found| found == line), "{before}");
        }
    }

    #[test]
    fn attributes_and_documentation_do_not_count_and_a_signature_does() {
        let front = "/// One.\n".repeat(5) + "#[must_use]\n";
        assert!(found(&format!("{front}{}", function("pub fn f()", FUNCTION))).is_empty());
        let long = function("pub(crate) const unsafe fn f(\n    a: u8,\n)", FUNCTION - 2);
        assert!(found(&long).is_empty());
        let long = function("pub(crate) const unsafe fn f(\n    a: u8,\n)", FUNCTION - 1);
        assert_eq!(found(&long), ["x.rs:1: function f has 61 lines, 60 may be"]);
    }

    #[test]
    fn what_has_no_body_or_a_short_one_is_nothing() {
        assert!(found("trait X { fn f(&self); }\nextern \"C\" { fn g(); }\nfn h() {}\n").is_empty());
    }

    #[test]
    fn of_two_programs_in_one_file_the_one_that_compiles_is_read() {
        let measured = Measured::of("fn f() {\n    g() //~ TWIN\n    h() //~ FAIL E0425\n}\n").unwrap();
        assert_eq!((measured.lines, measured.functions[0].lines), (4, 4));
    }

    #[test]
    fn what_is_no_rust_is_an_error() {
        assert!(Measured::of("fn f( {").is_err());
    }
}
