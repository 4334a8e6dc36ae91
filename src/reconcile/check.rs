//! What must hold before a plan is made.

use super::Error;
use crate::model::node::{Declared, Live};
use crate::model::path::{ZPath, is_of_zookeeper};
use crate::model::record;
use crate::model::tree::Tree;
use crate::zookeeper::live;
use crate::zookeeper::session::Session;

/// The session must not see as `/` what belongs to ZooKeeper itself.
///
/// # Errors
/// [`Error::Reserved`].
pub(crate) fn require_chroot(session: &Session) -> Result<(), Error> {
    let chroot = session.chroot();
    match chroot.names().next() {
        _ if is_of_zookeeper(chroot, false) => Err(Error::Reserved),
        Some(name) if name == session.dialect().system() => Err(Error::OfKeeper),
        _ => Ok(()),
    }
}

/// Nothing may be declared that the server keeps for itself, and no ACL that it does not know: ClickHouse
/// Keeper drops such entries without a word.
///
/// # Errors
/// [`Error::OfKeeper`], [`Error::Scheme`].
pub(crate) fn require_of_server(session: &Session, declared: &Tree<Declared>) -> Result<(), Error> {
    let dialect = session.dialect();
    if let Some(system) = session.system() {
        let mut nodes = declared.subtree(&system).iter();
        if nodes.any(|(_, node)| node.is_declared()) {
            return Err(Error::OfKeeper);
        }
    }
    let unknown = |(path, node): &(ZPath, Declared)| {
        let acl = node.acl.as_deref().filter(|_| node.is_declared())?;
        let schemes = acl.entries.iter().map(|entry| &entry.who.scheme);
        let mut unknown = schemes.filter(|scheme| !dialect.knows_scheme(scheme));
        Some((path.clone(), unknown.next()?.clone()))
    };
    match declared.iter().find_map(unknown) {
        Some((path, scheme)) => Err(Error::Scheme {
            path,
            scheme,
            dialect,
        }),
        None => Ok(()),
    }
}

/// A saved plan may not be about what the server keeps for itself.
///
/// # Errors
/// [`Error::OfKeeper`].
pub(super) fn require_none_of_server<'p>(
    session: &Session,
    mut paths: impl Iterator<Item = &'p ZPath>,
) -> Result<(), Error> {
    let system = session.system();
    match system.is_some_and(|system| paths.any(|path| path.is_within(&system))) {
        true => Err(Error::OfKeeper),
        false => Ok(()),
    }
}

/// The place of the top-level nodes must exist, and be no part of an owner's record.
///
/// # Errors
/// [`Error::NoPlace`], [`Error::PlaceInRecord`], and those of the connection.
pub async fn require_place(session: &Session, path: &ZPath) -> Result<(), Error> {
    if path.is_root() {
        return Ok(());
    }
    let above: Vec<ZPath> = path.prefixes().filter(|path| !path.is_root()).collect();
    let live = live::lookup(session, &above).await?;
    if let Some((head, _)) = live.iter().find(|(_, live)| record::is_head_node(live)) {
        let (path, head) = (path.clone(), head.clone());
        return Err(Error::PlaceInRecord { path, head });
    }
    if live.get(path).is_some() {
        return Ok(());
    }
    Err(Error::NoPlace {
        path: path.clone(),
        hosts: session.hosts(),
    })
}

/// Nothing may be declared where owners keep their records: by default, and, for an owner, at its place.
///
/// # Errors
/// [`Error::RecordPlace`].
pub(crate) fn require_no_records(
    declared: &Tree<Declared>,
    of_owner: Option<&ZPath>,
) -> Result<(), Error> {
    let by_default = ZPath::from_valid(record::PLACE);
    let places = of_owner.into_iter();
    for place in places.chain([&by_default]) {
        let mut nodes = declared.subtree(place).iter();
        if let Some((path, _)) = nodes.find(|(_, node)| node.is_declared()) {
            let (path, place) = (path.clone(), place.clone());
            return Err(Error::RecordPlace { path, place });
        }
    }
    Ok(())
}

/// What is declared must be readable: otherwise nobody can say whether it is as declared.
///
/// # Errors
/// [`live::Error::Unreadable`].
pub fn require_readable(declared: &Tree<Declared>, live: &Tree<Live>) -> Result<(), live::Error> {
    live::Error::unreadable(unreadable(declared, live)).map_or(Ok(()), Err)
}

/// The declared nodes that may not be read.
pub(crate) fn unreadable<'l>(
    declared: &Tree<Declared>,
    live: &'l Tree<Live>,
) -> impl Iterator<Item = &'l ZPath> {
    let unreadable = live.iter().filter(|(_, live)| *live == Live::Unreadable);
    let unreadable = unreadable.map(|(path, _)| path);
    unreadable.filter(|path| declared.declares(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_be_read_is_named_and_counted() {
        let path = |text: &str| ZPath::parse(text).unwrap();
        let declared: Tree<Declared> = ["/a", "/b", "/c"]
            .map(|text| (path(text), Declared::default()))
            .into_iter()
            .collect();
        let checked = |shut: &[&str]| {
            let live = shut.iter().map(|text| (path(text), Live::Unreadable));
            let live: Tree<Live> = live.collect();
            require_readable(&declared, &live).map_err(|error| error.to_string())
        };
        // What is not declared need not be read.
        assert_eq!(checked(&["/d"]), Ok(()));
        let of = |text: &str| Err(format!("not authorized to read {text}"));
        assert_eq!(checked(&["/b"]), of("/b"));
        assert_eq!(checked(&["/b", "/c", "/d"]), of("/b and 1 more node"));
        assert_eq!(checked(&["/a", "/b", "/c"]), of("/a and 2 more nodes"));
    }
}
