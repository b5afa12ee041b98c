//! The two ways to write the file.

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `global:`, `vcenter:` …
    Yaml,
    /// `[Global]`, `[VirtualCenter "…"]` … as `gopkg.in/gcfg.v1` reads it.
    Ini,
}

impl Dialect {
    /// Decides by the first line that says something.
    ///
    /// A YAML configuration is a mapping, so it cannot begin with `[`; an INI file can begin with
    /// nothing else. Deciding before parsing is what lets an error be told in the terms of the
    /// dialect in which the file is written. `None` if no line says anything.
    pub fn of(text: &str) -> Option<Self> {
        let first = text
            .lines()
            .map(str::trim_start)
            .find(|line| !line.trim_end().is_empty() && !is_comment(line))?;
        Some(if first.starts_with('[') { Self::Ini } else { Self::Yaml })
    }
}

// `;` begins a comment in INI only, and no YAML configuration begins with it.
fn is_comment(line: &str) -> bool {
    line.starts_with(['#', ';'])
}

#[cfg(test)]
mod tests {
    use super::Dialect::{self, Ini, Yaml};

    #[test]
    fn first_significant_line_decides() {
        let cases = [
            ("", None),
            (" \n\t\r\n# c\n; d\n", None),
            ("[Global]\n", Some(Ini)),
            ("\n# c\n; c\n  [Global\n", Some(Ini)),
            ("; c\r\n[VirtualCenter \"a\"] ; c\r\n", Some(Ini)),
            ("global:\n", Some(Yaml)),
            ("# c\n---\nglobal:\n  x: [a]\n", Some(Yaml)),
            ("{global: {}}", Some(Yaml)),
            ("server = a\n[Global]\n", Some(Yaml)),
        ];
        for (text, want) in cases {
            assert_eq!(Dialect::of(text), want, "{text:?}");
        }
    }
}
