//! Files in commits, as they are named: `git:REV:PATH`.

/// A name, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InCommit<'n> {
    /// Anything that git takes for a commit.
    pub(crate) revision: &'n str,
    /// `None` in `git:REV`.
    pub(crate) path: Option<&'n str>,
}

impl<'n> InCommit<'n> {
    /// Returns `None` for a file on the disk. A revision may hold colons in braces, as in
    /// `HEAD^{/fix: it}`.
    pub(crate) fn of(name: &'n str) -> Option<Self> {
        let rest = name.strip_prefix("git:")?;
        let mut depth = 0_usize;
        let colon = rest.find(|c| {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ':' && depth == 0
        });
        Some(match colon {
            Some(colon) => Self {
                revision: &rest[..colon],
                path: Some(&rest[colon + 1..]),
            },
            None => Self {
                revision: rest,
                path: None,
            },
        })
    }
}

/// A path from the current directory, as it is in a commit. What names a commit itself stays.
pub(crate) fn in_commit(revision: &str, path: &str) -> String {
    match InCommit::of(path) {
        Some(InCommit { path: Some(_), .. }) => path.to_owned(),
        _ if path.starts_with("../") || path.starts_with("./") => format!("git:{revision}:{path}"),
        _ => format!("git:{revision}:./{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        for (name, expected) in [
            ("git:main:a.zkt", Some(("main", Some("a.zkt")))),
            (
                "git:HEAD^{/fix: it}:./a",
                Some(("HEAD^{/fix: it}", Some("./a"))),
            ),
            ("git:main:", Some(("main", Some("")))),
            ("git:origin/main", Some(("origin/main", None))),
            ("trees/a.zkt", None),
        ] {
            let found = InCommit::of(name).map(|one| (one.revision, one.path));
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn paths_lead_into_the_commit() {
        for (path, expected) in [
            ("trees/a.zkt", "git:main:./trees/a.zkt"),
            ("../trees", "git:main:../trees"),
            ("./live", "git:main:./live"),
            ("git:v1:trees", "git:v1:trees"),
        ] {
            assert_eq!(in_commit("main", path), expected);
        }
    }
}
