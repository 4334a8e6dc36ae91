//! Reading values from outside while layers are read.

use std::cell::OnceCell;
#[cfg(feature = "sops")]
use std::collections::HashMap;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

#[cfg(feature = "sops")]
use super::KeyFile;
#[cfg(feature = "sops")]
use super::sops::{Keys, Opened, SopsError};
use super::{SecretError, SecretSources};
use crate::declare::files::{self, Files, Root, Withheld};
use crate::syntax::ast::{SecretFrom, SecretSource};
use crate::syntax::place::Span;

/// How many bytes a value may have: as much as a request to a server with default settings.
const MOST_BYTES: usize = 1 << 20;

/// How many bytes a file of SOPS may have.
#[cfg(feature = "sops")]
const MOST_ENCRYPTED: usize = 4 << 20;

/// Reads values from outside.
pub(in crate::declare) struct Reader<'f> {
    files: &'f dyn Files,
    sources: SecretSources,
    /// The allowed directories without symbolic links, once they were asked for.
    directories: OnceCell<Vec<PathBuf>>,
    /// What is never taken, once somebody asked.
    withheld: OnceCell<Vec<Withheld>>,
    #[cfg(feature = "sops")]
    keys: Option<Keys>,
    #[cfg(feature = "sops")]
    /// For each bounds apart: what one layer may take another may not.
    opened: HashMap<(PathBuf, Root), Result<Opened, SopsError>>,
}

impl<'f> Reader<'f> {
    pub(in crate::declare) fn new(files: &'f dyn Files, sources: SecretSources) -> Self {
        Self {
            files,
            sources,
            directories: OnceCell::new(),
            withheld: OnceCell::new(),
            #[cfg(feature = "sops")]
            keys: None,
            #[cfg(feature = "sops")]
            opened: HashMap::new(),
        }
    }

    /// The value that a line in this file takes from outside; `root` is that of its layer. A property has text,
    /// a node's data may be anything.
    ///
    /// # Errors
    /// Why there is none.
    pub(in crate::declare) fn value(
        &mut self,
        secret: &SecretFrom<'_>,
        is_data: bool,
        (file, root): (&Path, &Root),
    ) -> Result<Vec<u8>, SecretError> {
        if self.sources.variables.is_none() {
            return Err(SecretError::NotRead);
        }
        let value = match &secret.source {
            SecretSource::Variable(name) => self.variable(&name.text)?,
            SecretSource::File(path) => {
                let path = self.path(&path.text, file);
                without_line_feed(self.file(&path, root)?)
            }
            SecretSource::Sops { file: path, key } => {
                let key: Vec<&str> = key.iter().map(|name| &*name.text).collect();
                self.of_sops(&path.text, &key, (file, root))?
            }
        };
        if value.is_empty() {
            return Err(SecretError::Empty);
        }
        if value.len() > MOST_BYTES {
            return Err(SecretError::TooLarge { most: MOST_BYTES });
        }
        if !is_data && std::str::from_utf8(&value).is_err() {
            return Err(SecretError::NotText);
        }
        Ok(value)
    }

    fn variable(&self, name: &str) -> Result<Vec<u8>, SecretError> {
        if !self.sources.allowed.has_variable(name) {
            return Err(SecretError::NotAllowed);
        }
        let value = self.sources.variable(name).ok_or(SecretError::NotSet)?;
        Ok(value.into_vec())
    }

    /// The contents of a file that a layer with this root takes.
    fn file(&self, path: &Path, root: &Root) -> Result<Vec<u8>, SecretError> {
        let allowed = &self.sources.allowed;
        let root = allowed.root(root, path, &self.directories);
        let withheld = self.withheld.get_or_init(|| self.sources.all_withheld());
        let root = root.without(withheld);
        self.admit(path, &root)?;
        match self.files.kind(path).map_err(files::Error::from) {
            Ok(files::Kind::Directory) => Err(SecretError::File(files::Error::Directory)),
            Ok(files::Kind::File | files::Kind::Other) => {
                let read = self.files.read_secret(path, &root);
                read.map_err(|error| match error {
                    files::Error::Outside { real, .. } => SecretError::Outside { real },
                    error => SecretError::File(error),
                })
            }
            Err(error) => Err(SecretError::File(error)),
        }
    }

