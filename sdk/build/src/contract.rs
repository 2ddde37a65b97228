//! A fingerprint of the plugin contract, so that a test can tell when `wit/` changed and PLUGINS.md did not.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// BLAKE3, hexadecimal, over every `.wit` file below `wit`: relative path with `/`, a zero byte, length as eight bytes, little
/// endian, and content, in order of the paths.
pub fn hash(wit: &Path) -> Result<String> {
    let mut files = Vec::new();
    collect(wit, &mut files)?;
    let mut named: Vec<(String, PathBuf)> = files
        .into_iter()
        .map(|path| {
            let relative = path.strip_prefix(wit).expect("collected below wit").to_string_lossy().replace('\\', "/");
            (relative, path)
        })
        .collect();
    named.sort();
    let mut hasher = blake3::Hasher::new();
    for (name, path) in named {
        let content = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        hasher.update(name.as_bytes()).update(&[0]).update(&(content.len() as u64).to_le_bytes()).update(&content);
    }
    Ok(hasher.finalize().to_hex().to_string())
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "wit") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::hash;

    #[test]
    fn the_hash_follows_content_and_names_only() {
        let dir = tempfile::tempdir().unwrap();
        let wit = dir.path();
        fs::create_dir(wit.join("base")).unwrap();
        fs::write(wit.join("base/base.wit"), "package a:b;").unwrap();
        let first = hash(wit).unwrap();
        fs::write(wit.join("README.md"), "not part of the contract").unwrap();
        assert_eq!(hash(wit).unwrap(), first);
        fs::write(wit.join("base/base.wit"), "package a:c;").unwrap();
        let second = hash(wit).unwrap();
        assert_ne!(second, first);
        fs::rename(wit.join("base"), wit.join("other")).unwrap();
        assert_ne!(hash(wit).unwrap(), second);
    }
}
