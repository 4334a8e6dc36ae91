//! From texts and files to one declared tree, or to all that is wrong with them.
//!
//! [`declare`] takes a text, [`load`] takes [`Layers`] of files. Both return a [`Source`], or all
//! [`Problems`].

pub mod files;

pub mod lower;

mod ahead;

mod problem;

mod secrets;

mod source;

mod layers;

#[cfg(feature = "git")]
pub use files::GitFiles;
pub use files::{Disk, Files, Memory};
pub use layers::{Layers, SELF, load, tree_files};
pub use problem::{Foreign, MAX_INCLUDES, Problem, Problems, Reference};
#[cfg(feature = "sops")]
pub use secrets::SopsError;
pub use secrets::{AllowedError, SecretError, SecretSources};
pub use source::Source;

/// The tree that a text declares, below the root. The text may declare nothing.
///
/// # Errors
/// All that is wrong with the text. Other files cannot be included.
///
/// ```
/// let source = zkt::declare("/cms\n  threads = 4\n")?;
/// assert_eq!(source.tree().len(), 1);
///
/// let problems = zkt::declare("/cms\n  threads = four\n").unwrap_err();
/// assert_eq!(problems.to_string(), "<text>:2:13: expected a value, found the bare word four");
/// # Ok::<(), zkt::Problems>(())
/// ```
pub fn declare(text: &str) -> Result<Source, Problems> {
    const NAME: &str = "<text>";
    let files = Memory::from([(NAME, text)]);
    load(Layers::new([NAME]).files(&files).allow_empty(true))
}
