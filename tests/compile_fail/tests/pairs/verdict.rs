//! What must be true of a pair.

use crate::{
    compiler::{Remark, Severity},
    program::Program,
};

/// Returns what is wrong with a pair, one text for each fault, by what the compiler said about its two programs.
pub(crate) fn judge(program: &Program, broken: &[Remark], twin: &[Remark]) -> Vec<String> {
    let (name, line, code) = (program.name(), program.line(), program.code());
    let mut faults: Vec<String> =
        twin.iter().map(|remark| format!("{name}: the twin does not pass:\n{}", remark.text)).collect();
    let errors: Vec<&Remark> = broken.iter().filter(|remark| remark.severity == Severity::Error).collect();
    if errors.is_empty() {
        faults
            .push(format!("{name}: the broken program compiles; it should fail with {code} in line {line}"));
    }
    for error in &errors {
        if error.code.as_deref() != Some(code) || !error.lines.contains(&line) {
            faults.push(format!("{name}: not {code} in line {line}:\n{}", error.text));
        }
    }
    if errors.len() > 1 {
        faults.push(format!("{name}: the broken program fails for {} reasons, not one", errors.len()));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remark(severity: Severity, code: &str, line: usize) -> Remark {
        Remark { severity, code: Some(code.to_owned()), lines: vec![line], text: String::new() }
    }

    #[test]
    fn only_the_named_error_in_the_marked_line_will_do() {
        let program = Program::parse("a", "//! Rule.\nx //~ TWIN\ny //~ FAIL E0001\n").unwrap();
        let right = remark(Severity::Error, "E0001", 3);
        let unused = remark(Severity::Warning, "unused_variables", 1);
        let wrong_code = remark(Severity::Error, "E0002", 3);
        let wrong_line = remark(Severity::Error, "E0001", 2);
        for (broken, twin, faults) in [
            (vec![right.clone()], vec![], 0),
            (vec![right.clone(), unused.clone()], vec![], 0),
            (vec![unused.clone()], vec![], 1),
            (vec![], vec![], 1),
            (vec![wrong_code], vec![], 1),
            (vec![wrong_line], vec![], 1),
            (vec![right.clone(), right.clone()], vec![], 1),
            (vec![right.clone()], vec![unused], 1),
            (vec![right.clone()], vec![right], 1),
        ] {
            assert_eq!(judge(&program, &broken, &twin).len(), faults, "{broken:?} {twin:?}");
        }
    }
}
