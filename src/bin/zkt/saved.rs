//! Saved plans as files: `zkt plan` writes them, `zkt apply` carries them out.

use std::fs;
use std::iter;
use std::path::Path;
use std::time::SystemTime;

use zkt::declare::Source;
use zkt::declare::files::reason;
use zkt::model::node::Live;
use zkt::model::plan::Plan;
use zkt::model::record::PLACE;
use zkt::model::tree::Tree;
use zkt::plan::saved::{self, Error, MadeOf, Origin, OwnerTerms, SavedPlan, Secrets, Terms};

use crate::args::{Extras, LintArgs, OwnerArgs, PlanOptions, TrimArg, Way};
use crate::exit::Failure;
use crate::output::{self, Access, Output};
use crate::words::shell_word;
use crate::{owner, planning};

/// What a plan was made from: the declared tree, live nodes, the arguments, the layers as they were
/// named, and the servers with the chroot.
#[derive(Clone, Copy)]
pub(crate) struct Made<'a> {
    pub(crate) source: &'a Source,
    pub(crate) live: &'a Tree<Live>,
    pub(crate) args: &'a PlanOptions,
    pub(crate) layers: &'a [String],
    pub(crate) server: &'a str,
    /// The commits of the layers, where they are known and for an owner.
    pub(crate) revision: Option<&'a str>,
}

impl Made<'_> {
    /// The plan, to be carried out later.
    pub(crate) fn saved(self, plan: &Plan, with_secrets: bool) -> Result<SavedPlan, Failure> {
        let Self {
            source,
            live,
            args,
            layers,
            server,
            revision,
        } = self;
        let tree = source.tree();
        let origin = Origin {
            zkt: env!("CARGO_PKG_VERSION").to_owned(),
            made: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            server: server.to_owned(),
            context: (args.of_file.as_ref()).and_then(|of| of.context.clone()),
            layers: layers.to_vec(),
            declared: saved::declared_digest(tree),
            salt: format!("{:032x}", fastrand::u128(..)),
        };
        let terms = terms(args, revision)?;
        let (plan, places) = (plan.clone(), (origin, terms));
        Ok(SavedPlan::new(
            plan,
            places,
            &made_of(source, live),
            with_secrets,
        ))
    }
}

fn made_of<'a>(source: &'a Source, live: &'a Tree<Live>) -> MadeOf<'a> {
    MadeOf {
        declared: source.tree(),
        texts: source.texts(),
        live,
    }
}

/// What the arguments say that a plan is about.
fn terms(args: &PlanOptions, revision: Option<&str>) -> Result<Terms, Failure> {
    let owner = owner::named(&args.owner, args.adopt)?;
    Ok(Terms {
        path: planning::place(args)?,
        trim: args.trim == Some(TrimArg::All),
        owner: owner.map(|owner| OwnerTerms {
            name: owner.name().to_owned(),
            path: owner.place.to_string(),
            adopt: args.adopt,
            trim: args.trim == Some(TrimArg::Owned),
            revision: revision.map(str::to_owned),
        }),
        target: args.target.clone(),
        exclude: args.exclude.clone(),
        replace: args.replace,
        allow_ephemeral: args.allow_ephemeral,
    })
}

/// The checksum of what a plan would do.
pub(crate) fn checksum(
    plan: &Plan,
    source: &Source,
    live: &Tree<Live>,
    args: &PlanOptions,
) -> Result<String, Failure> {
    let terms = terms(args, None)?;
    Ok(saved::checksum_of(
        plan,
        &made_of(source, live),
        terms.mandate(),
    ))
}

/// The arguments with which a saved plan was made, as far as they decide what it does.
pub(crate) fn plan_options(terms: &Terms, given: &PlanOptions) -> PlanOptions {
    let owner = terms.owner.as_ref();
    PlanOptions {
        path: terms.path.to_string(),
        trim: Some(match &terms.owner {
            Some(owner) if owner.trim => TrimArg::Owned,
            _ if terms.trim => TrimArg::All,
            _ => TrimArg::None,
        }),
        extras: Extras::Show,
        target: terms.target.clone(),
        exclude: terms.exclude.clone(),
        // Its guards were asked when it was made.
        strict: false,
        max_trim: None,
        force: true,
        allow_empty: given.allow_empty,
        replace: terms.replace,
        allow_ephemeral: terms.allow_ephemeral,
        policy: given.policy.clone(),
        lints: LintArgs::default(),
        owner: OwnerArgs {
            owner: owner.map(|owner| owner.name.clone()),
            owner_path: owner.map_or(PLACE, |owner| &owner.path).to_owned(),
        },
        adopt: owner.is_some_and(|owner| owner.adopt),
        of_file: None,
    }
}

