//! The layers of a context that is not the one that holds, or of a commit.

use std::path::Path;

use super::choice::Config;
use super::file::File;
use super::find;
use super::wrong::Wrongs;
use crate::commit::in_commit;
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
