//! `--help`, as a whole: a change of it is a change that users see.

use crate::cli::command;

#[test]
fn the_command_line_is_consistent() {
    command().debug_assert();
}

#[test]
fn help_is_complete() {
    let mut command = command().term_width(100);
    command.build();
    let ccm = command.find_subcommand_mut("ccm").unwrap();
    insta::assert_snapshot!(ccm.render_long_help().to_string());
}
