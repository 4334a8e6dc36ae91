//! What is declared, and which files may be read.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use zkt::declare::files::{Disk, GitFiles};

use super::values::{file_size, layer};

/// What is declared, and where.
#[derive(Debug, Clone, Args)]
pub(crate) struct LayerArgs {
    /// Files or directories of tree files, git:REV:PATH for those of a commit, or - for standard input;
    /// later ones lie over earlier
    #[arg(required = true, value_name = "LAYER", value_hint = ValueHint::AnyPath, value_parser = layer)]
    pub(crate) layers: Vec<String>,
    #[command(flatten)]
    pub(crate) files: FileArgs,
}

/// Which files may be read.
#[derive(Debug, Clone, Args)]
pub(crate) struct FileArgs {
    /// A directory whose files layers may refer to, besides their own directory or git checkout;
    /// may be repeated
    #[arg(long, help_heading = "Files", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) allow_files: Vec<PathBuf>,
    /// How large a file may be
    #[arg(long, help_heading = "Files", value_name = "SIZE", default_value = "256MiB",
          value_parser = file_size)]
    pub(crate) max_file: u64,
}

impl FileArgs {
    /// The files with these bounds, and those of commits.
    pub(crate) fn files(&self) -> GitFiles {
        GitFiles::new(self.disk())
    }

    /// The files of the disk with these bounds.
    pub(crate) fn disk(&self) -> Disk {
        Disk {
            allowed: self.allow_files.clone(),
            largest: self.max_file,
        }
    }
}