/// Reads a file with a saved plan.
pub(crate) fn read(file: &Path) -> Result<SavedPlan, Failure> {
    let name = file.display();
    let text = fs::read(file);
    let text = text.map_err(|error| Failure::new(format!("{name}: {}", reason(&error))))?;
    SavedPlan::from_json(&text).map_err(|error| {
        let failure = Failure::new(format!("{name}: {error}"));
        failure.hint(match error {
            Error::Format { .. } => {
                "another version of zkt made it: make and review it anew with zkt plan -o FILE"
            }
            _ => "zkt plan -o FILE saves a plan",
        })
    })
}

/// Writes a file with a saved plan, and says how to carry it out. With secrets it is for its owner only.
pub(crate) fn write(
    file: &Path,
    saved: &SavedPlan,
    way: &Way,
    output: &Output,
) -> Result<(), Failure> {
    let name = file.display();
    let access = match saved.secrets() {
        Secrets::Included => Access::Owner,
        Secrets::None | Secrets::Withheld => Access::Umask,
    };
    output::replace_file(file, saved.to_json().as_bytes(), access)
        .map_err(|error| Failure::new(format!("cannot write {name}: {}", reason(&error))))?;
    let saved_as = match saved.secrets() {
        Secrets::None | Secrets::Included => "saved",
        Secrets::Withheld => "saved without its secret values",
    };
    let words = words_to_apply(file, saved, way);
    output.note(&format!("{saved_as}: {words} does exactly this"));
    Ok(())
}

/// The command that carries out the plan of a file, with the layers that have its secret values.
pub(crate) fn words_to_apply(file: &Path, saved: &SavedPlan, way: &Way) -> String {
    let layers = match saved.secrets() {
        Secrets::None | Secrets::Included => &[][..],
        Secrets::Withheld => &saved.origin.layers[..],
    };
    let file = file.to_string_lossy();
    let words = iter::once(&*file).chain(layers.iter().chain(&way.words).map(String::as_str));
    let words: Vec<_> = words.map(shell_word).collect();
    format!("zkt apply --plan {}", words.join(" "))
}

/// The command that makes the plan of a file anew, from `layers`, or from its own where there are none.
pub(crate) fn words_anew(file: &Path, saved: &SavedPlan, layers: &[String], way: &Way) -> String {
    let layers = match layers {
        [] => &saved.origin.layers,
        layers => layers,
    };
    let mut words = vec!["-o".to_owned(), file.to_string_lossy().into_owned()];
    words.extend(layers.iter().chain(&way.words).cloned());
    words.extend(term_words(&saved.terms));
    let words: Vec<_> = words.iter().map(|word| shell_word(word)).collect();
    format!("zkt plan {}", words.join(" "))
}

/// The options that say what a plan is about.
fn term_words(terms: &Terms) -> Vec<String> {
    let owner = terms.owner.as_ref();
    let pair = |name: &str, value: &str| [name.to_owned(), value.to_owned()];
    let mut words = Vec::new();
    if !terms.path.is_root() {
        words.extend(pair("--path", terms.path.as_str()));
    }
    if let Some(owner) = owner {
        words.extend(pair("--owner", &owner.name));
        if owner.path != PLACE {
            words.extend(pair("--owner-path", &owner.path));
        }
    }
    words.extend(
        (terms.target.iter().map(|glob| pair("--target", glob)))
            .chain(terms.exclude.iter().map(|glob| pair("--exclude", glob)))
            .flatten(),
    );
    let flags = [
        (terms.trim, "--trim"),
        (owner.is_some_and(|owner| owner.trim), "--trim=owned"),
        (owner.is_some_and(|owner| owner.adopt), "--adopt"),
        (terms.replace, "--replace"),
        (terms.allow_ephemeral, "--allow-ephemeral"),
    ];
    let flags = flags.iter().filter(|(is_set, _)| *is_set);
    words.extend(flags.map(|(_, flag)| (*flag).to_owned()));
    words
}
