//! A temporary folder: its setup, its database, its log.

use std::io;
use std::path::{Path, PathBuf};

/// Removed with all that is in it when dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Only its owner can look into it: the database holds tokens.
    pub(crate) fn create() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("firedog-{}", random_hex(8)?));
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        // Fails when it exists: nobody can have laid one out for us.
        builder.create(&path)?;
        let folder = Self(path);
        std::fs::create_dir(folder.setup())?;
        Ok(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Where the setup files are.
    pub(crate) fn setup(&self) -> PathBuf {
        self.0.join("setup")
    }

    /// Writes a setup file.
    pub(crate) fn write(&self, name: &str, text: &str) -> io::Result<()> {
        std::fs::write(self.setup().join(name), text)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left of it is in the temporary directory, for the system to clear.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Twice as many hexadecimal digits as `bytes`.
pub(crate) fn random_hex(bytes: usize) -> io::Result<String> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_and_goes() {
        let folder = Folder::create().unwrap();
        folder.write("town.yaml", "teams: []").unwrap();
        let path = folder.path().to_owned();
        assert_eq!(std::fs::read_to_string(path.join("setup/town.yaml")).unwrap(), "teams: []");
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn random_is_as_long_as_asked_and_never_the_same() {
        let (one, two) = (random_hex(16).unwrap(), random_hex(16).unwrap());
        assert_eq!(one.len(), 32);
        assert_ne!(one, two);
    }
}
