//! Which context holds, and what it gives to a command.

use std::path::PathBuf;

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, FromArgMatches as _};

use super::file::{Context, Entry, File};
use super::find::{self, Reach};
use super::key::{Key, LINTS, Shape, nearest};
use super::origin::Origin;
use crate::args::ContextArgs;
use crate::args::lints::ALLOW_ALL;
use crate::exit::Failure;
use crate::output::Output;
use crate::settings::variable;
use crate::{sasl, tls};

const CONTEXT_VARIABLE: &str = "ZKT_CONTEXT";
const FILE_VARIABLE: &str = "ZKT_CONFIG";

/// The keys that name files with credentials.
const CREDENTIAL_FILES: [&str; 5] = [
    "auth-file",
    "sasl-password-file",
    "tls-key",
    "tls-password-file",
    "tls-ca-password-file",
];

/// A file, and which of its contexts holds.
#[derive(Debug, Default)]
pub(crate) struct Config {
    file: Option<File>,
    /// What names the file; `None` if it was found.
    named_by: Option<Origin>,
    reach: Reach,
    chosen: Option<Chosen>,
}

/// The context that holds.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) name: String,
    pub(crate) origin: Origin,
}

impl Config {
    /// Reads the file that the arguments name or that is found, and chooses a context.
    pub(crate) fn read(matches: &ArgMatches, output: &Output) -> Result<Self, Failure> {
        let args = ContextArgs::from_arg_matches(matches).map_err(Failure::new)?;
        let asked = match args.context {
            Some(name) => Some((name, Origin::Flag("--context".to_owned()))),
            None => {
                variable(CONTEXT_VARIABLE).map(|name| (name, Origin::Variable(CONTEXT_VARIABLE)))
            }
        };
        let Some((verb, _)) = matches.subcommand().filter(|(verb, _)| heeds(verb)) else {
            return Ok(Self::default());
        };
        let lists = verb == "config";
        if !lists && asked.as_ref().is_some_and(|(name, _)| name.is_empty()) {
            return Ok(Self::default());
        }
        let named = match args.config {
            Some(path) => Some((path, Origin::Flag("--config".to_owned()))),
            None => variable(FILE_VARIABLE)
                .map(|path| (PathBuf::from(path), Origin::Variable(FILE_VARIABLE))),
        };
        let found = match &named {
            Some((path, _)) => Some(find::named(path)?),
            None => find::find()?,
        };
        let file = found.as_ref().map(File::parse).transpose();
        let file = file.map_err(|wrongs| wrongs.report(output))?;
        let chosen = choose(file.as_ref(), asked)?;
        Ok(Self {
            file,
            named_by: named.map(|(_, origin)| origin),
            reach: found.map(|found| found.reach).unwrap_or_default(),
            chosen,
        })
    }

    /// The name of the file, if there is one.
    pub(crate) fn file(&self) -> Option<&str> {
        self.file.as_ref().map(|file| file.name.as_str())
    }

    /// What names the file; `None` if it was found.
    pub(crate) fn named_by(&self) -> Option<&Origin> {
        self.named_by.as_ref()
    }

    /// Which files of the machine the file may name.
    pub(super) fn reach(&self) -> &Reach {
        &self.reach
    }

    /// The file, if there is one.
    pub(super) fn read_file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    /// Makes a context hold that the file has, whatever else chooses one.
    pub(crate) fn choose(&mut self, name: &str, origin: Origin) {
        let name = name.to_owned();
        self.chosen = Some(Chosen { name, origin });
    }

    /// Whether the context that holds has layers.
    pub(crate) fn has_layers(&self) -> bool {
        !self.layers().is_empty()
    }

    /// The layers of the context that holds.
    pub(crate) fn layers(&self) -> Vec<String> {
        let entries = self.context().map_or(&[][..], |context| &context.entries);
        let layers = entries.iter().find(|entry| entry.key.name == "layers");
        layers.map_or_else(Vec::new, |layers| layers.values.clone())
    }

    /// The context that holds, if one does.
    pub(crate) fn chosen(&self) -> Option<&Chosen> {
        self.chosen.as_ref()
    }

    /// The names of the contexts, each with whether it is used where none is named.
    pub(crate) fn contexts(&self) -> impl Iterator<Item = (&str, bool)> {
        let file = self.file.iter();
        file.flat_map(|file| {
            let default = file.default.as_ref().map(|(name, _)| name.as_str());
            let names = file.contexts.iter().map(|context| context.name.as_str());
            names.map(move |name| (name, Some(name) == default))
        })
    }

