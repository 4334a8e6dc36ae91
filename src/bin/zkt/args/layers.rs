//! What is declared, and which files may be read.

use std::env;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use zkt::SecretSources;
use zkt::declare::files::{Disk, GitFiles, Withheld};

use super::values::{allowed_secret, file_size, layer};
use crate::environment::is_ci;

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
    /// What @secret … from may take: env:GLOB for variables, a directory for files; may be repeated. Without
    /// it all may be taken but what is zkt's own; where CI is set, nothing outside of the layer's own directory or
    /// git checkout
    #[arg(long, help_heading = "Files", value_name = "SOURCE", value_hint = ValueHint::DirPath,
          value_parser = allowed_secret)]
    pub(crate) allow_secrets: Vec<String>,
    /// How large a file may be
    #[arg(long, help_heading = "Files", value_name = "SIZE", default_value = "256MiB",
          value_parser = file_size)]
    pub(crate) max_file: u64,
    /// The files with credentials of zkt itself
    #[arg(skip)]
    pub(crate) withheld: Vec<Withheld>,
}

impl FileArgs {
    /// The files with these bounds, and those of commits.
    pub(crate) fn files(&self) -> GitFiles {
        GitFiles::new(self.disk())
    }

    /// The values from outside, of this process and this machine. In CI many may change the layers: nothing is taken
    /// there that nobody has allowed.
    pub(crate) fn secrets(&self) -> SecretSources {
        let sources = SecretSources::new(|name| env::var_os(name)).without(self.withheld.clone());
        if self.allow_secrets.is_empty() && is_ci() {
            return sources.allow_own();
        }
        let allowed = sources.allow_only(&self.allow_secrets);
        // Each was looked at when it was given.
        allowed.unwrap_or_default()
    }

    /// The files of the disk with these bounds.
    pub(crate) fn disk(&self) -> Disk {
        Disk {
            allowed: self.allow_files.clone(),
            largest: self.max_file,
            // With the keys for files of SOPS.
            withheld: self.secrets().all_withheld(),
        }
    }
}
