//! How Go's flags are written.

use std::any::TypeId;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::Command;
use clap::builder::{OsStringValueParser, TypedValueParser};
use jiff::SignedDuration;

/// A flag that is on or off: `--flag`, `--flag=false`, and in every spelling of Go's `ParseBool`.
/// As in Go, a value needs the equals sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch(pub bool);

impl FromStr for Switch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Self(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Self(false)),
            _ => Err("expected true or false"),
        }
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Makes a command read its flags as Go does: the last one of several wins, and a switch may go
/// without a value.
pub(crate) fn spell(command: Command) -> Command {
    command.args_override_self(true).mut_args(|arg| {
        if arg.get_value_parser().type_id() == TypeId::of::<Switch>() {
            arg.num_args(0..=1).require_equals(true).default_missing_value("true").value_name("BOOL")
        } else {
            arg
        }
    })
}

/// A duration above zero: `90s`, `1m30s`, `2h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    duration_or_zero(text)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "expected a duration above zero such as 90s, 1m30s or 2h".to_owned())
}

/// A duration that may be zero, which Go also writes without a unit.
pub(crate) fn duration_or_zero(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| "expected a duration such as 0s, 90s, 1m30s or 2h".to_owned())
}

/// A path, or nothing: manifests made from templates give flags without a value.
pub(crate) fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// The path of a flag that was given one.
pub(crate) fn given(path: Option<&PathBuf>) -> Option<&Path> {
    path.map(PathBuf::as_path).filter(|path| !path.as_os_str().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, seconds) in [("60s", 60), ("1m30s", 90), ("5m", 300), ("2h", 7200), ("1h0m0s", 3600)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(duration("1.5h"), Ok(Duration::from_mins(90)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for text in ["", "5", "-5s", "0s", "soon", "0"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(duration_or_zero("0"), Ok(Duration::ZERO));
        assert_eq!(duration_or_zero("0s"), Ok(Duration::ZERO));
        assert!(duration_or_zero("5").is_err());
    }

    #[test]
    fn switches_are_read_as_go_reads_them() {
        for text in ["1", "t", "T", "true", "TRUE", "True"] {
            assert_eq!(text.parse(), Ok(Switch(true)));
        }
        for text in ["0", "f", "F", "false", "FALSE", "False"] {
            assert_eq!(text.parse(), Ok(Switch(false)));
        }
        for text in ["", "yes", "no", "on", "tRUE", "2"] {
            assert!(text.parse::<Switch>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_empty_path_is_none() {
        assert_eq!(given(Some(&PathBuf::new())), None);
        assert_eq!(given(Some(&PathBuf::from("f"))), Some(Path::new("f")));
    }
}
