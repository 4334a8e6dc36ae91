//! Sets of names that are listed in the order in which ZooKeeper lists them.
//!
//! ZooKeeper keeps the names of children, and the paths of a session's ephemeral nodes, in Java's
//! `HashSet`. The order that it lists them in is visible on the wire: in replies to `getChildren`,
//! and in the events when a session ends. It follows from the hash of each name, from the size
//! that the table has grown to, and from the order of insertion within one slot; so does this
//! table. Java's `HashMap` turns a slot with more than eight names into a tree, which lists them
//! in another order; that is not done here.

/// No entry.
const NONE: u32 = u32::MAX;

/// In a table with fewer slots, a slot with eight names makes the table grow.
const SMALLEST_WITH_TREES: usize = 64;

#[derive(Debug, Clone)]
struct Entry {
    hash: u32,
    next: u32,
    name: Box<str>,
}

/// A set of names.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// How many slots the table gets with the first name.
    first_slots: usize,
    slots: Vec<u32>,
    entries: Vec<Entry>,
    /// The first of the entries that hold no name.
    unused: u32,
    len: usize,
}

impl Names {
    /// An empty set whose table starts with so many slots, a power of two.
    pub(crate) fn with_slots(first_slots: usize) -> Self {
        debug_assert!(first_slots.is_power_of_two());
        Self {
            first_slots,
            slots: Vec::new(),
            entries: Vec::new(),
            unused: NONE,
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds a name. Returns `false` if the set holds it already.
    pub(crate) fn insert(&mut self, name: &str) -> bool {
        if self.slots.is_empty() {
            self.slots = vec![NONE; self.first_slots];
        }
        let hash = spread(java_hash(name));
        let slot = self.slot(hash);
        let mut last = NONE;
        let mut before = 0;
        let mut at = self.slots[slot];
        while at != NONE {
            let entry = &self.entries[at as usize];
            if entry.hash == hash && &*entry.name == name {
                return false;
            }
            last = at;
            before += 1;
            at = entry.next;
        }
        let added = self.add_entry(hash, name);
        match last {
            NONE => self.slots[slot] = added,
            last => self.entries[last as usize].next = added,
        }
        if before >= 8 && self.slots.len() < SMALLEST_WITH_TREES {
            self.grow();
        }
        self.len += 1;
        if self.len > self.slots.len() / 4 * 3 {
            self.grow();
        }
        true
    }

    /// Removes a name. Returns `false` if the set does not hold it. The table keeps its size.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        if self.slots.is_empty() {
            return false;
        }
        let hash = spread(java_hash(name));
        let slot = self.slot(hash);
        let mut last = NONE;
        let mut at = self.slots[slot];
        while at != NONE {
            let entry = &self.entries[at as usize];
            let next = entry.next;
            if entry.hash != hash || &*entry.name != name {
                last = at;
                at = next;
                continue;
            }
            match last {
                NONE => self.slots[slot] = next,
                last => self.entries[last as usize].next = next,
            }
            let entry = &mut self.entries[at as usize];
            entry.name = Box::default();
            entry.next = self.unused;
            self.unused = at;
            self.len -= 1;
            return true;
        }
        false
    }

    /// The names, in ZooKeeper's order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.slots.iter().flat_map(|&first| {
            let entry = |at: u32| self.entries.get(at as usize);
            std::iter::successors(entry(first), move |last| entry(last.next))
                .map(|entry| &*entry.name)
        })
    }

    /// The names in the order of a copy of the set: Java makes the copy's table as small as its
    /// names allow, however large the table of the original has grown.
    pub(crate) fn copied(&self) -> Self {
        let slots = (self.len * 4 / 3 + 1).next_power_of_two();
        let mut copy = Self::with_slots(slots);
        for name in self.iter() {
            copy.insert(name);
        }
        copy
    }

    fn slot(&self, hash: u32) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    fn add_entry(&mut self, hash: u32, name: &str) -> u32 {
        let entry = Entry {
            hash,
            next: NONE,
            name: name.into(),
        };
        match self.unused {
            NONE => {
                self.entries.push(entry);
                u32::try_from(self.entries.len() - 1).unwrap_or(NONE)
            }
            at => {
                self.unused = self.entries[at as usize].next;
                self.entries[at as usize] = entry;
                at
            }
        }
    }

    /// Doubles the slots; the names of one slot keep their order.
    fn grow(&mut self) {
        let size = self.slots.len() * 2;
        let old = std::mem::replace(&mut self.slots, vec![NONE; size]);
        let mut lasts = vec![NONE; size];
        for mut at in old {
            while at != NONE {
                let next = std::mem::replace(&mut self.entries[at as usize].next, NONE);
                let slot = self.slot(self.entries[at as usize].hash);
                match lasts[slot] {
                    NONE => self.slots[slot] = at,
                    last => self.entries[last as usize].next = at,
                }
                lasts[slot] = at;
                at = next;
            }
        }
    }
}

