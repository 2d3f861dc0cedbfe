//! [`Folder`]: the root of `/proc`, `/sys` or a fixture tree, and bounded reads below it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::CollectError;
use crate::open_files::{FromStart, OpenFiles};
use crate::proc::{MalformedFile, text};

/// No file of the kernel that is read here comes near this size, even with thousands of CPUs.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// The kernel gives a sysfs attribute one page at most.
const ATTRIBUTE_BYTES_MAX: usize = 4096;

/// A directory below which files are named by relative paths.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Shared with the folders below; none where every read opens its file anew.
    open_files: Option<Arc<OpenFiles>>,
}

impl Folder {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            open_files: None,
        }
    }

    /// Keeps files open between reads, which costs a fraction of opening them again. Only for trees whose files are
    /// never replaced by others of the same name, as those of the kernel are not.
    pub(crate) fn kept_open(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            open_files: Some(Arc::default()),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn folder(&self, relative: &str) -> Self {
        Self {
            path: self.path.join(relative),
            open_files: self.open_files.clone(),
        }
    }

    /// Whether there is a file or directory of that name.
    pub(crate) fn contains(&self, relative: &str) -> bool {
        self.path.join(relative).exists()
    }

    /// A whole file.
    pub(crate) fn read(&self, relative: &str) -> Result<Vec<u8>, CollectError> {
        let path = self.path.join(relative);
        let content = match &self.open_files {
            Some(open_files) => open_files.with(&path, |file| read_all(&mut FromStart::of(file))),
            None => File::open(&path).and_then(|mut file| read_all(&mut file)),
        };
        match content {
            Ok(content) if content.len() as u64 > FILE_BYTES_MAX => {
                Err(MalformedFile::whole("the file is larger than 64 MiB").at(path))
            }
            Ok(content) => Ok(content),
            Err(error) => Err(CollectError::from_io(&path, error)),
        }
    }

    /// A whole file, or nothing when it does not exist.
    pub(crate) fn read_optional(&self, relative: &str) -> Result<Option<Vec<u8>>, CollectError> {
        match self.read(relative) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.is_no_data() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives what a parser found wrong with a file its path.
    pub(crate) fn malformed(&self, relative: &str, malformed: MalformedFile) -> CollectError {
        malformed.at(self.path.join(relative))
    }

    /// A sysfs attribute: one small text, read at once as drivers expect it, without blanks around it.
    pub(crate) fn attribute(&self, relative: &str) -> Result<String, CollectError> {
        let path = self.path.join(relative);
        let mut page = [0; ATTRIBUTE_BYTES_MAX];
        let read = match &self.open_files {
            Some(open_files) => open_files.with(&path, |file| read_page(&mut FromStart::of(file), &mut page)),
            None => File::open(&path).and_then(|mut file| read_page(&mut file, &mut page)),
        };
        match read {
            Ok(length) => Ok(text(page[..length].trim_ascii()).into_owned()),
            Err(error) => Err(CollectError::from_io(&path, error)),
        }
    }

    /// An attribute that many devices do not have or whose driver refuses to tell: every failure means "unknown".
    pub(crate) fn attribute_if_known(&self, relative: &str) -> Option<String> {
        self.attribute(relative).ok().filter(|value| !value.is_empty())
    }

    /// An attribute that must be there and be what `parse` understands: `what`.
    pub(crate) fn value<T>(
        &self,
        relative: &str,
        what: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, CollectError> {
        let found = self.attribute(relative)?;
        parse(&found).ok_or_else(|| {
            let message = format!("{what} expected, found {found:?}");
            self.malformed(relative, MalformedFile::whole(message))
        })
    }

    /// An attribute that is one of the words that are `known`; nothing for others, of which nobody can tell what they mean.
    pub(crate) fn word_if_known<'a>(&self, relative: &str, known: &[&'a str]) -> Option<&'a str> {
        let found = self.attribute_if_known(relative)?;
        known
            .iter()
            .copied()
            .find(|word| found.eq_ignore_ascii_case(word))
    }

    /// A decimal attribute without sign that must be there.
    pub(crate) fn number(&self, relative: &str) -> Result<f64, CollectError> {
        let parse = |text: &str| text.parse::<u64>().ok();
        Ok(self.value(relative, "a number", parse)? as f64)
    }

    /// A decimal attribute, where it is known and a number.
    pub(crate) fn number_if_known(&self, relative: &str) -> Option<f64> {
        integer(&self.attribute_if_known(relative)?)
    }

    /// Where a symbolic link points. Recorded trees may hold a plain file with the target instead, as archives and version
    /// control write it where there are no links.
    pub(crate) fn link_target(&self, relative: &str) -> Result<String, CollectError> {
        let path = self.path.join(relative);
        match fs::read_link(&path) {
            Ok(target) => Ok(target.to_string_lossy().into_owned()),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => self.attribute(relative),
            Err(error) => Err(CollectError::from_io(&path, error)),
        }
    }

    /// The names in a directory, ascending.
    pub(crate) fn list(&self, relative: &str) -> Result<Vec<String>, CollectError> {
        let path = if relative.is_empty() {
            self.path.clone()
        } else {
            self.path.join(relative)
        };
        let entries = fs::read_dir(&path).map_err(|error| CollectError::from_io(&path, error))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| CollectError::from_io(&path, error))?;
            // The kernel's names are ASCII; any other is no device.
            if let Ok(name) = entry.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// [`Folder::list`], or nothing when there is no such directory.
    pub(crate) fn list_optional(&self, relative: &str) -> Result<Vec<String>, CollectError> {
        match self.list(relative) {
            Err(error) if error.is_no_data() => Ok(Vec::new()),
            names => names,
        }
    }

    /// The entries of a directory called `prefix` and a number, ascending by number.
    pub(crate) fn list_numbered(&self, relative: &str, prefix: &str) -> Result<Vec<u32>, CollectError> {
        let mut numbers: Vec<u32> = self
            .list(relative)?
            .iter()
            .filter_map(|name| name.strip_prefix(prefix)?.parse().ok())
            .collect();
        numbers.sort_unstable();
        Ok(numbers)
    }
}

