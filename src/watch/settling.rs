//! Whether newer files may be taken already, or may change again in a moment.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::revision::Revision;
use crate::model::node::{Content, Declared};
use crate::model::tree::Side;

/// How long files must stay as they are before anything may be taken away: most of what is half written
/// declares less than it will.
pub(super) const REMOVAL: Duration = Duration::from_secs(2);
/// How long they must stay as they are where there are no events.
const POLLED: Duration = Duration::from_millis(200);
/// How many times as long files are waited for that never stay as they are for long enough.
const MOST_WAITS: u32 = 10;

/// The files that were read last and are not in force yet.
#[derive(Debug)]
struct Seen {
    contents: String,
    /// Since when they have been so.
    since: Instant,
    /// Since when they have been other than those in force.
    first: Instant,
}

/// How long files have been as they are.
#[derive(Debug, Default)]
pub(super) struct Settling(Option<Seen>);

impl Settling {
    /// Takes note of newer files. Two calls with the same `contents` say that the files hold the same. Returns `None`
    /// if they may be taken now, else when to look again.
    pub(super) fn wait(
        &mut self,
        contents: &str,
        quiet: Duration,
        now: Instant,
    ) -> Option<Instant> {
        let seen = self.0.take();
        let first = seen.as_ref().map_or(now, |seen| seen.first);
        let same = seen.filter(|seen| seen.contents == contents);
        let since = same.map_or(now, |seen| seen.since);
        let due = (since + quiet).min(first + quiet * MOST_WAITS);
        if due <= now {
            return None;
        }
        let contents = contents.to_owned();
        self.0 = Some(Seen {
            contents,
            since,
            first,
        });
        Some(due)
    }

    /// The files are those in force, or declare nothing.
    pub(super) fn reset(&mut self) {
        self.0 = None;
    }
}

/// How long files must stay as they are before they replace others.
pub(super) fn quiet(before: Option<&Revision>, after: &Revision, is_polled: bool) -> Duration {
    if before.is_some_and(|before| may_be_half(before, after)) {
        REMOVAL
    } else if is_polled && before.is_some() {
        POLLED
    } else {
        Duration::ZERO
    }
}

/// The file that was written last, if it may still be half written. Before anything is in force
/// it is not known what such a file takes away from the live tree.
pub(super) fn youngest<'p>(
    paths: impl Iterator<Item = &'p Path>,
    now: SystemTime,
) -> Option<&'p Path> {
    let written = paths.filter_map(|path| Some((fs::metadata(path).ok()?.modified().ok()?, path)));
    let (written, path) = written.max()?;
    // A clock that is ahead says nothing about the age.
    let is_old = now.duration_since(written).is_ok_and(|age| age >= REMOVAL);
    (!is_old).then_some(path)
}

/// Whether anything that is declared before is not declared after, or a secret value from outside is another one:
/// the first half of a value is a value, too.
fn may_be_half(before: &Revision, after: &Revision) -> bool {
    before
        .source
        .tree()
        .join(after.source.tree())
        .any(|side| match side {
            Side::Left((_, node)) => node.is_declared(),
            Side::Right((_, node)) => !node.outside.is_empty(),
            Side::Both((_, before), (_, after)) => {
                loses(before, after) || has_other_secret(before, after)
            }
        })
}

fn has_other_secret(before: &Declared, after: &Declared) -> bool {
    if after.outside.is_empty() || before.bytes() == after.bytes() {
        return false;
    }
    match (&before.content, &after.content) {
        (Content::Properties(before), Content::Properties(now)) => {
            let (before, now) = (before.decode(), now.decode());
            let mut names = after.outside.keys();
            names.any(|name| before.get(name) != now.get(name))
        }
        _ => true,
    }
}

fn loses(before: &Declared, after: &Declared) -> bool {
    match (&before.content, &after.content) {
        (Content::Properties(before), Content::Properties(after)) => {
            if before.encoded() == after.encoded() {
                return false;
            }
            let names = before.decode();
            names.keys().any(|name| !after.contains(name))
        }
        (Content::Raw { bytes: before, .. }, Content::Raw { bytes: after, .. }) => {
            after.len() < before.len() && before.starts_with(after)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_taken_once_they_stay_as_they_are() {
        let now = Instant::now();
        let at = |ms| now + Duration::from_millis(ms);
        let mut settling = Settling::default();
        assert_eq!(settling.wait("a", Duration::ZERO, now), None);
        assert_eq!(settling.wait("a", REMOVAL, now), Some(at(2000)));
        assert_eq!(settling.wait("a", REMOVAL, at(1500)), Some(at(2000)));
        assert_eq!(settling.wait("b", REMOVAL, at(1900)), Some(at(3900)));
        assert_eq!(settling.wait("b", REMOVAL, at(3900)), None);
        // What takes nothing away any more is not waited for.
        assert_eq!(settling.wait("c", REMOVAL, at(5000)), Some(at(7000)));
        assert_eq!(settling.wait("d", Duration::ZERO, at(5100)), None);
    }

    #[test]
    fn what_was_written_a_moment_ago_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&a, "").unwrap();
        fs::write(&b, "").unwrap();
        let now = SystemTime::now();
        let youngest = |age: Duration| {
            let file = fs::File::options().write(true).open(&b).unwrap();
            file.set_modified(now - age).unwrap();
            youngest([a.as_path(), b.as_path()].into_iter(), now).map(Path::to_owned)
        };
        assert_eq!(youngest(REMOVAL), Some(a.clone()));
        fs::File::options()
            .write(true)
            .open(&a)
            .unwrap()
            .set_modified(now - REMOVAL)
            .unwrap();
        assert_eq!(youngest(REMOVAL), None);
        assert_eq!(youngest(REMOVAL / 2), Some(b.clone()));
    }

    #[test]
    fn files_that_always_change_are_waited_for_so_long() {
        let now = Instant::now();
        let mut settling = Settling::default();
        for second in 0..20 {
            let at = now + Duration::from_secs(second);
            assert!(settling.wait(&second.to_string(), REMOVAL, at).is_some());
        }
        let at = now + Duration::from_secs(20);
        assert_eq!(settling.wait("20", REMOVAL, at), None);
    }
}
