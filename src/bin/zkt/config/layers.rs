//! The layers of a context that is not the one that holds, or of a commit.

use std::path::Path;

use super::choice::Config;
use super::file::File;
use super::find;
use super::wrong::Wrongs;
use crate::commit::InCommit;
use crate::exit::Failure;
use crate::output::Output;

impl Config {
    /// The layers of a context, of the one that holds if none is named; with a revision, those that the
    /// context has in that commit, as they are there.
    pub(crate) fn layers_of(
        &self,
        name: Option<&str>,
        revision: Option<&str>,
        output: &Output,
    ) -> Result<Vec<String>, Failure> {
        let Some(name) = name.or_else(|| Some(&self.chosen()?.name)) else {
            let failure = Failure::new("no context holds whose layers the old tree could have");
            return Err(failure.hint("--context NAME says which; zkt config --list lists them"));
        };
        let Some(file) = self.read_file() else {
            return Err(Failure::new(format!(
                "the context {name:?}: there is no zkt.toml"
            )));
        };
        match revision {
            None => layers(file, name),
            Some(revision) => {
                let report = |wrongs: Wrongs| wrongs.report(output);
                let found = find::named(Path::new(&in_commit(revision, &file.name)))?;
                let old = File::parse(&found).map_err(report)?;
                let layers = layers(&old, name)?;
                Ok(layers.iter().map(|one| in_commit(revision, one)).collect())
            }
        }
    }
}

fn layers(file: &File, name: &str) -> Result<Vec<String>, Failure> {
    let context = file.context(name);
    let context =
        context.ok_or_else(|| Failure::new(format!("{} has no context {name:?}", file.name)))?;
    let entry = context
        .entries
        .iter()
        .find(|entry| entry.key.name == "layers");
    let entry = entry.ok_or_else(|| {
        Failure::new(format!("the context {name} of {} has no layers", file.name))
    })?;
    Ok(entry.values.clone())
}

/// A path from the current directory, as it is in a commit. What names a commit itself stays.
fn in_commit(revision: &str, path: &str) -> String {
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
