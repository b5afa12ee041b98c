//! `cargo xtask mutants`: takes mechanisms away one by one, and sees whether a test notices.
//!
//! A copy of the sources is changed, never the sources themselves.

mod list;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::testbed::workspace;
use list::{MUTANTS, Mutant};

/// Flags of `cargo xtask mutants`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Only those whose test has this in its name
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// Runs every mutant; an error if one survives.
#[expect(clippy::print_stdout, reason = "this is the result")]
pub fn run(options: &Options) -> Result<()> {
    let copy = Copy::make()?;
    let mut survivors = Vec::new();
    let chosen = |mutant: &&Mutant| options.only.as_ref().is_none_or(|text| mutant.test.contains(text));
    for mutant in MUTANTS.iter().filter(chosen) {
        println!("without {}", mutant.without);
        let (verdict, dead) = match copy.outcome(mutant)? {
            Outcome::Failed => ("is noticed by", true),
            Outcome::Passed => ("SURVIVES", false),
            Outcome::Broken => ("DOES NOT BUILD, or there is no test", false),
        };
        println!("    {verdict} {}", mutant.test);
        if !dead {
            survivors.push(mutant.test);
        }
    }
    if survivors.is_empty() { Ok(()) } else { bail!("not noticed: {}", survivors.join(", ")) }
}

enum Outcome {
    Failed,
    Passed,
    Broken,
}

/// The sources, to be changed.
struct Copy(PathBuf);

impl Copy {
    /// What git knows and what is new, as it is now.
    fn make() -> Result<Self> {
        let listed = Command::new("git")
            .current_dir(workspace())
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .output()
            .context("cannot run git")?;
        if !listed.status.success() {
            bail!("git does not know this folder: {}", String::from_utf8_lossy(&listed.stderr));
        }
        let to = target().join("mutants/tree");
        for name in listed.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            let name = String::from_utf8(name.to_vec()).context("a file name is not UTF-8")?;
            let (from, to) = (workspace().join(&name), to.join(&name));
            // Deleted, and git does not know it yet.
            let Ok(content) = std::fs::read(&from) else { continue };
            write_if_new(&to, &content)?;
            let mode = std::fs::metadata(&from)?.permissions();
            std::fs::set_permissions(&to, mode)?;
        }
        share_testbed()?;
        Ok(Self(to))
    }

    /// Runs the mutant's test on the mutant, and puts the file back.
    fn outcome(&self, mutant: &Mutant) -> Result<Outcome> {
        let path = self.0.join(mutant.file);
        let whole = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        if whole.matches(mutant.replace).count() != 1 {
            bail!("{} has not exactly one {:?}", mutant.file, mutant.replace);
        }
        std::fs::write(&path, whole.replace(mutant.replace, mutant.with))?;
        let which: &[&str] = if mutant.is_of_library() { &["--lib"] } else { &["--test", "it"] };
        let tested = self.test(which, mutant.test);
        std::fs::write(&path, whole)?;
        tested
    }

    fn test(&self, which: &[&str], name: &str) -> Result<Outcome> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .current_dir(&self.0)
            // A target of its own: nobody else must ever run what is built of a mutant.
            .env("CARGO_TARGET_DIR", build())
            .arg("test")
            .args(which)
            .args(["--", "--exact", name])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context("cannot run cargo")?;
        let said = String::from_utf8_lossy(&output.stdout);
        Ok(if said.contains(&format!("test {name} ... FAILED")) {
            Outcome::Failed
        } else if output.status.success() && said.contains(&format!("test {name} ... ok")) {
            Outcome::Passed
        } else {
            Outcome::Broken
        })
    }
}

/// Leaves alone what has not changed, so that cargo does not build it again.
fn write_if_new(path: &Path, content: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    let folder = path.parent().context("a file is in a folder")?;
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    std::fs::write(path, content).with_context(|| path.display().to_string())
}

/// The testbed's binaries are the same for all.
fn share_testbed() -> Result<()> {
    let (shared, link) = (target().join("testbed"), build().join("testbed"));
    std::fs::create_dir_all(&shared).with_context(|| shared.display().to_string())?;
    std::fs::create_dir_all(build()).with_context(|| build().display().to_string())?;
    match std::os::unix::fs::symlink(&shared, &link) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(error).with_context(|| link.display().to_string())
        }
        _ => Ok(()),
    }
}

fn build() -> PathBuf {
    target().join("mutants/build")
}

fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty());
    workspace().join(target.map_or_else(|| PathBuf::from("target"), PathBuf::from))
}