/// A decimal number that the kernel's types hold.
pub(crate) fn integer(text: &str) -> Option<f64> {
    let signed = text.parse::<i64>().map(|number| number as f64);
    signed
        .or_else(|_| text.parse::<u64>().map(|number| number as f64))
        .ok()
}

fn read_all(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(ATTRIBUTE_BYTES_MAX);
    reader.take(FILE_BYTES_MAX + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// One `read`: some drivers answer only the first, and none needs a second.
fn read_page(reader: &mut impl Read, page: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(page) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_a_kind_and_a_path() {
        let directory = tempfile::tempdir().unwrap();
        let folder = Folder::new(directory.path());
        let error = folder.read("stat").unwrap_err();
        assert!(error.is_no_data(), "{error}");
        assert!(error.to_string().contains("stat"), "{error}");
        assert!(folder.read_optional("stat").unwrap().is_none());
        assert!(matches!(folder.read("").unwrap_err(), CollectError::Io { .. }));
        fs::write(directory.path().join("cpu10"), " 7 \n").unwrap();
        fs::write(directory.path().join("cpu9"), "x").unwrap();
        fs::write(directory.path().join("cpufreq"), "").unwrap();
        assert_eq!(folder.list_numbered("", "cpu").unwrap(), [9, 10]);
        assert_eq!(folder.attribute("cpu10").unwrap(), "7");
        assert_eq!(folder.number_if_known("cpu10"), Some(7.0));
        assert_eq!(folder.number_if_known("cpu9"), None);
        assert_eq!(folder.attribute_if_known("cpufreq"), None);
        assert_eq!(folder.link_target("cpu10").unwrap(), "7");
        std::os::unix::fs::symlink("cpu10", directory.path().join("self")).unwrap();
        assert_eq!(folder.link_target("self").unwrap(), "cpu10");
        assert!(folder.link_target("none").unwrap_err().is_no_data());
    }
}
