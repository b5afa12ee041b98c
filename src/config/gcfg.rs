//! The syntax of INI files as Go's `gopkg.in/gcfg.v1` reads them.
//!
//! It differs from every INI library in what begins a comment, what a backslash means and where
//! quotes may stand, so files written for it are safe only with a reader of the same rules. The
//! outcomes of the Go package for a set of inputs are kept in `testdata/gcfg.json`.
//!
//! Nothing here knows what the sections and keys mean.

use std::iter::Peekable;
use std::str::Chars;

/// A whole file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct File {
    /// In the order of the file; the same name may come again.
    pub(super) sections: Vec<Section>,
    /// Comments after the last variable.
    pub(super) comments: Vec<String>,
}

/// A `[name "subsection"]` header with the variables that follow it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Section {
    /// Line of the header.
    pub(super) line: usize,
    /// As written; sections differ by more than case.
    pub(super) name: String,
    /// As written, quotes and escapes resolved; cases differ.
    pub(super) subsection: Option<String>,
    /// In the order of the file; the same name may come again.
    pub(super) variables: Vec<Variable>,
    /// Those above the header and on its line, without their `;` or `#`.
    pub(super) comments: Vec<String>,
}

/// One `name = value`.
#[derive(PartialEq, Eq)]
pub(super) struct Variable {
    /// Line of the name.
    pub(super) line: usize,
    /// As written; names differ by more than case.
    pub(super) name: String,
    /// Quotes and escapes resolved; `None` if there is not even a `=`.
    pub(super) value: Option<String>,
    /// Column of a comment that begins right at the end of an unquoted value, without a space: a
    /// sign that the value was to go on.
    pub(super) cut_at: Option<usize>,
    /// Those above the name and on the value's line, without their `;` or `#`.
    pub(super) comments: Vec<String>,
}

// The value may be a password.
impl std::fmt::Debug for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Variable").field("line", &self.line).field("name", &self.name).finish_non_exhaustive()
    }
}

/// What is wrong, and where; never tells anything of a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// From 1.
    pub(super) line: usize,
    /// From 1, in characters.
    pub(super) column: usize,
    /// What is wrong and what to do.
    pub(super) message: String,
}

/// Reads the whole text.
pub(super) fn parse(text: &str) -> Result<File, SyntaxError> {
    let mut scanner = Scanner { rest: text.chars().peekable(), line: 1, column: 1, comments: Vec::new() };
    let mut sections: Vec<Section> = Vec::new();
    loop {
        scanner.skip_blanks();
        match scanner.peek() {
            None => return Ok(File { sections, comments: scanner.comments }),
            Some('\n' | ';' | '#') => scanner.end_of_line("")?,
            Some('[') => sections.push(scanner.header()?),
            Some(c) if c.is_alphabetic() => {
                let Some(section) = sections.last_mut() else {
                    return Err(
                        scanner.error("a section header such as [Global] must come before the first key")
                    );
                };
                section.variables.push(scanner.variable()?);
            }
            Some(_) => {
                return Err(scanner.error(
                    "a line must begin with a key (a letter), a section header ([), or a comment (; or #)",
                ));
            }
        }
    }
}

struct Scanner<'a> {
    rest: Peekable<Chars<'a>>,
    line: usize,
    column: usize,
    /// Those that belong to whatever comes next.
    comments: Vec<String>,
}

