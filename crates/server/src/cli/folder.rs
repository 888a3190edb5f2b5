//! A directory of setup files, read together.

use firedog_domain::setup::load::{Loaded, MAX_FILES, MAX_SETUP_BYTES, Outside, SourceFile, check};
use jiff::Timestamp;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Deeper than anybody sorts files; stops at a directory that links to itself.
const MAX_DEPTH: usize = 16;
/// A key or a secret in a file of its own; more is the wrong file.
const MAX_SECRET_BYTES: u64 = 64 << 10;

/// The files of a setup directory, and what they may refer to around it.
pub(crate) struct Folder {
    root: PathBuf,
    files: Vec<SourceFile>,
    /// Of runbooks, `*.fixtures.json`: no part of the setup.
    fixtures: Vec<SourceFile>,
}

impl Folder {
    /// All `*.yaml`, `*.yml` and `*.json` below `root` in the order of their names. Hidden files
    /// and directories do not count (editors and Kubernetes leave them about).
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let shown = root.display();
        match fs::metadata(root) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(format!("{shown} is a file; name the directory that holds the setup files")),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(format!("there is no directory {shown}")),
            Err(e) => return Err(format!("cannot read {shown}: {e}")),
        }
        let mut paths = Vec::new();
        collect(root, MAX_DEPTH, &mut paths)?;
        if paths.is_empty() {
            return Err(format!("{shown} holds no setup files (*.yaml, *.yml or *.json)"));
        }
        let mut files = Vec::new();
        let mut left = MAX_SETUP_BYTES;
        for path in paths {
            let text = read_text(&path, left)?;
            left -= text.len();
            files.push(SourceFile { name: name(root, &path), text });
        }
        let (fixtures, files) = files.into_iter().partition(|file| file.name.ends_with(FIXTURES));
        Ok(Self { root: root.to_owned(), files, fixtures })
    }

    /// Loads the files with the environment and the secret files of this machine, and warns.
    pub(crate) fn check(&self, now: Timestamp) -> Loaded {
        check(&self.files, self, now)
    }

    pub(crate) fn text_of(&self, name: &str) -> &str {
        self.files.iter().find(|file| file.name == name).map_or("", |file| &file.text)
    }

    /// The path that somebody here can open.
    pub(crate) fn path_of(&self, name: &str) -> String {
        if name.is_empty() { String::new() } else { self.root.join(name).display().to_string() }
    }

    pub(crate) fn files(&self) -> &[SourceFile] {
        &self.files
    }

    pub(crate) fn fixtures(&self) -> &[SourceFile] {
        &self.fixtures
    }
}

/// How the name of a file ends that holds fixtures of runbooks.
const FIXTURES: &str = ".fixtures.json";

impl Outside for Folder {
    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn read(&self, path: &str, relative_to: &str) -> Result<String, String> {
        let beside = self.root.join(relative_to);
        let path = beside.parent().unwrap_or(&self.root).join(path);
        let said = |e: std::io::Error| format!("cannot read {}: {e}", path.display());
        let mut text = String::new();
        let file = fs::File::open(&path).map_err(said)?;
        file.take(MAX_SECRET_BYTES + 1).read_to_string(&mut text).map_err(said)?;
        if text.len() as u64 > MAX_SECRET_BYTES {
            return Err(format!("{} is longer than {MAX_SECRET_BYTES} bytes: no key is", path.display()));
        }
        Ok(text)
    }
}

fn collect(directory: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> Result<(), String> {
    let said = |e: std::io::Error| format!("cannot read {}: {e}", directory.display());
    if depth == 0 {
        return Err(format!("{} lies more than {MAX_DEPTH} directories deep; does a link lead back up?", directory.display()));
    }
    let mut entries = fs::read_dir(directory)
        .map_err(said)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(said)?;
    entries.sort();
    for path in entries {
        if path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.')) {
            continue;
        }
        // Follows links: Kubernetes mounts every file as one. What is neither (a pipe, a socket) is passed over.
        let kind = fs::metadata(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
        if kind.is_dir() {
            collect(&path, depth - 1, paths)?;
        } else if kind.is_file() && is_setup(&path) {
            paths.push(path);
            if paths.len() > MAX_FILES {
                return Err(format!("there are more than {MAX_FILES} files; name a directory with setup files only"));
            }
        }
    }
    Ok(())
}

fn is_setup(path: &Path) -> bool {
    path.extension().and_then(|e| e.to_str()).is_some_and(|e| matches!(e.to_ascii_lowercase().as_str(), "yaml" | "yml" | "json"))
}

fn read_text(path: &Path, limit: usize) -> Result<String, String> {
    let said = |e: std::io::Error| format!("cannot read {}: {e}", path.display());
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(said)?.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(said)?;
    if bytes.len() > limit {
        return Err(format!("the files hold more than {MAX_SETUP_BYTES} bytes; name a directory with setup files only"));
    }
    String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("{}:{line}: not UTF-8; save the file in UTF-8", path.display())
    })
}

/// The path inside of the directory, with `/` on every system.
fn name(root: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(root).unwrap_or(path);
    inside.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(root: &Path) -> Vec<String> {
        Folder::read(root).map(|folder| folder.files.into_iter().map(|file| file.name).collect()).unwrap()
    }

    #[test]
    fn files_are_read_in_order_and_hidden_ones_are_not() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["b.yml", "a.yaml", "people/z.json", "people/ada.YAML", ".git/x.yaml", ".hidden.yaml", "README.md"] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "teams: []\n").unwrap();
        }
        assert_eq!(names(dir.path()), ["a.yaml", "b.yml", "people/ada.YAML", "people/z.json"]);
    }

    #[test]
    fn a_wrong_directory_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let error = |path: &Path| Folder::read(path).err().unwrap();
        assert!(error(dir.path()).contains("holds no setup files"));
        assert!(error(&dir.path().join("gone")).contains("there is no directory"));
        let file = dir.path().join("a.yaml");
        fs::write(&file, "a: \n\n\u{e9}").unwrap();
        assert!(error(&file).contains("is a file; name the directory"));
        fs::write(&file, b"a: 1\nb: \xff\n").unwrap();
        assert!(error(dir.path()).ends_with("a.yaml:2: not UTF-8; save the file in UTF-8"));
        fs::write(&file, "x".repeat(MAX_SETUP_BYTES + 1)).unwrap();
        assert!(error(dir.path()).contains("the files hold more than"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_back_up_ends() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.yaml"), "").unwrap();
        std::os::unix::fs::symlink(dir.path(), dir.path().join("loop")).unwrap();
        assert!(Folder::read(dir.path()).err().unwrap().contains("does a link lead back up?"));
    }

    #[test]
    fn secrets_are_read_beside_the_file_that_names_them() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        fs::write(dir.path().join("sub/a.yaml"), "").unwrap();
        fs::write(dir.path().join("sub/key"), "secret\n").unwrap();
        let folder = Folder::read(dir.path()).ok().unwrap();
        assert_eq!(Outside::read(&folder, "key", "sub/a.yaml").as_deref(), Ok("secret\n"));
        assert!(Outside::read(&folder, "gone", "sub/a.yaml").unwrap_err().contains("gone"));
    }
}
