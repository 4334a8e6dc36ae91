//! What a plan is narrowed to, and what `zkt.toml` says of it or of a check: a reader must not take a part
//! for all.

use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;
use zkt::model::path::ZPath;

use super::value::printable;
use crate::args::{Extras, FileSays, PlanOptions, TrimArg};

/// How many values of an option are named.
const NAMED: usize = 5;
/// How many characters of a value are.
const LONGEST: usize = 60;
/// What lines below a title begin with.
const INDENT: &str = "  ";

/// What a plan is narrowed to, and by whom.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bounds {
    target: Vec<String>,
    exclude: Vec<String>,
    hides_extras: bool,
    trims_owned: bool,
    /// Where the top-level nodes go, for whom the plan is, and what it removes.
    about: Vec<(&'static str, String)>,
    of_file: Option<FileSays>,
    /// The context by which a saved plan was made.
    made_by: Option<String>,
}

impl Bounds {
    /// As the arguments say.
    pub(crate) fn of(options: &PlanOptions) -> Self {
        Self {
            target: options.target.clone(),
            exclude: options.exclude.clone(),
            hides_extras: options.extras == Extras::Hide,
            trims_owned: options.trim == Some(TrimArg::Owned),
            about: about(options),
            of_file: options.of_file.clone(),
            made_by: None,
        }
    }

    /// Of a saved plan, which was made by this context.
    pub(crate) fn of_saved(options: &PlanOptions, made_by: Option<&str>) -> Self {
        Self {
            made_by: made_by.map(str::to_owned),
            ..Self::of(options)
        }
    }

    /// As a file says.
    pub(crate) fn of_file(of_file: Option<FileSays>) -> Self {
        Self {
            of_file,
            ..Self::default()
        }
    }

    /// The name of the context, if one holds.
    pub(crate) fn context(&self) -> Option<&str> {
        match &self.of_file {
            Some(of) => of.context.as_deref(),
            None => self.made_by.as_deref(),
        }
    }

    /// A title that tells one context's plan from another's.
    pub(crate) fn titled(&self, title: &str) -> String {
        match self.context() {
            Some(context) => format!("{title} {context}"),
            None => title.to_owned(),
        }
    }

    /// Which part of the trees a plan is about, to stand behind what it comes to: ` within /a`.
    pub(super) fn part(&self, quoted: impl Fn(&str) -> String) -> String {
        let mut part = String::new();
        for (before, globs) in [(" within ", &self.target), (" outside of ", &self.exclude)] {
            if !globs.is_empty() {
                part.push_str(before);
                part.push_str(&named(globs, &quoted));
            }
        }
        part
    }

    /// What extra nodes are.
    pub(super) fn extras(&self) -> &'static str {
        match self.trims_owned {
            true => "Extra, left alone since they are not the owner's",
            false => "Extra, left alone without --trim",
        }
    }

    /// What a plan without extra nodes does not say.
    pub(super) fn unsaid(&self) -> &'static str {
        match self.hides_extras {
            true => "; extra nodes are not listed",
            false => "",
        }
    }

    /// File and context, and each option that is not as usual.
    pub(crate) fn items(&self, quoted: impl Fn(&str) -> String) -> Vec<String> {
        let file = self.of_file.iter().map(|of| match &of.context {
            Some(context) => format!("context {} of {}", quoted(context), quoted(&of.file)),
            None => format!("settings of {}", quoted(&of.file)),
        });
        let made_by = self.made_by.iter();
        let made_by =
            made_by.map(|context| format!("context {} when it was made", quoted(context)));
        let file = file.chain(made_by);
        let options = self.options();
        let options = options.iter().map(|(name, values)| {
            let values = match *name {
                // Which lints are allowed is never cut.
                "lints" => first(values, usize::MAX, &quoted),
                _ => named(values, &quoted),
            };
            format!("{name} {values}")
        });
        file.chain(options).collect()
    }

    /// Options with their values: those that narrow, and those that a file gives.
    fn options(&self) -> Vec<(&str, Vec<String>)> {
        let mut options = vec![
            ("target", self.target.clone()),
            ("exclude", self.exclude.clone()),
        ];
        if self.hides_extras {
            options.push(("extras", vec!["hide".to_owned()]));
        }
        let about = self.about.iter();
        options.extend(about.map(|(name, value)| (*name, vec![value.clone()])));
        let said: Vec<&str> = self.about.iter().map(|(name, _)| *name).collect();
        let is_new = |name: &str| {
            !["target", "exclude", "extras", "owner-path"].contains(&name) && !said.contains(&name)
        };
        let given = self.of_file.iter().flat_map(|of| &of.settings);
        let given = given.filter(|(name, _)| is_new(name));
        options.extend(given.map(|(name, values)| (*name, values.clone())));
        options.retain(|(_, values)| !values.is_empty());
        options
    }

    /// The lines below a title, each of at most `width` columns; empty without bounds.
    pub(crate) fn lines(&self, width: usize) -> String {
        let mut items = self.items(|text| clipped(&printable(text)));
        let last = items.len().saturating_sub(1);
        items[..last].iter_mut().for_each(|item| item.push(','));
        let mut lines = String::new();
        let mut column = 0;
        for item in items {
            let is_long = item.width() + INDENT.len() > width;
            // An item is kept together if it fits on a line.
            let parts: Vec<&str> = match is_long {
                true => item.split(' ').collect(),
                false => vec![&item],
            };
            for part in parts {
                let columns = part.width();
                if lines.is_empty() {
                    lines.push_str(INDENT);
                    column = INDENT.len();
                } else if column + 1 + columns > width {
                    lines.push('\n');
                    lines.push_str(INDENT);
                    column = INDENT.len();
                } else {
                    lines.push(' ');
                    column += 1;
                }
                lines.push_str(part);
                column += columns;
            }
        }
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines
    }

    /// For programs; `None` if the plan is about all.
    pub(crate) fn json(&self) -> Option<Value> {
        let options = self.options();
        let file = self.of_file.as_ref();
        if options.is_empty() && file.is_none() && self.made_by.is_none() {
            return None;
        }
        let options: serde_json::Map<String, Value> = options
            .into_iter()
            .map(|(name, values)| (name.to_owned(), values.into()))
            .collect();
        Some(json!({
            "context": self.context(),
            "file": file.map(|of| &of.file),
            "options": options,
        }))
    }
}

