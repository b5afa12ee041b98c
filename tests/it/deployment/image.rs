//! The image's file system, as `scripts/image-root` lays it out for the Dockerfile.

use std::path::Path;
use std::process::{Command, Output};

use xtask::testbed::{RunDir, workspace};

use super::pod::{THE_IMAGE, chroot, image, may_chroot, unpack_image};

const NOBODY_IN_PARTICULAR: u64 = 65532;

fn in_image(program: &str, args: &[&str]) -> Output {
    let run = RunDir::new().unwrap();
    let root = run.path().join("root");
    unpack_image(&root);
    chroot(&root, NOBODY_IN_PARTICULAR, NOBODY_IN_PARTICULAR).arg(program).args(args).output().unwrap()
}

#[test]
fn the_program_runs_in_it_as_nobody_in_particular_under_both_names() {
    if !may_chroot(THE_IMAGE) {
        return;
    }
    let output = in_image("/usr/local/bin/vsphere-cloud", &["--version"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let version = format!("vsphere-cloud {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), version);

    // Upstream's name takes upstream's arguments: this one is read, and its file is missing.
    let args = ["--cloud-provider=vsphere", "--v=2", "--cloud-config=/etc/cloud/vsphere.conf"];
    let output = in_image("/bin/vsphere-cloud-controller-manager", &args);
    let errors =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("/etc/cloud/vsphere.conf: there is no such file"), "{errors}");
}

#[test]
fn it_has_what_is_needed_and_nothing_else() {
    let mut files = Vec::new();
    list(image(), image(), &mut files);
    let known = |file: &str| {
        let library = file.starts_with("runtime/lib") && file.contains(".so");
        let certificates = "runtime/etc/ssl/certs/ca-certificates.crt";
        let settings = ["runtime/etc/passwd", "runtime/etc/group", "runtime/etc/nsswitch.conf"];
        let programs =
            ["program/usr/local/bin/vsphere-cloud", "program/bin/vsphere-cloud-controller-manager"];
        library || file == certificates || settings.contains(&file) || programs.contains(&file)
    };
    for file in &files {
        assert!(known(file), "{file} has no business in the image");
    }
    for (part, count) in [("/libc.so", 1), ("/ld-linux", 1), ("program/", 2), ("/etc/", 4)] {
        assert_eq!(files.iter().filter(|file| file.contains(part)).count(), count, "{part}: {files:?}");
    }
    let runtime: u64 = files
        .iter()
        .filter(|file| file.starts_with("runtime/"))
        .map(|file| image().join(file).metadata().unwrap().len())
        .sum();
    assert!(runtime < 6_000_000, "{runtime} bytes beside the program");
}

fn list(root: &Path, directory: &Path, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            list(root, &entry.path(), files);
        } else {
            files.push(entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        }
    }
}

#[test]
fn the_dockerfile_builds_it_from_this_and_names_no_registry() {
    let text = std::fs::read_to_string(workspace().join("Dockerfile")).unwrap();
    assert!(text.contains("scripts/image-root target/release/vsphere-cloud /out"));
    assert!(text.contains("\nUSER 65532:65532\n"));
    assert!(text.contains("\nENTRYPOINT [\"/bin/vsphere-cloud-controller-manager\"]\n"));
    let images = text
        .lines()
        .filter_map(|line| line.strip_prefix("FROM "))
        .map(|rest| rest.split(' ').next().unwrap());
    for name in images {
        let host = name.split_once('/').map_or("", |(first, _)| first);
        assert!(!host.contains(['.', ':']), "{name} names a registry");
    }
    let toolchain = std::fs::read_to_string(workspace().join("rust-toolchain.toml")).unwrap();
    let channel =
        toolchain.lines().find_map(|line| line.strip_prefix("channel = \"")?.strip_suffix('"')).unwrap();
    assert!(text.contains(&format!("\nFROM rust:{channel}-slim")), "another Rust than {channel}");
    let version = format!("ARG VERSION={}\n", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&version), "{version}");
    let ignored = std::fs::read_to_string(workspace().join(".dockerignore")).unwrap();
    assert!(ignored.lines().any(|line| line == "!scripts"), "the build has no scripts");
}

#[test]
fn what_is_wrong_with_a_program_is_told() {
    let run = RunDir::new().unwrap();
    let script = workspace().join("scripts/image-root");
    for (program, expected) in [("/nowhere/program", "is no program"), ("/etc/passwd", "is no program")] {
        let output = Command::new(&script).arg(program).arg(run.path().join("x")).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(expected), "{error}");
    }
    // What is there is never mixed with something else.
    let output = Command::new(&script).arg("/bin/sh").arg(image()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("is not empty"), "{error}");
}