    /// The servers of each context that names some.
    pub(super) fn servers(&self) -> Vec<(String, String)> {
        let contexts = self.file.iter().flat_map(|file| &file.contexts);
        let servers = contexts.filter_map(|context| {
            let mut entries = context.entries.iter();
            let connect = entries.find(|entry| entry.key.name == "connect")?;
            Some((context.name.clone(), connect.values.concat()))
        });
        servers.collect()
    }

    /// The files with credentials that any context names, each with its key and the context.
    pub(crate) fn credential_files(&self) -> impl Iterator<Item = (&str, &'static str, &str)> {
        let contexts = self.file.iter().flat_map(|file| &file.contexts);
        contexts.flat_map(|context| {
            let has_key = context.entry("tls-key").is_some();
            let is_one = move |entry: &&Entry| match entry.key.name {
                // Where the key has a file of its own, anybody may see the certificate.
                "tls-cert" => !has_key,
                name => CREDENTIAL_FILES.contains(&name),
            };
            let entries = context.entries.iter().filter(is_one);
            entries.flat_map(move |entry| {
                let values = entry.values.iter();
                values.map(move |value| (value.as_str(), entry.key.name, context.name.as_str()))
            })
        })
    }

    /// Says which context holds, and why.
    pub(crate) fn described(&self) -> Option<String> {
        let (file, chosen) = (self.file.as_ref()?, self.chosen.as_ref()?);
        let why = match &chosen.origin {
            Origin::File(_) => ", its default".to_owned(),
            Origin::Variable(name) => format!(", by {name}"),
            Origin::Flag(_) | Origin::Default => String::new(),
        };
        Some(format!("context {} of {}{why}", chosen.name, file.name))
    }

    /// What to do about arguments that are missing and that a context may give.
    pub(crate) fn hint(&self, error: &clap::Error) -> Option<String> {
        let is_missing = error.kind() == ErrorKind::MissingRequiredArgument;
        let file = self.file.as_ref().filter(|_| is_missing)?;
        let names: Vec<&str> = self.contexts().map(|(name, _)| name).collect();
        match (&self.chosen, names.as_slice()) {
            (None, [_, ..]) => Some(format!(
                "--context NAME takes the layers of {}: {}",
                file.name,
                names.join(", ")
            )),
            (Some(chosen), _) => Some(format!("the context {} has no layers", chosen.name)),
            (None, []) => None,
        }
    }

    fn context(&self) -> Option<&Context> {
        let chosen = self.chosen.as_ref()?;
        self.file.as_ref()?.context(&chosen.name)
    }

    /// What the context says about a key, or the file itself.
    pub(super) fn entry(&self, key: &Key) -> Option<&Entry> {
        let entries = self.context().map_or(&[][..], |context| &context.entries);
        let entry = entries.iter().find(|entry| entry.key.name == key.name);
        entry.or_else(|| {
            self.file
                .as_ref()?
                .lints
                .as_ref()
                .filter(|lints| lints.key.name == key.name)
        })
    }

    /// The levels of lints, those of the file first. `--strict` of the command line wins over a level that
    /// allows all: it would refuse nothing.
    fn lints(&self, given: &ArgMatches) -> Vec<String> {
        let of_file = self.file.iter().flat_map(|file| &file.lints);
        let of_context = self
            .context()
            .into_iter()
            .flat_map(|context| &context.entries);
        let of_context = of_context.filter(|entry| entry.key.name == LINTS.name);
        let levels = of_file.chain(of_context).flat_map(|entry| &entry.values);
        let is_strict = is_given(given, "strict");
        let levels = levels.filter(|level| !is_strict || *level != ALLOW_ALL);
        levels.cloned().collect()
    }

