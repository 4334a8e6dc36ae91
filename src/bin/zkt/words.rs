//! What the library says, with the options of the command line that matter to it.

use zkt::model::path::ZPath;
use zkt::model::plan::{KeptReason, Refusal};
use zkt::syntax::spelling::grouped;
use zkt::zookeeper::executor::Stop;

/// Why a plan is refused, and which option allows it.
pub(crate) fn refusal(refusal: &Refusal) -> String {
    let with = |option: &str| format!("{refusal}; {option}");
    match refusal {
        Refusal::TooManyTrims {
            trims,
            examined,
            limit,
        } => format!(
            "{trims} of {examined} nodes would be trimmed, more than the {limit} that --max-trim allows"
        ),
        Refusal::TooLarge {
            path, bytes, limit, ..
        } => {
            let limit = grouped(*limit);
            let large = too_large(path, *bytes, &limit);
            format!("{large}; servers take as many as their jute.maxbuffer")
        }
        Refusal::Strict { count } => {
            let are = if *count == 1 { "is" } else { "are" };
            format!("--strict allows no warning and no extra node, and there {are} {count}")
        }
        Refusal::MostTrimmed { .. } => with("--max-trim or --force allows it"),
        Refusal::NoIdentity { .. } | Refusal::NoCreator { .. } => with("give --auth"),
        Refusal::Text { .. } => with("--replace puts the declared ones in its place"),
        Refusal::LocksOut { .. } => with("--force allows that"),
        Refusal::NoRight { .. } => with("--force tries it nevertheless"),
        Refusal::Protected { .. } | Refusal::TwoSteps { .. } => refusal.to_string(),
    }
}

/// Why an execution stopped, and which option allows it.
pub(crate) fn stop(stop: &Stop) -> String {
    match stop {
        Stop::TooLarge {
            path, bytes, limit, ..
        } => too_large(path, *bytes, &limit.to_string()),
        stop => stop.to_string(),
    }
}

fn too_large(path: &ZPath, bytes: usize, limit: &str) -> String {
    format!(
        "{path}: writing it takes a request of {bytes} bytes, more than the {limit} that \
         --max-request allows"
    )
}

/// Why a node stays as it is, and which option changes that.
pub(crate) fn kept(reason: &KeptReason) -> String {
    match reason {
        KeptReason::Marked => format!("{reason}, or --allow-ephemeral"),
        KeptReason::OutOfScope => "holds a node outside --target or under --exclude".to_owned(),
        reason => reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use zkt::model::plan::MaxTrim;

    use super::*;

    #[test]
    fn limits_name_their_options_and_paths_stay_as_they_are() {
        let limit = MaxTrim::Percent(30);
        let trims = Refusal::TooManyTrims {
            trims: 5,
            examined: 10,
            limit,
        };
        assert_eq!(
            refusal(&trims),
            "5 of 10 nodes would be trimmed, more than the 30% that --max-trim allows"
        );

        let path = ZPath::parse("/that are allowed").unwrap();
        let large = Refusal::TooLarge {
            path,
            bytes: 2000,
            limit: 1024,
            origin: None,
        };
        assert_eq!(
            refusal(&large),
            "/that are allowed: writing it takes a request of 2000 bytes, more than the 1,024 that \
             --max-request allows; servers take as many as their jute.maxbuffer"
        );

        assert_eq!(
            refusal(&Refusal::Strict { count: 2 }),
            "--strict allows no warning and no extra node, and there are 2"
        );
    }
}
