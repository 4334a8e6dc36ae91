//! The files and directories that `@files` makes nodes of.

use std::path::{Path, PathBuf};
use std::vec::IntoIter;

use super::globs::{FileGlobs, Said, Verdict};
use crate::declare::files::{Error, Files, Kind, Root};
use crate::declare::lower::{FileContents, FileNode};
use crate::model::path::check_name;

/// How many files and directories a run may look at for `@files`.
pub(super) const MAX_FILES: usize = 100_000;

/// How many bytes all of them may have that are taken: 1 GiB.
pub(super) const MAX_BYTES: usize = 1 << 30;

/// The name of a file that holds the bytes of the directory around it.
pub const SELF: &str = "@self";

/// How many files and bytes a run may still read for `@files`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub(super) files: usize,
    pub(super) bytes: usize,
}

/// What a walk found.
#[derive(Default)]
pub(super) struct Walked {
    /// The nodes, the directory itself first.
    pub(super) nodes: Vec<FileNode>,
    /// What cannot become a node, with the reason.
    pub(super) errors: Vec<(PathBuf, Error)>,
}

/// Walks through a directory, each name in its order, so that the result depends on nothing else.
pub(super) fn walk(
    top: &Path,
    (files, root): (&dyn Files, &Root),
    globs: &mut FileGlobs,
    budget: &mut Budget,
) -> Walked {
    let said = globs.top();
    let mut walk = Walk {
        files,
        root,
        globs,
        budget,
        open: Vec::new(),
        walked: Walked::default(),
    };
    if let Err(error) = walk.enter(top, String::new(), "", said) {
        walk.walked.errors.push((top.to_owned(), error));
    }
    while let Some(directory) = walk.open.last_mut() {
        let step = match directory.entries.next() {
            Some(path) => walk.step(&path).map_err(|error| (path, error)),
            None => {
                walk.leave();
                Ok(())
            }
        };
        if let Err((path, error)) = step {
            let is_end = matches!(error, Error::TooManyFiles { .. } | Error::TooMuch { .. });
            walk.walked.errors.push((path, error));
            if is_end {
                break;
            }
        }
    }
    walk.walked
}

struct Walk<'w> {
    files: &'w dyn Files,
    root: &'w Root,
    globs: &'w mut FileGlobs,
    budget: &'w mut Budget,
    /// The directories around what is next.
    open: Vec<Open>,
    walked: Walked,
}

struct Open {
    /// One path for all that lead here.
    identity: PathBuf,
    /// Its path without the top, with a slash behind it unless it is empty.
    inner: String,
    entries: IntoIter<PathBuf>,
    said: Said,
    /// The place of its node.
    node: usize,
    /// Whether a file lies in it or below, taken or not.
    holds_files: bool,
}