impl Scanner<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest.peek().copied()
    }

    fn next(&mut self) -> Result<Option<char>, SyntaxError> {
        let next = self.rest.peek().copied();
        if next == Some('\0') {
            return Err(self.error("the file holds a NUL character; save it as plain UTF-8 text"));
        }
        self.rest.next();
        match next {
            Some('\n') => {
                self.line += 1;
                self.column = 1;
            }
            Some(_) => self.column += 1,
            None => {}
        }
        Ok(next)
    }

    fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError { line: self.line, column: self.column, message: message.into() }
    }

    // A carriage return is a blank: files with Windows line ends need nothing else.
    fn skip_blanks(&mut self) {
        while self.rest.next_if(|c| is_blank(*c)).is_some() {
            self.column += 1;
        }
    }

    /// Letters, digits and hyphens; the caller has seen a letter.
    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self.rest.next_if(|c| c.is_alphanumeric() || *c == '-') {
            self.column += 1;
            name.push(c);
        }
        name
    }

    /// Goes past the line end, which only blanks and a comment may precede.
    fn end_of_line(&mut self, message: &str) -> Result<(), SyntaxError> {
        self.skip_blanks();
        if matches!(self.peek(), Some(';' | '#')) {
            let mut comment = String::new();
            self.next()?;
            while !matches!(self.peek(), None | Some('\n')) {
                comment.extend(self.next()?);
            }
            self.comments.push(comment.trim_end().to_owned());
        }
        match self.peek() {
            None => Ok(()),
            Some('\n') => self.next().map(drop),
            Some(_) => Err(self.error(message)),
        }
    }

    fn header(&mut self) -> Result<Section, SyntaxError> {
        let line = self.line;
        self.next()?;
        self.skip_blanks();
        if !self.peek().is_some_and(char::is_alphabetic) {
            return Err(self.error("after [ must come the name of a section, e.g. [Global]"));
        }
        let name = self.name();
        self.skip_blanks();
        let subsection = match self.peek() {
            Some('"') => Some(self.subsection()?),
            _ => None,
        };
        self.skip_blanks();
        if self.peek() != Some(']') {
            let hint = match &subsection {
                None if matches!(self.peek(), Some(c) if c.is_alphanumeric()) => {
                    format!("the second word must be in double quotes, as in [{name} \"name\"]")
                }
                None => format!("expected ] or a name in double quotes, as in [{name}] or [{name} \"name\"]"),
                Some(_) => format!("expected ] after the quoted name, as in [{name} \"name\"]"),
            };
            return Err(self.error(hint));
        }
        self.next()?;
        self.end_of_line("only a comment may follow a section header; put keys on their own lines")?;
        let comments = std::mem::take(&mut self.comments);
        Ok(Section { line, name, subsection, variables: Vec::new(), comments })
    }

    fn subsection(&mut self) -> Result<String, SyntaxError> {
        let opening = self.error("the name in the section header is not closed with \" on this line");
        self.next()?;
        let mut name = String::new();
        loop {
            match self.next()? {
                None | Some('\n') => return Err(opening),
                Some('"') => break,
                Some('\\') => match self.peek() {
                    Some(c @ ('\\' | '"')) => {
                        self.next()?;
                        name.push(c);
                    }
                    _ => {
                        return Err(self.error(
                            "in the name of a section header \\ may only come before \\ or \"; write \\\\ for one \\",
                        ));
                    }
                },
                Some(c) => name.push(c),
            }
        }
        if name.is_empty() {
            return Err(SyntaxError {
                message: "the quoted name in a section header must not be empty".into(),
                ..opening
            });
        }
        Ok(name)
    }

    fn variable(&mut self) -> Result<Variable, SyntaxError> {
        let line = self.line;
        let name = self.name();
        self.skip_blanks();
        match self.peek() {
            Some('=') => {
                self.next()?;
                self.skip_blanks();
                let (value, cut_at) = self.value(&name)?;
                self.end_of_line("expected the end of the line")?;
                let comments = std::mem::take(&mut self.comments);
                Ok(Variable { line, name, value: Some(value), cut_at, comments })
            }
            None | Some('\n' | ';' | '#') => {
                self.end_of_line("")?;
                let comments = std::mem::take(&mut self.comments);
                Ok(Variable { line, name, value: None, cut_at: None, comments })
            }
            Some(':') => Err(self.error(
                "expected `key = value`, found a colon; this file is read as INI because its first line is a [section]",
            )),
            Some('_' | '.') => {
                Err(self.error("a key has letters, digits and hyphens only, followed by `= value`"))
            }
            Some(_) => Err(self.error("expected `key = value`: there is no = after the key")),
        }
    }

    /// The value up to the end of the line or a comment, and where a comment cut it short.
    fn value(&mut self, key: &str) -> Result<(String, Option<usize>), SyntaxError> {
        let mut value = String::new();
        // Length of the value without the blanks at its end, which count only inside quotes.
        let mut end = 0;
        let mut glued = false;
        let mut quote: Option<SyntaxError> = None;
        loop {
            let c = match self.peek() {
                None | Some('\n') => match quote {
                    None => break,
                    Some(opening) => return Err(opening),
                },
                Some(';' | '#') if quote.is_none() => break,
                Some(c) => c,
            };
            let backslash = self.error("");
            let at_quote = self.error(format!(
                "the quote that begins here is not closed on this line; for a \" in the value of `{key}` write \\\""
            ));
            self.next()?;
            glued = quote.is_none() && !is_blank(c) && c != '"';
            match c {
                '"' => {
                    quote = if quote.is_none() { Some(at_quote) } else { None };
                    end = value.len();
                }
                '\\' if quote.is_some() => match self.peek() {
                    Some(escaped @ ('\\' | '"' | 'n' | 't')) => {
                        self.next()?;
                        value.push(match escaped {
                            'n' => '\n',
                            't' => '\t',
                            other => other,
                        });
                        end = value.len();
                    }
                    _ => {
                        return Err(SyntaxError {
                            message: format!(
                                "in the quoted value of `{key}` a \\ may only be part of \\\\ \\\" \\n \\t; write \\\\ for \
                                 one \\, as in \"DOMAIN\\\\name\""
                            ),
                            ..backslash
                        });
                    }
                },
                '\\' => {
                    if self.peek() == Some('\r') {
                        self.next()?;
                    }
                    match self.peek() {
                        // The value goes on in the next line.
                        Some('\n') => {
                            self.next()?;
                            end = value.len();
                        }
                        Some('"') => {
                            self.next()?;
                            value.push('"');
                            end = value.len();
                        }
                        _ => {
                            return Err(SyntaxError {
                                message: format!(
                                    "the value of `{key}` has a \\ outside of quotes; put the value in double quotes and \
                                     write \\\\ for one \\, as in {key} = \"DOMAIN\\\\name\""
                                ),
                                ..backslash
                            });
                        }
                    }
                }
                // Of a Windows line end, and nowhere else worth keeping.
                '\r' => {}
                c => {
                    value.push(c);
                    if quote.is_some() || !is_blank(c) {
                        end = value.len();
                    }
                }
            }
        }
        let cut = glued && matches!(self.peek(), Some(';' | '#'));
        value.truncate(end);
        Ok((value, cut.then_some(self.column)))
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r')
}
