//! What each lint is for: `check --explain`, SARIF and the guide all say it from here.

use super::{About, Level, Lint};

/// All lints, in the order of [`Lint`].
pub(super) static TABLE: [About; 23] = [
    About {
        lint: Lint::DanglingLink,
        name: "dangling-link",
        level: Level::Warn,
        summary: "A link leads to nothing.",
        why: "\
Whoever follows the link gets an error, often long after the change: when a
service starts again.",
        example: "\
/cms
  db -> /databases/cmss
/databases
  /cms",
        remedy: "\
Correct the path, or declare its target. Where something else creates the
target later, allow the lint on this line.",
    },
    About {
        lint: Lint::CircularLink,
        name: "circular-link",
        level: Level::Warn,
        summary: "Links lead in a circle.",
        why: "Whoever follows such a link gets an error.",
        example: "\
/a
  next -> /b/next
/b
  next -> /a/next",
        remedy: "One of the links must lead to a node.",
    },
    About {
        lint: Lint::HiddenLink,
        name: "hidden-link",
        level: Level::Warn,
        summary: "A child has the name of a link, so nobody follows the link.",
        why: "\
A path leads to the child, also where the link was meant. This happens when a
link takes the place of a node and the node is left behind, or the reverse.",
        example: "\
/cms
  db -> /databases/cms
  /db
/databases
  /cms",
        remedy: "Remove the link or the child, or rename one of them.",
    },
    About {
        lint: Lint::RepeatedAddress,
        name: "repeated-address",
        level: Level::Warn,
        summary: "Two services have a provider with the same address.",
        why: "\
Below each node `providers` stand the addresses of a service. One address that
stands below two of them was most likely copied: clients of one service then
reach the other. Addresses that each machine has for itself, as localhost, do
not count.",
        example: "\
/cms/providers
  /10.0.0.1:8080
/crm/providers
  /10.0.0.1:8080",
        remedy: "\
Correct one of the addresses. Where one process is both services, allow the
lint on the second line.",
    },
    About {
        lint: Lint::ServiceWithoutProviders,
        name: "service-without-providers",
        level: Level::Warn,
        summary: "A service has no node `providers`, where services like it have one.",
        why: "\
Programs register below `providers`, and clients look for addresses there. A
node counts as a service if it has the type of a node with `providers`, or if
it stands beside one in a node named `services`. A node with `providers`
further down, or with `@keep`, does not count.",
        example: "\
/cms : web service
  /providers
/crm : web service
  threads = 4",
        remedy: "Add a node `providers`, or a link of that name.",
    },
    About {
        lint: Lint::LiteralType,
        name: "literal-type",
        level: Level::Warn,
        summary: "A type looks like a value.",
        why: "\
What stands behind the colon of a node line is text. A person who writes a
number or a quoted string there most likely means a property.",
        example: "/threads : 4",
        remedy: "\
Write a property (`threads = 4`) in the node around. A type that is meant can
stand in double quotes: `/threads : \"4\"`.",
    },
    About {
        lint: Lint::CaseOnlyDifference,
        name: "case-only-difference",
        level: Level::Warn,
        summary: "Two nodes or two properties have names that differ in case only.",
        why: "\
ZooKeeper tells them apart, and people do not: most often one of them is a
slip, and programs read only the other.",
        example: "\
/cms
  Threads = 4
  threads = 8",
        remedy: "Remove one of them, or rename it.",
    },
    About {
        lint: Lint::LookAlikeNames,
        name: "look-alike-names",
        level: Level::Warn,
        summary: "Two names look the same, and consist of other characters.",
        why: "\
The letter é is one character, or an e with an accent behind it. Which one a
file holds depends on keyboard and editor.",
        example: "\
/a
  \u{e9} = 1
  e\u{301} = 2",
        remedy: "Write both in the same way, or remove one.",
    },
    About {
        lint: Lint::PlainSecret,
        name: "plain-secret",
        level: Level::Warn,
        summary: "A value has the name of a secret, and no `@secret` covers it.",
        why: "\
It stands in plans, logs and comments on pull requests. Names that hold
password, passwd, passphrase, secret, token, credential, private_key or
api_key count, unless the value is true, false, null or empty: those of
properties, those inside of their values, and those of nodes and files that
hold other data than properties. In texts and files they count if a value
follows, as in `db.password=letmein` or `<token>letmein`, but not one that
starts with `$`, which stands for one from elsewhere. Two secrets count under
any name: a private key in PEM, and a URL with a password, as in
`postgres://app:letmein@db/app`.",
        example: "\
/cms
  password = 'letmein'",
        remedy: "\
Add a line `@secret password`. It hides the value wherever zkt shows it, but
not in the file. Of a value that only holds the name, `@secret` names the
property; beside `@files` it names the file. If the value is no secret, allow
the lint on this line.",
    },
    About {
        lint: Lint::OverlayTypo,
        name: "overlay-typo",
        level: Level::Warn,
        summary: "A later layer adds a name that is one slip away from an earlier one.",
        why: "\
A later layer mostly changes what earlier layers declare. With a slip in a
name it adds something new instead, and the old value stays in force. Names
that differ in a digit do not count, nor do those of fewer than five letters,
nor nodes to which a layer adds more than 20 names.",
        example: "\
/cms
  threads = 4
# --- prod.zkt ---
/cms
  thraeds = 40",
        remedy: "\
Correct the name. If both names are meant, allow the lint on this line.",
    },
    About {
        lint: Lint::OverlayAddition,
        name: "overlay-addition",
        level: Level::Allow,
        summary: "A later layer adds a node or a property that no earlier layer has.",
        why: "\
Allowed unless you say otherwise: most trees are made this way. A team whose
later layers only change values can deny it, and no slip goes unseen.",
        example: "\
/cms
  threads = 4
# --- prod.zkt ---
/cms
  debug = false",
        remedy: "Declare it in an earlier layer, too, or correct its name.",
    },
    About {
        lint: Lint::LeadingZero,
        name: "leading-zero",
        level: Level::Warn,
        summary: "A number begins with a zero, and so is octal.",
        why: "\
Python 2, and with it zc.zk, read 0644 as 420. Whoever writes it most often
means a file mode, or text such as a postal code.",
        example: "\
/a
  mode = 0644",
        remedy: "Write `0o644` for the octal number, `'0644'` for the text.",
    },
    About {
        lint: Lint::TrailingComma,
        name: "trailing-comma",
        level: Level::Warn,
        summary: "A comma at the end makes a list of a value.",
        why: "\
`x = 'a',` is a list with one item, as in Python. Most often the comma was left
behind by mistake.",
        example: "\
/a
  name = 'a',",
        remedy: "Take the comma out, or write the list in brackets: `['a']`.",
    },
    About {
        lint: Lint::SystemNode,
        name: "system-node",
        level: Level::Warn,
        summary: "The tree declares /zookeeper, which belongs to ZooKeeper itself.",
        why: "\
Below a chroot it is a node like any. At the root of a server a plan refuses
it, and files do not say where the tree goes.",
        example: "/zookeeper",
        remedy: "Allow the lint for a tree that goes below a chroot.",
    },
    About {
        lint: Lint::OddData,
        name: "odd-data",
        level: Level::Warn,
        summary: "A node that changes holds data that is not quite JSON.",
        why: "\
Python writes NaN and Infinity, and other programs a byte-order mark. The plan
keeps what it does not change, and says that it is there. Only a plan for a
server sees it.",
        example: "",
        remedy: "Declare the properties that are spelled so.",
    },
    About {
        lint: Lint::UnknownApplier,
        name: "unknown-applier",
        level: Level::Warn,
        summary: "No ACL names the user who applies.",
        why: "\
A server takes any user with any password. If neither the declared ACLs nor
the live ones name yours, it may be misspelt. Only a plan for a server sees it.",
        example: "",
        remedy: "Check user and password.",
    },
    About {
        lint: Lint::UnseenAcl,
        name: "unseen-acl",
        level: Level::Warn,
        summary: "ACLs could not be compared for want of the ADMIN right.",
        why: "\
A server shows the ACL of a node only to who may read or administer it. Whether
it is as declared is not known. Only a plan for a server sees it.",
        example: "",
        remedy: "Apply as a user with the ADMIN right.",
    },
    About {
        lint: Lint::OtherOwner,
        name: "other-owner",
        level: Level::Warn,
        summary: "A node that is declared, or goes, is in the record of another owner.",
        why: "\
Two owners that declare one node write it in turn, each as its own files say.
If one of them alone has it, that one removes it once it no longer declares it,
whatever the other declares. A plan that removes such a node, since all extra
nodes go or from the old place of a move, warns as well. Only a plan for an
owner sees it.",
        example: "",
        remedy: "\
Declare it for one of them. To hand it over, let an apply for the new owner
adopt it first. Then take it out of the old one's files: the next apply for
the old owner lets it go.",
    },
    About {
        lint: Lint::LinkToOldPlace,
        name: "link-to-old-place",
        level: Level::Warn,
        summary: "A moved node holds a link to the place that it was moved from.",
        why: "\
A move takes along what nobody declares, links included, and does not change
it. The old place is gone afterwards, and the link leads to nothing. Only a
plan for a server, and a diff, see it.",
        example: "",
        remedy: "Declare the link as it is to be, or change it once the move is done.",
    },
    About {
        lint: Lint::OldPlaceTaken,
        name: "old-place-taken",
        level: Level::Warn,
        summary: "A newer node is at the place that a node was moved from.",
        why: "\
It came there after the move, so it is not what was to be moved, and is left
alone. Perhaps some program still uses the old place. Only a plan for a server
sees it.",
        example: "",
        remedy: "\
If the node is not wanted, delete it, and find out who made it. If it is,
remove the line `@moved`.",
    },
    About {
        lint: Lint::UndeclaredMove,
        name: "undeclared-move",
        level: Level::Warn,
        summary: "A subtree changed its place, and no `@moved` says so.",
        why: "\
What files declare is the same at both places, so it was probably moved. An
apply does not know that: it creates new nodes, and what is live at the old
place, with all that no file declares, stays there or is trimmed. Only a diff
sees it.",
        example: "",
        remedy: "\
Write `@moved from '/old/path'` into the node at the new place. If these are
two nodes by intent, allow it.",
    },
    About {
        lint: Lint::UnknownLint,
        name: "unknown-lint",
        level: Level::Warn,
        summary: "A comment for zkt says nothing that zkt knows.",
        why: "A comment with a slip in it allows nothing.",
        example: "\
/a
  mode = 1  # zkt: allow(leading-zeros)",
        remedy: "\
Write `# zkt: allow(NAME)`, with several names `# zkt: allow(NAME, NAME)`.",
    },
    About {
        lint: Lint::UnusedAllow,
        name: "unused-allow",
        level: Level::Warn,
        summary: "A comment allows a lint that does not occur there.",
        why: "\
It would hide the next mistake on its line. Only check sees it, and only of
lints that files alone decide: whether a link dangles depends on the server.",
        example: "\
/a
  mode = 1  # zkt: allow(leading-zero)",
        remedy: "Remove the comment.",
    },
];
