//! Files by pattern, and what is granted.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

fn names(folder: &Path, patterns: &[&str], granted: &[PathBuf]) -> Result<Vec<String>, String> {
    let paths = patterns.iter().map(|pattern| folder.join(pattern)).collect();
    match (Patterns { paths, granted: granted.to_vec() }).fetch(&[]) {
        Ok(Fetched::New(input)) => {
            let name = |piece: &Piece| Path::new(&piece.name).file_name().unwrap().to_string_lossy().into_owned();
            Ok(input.pieces.iter().map(name).collect())
        }
        Ok(Fetched::Unchanged) => Err("unchanged".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn patterns_and_grants() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, outside) = (folder.path().join("in"), folder.path().join("secret.xml"));
    fs::create_dir_all(dir.join("sub.xml")).unwrap();
    for name in ["b.xml", "a.xml", "a.xml.gz", ".hidden.xml", "c+1.txt"] {
        fs::write(dir.join(name), "x").unwrap();
    }
    fs::write(&outside, "x").unwrap();
    std::os::unix::fs::symlink(&outside, dir.join("z-link")).unwrap();
    let all = std::slice::from_ref(&dir);
    for (patterns, granted, expected) in [
        (&["*.xml"][..], all, Ok(vec!["a.xml", "b.xml"])),
        (&["?.xml*"], all, Ok(vec!["a.xml", "a.xml.gz", "b.xml"])),
        (&["c+?.txt", "a.xml"], all, Ok(vec!["c+1.txt", "a.xml"])),
        (&["a.xml"], &[dir.join("a.xml")], Ok(vec!["a.xml"])),
        (&["*.xml"], &[dir.join("a.xml")], Err("b.xml is not granted")),
        (&["z-link"], all, Err("z-link is not granted")),
        (&["../secret.xml"], all, Err("is not granted")),
        (&["a.xml"], &[], Err("is not granted")),
        (&["nothing.xml"], all, Err("cannot be read")),
        (&["nothing.xml"], &[], Err("is not granted")),
        (&["*.zip"], all, Err("no file is called")),
        (&["sub.xml"], all, Err("it is not a file")),
    ] {
        match (names(&dir, patterns, granted), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{patterns:?}"),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{patterns:?}: {found}"),
            (found, expected) => panic!("{patterns:?}: {found:?}, not {expected:?}"),
        }
    }
}

#[test]
fn a_file_is_the_same_until_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.xml");
    fs::write(&path, "one").unwrap();
    let patterns = Patterns { paths: vec![path.clone()], granted: vec![path.clone()] };
    let Ok(Fetched::New(input)) = patterns.fetch(&[]) else { panic!("it is new") };
    assert!(input.pieces[0].is_unchanged());
    assert!(matches!(patterns.fetch(&input.validators), Ok(Fetched::Unchanged)));
    fs::write(folder.path().join("b"), "two").unwrap();
    fs::rename(folder.path().join("b"), &path).unwrap();
    assert!(!input.pieces[0].is_unchanged(), "another file of the same length");
    assert!(matches!(patterns.fetch(&input.validators), Ok(Fetched::New(_))));
}

#[test]
fn a_spool_file_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    let _open = nameless(&spool).unwrap();
    assert_eq!(fs::read_dir(&spool).unwrap().count(), 0);
}
