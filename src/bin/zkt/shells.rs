//! The shells that ask for completions, and the scripts with which they do.

mod bash;

use clap_complete::env::{EnvCompleter, Shells};

use crate::exit::Failure;

use self::bash::Bash;
pub(crate) use self::bash::INDEX;

/// The variable by which a script asks; it names the shell.
pub(crate) const VARIABLE: &str = "ZKT_COMPLETE";

/// Returns the shell with this name.
pub(crate) fn named(name: &str) -> Option<&'static dyn EnvCompleter> {
    match name {
        "bash" => Some(&Bash),
        name => {
            let Shells(shells) = Shells::builtins();
            shells.iter().copied().find(|shell| shell.is(name))
        }
    }
}

/// The script with which a shell asks for completions.
pub(crate) fn script(name: &str) -> Result<Vec<u8>, Failure> {
    let shell = named(name).ok_or_else(|| Failure::new(format!("no shell is called {name:?}")))?;
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "zkt", "zkt", "zkt", &mut script)?;
    Ok(script)
}
