//! The AOT cache: used, and never trusted.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mast_plugin::records::AuthRequest;
use mast_plugin::{Kind, Runtime, RuntimeConfig};

use crate::fakes::{load, policy, source, spec};
use crate::guest::Guest;

fn runtime(dir: &Path) -> Runtime {
    Runtime::new(RuntimeConfig { cache_dir: Some(dir.to_owned()) }).unwrap()
}

fn works(dir: &Path) {
    let policy = policy(load(&runtime(dir), &Guest::new(Kind::Auth).build(), spec(Kind::Auth)));
    policy.decide(&AuthRequest::default()).unwrap();
}

fn compiled(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.iter().all(|path| path.extension().is_none_or(|suffix| suffix != "tmp")), "{files:?}");
    files.retain(|path| path.extension().is_some_and(|suffix| suffix == "aot"));
    files
}

fn only(dir: &Path) -> PathBuf {
    let files = compiled(dir);
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[test]
fn a_second_start_takes_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("cache");
    works(&dir);
    let file = only(&dir);
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    for path in [&file, &dir.join("key")] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
    let before = fs::read(&file).unwrap();
    works(&dir);
    assert_eq!(fs::read(only(&dir)).unwrap(), before);
}

#[test]
fn what_the_host_did_not_write_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    works(dir);
    let file = only(dir);
    let good = fs::read(&file).unwrap();
    let mut flipped = good.clone();
    let middle = good.len() / 2;
    flipped[middle] ^= 1;
    let bad: [&[u8]; 6] = [b"", b"MASTAOT1", &good[..good.len() / 2], &good[..40], &flipped, &good[40..]];
    for contents in bad {
        fs::write(&file, contents).unwrap();
        works(dir);
        let replaced = fs::read(only(dir)).unwrap();
        assert_ne!(replaced, contents);
        assert_eq!(&replaced[..8], b"MASTAOT1");
    }
}

#[test]
fn another_key_or_another_name_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    works(dir);
    let file = only(dir);
    let good = fs::read(&file).unwrap();
    // A file under a name that is not its own.
    source(load(&runtime(dir), &Guest::new(Kind::Source).build(), spec(Kind::Source)));
    let other = compiled(dir).into_iter().find(|path| *path != file).unwrap();
    fs::write(&other, &good).unwrap();
    source(load(&runtime(dir), &Guest::new(Kind::Source).build(), spec(Kind::Source)));
    assert_ne!(fs::read(&other).unwrap(), good);
    // The key is lost, or cut off.
    for key in [None, Some(&b"short"[..])] {
        let before = fs::read(&file).unwrap();
        fs::remove_file(dir.join("key")).unwrap();
        if let Some(key) = key {
            fs::write(dir.join("key"), key).unwrap();
        }
        works(dir);
        assert_eq!(fs::read(dir.join("key")).unwrap().len(), 32);
        assert_ne!(fs::read(&file).unwrap()[..40], before[..40]);
    }
}

#[test]
fn a_folder_that_cannot_be_is_no_reason_to_fail() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    works(&file.join("cache"));
}

#[test]
fn the_folder_does_not_grow_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    works(dir);
    for number in 0..200 {
        fs::write(dir.join(format!("{number}.aot")), "old").unwrap();
    }
    source(load(&runtime(dir), &Guest::new(Kind::Source).build(), spec(Kind::Source)));
    assert_eq!(compiled(dir).len(), 128);
}
