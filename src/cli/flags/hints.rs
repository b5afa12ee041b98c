//! What to do about a mistake on the command line.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::go::Switch;

/// Adds to an error of the parser what helps those who are used to other programs.
pub(crate) fn add(mut error: Error) -> Error {
    if error.kind() == ErrorKind::UnknownArgument
        && let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg)
        && !argument.starts_with('-')
    {
        let hint = if argument.parse::<Switch>().is_ok() {
            "a switch takes its value behind an equals sign: --leader-elect=false"
        } else {
            "there are flags only: --flag=value or --flag value"
        };
        let hint = ContextValue::StyledStrs(vec![hint.into()]);
        error.insert(ContextKind::Suggested, hint);
    }
    error
}
