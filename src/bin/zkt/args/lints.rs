//! How serious each lint is.

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};
use zkt::model::lint::{Level, Levels, Lint};

/// The name that stands for all lints.
pub(crate) const ALL: &str = "all";
/// The level of a file that allows all lints.
pub(crate) const ALLOW_ALL: &str = "all=allow";
/// The option with the levels of a file, each as `name=level`.
const OF_FILE: &str = "lints";

const FLAGS: [(&str, Level, &str); 3] = [
    (
        "allow",
        Level::Allow,
        "Do not warn of a lint, or of all; zkt check --explain lists them; may be repeated, the last one of \
         --allow, --warn and --deny wins",
    ),
    (
        "warn",
        Level::Warn,
        "Warn of a lint, or of all; may be repeated",
    ),
    (
        "deny",
        Level::Deny,
        "Refuse what has a lint, or any; may be repeated",
    ),
];

/// The levels that hold: those of lints themselves, of the file, of the arguments in their order.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LintArgs {
    pub(crate) levels: Levels,
}

/// Takes the name of a lint, or `all`.
pub(crate) fn names() -> PossibleValuesParser {
    let all = PossibleValue::new(ALL).help("All lints");
    let names = Lint::all().map(|lint| {
        let about = lint.about();
        PossibleValue::new(about.name).help(about.summary)
    });
    std::iter::once(all).chain(names).collect::<Vec<_>>().into()
}

/// Reads a level as it stands in a file.
pub(crate) fn level(text: &str) -> Option<Level> {
    let mut levels = FLAGS.iter().map(|(_, level, _)| *level);
    levels.find(|level| level.name() == text)
}

impl Args for LintArgs {
    fn augment_args(command: Command) -> Command {
        let flags = FLAGS.map(|(name, _, help)| {
            let flag = Arg::new(name).long(name).value_name("LINT").help(help);
            let flag = flag.action(ArgAction::Append).value_parser(names());
            flag.hide_possible_values(true).help_heading("Lints")
        });
        let of_file = Arg::new(OF_FILE).long(OF_FILE).action(ArgAction::Append);
        command.args(flags).arg(of_file.hide(true))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for LintArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut levels = Levels::default();
        for entry in matches.get_many::<String>(OF_FILE).into_iter().flatten() {
            let (name, level) = entry
                .split_once('=')
                .and_then(|(name, text)| Some((name, level(text)?)))
                .ok_or_else(|| Error::raw(ErrorKind::InvalidValue, "expected LINT=LEVEL\n"))?;
            set(&mut levels, name, level);
        }
        let mut given: Vec<(usize, &String, Level)> = Vec::new();
        for (flag, level, _) in FLAGS {
            let names = matches.get_many::<String>(flag).into_iter().flatten();
            let places = matches.indices_of(flag).into_iter().flatten();
            given.extend(places.zip(names).map(|(place, name)| (place, name, level)));
        }
        given.sort_by_key(|(place, ..)| *place);
        for (_, name, level) in given {
            set(&mut levels, name, level);
        }
        Ok(Self { levels })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn set(levels: &mut Levels, name: &str, level: Level) {
    match Lint::named(name) {
        Some(lint) => levels.set(lint, level),
        None => levels.set_all(level),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(words: &str) -> Levels {
        let command = LintArgs::augment_args(Command::new("zkt"));
        let words = std::iter::once("zkt").chain(words.split_whitespace());
        let matches = command.try_get_matches_from(words).unwrap();
        LintArgs::from_arg_matches(&matches).unwrap().levels
    }

    #[test]
    fn the_last_word_on_a_lint_counts() {
        let of = |words: &str| levels(words).of(Lint::PlainSecret);
        assert_eq!(of(""), Level::Warn);
        assert_eq!(of("--allow all --deny plain-secret"), Level::Deny);
        assert_eq!(of("--deny plain-secret --allow all"), Level::Allow);
        assert_eq!(of("--deny all --warn plain-secret"), Level::Warn);
        assert_eq!(of("--lints plain-secret=allow"), Level::Allow);
        assert_eq!(of("--deny plain-secret --lints all=allow"), Level::Deny);
        assert_eq!(levels("--deny all").of(Lint::OverlayAddition), Level::Deny);
    }
}