/// The hash of a text in Java: over its UTF-16 units.
pub(crate) fn java_hash(text: &str) -> u32 {
    let add = |hash: u32, unit: u32| hash.wrapping_mul(31).wrapping_add(unit);
    if text.is_ascii() {
        text.bytes().fold(0, |hash, byte| add(hash, byte.into()))
    } else {
        text.encode_utf16()
            .fold(0, |hash, unit| add(hash, unit.into()))
    }
}

/// Mixes a hash as Java's tables do before they take its low bits.
pub(crate) fn spread(hash: u32) -> u32 {
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(slots: usize, names: &[&str]) -> Names {
        let mut set = Names::with_slots(slots);
        for name in names {
            assert!(set.insert(name));
        }
        set
    }

    fn listed(set: &Names) -> Vec<&str> {
        set.iter().collect()
    }

    #[test]
    fn hashes_are_those_of_java() {
        assert_eq!(java_hash(""), 0);
        assert_eq!(java_hash("hello"), 99_162_322);
        assert_eq!(java_hash("zookeeper"), 1_600_681_804);
        assert_eq!(java_hash("😀"), 1_772_899);
    }

    #[test]
    fn the_order_is_by_slot_then_by_insertion() {
        // The hashes of one letter are its codes: i and a share a slot of eight.
        assert_eq!(listed(&names(8, &["i", "b", "a"])), ["i", "a", "b"]);
        assert_eq!(listed(&names(8, &["a", "b", "i"])), ["a", "i", "b"]);
    }

    #[test]
    fn the_table_grows_past_three_quarters_and_never_shrinks() {
        let mut set = names(8, &["i", "a", "b", "c", "d", "e"]);
        assert_eq!(listed(&set), ["i", "a", "b", "c", "d", "e"]);
        set.insert("f");
        assert_eq!(listed(&set), ["a", "b", "c", "d", "e", "f", "i"]);
        for name in ["b", "c", "d", "e", "f"] {
            assert!(set.remove(name));
        }
        assert!(!set.remove("b"));
        assert_eq!(listed(&set), ["a", "i"]);
        assert_eq!(set.len(), 2);
        set.remove("a");
        set.insert("a");
        assert_eq!(listed(&set), ["a", "i"]);
    }

    #[test]
    fn a_copy_has_a_table_of_its_own_size() {
        let mut set = names(16, &["q", "a"]);
        assert_eq!(listed(&set), ["q", "a"]);
        set.insert("i");
        assert_eq!(listed(&set), ["q", "a", "i"]);
        assert_eq!(listed(&set.copied()), ["q", "a", "i"]);
        let wide = names(64, &["a", "p"]);
        assert_eq!(listed(&wide), ["a", "p"]);
        assert_eq!(listed(&wide.copied()), ["p", "a"]);
    }

    #[test]
    fn entries_are_used_again() {
        let mut set = Names::with_slots(8);
        for round in 0..1000 {
            assert!(set.insert(&round.to_string()));
            assert!(set.remove(&round.to_string()));
        }
        assert_eq!(set.len(), 0);
        assert_eq!(set.entries.len(), 1);
    }

    #[test]
    fn many_names_are_all_there() {
        let mut set = Names::with_slots(8);
        for n in 0..10_000 {
            set.insert(&format!("n{n:010}"));
            assert!(!set.insert(&format!("n{n:010}")));
        }
        assert_eq!(set.len(), 10_000);
        let mut all = listed(&set);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 10_000);
    }
}
