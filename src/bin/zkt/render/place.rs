//! Files as the tools of a repository name them: from its top.

use std::env;
use std::path::{Component, Path, PathBuf};

use crate::commit::InCommit;

/// The directory from which files are named: the checkout in a workflow on GitHub, else the current
/// one.
#[derive(Debug)]
pub(crate) struct Root {
    current: PathBuf,
    top: PathBuf,
}

impl Root {
    /// As the environment says.
    pub(crate) fn of_environment() -> Self {
        let current = env::current_dir().unwrap_or_default();
        let workspace = env::var_os("GITHUB_WORKSPACE").map(PathBuf::from);
        let workspace = workspace.filter(|top| !top.as_os_str().is_empty());
        // The current directory has no symbolic links in it.
        let workspace = workspace.map(|top| top.canonicalize().unwrap_or(top));
        let top = workspace.filter(|top| current.starts_with(top));
        Self {
            top: top.unwrap_or_else(|| current.clone()),
            current,
        }
    }

    /// A file's path from the root, with slashes; a whole path if it lies elsewhere. A file in a commit
    /// has the path that it has there. Returns `None` if the source is no file.
    pub(crate) fn path(&self, source: &str) -> Option<String> {
        if source == "-" || source.starts_with('<') && source.ends_with('>') {
            return None;
        }
        let whole = match InCommit::of(source).and_then(|one| one.path) {
            // As for git: from the repository's top, unless it says otherwise.
            Some(path) if !path.starts_with("./") && !path.starts_with("../") => {
                normal(&self.top.join(path))
            }
            Some(path) => normal(&self.current.join(path)),
            None => normal(&self.current.join(source)),
        };
        let path = whole.strip_prefix(&self.top).unwrap_or(&whole);
        Some(path.to_string_lossy().into_owned())
    }
}

/// Without `.` and `..`, as far as names go.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => _ = normal.pop(),
            part => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_from_the_top() {
        let root = Root {
            current: "/repo/trees".into(),
            top: "/repo".into(),
        };
        for (source, expected) in [
            ("a.zkt", Some("trees/a.zkt")),
            ("./a b/../c.zkt", Some("trees/c.zkt")),
            ("../x.zkt", Some("x.zkt")),
            ("/repo/y.zkt", Some("y.zkt")),
            ("/etc/z.zkt", Some("/etc/z.zkt")),
            ("../../z.zkt", Some("/z.zkt")),
            ("git:main:trees/a.zkt", Some("trees/a.zkt")),
            ("git:HEAD^{/fix: it}:./a.zkt", Some("trees/a.zkt")),
            ("<stdin>", None),
            ("-", None),
        ] {
            assert_eq!(root.path(source).as_deref(), expected, "{source}");
        }
    }
}
