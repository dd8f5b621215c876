//! What the guest says for programs: its lines `@fact {…}` and `@report {…}`, each one JSON object.
//!
//! *What must hold*: a check reads these, and no sentence made for people, so that a sentence can be mended without breaking a run.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

/// All objects, in the order they were said.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    all: Vec<Fact>,
    /// The first line that holds something else than one object.
    broken: Option<String>,
}

/// One object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fact(Map<String, Value>);

impl Facts {
    /// Reads the guest's console.
    ///
    /// # Errors
    /// A line starts like one and holds something else than one object.
    pub(crate) fn of(guest: &str) -> Result<Self> {
        let facts = Self::found(guest);
        facts.whole()?;
        Ok(facts)
    }

    /// Reads the console of a guest that may have been cut off in the middle of a line.
    pub(crate) fn found(guest: &str) -> Self {
        let mut facts = Self::default();
        for line in guest.lines().map(|line| line.trim_start_matches('\r')) {
            let object = line.strip_prefix("@fact ").or_else(|| line.strip_prefix("@report "));
            match object.map(serde_json::from_str) {
                Some(Ok(object)) => facts.all.push(Fact(object)),
                Some(Err(error)) => facts.broken = facts.broken.or(Some(format!("{error}: {line}"))),
                None => {}
            }
        }
        facts
    }

    /// Every line that starts like one holds one object.
    ///
    /// # Errors
    /// The first that does not.
    pub(crate) fn whole(&self) -> Result<()> {
        match &self.broken {
            Some(line) => bail!("no JSON object: {line}"),
            None => Ok(()),
        }
    }

    /// The facts of a name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &Fact> {
        self.all.iter().filter(move |fact| fact.0.get("fact").is_some_and(|found| found == name))
    }

    /// The region of this name, if the guest said where it is.
    pub(crate) fn region(&self, name: &str) -> Option<&Fact> {
        self.all("region").find(|region| region.text("name").ok() == Some(name))
    }

    /// The one fact of a name.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub(crate) fn one(&self, name: &str) -> Result<&Fact> {
        let found: Vec<&Fact> = self.all(name).collect();
        ensure!(found.len() == 1, "{} facts {name} instead of one", found.len());
        Ok(found[0])
    }

    /// The stages of the boot, and the loading of modules as `module NAME`.
    pub(crate) fn stages(&self) -> impl Iterator<Item = (&str, &Fact)> {
        self.all
            .iter()
            .filter_map(|fact| Some((fact.0.get("stage")?.as_str()?, fact)))
            .filter(|(_, fact)| !fact.0.contains_key("fact"))
    }

    /// The modules that were loaded at the end.
    pub(crate) fn modules(&self) -> impl Iterator<Item = (&str, &Fact)> {
        self.stages().filter_map(|(stage, fact)| Some((stage.strip_prefix("module ")?, fact)))
    }
}

impl Fact {
    /// The number at a key.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn number(&self, key: &str) -> Result<u64> {
        self.0.get(key).and_then(Value::as_u64).with_context(|| format!("no number {key} in {self:?}"))
    }

    /// The number that stands in hexadecimal at a key.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn hex(&self, key: &str) -> Result<u64> {
        let digits = self.text(key)?.strip_prefix("0x");
        let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        number.with_context(|| format!("no hexadecimal number {key} in {self:?}"))
    }

    /// The numbers that stand in hexadecimal in an array at a key.
    ///
    /// # Errors
    /// There is none, or something else is in it.
    pub(crate) fn list(&self, key: &str) -> Result<Vec<u64>> {
        let number = |value: &Value| u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok();
        let array = self.0.get(key).and_then(Value::as_array);
        let numbers = array.and_then(|array| array.iter().map(number).collect());
        numbers.with_context(|| format!("no hexadecimal numbers {key} in {self:?}"))
    }

    /// The texts in an array at a key.
    ///
    /// # Errors
    /// There is none, or something else is in it.
    pub(crate) fn texts(&self, key: &str) -> Result<Vec<&str>> {
        let array = self.0.get(key).and_then(Value::as_array);
        let texts = array.and_then(|array| array.iter().map(Value::as_str).collect());
        texts.with_context(|| format!("no texts {key} in {self:?}"))
    }

    /// The flag at a key.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn flag(&self, key: &str) -> Result<bool> {
        self.0.get(key).and_then(Value::as_bool).with_context(|| format!("no flag {key} in {self:?}"))
    }

    /// The text at a key.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn text(&self, key: &str) -> Result<&str> {
        self.0.get(key).and_then(Value::as_str).with_context(|| format!("no text {key} in {self:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Facts;

    const GUEST: &str = "\
hello
@report {\"stage\":\"p2m\",\"tsc\":7}
@fact {\"fact\":\"memory\",\"pages\":34,\"at\":\"0xffffffffa0000000\",\"copied\":true}
@report {\"stage\":\"module hello\",\"tsc\":9}
@fact {\"fact\":\"fatal\",\"stage\":\"entry\",\"error\":\"Again\"}
";

    #[test]
    fn facts_and_stages() {
        let facts = Facts::of(GUEST).unwrap();
        let memory = facts.one("memory").unwrap();
        assert_eq!(memory.number("pages").unwrap(), 34);
        assert_eq!(memory.hex("at").unwrap(), 0xffff_ffff_a000_0000);
        assert!(memory.flag("copied").unwrap());
        for key in ["at", "copied", "absent"] {
            assert!(memory.number(key).is_err());
        }
        assert!(memory.hex("pages").is_err() && memory.flag("at").is_err() && memory.text("pages").is_err());
        let stages: Vec<&str> = facts.stages().map(|(name, _)| name).collect();
        assert_eq!(stages, ["p2m", "module hello"]);
        assert_eq!(facts.modules().map(|(name, _)| name).collect::<Vec<_>>(), ["hello"]);
        assert_eq!(facts.one("fatal").unwrap().text("error").unwrap(), "Again");
    }

    #[test]
    fn one_is_neither_none_nor_two() {
        let facts =
            Facts::of("\r@fact {\"fact\":\"a\"}\n@fact {\"fact\":\"b\"}\n@fact {\"fact\":\"b\"}\r\n@fact {\"fact\":\"ab\"}\n")
                .unwrap();
        assert!(facts.one("a").is_ok() && facts.one("b").is_err() && facts.one("c").is_err());
    }

    #[test]
    fn what_is_no_object_is_an_error() {
        for line in ["@fact {\"fact\":\"a\"", "@fact [1]", "@report x", "@fact {\"fact\":\"a\"} b"] {
            assert!(Facts::of(line).is_err(), "{line}");
        }
        assert!(Facts::of("fact {").is_ok());
    }

    #[test]
    fn a_line_cut_off_hides_no_other() {
        let facts = Facts::found("@fact {\"fact\":\"a\"}\n@fact {\"fa\n@fact {\"fact\":\"b\"}\n@fact {");
        assert!(facts.one("a").is_ok() && facts.one("b").is_ok());
        let error = facts.whole().unwrap_err().to_string();
        assert!(error.starts_with("no JSON object: ") && error.ends_with(": @fact {\"fa"), "{error}");
    }
}