    /// Refuses a path where none may be taken before anybody learns what there is, or that there is nothing.
    fn admit(&self, path: &Path, root: &Root) -> Result<(), SecretError> {
        let real = |top: &Path| {
            let is_here = top.as_os_str().is_empty();
            let top = if is_here { Path::new(".") } else { top };
            self.files.identity(top).ok()
        };
        let found = path.ancestors().find_map(|top| Some((top, real(top)?)));
        let Some((top, real)) = found else {
            return Ok(());
        };
        let is_missing = top != path;
        let real = match path.strip_prefix(top) {
            Ok(rest) if is_missing => real.join(rest),
            _ => real,
        };
        match root.admit(&real) {
            // Whoever has not mounted an allowed directory lacks what is in it.
            Err(files::Error::Outside { .. }) if is_missing && self.sources.allowed.names(path) => {
                Ok(())
            }
            Err(files::Error::Outside { real, .. }) => Err(SecretError::Outside { real }),
            _ => Ok(()),
        }
    }

    #[cfg(not(feature = "sops"))]
    fn of_sops(&mut self, _: &str, _: &[&str], _: (&Path, &Root)) -> Result<Vec<u8>, SecretError> {
        Err(SecretError::NoSops)
    }

    /// A value of a file of SOPS, which is decrypted once for the layers with the same root.
    #[cfg(feature = "sops")]
    fn of_sops(
        &mut self,
        named: &str,
        key: &[&str],
        (file, root): (&Path, &Root),
    ) -> Result<Vec<u8>, SecretError> {
        let place = (self.path(named, file), root.clone());
        let opened = match self.opened.remove(&place) {
            Some(opened) => opened,
            None => self.open(&place.0, root)?,
        };
        let value = match &opened {
            Ok(opened) => opened.value(key).map(<[u8]>::to_vec),
            Err(error) => Err(error.clone()),
        };
        self.opened.insert(place, opened);
        Ok(value?)
    }

    /// Decrypts a file of SOPS. That it cannot be read is the outer error.
    #[cfg(feature = "sops")]
    fn open(&mut self, path: &Path, root: &Root) -> Result<Result<Opened, SopsError>, SecretError> {
        let contents = self.encrypted(path, root)?;
        let keys = match self.keys.take() {
            Some(keys) => keys,
            None => self.find_keys(),
        };
        Ok(Opened::new(path, &contents, self.keys.insert(keys)))
    }

    /// The contents of a file of SOPS. One beside the tree file is part of what is reviewed; one on the disk is
    /// no part of a commit, whose layers have no bounds.
    #[cfg(feature = "sops")]
    fn encrypted(&self, path: &Path, root: &Root) -> Result<Vec<u8>, SecretError> {
        let is_beside = |real: PathBuf| root.admit(&real).is_ok();
        let own = !(root.is_everything() && path.is_absolute())
            && self.files.identity(path).is_ok_and(is_beside);
        let contents = match own {
            true => self.files.read(path, root).map_err(SecretError::File)?,
            false => self.file(path, root)?,
        };
        match contents.len() > MOST_ENCRYPTED {
            true => Err(SecretError::TooLarge {
                most: MOST_ENCRYPTED,
            }),
            false => Ok(contents),
        }
    }

    /// The keys of age that are here, where SOPS looks for them.
    #[cfg(feature = "sops")]
    fn find_keys(&self) -> Keys {
        const KEY: &str = "SOPS_AGE_KEY";
        let mut keys = Keys::default();
        match self.sources.variable(KEY) {
            Some(key) => keys.add(KEY, Ok(&key.to_string_lossy())),
            None => keys.add(KEY, Err("not set".to_owned())),
        }
        for KeyFile { path, place } in self.sources.key_files() {
            match self.files.read_secret(&path, &Root::disk()) {
                Ok(text) => keys.add(&place, Ok(&String::from_utf8_lossy(&text))),
                Err(error) => keys.add(&place, Err(error.to_string())),
            }
        }
        keys
    }

    /// An absolute path is one on the disk, also in a commit.
    fn path(&self, named: &str, beside: &Path) -> PathBuf {
        match Path::new(named).is_absolute() {
            true => named.into(),
            false => self.files.beside(beside, named),
        }
    }
}

/// Text without the line feed at its end, which editors and `echo` add. What is no text stays as it is.
fn without_line_feed(mut value: Vec<u8>) -> Vec<u8> {
    if value.ends_with(b"\n") && std::str::from_utf8(&value).is_ok() {
        value.pop();
        if value.ends_with(b"\r") {
            value.pop();
        }
    }
    value
}

/// Where a line names what a value comes from.
pub(in crate::declare) fn source_span(source: &SecretSource<'_>) -> Span {
    match source {
        SecretSource::Variable(text) | SecretSource::File(text) => text.span,
        SecretSource::Sops { file, key } => match key.last() {
            Some(last) => file.span.to(last.span),
            None => file.span,
        },
    }
}
