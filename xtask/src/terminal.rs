//! Lines that stay and a block below them that is redrawn.

#![expect(clippy::print_stdout, reason = "this is where the tools print")]

use std::io::{IsTerminal, Write};

/// Standard output, terminal or not.
#[derive(Debug)]
pub(crate) struct Terminal {
    live: bool,
    colour: bool,
    block: Vec<String>,
}

/// What is assumed of an output without a width.
const WIDTH: usize = 100;

impl Terminal {
    pub(crate) fn new() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let live =
            std::io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self { live, colour: live && !set("NO_COLOR"), block: Vec::new() }
    }

    /// Whether a block can be redrawn.
    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    pub(crate) fn width(&self) -> usize {
        if !self.live {
            return WIDTH;
        }
        match rustix::termios::tcgetwinsize(std::io::stdout()) {
            Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
            _ => WIDTH,
        }
    }

    /// Prints a line that stays.
    pub(crate) fn line(&mut self, line: &str) {
        let block = std::mem::take(&mut self.block);
        self.erase(block.len());
        println!("{line}");
        self.draw(block);
    }

    /// Prints lines that stay.
    pub(crate) fn lines(&mut self, lines: &[String]) {
        for line in lines {
            self.line(line);
        }
    }

    /// Replaces the block; does nothing where it could not be redrawn.
    pub(crate) fn draw(&mut self, block: Vec<String>) {
        if !self.live {
            return;
        }
        self.erase(self.block.len());
        let width = self.width();
        for line in &block {
            // A line that wraps would be two when it comes to erasing it.
            let line = cut(line, width.saturating_sub(1));
            println!("{}", if self.colour { coloured(&line) } else { line });
        }
        self.block = block;
        let _ = std::io::stdout().flush();
    }

    fn erase(&self, lines: usize) {
        if self.live && lines > 0 {
            print!("\x1b[{lines}F\x1b[J");
        }
    }
}

/// The beginning of a text, with an ellipsis if something is missing.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// A node, as long as it waits.
pub(crate) const WAITING: char = '·';
/// A node that is ready, and the full part of a bar.
pub(crate) const DONE: char = '■';

fn coloured(line: &str) -> String {
    let mut out = String::new();
    let mut green = false;
    for character in line.chars() {
        if green != (character == DONE) {
            green = !green;
            out.push_str(if green { "\x1b[32m" } else { "\x1b[0m" });
        }
        out.push(character);
    }
    if green {
        out.push_str("\x1b[0m");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
    }

    #[test]
    fn only_what_is_done_is_green() {
        assert_eq!(coloured("a ■■· b"), "a \x1b[32m■■\x1b[0m· b");
        assert_eq!(coloured("■"), "\x1b[32m■\x1b[0m");
    }
}
