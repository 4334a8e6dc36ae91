//! Commands and options that people know from other tools, and what does the same here.

use std::ffi::OsString;

/// Returns what to do instead of the first command or option of another tool among the words of a
/// command line that could not be parsed.
pub(crate) fn hint(command: &clap::Command, words: &[OsString]) -> Option<String> {
    let words = words.iter().skip(1).filter_map(|word| word.to_str());
    let words = words.take_while(|word| *word != "--");
    let first = words.clone().find(|word| !word.starts_with('-'))?;
    let Some(verb) = command.find_subcommand(first) else {
        if words
            .clone()
            .any(|word| command.find_subcommand(word).is_some())
        {
            return Some(
                "the options of a command stand behind it, as in zkt ls -c h1:2181".to_owned(),
            );
        }
        return instead_of_command(first).map(str::to_owned);
    };
    if let Some(hint) = instead_of_dry_run(first, words.clone()) {
        return Some(hint.to_owned());
    }
    if let Some(hint) = without_context(first, words.clone()) {
        return Some(hint.to_owned());
    }
    let has_format = verb.get_arguments().any(|one| one.get_id() == "format");
    words.into_iter().find_map(|word| {
        let option = word.split('=').next().unwrap_or(word);
        let name = option.strip_prefix('-')?;
        if name == "-json" && !has_format {
            return Some(format!("zkt {first} prints no JSON"));
        }
        let has_one_dash = !name.starts_with('-');
        let name = name.trim_start_matches('-');
        if matches!(name, "json" | "yaml") && !has_one_dash {
            return Some("here it is --format json".to_owned());
        }
        let instead = instead_of_option(name, has_one_dash)?;
        Some(format!("{option} is an option of Terraform; {instead}"))
    })
}

fn instead_of_command(name: &str) -> Option<&'static str> {
    Some(match name {
        "init" => {
            "nothing is to be set up: write a .zkt file, or zkt export / -o tree.zkt what is live"
        }
        "validate" | "lint" => "zkt check LAYER… does it",
        "import" => {
            "zkt apply FILE.zkt writes a file's tree to the server; zkt export PATH -o FILE.zkt makes \
             a file of a live tree"
        }
        "rollback" | "undo" | "revert" => {
            "apply what was declared before: zkt plan git:HEAD~1:LAYER shows what that would do, and zkt apply \
             git:HEAD~1:LAYER does it"
        }
        "history" | "log" => {
            "git log shows what was declared; zkt status --owner NAME shows the last apply; zkt watch --record \
             DIR keeps a history of the live tree"
        }
        "destroy" | "delete" => "zkt rm PATH does it",
        "format" => "zkt fmt does it",
        "cat" | "describe" => "zkt get PATH does it",
        "list" | "tree" | "dump" => "zkt ls and zkt export do it",
        "create" => "declare it in a .zkt file: zkt apply creates what is missing",
        _ => return None,
    })
}

/// An option of many tools, which `rm` has, too.
fn instead_of_dry_run<'w>(
    verb: &str,
    mut words: impl Iterator<Item = &'w str>,
) -> Option<&'static str> {
    let hint = match verb {
        "apply" | "plan" => "zkt plan shows what zkt apply would do, and writes nothing",
        "watch" => "zkt watch --mode warn reports what it would do, and writes nothing",
        _ => return None,
    };
    let is_asked = words.any(|word| matches!(word, "-n" | "--dry-run"));
    is_asked.then_some(hint)
}

/// Trees of `diff` that are those of a context, where none is named.
fn without_context<'w>(
    verb: &str,
    mut words: impl Iterator<Item = &'w str> + Clone,
) -> Option<&'static str> {
    let has = |word: &str, name: &str| word.split('=').next() == Some(name);
    let names_one = words.clone().any(|word| has(word, "--context"));
    let asks = words.any(|word| has(word, "--since") || has(word, "--old-context"));
    (verb == "diff" && asks && !names_one).then_some(
        "--since and --old-context take the layers of a context: --context NAME says which is the tree to end \
         with",
    )
}

