//! What the library says, with the options of the command line that matter to it.

use std::borrow::Cow;

use zkt::model::acl::Permissions;
use zkt::model::plan::{Effect, KeptReason, NodeRights, Refusal};
use zkt::syntax::spelling::grouped;
use zkt::zookeeper::executor::Stop;

/// What to do if a node is larger than a request may be.
pub(crate) const MAX_REQUEST_HINT: &str =
    "--max-request SIZE allows more, where the servers' jute.maxbuffer does";

/// Why a plan is refused, and which option allows it.
pub(crate) fn refusal(refusal: &Refusal) -> String {
    let option = match refusal {
        Refusal::TooManyTrims { .. } => "--max-trim or --force allows more",
        Refusal::MostTrimmed { .. } => "--max-trim or --force allows it",
        Refusal::TooLarge { .. } => "--max-request SIZE raises it",
        Refusal::Denied { .. } => "--warn LINT lets them pass",
        Refusal::Objection(objection) if objection.effect == Effect::Ask => {
            let rule = &objection.rule;
            return format!("{refusal}; zkt apply --approve {rule} agrees to it");
        }
        Refusal::Strict { .. } => "--strict or strict in zkt.toml forbids them",
        Refusal::NoIdentity { .. } | Refusal::NoCreator { .. } => "give --auth or --sasl-user",
        Refusal::NoCreation { .. } | Refusal::NoRecord { .. } => {
            "ClickHouse Keeper 25.12 can, with create_with_stats"
        }
        Refusal::Text { .. } => "--replace puts the declared ones in its place",
        Refusal::LocksOut { .. } => "--force allows that",
        Refusal::NoRight { nodes } => option_for_rights(nodes),
        Refusal::OnRecord { path, .. } => {
            return format!(
                "{refusal}; zkt rm {} gives it up",
                shell_word(path.as_str())
            );
        }
        Refusal::LikeRecord { .. } => "no plan could write it again",
        Refusal::Protected { .. }
        | Refusal::NoSecret(_)
        | Refusal::TwoSteps { .. }
        | Refusal::Move { .. }
        | Refusal::Objection(_) => {
            return refusal.to_string();
        }
    };
    format!("{refusal}; {option}")
}

/// As [`refusal`], for those who list the nodes below it.
pub(crate) fn refusal_of_list(refused: &Refusal) -> String {
    match refused {
        Refusal::NoRight { nodes } if nodes.len() > 1 => {
            let option = option_for_rights(nodes);
            let nodes = grouped(nodes.len());
            format!("rights are missing at {nodes} nodes; {option}")
        }
        refused => refusal(refused),
    }
}

fn option_for_rights(nodes: &[NodeRights]) -> &'static str {
    match nodes.iter().any(needs_read) {
        true => "--auth, --auth-file or --sasl-user gives credentials",
        false => "--force tries it nevertheless",
    }
}

/// Whether a node cannot even be compared.
fn needs_read(node: &NodeRights) -> bool {
    node.rights.contains(&Permissions::READ)
}

/// Why an execution stopped, and which option allows it.
pub(crate) fn stop(stop: &Stop) -> String {
    match stop {
        Stop::TooLarge { .. } => format!("{stop}; {MAX_REQUEST_HINT}"),
        stop => stop.to_string(),
    }
}

/// Why a node stays as it is, and which option changes that.
pub(crate) fn kept(reason: &KeptReason) -> String {
    match reason {
        KeptReason::Marked => format!("{reason}, or --allow-ephemeral"),
        KeptReason::OutOfScope => "holds a node outside --target or under --exclude".to_owned(),
        reason => reason.to_string(),
    }
}

/// A word as a shell takes it.
pub(crate) fn shell_word(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,@%+=".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', r"'\''")).into(),
    }
}

#[cfg(test)]
mod tests {
    use zkt::model::path::ZPath;
    use zkt::model::plan::MaxTrim;

    use super::*;

    #[test]
    fn refusals_name_the_limit_and_the_option() {
        let limit = MaxTrim::Percent(30);
        let trims = Refusal::TooManyTrims {
            trims: 5,
            examined: 10,
            limit,
        };
        assert_eq!(
            refusal(&trims),
            "5 of 10 nodes would be trimmed, more than the trim limit of 30%; --max-trim or --force \
             allows more"
        );

        let path = ZPath::parse("/large").unwrap();
        let large = Refusal::TooLarge {
            path,
            bytes: 2000,
            limit: 1024,
            origin: None,
        };
        assert_eq!(
            refusal(&large),
            "/large: writing it takes a request of 2000 bytes, more than the request \
             limit of 1,024, which may be as high as the servers' jute.maxbuffer; --max-request SIZE \
             raises it"
        );

        assert_eq!(
            refusal(&Refusal::Strict {
                warnings: 2,
                extras: 1
            }),
            "warnings and extra nodes are not allowed, and there are 2 warnings and 1 extra node; --strict or \
             strict in zkt.toml forbids them"
        );
    }
}