/// Where the top-level nodes go, for whom the plan is, and what it removes, where that is not as usual.
fn about(options: &PlanOptions) -> Vec<(&'static str, String)> {
    let mut about = Vec::new();
    let path = ZPath::parse_lenient(&options.path);
    let path = path.map_or_else(|_| options.path.clone(), |path| path.to_string());
    if path != "/" {
        about.push(("path", path));
    }
    match options.trim {
        Some(TrimArg::All) => about.push(("trim", "all".to_owned())),
        Some(TrimArg::Owned) => about.push(("trim", "owned".to_owned())),
        Some(TrimArg::None) | None => {}
    }
    if let Some(owner) = &options.owner.owner {
        let record = format!("{}/{owner}", options.owner.owner_path.trim_end_matches('/'));
        about.extend([("owner", owner.clone()), ("record", record)]);
    }
    about
}

/// The first of some values, and how many others there are.
fn named(values: &[String], quoted: impl Fn(&str) -> String) -> String {
    let first = first(values, NAMED, quoted);
    match values.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

fn first(values: &[String], most: usize, quoted: impl Fn(&str) -> String) -> String {
    let first: Vec<String> = values.iter().take(most).map(|one| quoted(one)).collect();
    first.join(" ")
}

/// The beginning of a value.
fn clipped(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds() -> Bounds {
        Bounds {
            target: vec!["/kafka/**".to_owned()],
            exclude: vec!["/kafka/tmp".to_owned(), "/**/x".to_owned()],
            hides_extras: true,
            trims_owned: false,
            about: Vec::new(),
            made_by: None,
            of_file: Some(FileSays {
                context: Some("prod".to_owned()),
                file: "zkt.toml".to_owned(),
                settings: vec![
                    ("max-trim", vec!["5%".to_owned()]),
                    ("extras", vec!["hide".to_owned()]),
                ],
            }),
        }
    }

    #[test]
    fn all_of_it_is_said() {
        assert_eq!(
            bounds().part(str::to_owned),
            " within /kafka/** outside of /kafka/tmp /**/x"
        );
        assert_eq!(
            bounds().lines(60),
            "  context prod of zkt.toml, target /kafka/**,\n  \
             exclude /kafka/tmp /**/x, extras hide, max-trim 5%\n"
        );
        let json = bounds().json().unwrap().to_string();
        insta::assert_snapshot!(json, @r#"{"context":"prod","file":"zkt.toml","options":{"exclude":["/kafka/tmp","/**/x"],"extras":["hide"],"max-trim":["5%"],"target":["/kafka/**"]}}"#);
        let whole = Bounds::default();
        assert_eq!((whole.lines(80), whole.json()), (String::new(), None));
    }

    #[test]
    fn much_of_it_is_cut() {
        let many = Bounds {
            exclude: vec!["/x".repeat(100); 9],
            ..Bounds::default()
        };
        let lines = many.lines(80);
        assert!(lines.ends_with("… and 4 more\n"), "{lines}");
        assert!(lines.len() < 400, "{lines}");
    }

    #[test]
    fn all_levels_of_lints_are_said() {
        let levels: Vec<String> = (0..9).map(|i| format!("lint-{i}=allow")).collect();
        let bounds = Bounds::of_file(Some(FileSays {
            file: "zkt.toml".to_owned(),
            context: None,
            settings: vec![("lints", levels), ("strict", vec!["true".to_owned()])],
        }));
        assert_eq!(
            bounds.lines(60),
            "  settings of zkt.toml, lints lint-0=allow lint-1=allow\n  \
             lint-2=allow lint-3=allow lint-4=allow lint-5=allow\n  \
             lint-6=allow lint-7=allow lint-8=allow, strict true\n"
        );
    }
}