impl Walk<'_> {
    /// Opens a directory, which is a node until it is closed.
    fn enter(&mut self, path: &Path, inner: String, name: &str, said: Said) -> Result<(), Error> {
        let (identity, entries) = self.listed(path)?;
        self.open.push(Open {
            identity,
            inner,
            entries,
            said,
            node: self.walked.nodes.len(),
            holds_files: false,
        });
        self.walked.nodes.push(FileNode {
            depth: self.open.len() - 1,
            name: name.into(),
            contents: None,
        });
        Ok(())
    }

    /// Lists a directory by name.
    fn listed(&mut self, path: &Path) -> Result<(PathBuf, IntoIter<PathBuf>), Error> {
        let identity = self.files.identity(path)?;
        self.root.admit(&identity)?;
        if self.open.iter().any(|open| open.identity == identity) {
            return Err(Error::Circle);
        }
        let mut entries = self.files.list_nodes(path)?;
        let left = self.budget.files.checked_sub(entries.len());
        self.budget.files = left.ok_or(Error::TooManyFiles { most: MAX_FILES })?;
        entries.sort();
        Ok((identity, entries.into_iter()))
    }

    /// Closes the innermost directory. It is no node if nothing says so and nothing in it is one. Nor is it
    /// if no file lies in it: git keeps no such directory, so that another checkout would declare another
    /// tree.
    fn leave(&mut self) {
        let Some(closed) = self.open.pop() else {
            return;
        };
        let nodes = &mut self.walked.nodes;
        let has_nodes = nodes.len() > closed.node + 1;
        let is_taken = closed.holds_files && self.globs.verdict(&closed.said) == Verdict::Taken;
        let Some(around) = self.open.last_mut() else {
            return;
        };
        around.holds_files |= closed.holds_files;
        if !has_nodes && !is_taken {
            nodes.truncate(closed.node);
        }
    }

    fn step(&mut self, path: &Path) -> Result<(), Error> {
        let Some(around) = self.open.last_mut() else {
            return Ok(());
        };
        let node = around.node;
        let name = self.files.name(path);
        let shown = name.to_string_lossy();
        let inner = format!("{}{shown}", around.inner);
        let kind = self.files.kind(path);
        let is_directory = matches!(kind, Ok(Kind::Directory));
        let said = self.globs.of(&around.said, &inner, is_directory);
        let is_entered = is_directory && self.globs.may_take_below(&said);
        around.holds_files |= !is_entered;
        if is_directory {
            if is_entered {
                let name = valid(&name)?;
                if name == SELF {
                    return Err(Error::SelfDirectory);
                }
                self.enter(path, format!("{inner}/"), name, said)?;
            }
            return Ok(());
        }
        let verdict = self.globs.verdict(&said);
        let is_self = shown == SELF;
        let is_taken = verdict == Verdict::Taken || is_self && verdict == Verdict::Open;
        if !is_taken {
            return Ok(());
        }
        let name = valid(&name)?;
        let contents = Some(self.contents(path, kind)?);
        if is_self {
            self.walked.nodes[node].contents = contents;
        } else {
            self.walked.nodes.push(FileNode {
                depth: self.open.len(),
                name: name.into(),
                contents,
            });
        }
        Ok(())
    }

    fn contents(
        &mut self,
        path: &Path,
        kind: std::io::Result<Kind>,
    ) -> Result<FileContents, Error> {
        // A path that is listed and leads nowhere is a symbolic link, or was deleted just now.
        kind.map_err(super::listing::missing_target)?;
        let bytes = self.files.read(path, self.root)?;
        let left = self.budget.bytes.checked_sub(bytes.len());
        self.budget.bytes = left.ok_or(Error::TooMuch { most: MAX_BYTES })?;
        Ok(FileContents {
            file: path.display().to_string().into(),
            bytes: bytes.into(),
        })
    }
}

/// The name of a file as that of a node.
fn valid(name: &Path) -> Result<&str, Error> {
    let name = name.to_str().ok_or(Error::NotUnicode)?;
    check_name(name).map_err(Error::Name)?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declare::Memory;

    fn walked(files: &[(&str, &str)], budget: (usize, usize)) -> (Vec<String>, Vec<String>) {
        let memory: Memory = files.iter().copied().collect();
        let mut globs = FileGlobs::new(&[]).unwrap();
        let (files, bytes) = budget;
        let mut budget = Budget { files, bytes };
        let place: (&dyn Files, &Root) = (&memory, &Root::everything());
        let walked = walk(Path::new("d"), place, &mut globs, &mut budget);
        let nodes = walked.nodes.iter();
        let errors = walked.errors.iter();
        (
            nodes
                .map(|node| format!("{}{}", "/".repeat(node.depth), node.name))
                .collect(),
            errors
                .map(|(path, error)| format!("{}: {error}", path.display()))
                .collect(),
        )
    }

    #[test]
    fn a_walk_is_in_order_and_bounded() {
        let files = [
            ("d/b", "1"),
            ("d/a/c", "22"),
            ("d/a/@self", ""),
            ("d/a-", "3"),
        ];
        let (nodes, errors) = walked(&files, (5, 4));
        assert_eq!(nodes, ["", "/a", "//c", "/a-", "/b"]);
        assert!(errors.is_empty(), "{errors:?}");
        let too_many = "with it @files would look at more than 100,000 files and directories";
        assert_eq!(walked(&files, (4, 4)).1, [format!("d/a: {too_many}")]);
        assert_eq!(walked(&files, (2, 4)).1, [format!("d: {too_many}")]);
        let too_much = "with it @files would read more than 1,073,741,824 bytes";
        assert_eq!(walked(&files, (5, 3)).1, [format!("d/b: {too_much}")]);
    }
}
