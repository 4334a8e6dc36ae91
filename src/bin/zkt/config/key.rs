//! The keys of a context: each is an option of commands, and holds where that is not given.

use clap::ValueEnum as _;
use zkt::model::path::ZPath;

use crate::args::{Extras, TrimArg, max_trim, session_timeout, values, wait};
use crate::planning;
use crate::sasl;
use crate::settings::{AUTH_VARIABLE, DEFAULT_HOSTS, HOSTS_VARIABLES};
use crate::tls;

/// What may stand in a context.
#[derive(Debug)]
pub(crate) struct Key {
    /// As it stands in the file. It is the name of the option, too.
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    scope: Scope,
    pub(crate) paths: Paths,
    /// The variables that win over the file, the first that is set.
    pub(crate) variables: &'static [&'static str],
    /// What holds if nothing else says it, where clap has no default.
    pub(crate) default: Option<&'static str>,
    /// Says what is wrong with a value.
    pub(crate) check: fn(&str) -> Result<(), String>,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    /// A text or a number.
    Amount,
    /// A text or a list of texts.
    List,
    /// True or false.
    Switch,
    /// A table of lints with their levels. As the only one it may stand outside of contexts, too.
    Levels,
}

/// Whether values are paths, which are relative to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paths {
    None,
    /// Layers, or what those may refer to: what is read there can be shown.
    Layers,
    /// What guards a plan: of a file in a commit they are in that commit, too.
    Guards,
    Anywhere,
}

/// Which of the commands that have the option take it from a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    All,
    /// Those that are about layers.
    Layers,
    /// Those that make a plan.
    Plan,
    /// Those that make a plan for a server: `diff` shows what only one side has.
    Trim,
    /// Those that are about an owner, and not about two sides.
    Owner,
}

/// All keys, in the order in which they are listed.
pub(crate) static KEYS: [Key; 38] = [
    Key::new("layers", Shape::List, Scope::Layers, layer).paths(Paths::Layers),
    Key::new("connect", Shape::Text, Scope::All, any)
        .variables(&HOSTS_VARIABLES)
        .default(DEFAULT_HOSTS),
    Key::new("auth-file", Shape::List, Scope::All, any)
        .paths(Paths::Anywhere)
        .variables(&[AUTH_VARIABLE]),
    Key::new("sasl-user", Shape::Text, Scope::All, any).variables(&[sasl::USER]),
    Key::new("sasl-password-file", Shape::Text, Scope::All, any)
        .paths(Paths::Anywhere)
        .variables(&[sasl::PASSWORD_FILE, sasl::PASSWORD]),
    Key::new("sasl-password-env", Shape::Text, Scope::All, any)
        .variables(&[sasl::PASSWORD_FILE, sasl::PASSWORD]),
    Key::new("kerberos", Shape::Switch, Scope::All, any).variables(&[sasl::KERBEROS]),
    Key::new("kerberos-service", Shape::Text, Scope::All, any)
        .variables(&[sasl::SERVICE])
        .default("zookeeper"),
    Key::new("kerberos-host", Shape::Text, Scope::All, any).variables(&[sasl::HOST]),
    Key::new("tls", Shape::Switch, Scope::All, any).variables(&[tls::ON]),
    Key::new("tls-ca", Shape::Text, Scope::All, any)
        .paths(Paths::Anywhere)
        .variables(&[tls::CA])
        .default("the authorities that the system trusts"),
    Key::new("tls-cert", Shape::Text, Scope::All, any)
        .paths(Paths::Anywhere)
        .variables(&[tls::CERT]),
    Key::new("tls-key", Shape::Text, Scope::All, any)
        .paths(Paths::Anywhere)
        .variables(&[tls::KEY]),
    Key::new("tls-password-file", Shape::Text, Scope::All, any)
        .paths(Paths::Anywhere)
        .variables(&[tls::PASSWORD_FILE, tls::PASSWORD]),
    Key::new("tls-ca-password-file", Shape::Text, Scope::All, any)
        .paths(Paths::Anywhere)
        .variables(&[tls::CA_PASSWORD_FILE, tls::CA_PASSWORD]),
    Key::new("tls-server-name", Shape::Text, Scope::All, any).variables(&[tls::SERVER_NAME]),
    Key::new("tls-insecure-skip-verify", Shape::Switch, Scope::All, any)
        .variables(&[tls::INSECURE]),
    Key::new("session-timeout", Shape::Text, Scope::All, timeout),
    Key::new("request-timeout", Shape::Text, Scope::All, timeout).default("the session timeout"),
    Key::new("max-request", Shape::Amount, Scope::All, |text| {
        values::request_size(text).map(drop)
    }),
    Key::new("wait", Shape::Text, Scope::All, |text| wait(text).map(drop)),
    Key::new("path", Shape::Text, Scope::Plan, |text| {
        let path = ZPath::parse_lenient(text);
        path.map(drop).map_err(|error| error.to_string())
    }),
    Key::new("trim", Shape::Text, Scope::Trim, |text| {
        let trim = TrimArg::from_str(text, false);
        trim.map(drop)
            .map_err(|_| "expected all, owned or none".into())
    })
    .default("none"),
    Key::new("owner", Shape::Text, Scope::Owner, |text| {
        let owner = zkt::Owner::new(text);
        owner.map(drop).map_err(|error| error.to_string())
    }),
    Key::new("owner-path", Shape::Text, Scope::Owner, |text| {
        let path = ZPath::parse_lenient(text);
        path.map(drop).map_err(|error| error.to_string())
    }),
    Key::new("adopt", Shape::Switch, Scope::Owner, any),
    Key::new("max-trim", Shape::Amount, Scope::Plan, |text| {
        max_trim(text).map(drop)
    })
    .default("30%, counted from 10 trims on, and half of a top-level node's subtree"),
    Key::new("extras", Shape::Text, Scope::Plan, |text| {
        let extras = Extras::from_str(text, false);
        extras.map(drop).map_err(|_| "expected show or hide".into())
    }),
    Key::new("target", Shape::List, Scope::Plan, glob),
    Key::new("exclude", Shape::List, Scope::Plan, glob),
    Key::new("policy", Shape::List, Scope::Plan, layer).paths(Paths::Guards),
    Key::new("strict", Shape::Switch, Scope::All, any),
    LINTS,
    Key::new("allow-empty", Shape::Switch, Scope::Layers, any),
    Key::new("allow-ephemeral", Shape::Switch, Scope::Plan, any),
    Key::new("allow-files", Shape::List, Scope::Layers, any).paths(Paths::Layers),
    Key::new("allow-secrets", Shape::List, Scope::Layers, |text| {
        values::allowed_secret(text).map(drop)
    }),
    Key::new("max-file", Shape::Amount, Scope::Layers, |text| {
        values::file_size(text).map(drop)
    }),
];

