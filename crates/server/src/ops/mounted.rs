//! Secrets in files of the server that change by themselves: tokens of Kubernetes' service accounts, whatever a vault mounts.
//!
//! The setup names a file, the server's own configuration the directory: whoever edits the setup reads nothing else.

use crate::secret::Secret;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Largest file; a token has one or two KiB.
const MAX_BYTES: u64 = 64 << 10;

/// # Errors
/// Why there is no secret, and what to do about it.
pub fn read(dir: Option<&Path>, name: &str) -> Result<Secret, String> {
    let Some(dir) = dir else {
        return Err(format!(
            "its secret stands in the file `{name}`, and this server has no directory for it; set FIREDOG_SECRETS_DIR"
        ));
    };
    let path = dir.join(name);
    let wrong = |why: &str| format!("its secret should stand in {}, {why}", path.display());
    // Checked when the setup was read; who has written into the database since is not believed either.
    let plain =
        !name.is_empty() && !name.starts_with('.') && name.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    if !plain {
        return Err("its secret stands in a file whose name is none".to_owned());
    }
    let real = path.canonicalize().map_err(|error| wrong(&format!("which cannot be read: {error}")))?;
    // Kubernetes mounts links, which stay within the directory.
    let within = dir.canonicalize().is_ok_and(|dir| real.starts_with(dir));
    if !within || !real.is_file() {
        return Err(wrong("which is no file of that directory"));
    }
    let mut bytes = Vec::new();
    let opened = File::open(&real).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    opened.map_err(|error| wrong(&format!("which cannot be read: {error}")))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(wrong("which is larger than 64 KiB"));
    }
    let text = String::from_utf8(bytes).map_err(|_| wrong("which is no text"))?;
    let text = text.trim();
    if text.is_empty() || text.contains(char::is_control) {
        return Err(wrong("which has not exactly one line"));
    }
    Ok(Secret::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_directory_is_read_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("secrets");
        std::fs::create_dir(&dir).unwrap();
        let write = |path: &Path, text: &[u8]| std::fs::write(path, text).unwrap();
        write(&dir.join("token"), b" a-token\n");
        assert_eq!(read(Some(&dir), "token").unwrap().expose(), "a-token");
        // As Kubernetes mounts it.
        std::fs::create_dir(dir.join("..data")).unwrap();
        write(&dir.join("..data/real"), b"another");
        std::os::unix::fs::symlink("..data/real", dir.join("linked")).unwrap();
        assert_eq!(read(Some(&dir), "linked").unwrap().expose(), "another");
        write(&root.path().join("outside"), b"nobody's business");
        std::os::unix::fs::symlink("../outside", dir.join("out")).unwrap();
        write(&dir.join("large"), &vec![b'x'; 65 << 10]);
        write(&dir.join("empty"), b"\n");
        write(&dir.join("lines"), b"a\nb");
        write(&dir.join("binary"), &[0xff, 0xfe]);
        std::fs::create_dir(dir.join("folder")).unwrap();
        for (name, why) in [
            ("missing", "cannot be read"),
            ("out", "no file of that directory"),
            ("folder", "no file of that directory"),
            ("large", "larger than 64 KiB"),
            ("empty", "exactly one line"),
            ("lines", "exactly one line"),
            ("binary", "no text"),
            ("../outside", "whose name is none"),
            ("", "whose name is none"),
        ] {
            let error = read(Some(&dir), name).unwrap_err();
            assert!(error.contains(why) && !error.contains("business"), "{name}: {error}");
        }
        assert!(read(None, "token").unwrap_err().contains("set FIREDOG_SECRETS_DIR"));
    }
}
