//! Options that people know from Terraform, and what does the same here.

use std::ffi::OsString;

/// What to do instead of the first of Terraform's options among the words of a command line that
/// could not be parsed.
pub(crate) fn hint(words: &[OsString]) -> Option<String> {
    let words = words.iter().skip(1).filter_map(|word| word.to_str());
    if let Some(hint) = of_dry_run(words.clone()) {
        return Some(hint.to_owned());
    }
    words.take_while(|word| *word != "--").find_map(|word| {
        let option = word.split('=').next().unwrap_or(word);
        let name = option.strip_prefix('-')?;
        let has_one_dash = !name.starts_with('-');
        let instead = instead(name.trim_start_matches('-'), has_one_dash)?;
        Some(format!("{option} is an option of Terraform; {instead}"))
    })
}

/// An option of many tools, which `rm` has, too.
fn of_dry_run<'w>(mut words: impl Iterator<Item = &'w str> + Clone) -> Option<&'static str> {
    let verb = words.clone().find(|word| !word.starts_with('-'));
    let hint = match verb {
        Some("apply" | "plan") => "zkt plan shows what zkt apply would do, and writes nothing",
        Some("watch") => "zkt watch --mode warn tells what it would do, and writes nothing",
        _ => return None,
    };
    let before_others = |word: &&str| *word != "--";
    let mut words = words.by_ref().take_while(before_others);
    words.any(|word| word == "--dry-run").then_some(hint)
}

fn instead(name: &str, has_one_dash: bool) -> Option<&'static str> {
    Some(match name {
        "auto-approve" => "here it is --yes",
        "out" => "zkt saves no plan: zkt apply makes it, shows it and asks",
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
    use super::*;

    fn hint_for(words: &str) -> Option<String> {
        let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
        hint(&words)
    }

    #[test]
    fn a_dry_run_is_a_plan() {
        let hint = "zkt plan shows what zkt apply would do, and writes nothing";
        assert_eq!(hint_for("zkt apply --dry-run x.zkt").as_deref(), Some(hint));
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
}