/// Lints with their levels.
pub(crate) const LINTS: Key = Key::new("lints", Shape::Levels, Scope::All, any);

/// What no file may say, and what to do instead.
pub(crate) const WITHHELD: [(&str, &str); 8] = [
    (
        "force",
        "it lifts guards: give --force for the one plan that you have seen",
    ),
    ("yes", "it agrees to a plan: give --yes where you apply"),
    (
        "replace",
        "it overwrites text and binary data: give --replace for the one plan that you have seen",
    ),
    ("auth", CREDENTIALS),
    ("password", CREDENTIALS),
    (
        "sasl-password",
        "sasl-password-file names a file with the password, sasl-password-env a variable; it does not belong \
         in one that others read",
    ),
    (
        "tls-password",
        "tls-password-file names a file with the password; it does not belong in one that others read",
    ),
    (
        "tls-ca-password",
        "tls-ca-password-file names a file with the password; it does not belong in one that others read",
    ),
];

const CREDENTIALS: &str =
    "auth-file names a file with the credentials; they do not belong in one that others read";

impl Key {
    const fn new(
        name: &'static str,
        shape: Shape,
        scope: Scope,
        check: fn(&str) -> Result<(), String>,
    ) -> Self {
        Self {
            name,
            shape,
            scope,
            paths: Paths::None,
            variables: &[],
            default: None,
            check,
        }
    }

    const fn paths(self, paths: Paths) -> Self {
        Self { paths, ..self }
    }

    const fn variables(self, variables: &'static [&'static str]) -> Self {
        Self { variables, ..self }
    }

    const fn default(self, default: &'static str) -> Self {
        Self {
            default: Some(default),
            ..self
        }
    }

    /// Returns the id of the option that the key stands for, if the command takes it from a file.
    pub(crate) fn id_in(&self, verb: &clap::Command) -> Option<String> {
        let has = |id: &str| verb.get_arguments().any(|one| one.get_id() == id);
        let has_sides = has("new_layers");
        let is_in_scope = match self.scope {
            Scope::All => true,
            Scope::Layers => has("layers") || has_sides,
            Scope::Plan => has("extras"),
            Scope::Owner => !has_sides,
            Scope::Trim => has("extras") && !has_sides,
        };
        // The layers of a context are the tree to end with.
        let id = match self.name {
            "layers" if has_sides => "new_layers".to_owned(),
            name => name.replace('-', "_"),
        };
        (is_in_scope && has(&id)).then_some(id)
    }

    /// Whether a reviewer of a plan has to know the value.
    pub(crate) fn decides_on_plans(&self) -> bool {
        matches!(self.scope, Scope::Plan | Scope::Trim | Scope::Owner)
            || [
                "strict",
                "lints",
                "allow-empty",
                "allow-files",
                "allow-secrets",
            ]
            .contains(&self.name)
    }

    /// Returns the options of which one on the command line wins over the file.
    pub(crate) fn rivals(&self, id: &str) -> Vec<String> {
        match self.name {
            "auth-file" => vec!["auth".to_owned(), id.to_owned()],
            "sasl-password-file" | "sasl-password-env" => {
                vec![
                    "sasl_password_file".to_owned(),
                    "sasl_password_env".to_owned(),
                ]
            }
            "layers" if id != "layers" => vec!["new".to_owned(), id.to_owned()],
            _ => vec![id.to_owned()],
        }
    }
}

fn any(_: &str) -> Result<(), String> {
    Ok(())
}

fn layer(text: &str) -> Result<(), String> {
    match text {
        "-" => Err("standard input is a layer on the command line only".to_owned()),
        // Such a path would depend on the working directory.
        _ if text.starts_with("git:") && (text.contains(":./") || text.contains(":../")) => {
            Err("in a file, PATH of git:REV:PATH starts at the repository's top".to_owned())
        }
        _ => Ok(()),
    }
}

fn timeout(text: &str) -> Result<(), String> {
    session_timeout(text).map(drop)
}

fn glob(text: &str) -> Result<(), String> {
    planning::check_glob(text).map_err(|failure| match failure.hint {
        Some(hint) => format!("{}: {hint}", failure.message),
        None => failure.message,
    })
}

/// Returns the known name that is nearest to a misspelt one, if one is near.
pub(crate) fn nearest<'n>(
    wrong: &str,
    names: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    let distance = |name: &&str| strsim::damerau_levenshtein(wrong, name);
    let nearest = names.into_iter().min_by_key(distance)?;
    (distance(&nearest) <= (nearest.len() / 3).max(1)).then_some(nearest)
}