fn instead_of_option(name: &str, has_one_dash: bool) -> Option<&'static str> {
    Some(match name {
        "auto-approve" => "here it is --yes",
        "var" | "var-file" => {
            "there are no variables: a later layer replaces what an earlier one says, as in \
             zkt plan base.zkt prod.zkt"
        }
        "destroy" => "here it is zkt rm PATH",
        "refresh" | "refresh-only" => "there is no state: every plan reads the live tree",
        "state" | "state-out" | "backup" | "backend" | "backend-config" | "lock"
        | "lock-timeout" => {
            "there is no state file to keep or to lock: every write names the version that its \
             plan saw"
        }
        "input" => "without a terminal nothing is asked, and zkt apply needs --yes",
        "json" => "here it is --format json",
        "no-color" => "here it is --color never",
        // These are options here, too, with two dashes.
        "out" if has_one_dash => "here it is --out FILE",
        "target" if has_one_dash => "here it is --target GLOB",
        "exclude" if has_one_dash => "here it is --exclude GLOB",
        "detailed-exitcode" if has_one_dash => "here it is --detailed-exitcode",
        "check" if has_one_dash => "here it is --check",
        "diff" if has_one_dash => "here it is --diff",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    fn hint_for(words: &str) -> Option<String> {
        let verbs = ["apply", "fmt", "ls", "plan", "register", "rm"];
        let format = |verb: &&str| *verb == "plan" || *verb == "ls";
        let command = clap::Command::new("zkt").subcommands(verbs.iter().map(|verb| {
            let arguments = format(verb).then(|| Arg::new("format"));
            clap::Command::new(*verb).args(arguments)
        }));
        let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
        hint(&command, &words)
    }

    #[test]
    fn a_dry_run_is_a_plan() {
        let hint = "zkt plan shows what zkt apply would do, and writes nothing";
        for words in ["zkt apply --dry-run x.zkt", "zkt apply x.zkt -n"] {
            assert_eq!(hint_for(words).as_deref(), Some(hint));
        }
        assert_eq!(hint_for("zkt rm --dry-run --nonsense /a"), None);
        assert_eq!(hint_for("zkt apply x.zkt"), None);
    }

    #[test]
    fn options_of_terraform_are_told_from_others() {
        assert_eq!(
            hint_for("zkt plan -target=/a x.zkt").as_deref(),
            Some("-target is an option of Terraform; here it is --target GLOB")
        );
        assert_eq!(
            hint_for("zkt apply --auto-approve x.zkt").as_deref(),
            Some("--auto-approve is an option of Terraform; here it is --yes")
        );
        for others in [
            "zkt plan --target=/a --nonsense",
            "zkt apply --yes x.zkt",
            "zkt register /a h:1 -- terraform -destroy",
            "zkt plan out",
        ] {
            assert_eq!(hint_for(others), None, "{others}");
        }
    }

    #[test]
    fn json_is_a_format_where_there_is_one() {
        let json = "here it is --format json";
        assert_eq!(hint_for("zkt ls --json /").as_deref(), Some(json));
        let none = "zkt fmt prints no JSON";
        assert_eq!(hint_for("zkt fmt --json x.zkt").as_deref(), Some(none));
    }

    #[test]
    fn options_stand_behind_the_command() {
        let hint = hint_for("zkt -c h1 plan x.zkt");
        assert!(hint.is_some_and(|hint| hint.contains("stand behind it")));
    }

    #[test]
    fn commands_of_other_tools_have_one_here() {
        let check = Some("zkt check LAYER… does it".to_owned());
        assert_eq!(hint_for("zkt -v validate x.zkt"), check);
        for word in ["init", "import"] {
            let hint = hint_for(&format!("zkt {word}"));
            assert!(hint.is_some_and(|hint| hint.contains("zkt export")));
        }
        for (word, part) in [("rollback", "git:HEAD~1"), ("history", "zkt status")] {
            let hint = hint_for(&format!("zkt {word}"));
            assert!(hint.is_some_and(|hint| hint.contains(part)), "{word}");
        }
        assert_eq!(hint_for("zkt nonsense"), None);
    }
}
