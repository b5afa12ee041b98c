//! Reading files.

use super::super::{ConfigError, Options, load_file};

#[test]
fn unreadable_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vsphere.conf");
    let told = || load_file(&path, Options::default()).unwrap_err();
    let file = path.display();

    let error = told();
    assert!(matches!(error, ConfigError::Unreadable { .. }) && error.problems().is_empty());
    assert!(error.to_string().starts_with(&format!("{file}: there is no such file")), "{error}");

    for (bytes, want) in [
        (&b""[..], "the file says nothing"),
        (b" \n\n", "the file says nothing"),
        (b"\xef\xbb\xbf", "the file says nothing"),
        (b"\xff\xfeg\0", "the file is UTF-16; save it as UTF-8"),
        (b"global:\n  user: \xfc\n", "line 2 is not UTF-8; save the file as UTF-8"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let error = told();
        assert!(error.to_string().starts_with(&format!("{file}: {want}")), "{error}");
    }

    let error = load_file(directory.path(), Options::default()).unwrap_err();
    assert!(error.to_string().ends_with("is a directory; name the file in it"), "{error}");
}
