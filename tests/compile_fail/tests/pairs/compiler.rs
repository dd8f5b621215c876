//! rustc, and its messages about a program.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    crates::{Crates, SCRATCH, root},
    program::Program,
};

/// How severe a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// The program is refused.
    Error,
    /// The program is accepted.
    Warning,
}

/// A message of the compiler about a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remark {
    pub(crate) severity: Severity,
    /// An error's code or a lint's name; some errors have neither.
    pub(crate) code: Option<String>,
    /// The lines of the program that are the cause; for a macro, where it was called. The files of a crate that the
    /// program is inside do not count.
    pub(crate) lines: Vec<usize>,
    pub(crate) text: String,
}

/// Compiles a text as far as the borrow checker goes. `variant` keeps the files of the two programs apart.
///
/// # Errors
/// When the compiler cannot be run, or its exit status contradicts its messages.
pub(crate) fn run(crates: &Crates, program: &Program, variant: &str, text: &str) -> Result<Vec<Remark>> {
    let crate_name = program.name().replace('/', "_");
    let folder = Path::new(SCRATCH).join(variant);
    fs::create_dir_all(&folder)?;
    let own = folder.join(&crate_name).with_extension("rs");
    fs::write(&own, text)?;
    let file = match program.inside() {
        Some(inside) => extended(inside, &own)?,
        None => own.clone(),
    };

    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.current_dir(root()).args(["--edition", "2024", "--crate-type", "lib", "--error-format", "json"]);
    rustc.args(["--emit", "metadata", "--crate-name", &crate_name]).arg("--out-dir").arg(&folder);
    // What one of the two programs uses is unused in the other.
    rustc.args(["-A", "unused_variables", "-A", "unused_mut", "-A", "unused_imports", "-A", "dead_code"]);
    let output = rustc.args(crates.arguments(program.inside())).arg(&file).output().context("rustc")?;
    let messages = String::from_utf8(output.stderr)?;
    let mut remarks = Vec::new();
    for line in messages.lines() {
        let message: Value = serde_json::from_str(line).with_context(|| format!("rustc said: {messages}"))?;
        remarks.extend(Remark::of(&message, &own));
    }
    let refused = remarks.iter().any(|remark| remark.severity == Severity::Error);
    ensure!(refused != output.status.success(), "rustc ended with {}: {messages}", output.status);
    Ok(remarks)
}

/// Writes the root of a crate with one more module, the program, and returns its path. The crate's own files are found
/// by their path.
fn extended(name: &str, program: &Path) -> Result<PathBuf> {
    let folder = root().join(name).join("src").canonicalize().with_context(|| name.to_owned())?;
    let mut text = String::new();
    for line in fs::read_to_string(folder.join("lib.rs"))?.lines() {
        let module =
            line.trim_start_matches("pub ").strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'));
        if let Some(module) = module {
            let file = folder.join(module).with_extension("rs");
            let file = if file.exists() { file } else { folder.join(module).join("mod.rs") };
            text.push_str(&format!("#[path = {file:?}]\n"));
        }
        text.push_str(line);
        text.push('\n');
    }
    // By its own name, as other crates call it.
    text.push_str(&format!("extern crate self as {name};\n#[path = {program:?}]\nmod pair;\n"));
    let root = program.with_extension("root.rs");
    fs::write(&root, text)?;
    Ok(root)
}

impl Remark {
    /// Reads a message of the compiler; `None` for notes and for the count of errors at the end.
    fn of(message: &Value, own: &Path) -> Option<Self> {
        let severity = match message["level"].as_str()? {
            "error" => Severity::Error,
            "warning" => Severity::Warning,
            _ => return None,
        };
        let code = message["code"]["code"].as_str().map(str::to_owned);
        let spans = message["spans"].as_array()?;
        if code.is_none() && spans.is_empty() && message["message"].as_str()?.starts_with("aborting due to") {
            return None;
        }
        let lines = spans
            .iter()
            .filter(|span| span["is_primary"].as_bool() == Some(true))
            .map(outermost)
            .filter(|span| span["file_name"].as_str().is_some_and(|name| Path::new(name) == own))
            .filter_map(|span| span["line_start"].as_u64()?.try_into().ok())
            .collect();
        let text = message["rendered"].as_str().unwrap_or_default().to_owned();
        Some(Self { severity, code, lines, text })
    }
}

/// Returns the call of the macro that a span lies in, or the span if it lies in none.
fn outermost(mut span: &Value) -> &Value {
    while span["expansion"]["span"].is_object() {
        span = &span["expansion"]["span"];
    }
    span
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_another_file_is_none_of_the_program() {
        let message = |file: &str| {
            serde_json::json!({
                "level": "error", "code": {"code": "E0509"}, "message": "no", "rendered": "no",
                "spans": [{"is_primary": true, "line_start": 124, "file_name": file, "expansion": null}],
            })
        };
        let lines = |file| Remark::of(&message(file), Path::new("a/pair.rs")).unwrap().lines;
        assert_eq!(lines("a/pair.rs"), [124]);
        assert_eq!(lines("mmu/src/hv.rs"), Vec::<usize>::new());
    }
}