    /// Gives the options of the command that was called the context's values, as if they were built in:
    /// whoever gives such an option wins.
    pub(crate) fn defaults(&self, root: clap::Command, matches: &ArgMatches) -> clap::Command {
        let Some((name, given)) = matches.subcommand() else {
            return root;
        };
        let entries = self.context().map_or(&[][..], |context| &context.entries);
        let entries = entries.iter().filter(|entry| entry.key.name != LINTS.name);
        root.mut_subcommand(name, |mut verb| {
            if LINTS.id_in(&verb).is_some() {
                verb = verb.mut_arg(LINTS.name, |option| {
                    option.default_values(self.lints(given))
                });
            }
            for entry in entries {
                let Some(id) = entry.key.id_in(&verb) else {
                    continue;
                };
                let is_layers = entry.key.name == "layers";
                // A saved plan says itself what is done.
                let is_saved = is_layers && is_given(given, "saved");
                if is_saved || entry.key.is_said(&id, given) {
                    continue;
                }
                verb = verb.mut_arg(&id, |option| match entry.key.shape {
                    Shape::Switch => option.default_value(entry.values.concat()),
                    _ => option.default_values(entry.values.clone()),
                });
                if is_layers {
                    verb = without_layers(verb);
                }
            }
            verb
        })
    }
}

/// Whether a command is about layers or a server, which contexts are about.
fn heeds(verb: &str) -> bool {
    !["fmt", "serve", "completions", "man"].contains(&verb)
}

impl Key {
    /// Whether the command line or the environment says it.
    fn is_said(&self, id: &str, given: &ArgMatches) -> bool {
        self.rivals(id).iter().any(|id| is_given(given, id))
            || self.variables.iter().any(|name| variable(name).is_some())
            || self.given_way_to(given).is_some()
    }

    /// Returns what the command line or the environment says that the value of a file, and that of a variable
    /// where it is an option, gives way to: a session is either a user's or Kerberos's.
    pub(super) fn given_way_to(&self, given: &ArgMatches) -> Option<Origin> {
        let (id, option, name) = match self.name {
            "kerberos" => ("sasl_user", "--sasl-user", sasl::USER),
            "sasl-user" => ("kerberos", "--kerberos", sasl::KERBEROS),
            _ => return None,
        };
        if is_given(given, id) {
            return Some(Origin::Flag(option.to_owned()));
        }
        let own = self.name.replace('-', "_");
        let is_said =
            is_given(given, &own) || self.variables.iter().any(|name| variable(name).is_some());
        let says = match name {
            sasl::KERBEROS => tls::switch(name).unwrap_or(false),
            _ => variable(name).is_some(),
        };
        (says && !is_said).then_some(Origin::Variable(name))
    }
}

/// Whether an option is on the command line.
pub(super) fn is_given(matches: &ArgMatches, id: &str) -> bool {
    // A command may lack the option.
    let has = matches.try_contains_id(id).unwrap_or(false);
    has && matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// A command that needs no layers on its command line. Of `diff`, they are the tree to end with.
pub(crate) fn without_layers(verb: clap::Command) -> clap::Command {
    let has = |id: &str| verb.get_arguments().any(|one| one.get_id() == id);
    let optional = |option: clap::Arg| {
        option
            .required(false)
            .required_unless_present(Resettable::Reset)
    };
    if has("layers") {
        verb.mut_arg("layers", optional)
    } else if has("new_layers") {
        verb.mut_arg("new", optional)
            .mut_arg("old_layers", |option| option.requires(Resettable::Reset))
    } else {
        verb
    }
}

fn choose(file: Option<&File>, asked: Option<(String, Origin)>) -> Result<Option<Chosen>, Failure> {
    let (name, origin) = match (asked, file.and_then(|file| file.default.clone())) {
        (Some((name, _)), _) if name.is_empty() => return Ok(None),
        (Some(asked), _) => asked,
        (None, Some((name, place))) => (name, Origin::File(place)),
        (None, None) => return Ok(None),
    };
    let Some(file) = file else {
        let message = format!("{origin} asks for the context {name:?}, and there is no zkt.toml");
        let hint =
            "it is looked for here and above, up to the repository's top; --config FILE names it";
        return Err(Failure::new(message).hint(hint));
    };
    if file.context(&name).is_none() {
        let failure = Failure::new(format!("{} has no context {name:?}", file.name));
        let names: Vec<&str> = file.contexts.iter().map(|one| one.name.as_str()).collect();
        return Err(
            match (nearest(&name, names.iter().copied()), names.as_slice()) {
                (Some(near), _) => failure.hint(format!("is {near} meant?")),
                (None, []) => failure.hint("it has none at all: [context.NAME] begins one"),
                (None, names) => failure.hint(format!("it has {}", names.join(", "))),
            },
        );
    }
    Ok(Some(Chosen { name, origin }))
}
