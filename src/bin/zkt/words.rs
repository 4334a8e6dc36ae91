//! What the library says, with the options of the command line that matter to it.

use zkt::model::plan::{KeptReason, Refusal};

/// Why a plan is refused, and which option allows it.
pub(crate) fn refusal(refusal: &Refusal) -> String {
    let message = refusal.to_string();
    match refusal {
        Refusal::TooManyTrims { .. } => {
            message.replace("that are allowed", "that --max-trim allows")
        }
        Refusal::TooLarge { path, .. } => {
            let (place, rest) = message.split_at(path.as_str().len());
            place.to_owned() + &rest.replacen("that are allowed", "that --max-request allows", 1)
        }
        Refusal::Strict { .. } => message.replacen(
            "no warning and no extra node is allowed",
            "--strict allows no warning and no extra node",
            1,
        ),
        Refusal::MostTrimmed { .. } => message + "; --max-trim or --force allows it",
        Refusal::NoIdentity { .. } | Refusal::NoCreator { .. } => message + "; give --auth",
        Refusal::Text { .. } => message + "; --replace puts the declared ones in its place",
        Refusal::LocksOut { .. } => message + "; --force allows that",
        Refusal::NoRight { .. } => message + "; --force tries it nevertheless",
        Refusal::Protected { .. } | Refusal::TwoSteps { .. } => message,
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

#[cfg(test)]
mod tests {
    use zkt::model::path::ZPath;
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
