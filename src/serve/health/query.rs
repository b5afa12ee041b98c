//! What a request for health asks for: `?verbose&exclude=a&exclude=b`.

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Each check by name, also when all is well.
    pub verbose: bool,
    /// The checks that do not count.
    pub exclude: Vec<String>,
}

impl Query {
    /// Reads the part of a URL after the question mark; what it does not know, it ignores.
    pub fn parse(text: &str) -> Self {
        let mut query = Self::default();
        for pair in text.split('&') {
            match pair.split_once('=').unwrap_or((pair, "")) {
                // As in Kubernetes, it is enough that it is there.
                ("verbose", _) => query.verbose = true,
                ("exclude", name) if !name.is_empty() => query.exclude.push(name.to_owned()),
                _ => {}
            }
        }
        query
    }

    /// Whether this check does not count.
    pub fn excludes(&self, name: &str) -> bool {
        self.exclude.iter().any(|excluded| excluded == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_as_kubernetes_reads_them() {
        let query = |verbose, exclude: &[&str]| Query {
            verbose,
            exclude: exclude.iter().map(ToString::to_string).collect(),
        };
        for (text, expected) in [
            ("", query(false, &[])),
            ("verbose", query(true, &[])),
            ("verbose=", query(true, &[])),
            ("verbose=true&exclude=a&x=y&exclude=b", query(true, &["a", "b"])),
            ("exclude=", query(false, &[])),
            ("verboser", query(false, &[])),
        ] {
            assert_eq!(Query::parse(text), expected, "{text}");
        }
    }
}
