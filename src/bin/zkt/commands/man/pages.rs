//! What a manual page has besides the options: exit codes, environment, examples.

/// What is behind a name: an exit code, or a variable.
pub(super) type Entry = (&'static str, &'static str);

/// A command line, and what it does.
pub(crate) type Example = (&'static str, &'static str);

const DONE: Entry = ("0", "Done, or nothing to do.");
const ERROR: Entry = ("1", "An error: usage, files, connection, permissions.");
const REFUSED: Entry = ("3", "A guard refused; nothing was written.");
const CONFLICT: Entry = (
    "4",
    "A conflict: somebody else changed the nodes meanwhile, and was not overwritten.",
);
const PARTIAL: Entry = (
    "5",
    "An error after something was written; the output says what stands.",
);

const WATCH: [Entry; 5] = [
    (
        "0",
        "A signal ended it; with --once: done, or nothing to do.",
    ),
    ERROR,
    ("3", "With --once: a guard refused; nothing was written."),
    (
        "4",
        "With --once: a conflict that new plans did not get ahead of.",
    ),
    ("5", "With --once: an error after something was written."),
];

/// The exit codes of a command; of all of them together for the empty name.
pub(super) fn exit_codes(command: &str) -> Vec<Entry> {
    let changes = ("2", "With --detailed-exitcode: there are changes.");
    match command {
        "" => vec![
            DONE,
            (
                "1",
                "An error: usage, files, connection, permissions; of fmt --check and diff: there are differences.",
            ),
            (
                "2",
                "plan --detailed-exitcode: there are changes; status --detailed-exitcode: nodes have drifted; diff: an error.",
            ),
            REFUSED,
            CONFLICT,
            PARTIAL,
        ],
        "fmt" => vec![
            DONE,
            ("1", "An error; with --check: there are files that differ."),
        ],
        "diff" => vec![
            ("0", "The trees are alike."),
            ("1", "The trees differ."),
            ("2", "An error: usage, files, connection, permissions."),
            ("3", "A guard refused the plan."),
        ],
        "plan" => vec![DONE, ERROR, changes, REFUSED],
        "status" => vec![
            DONE,
            ERROR,
            ("2", "With --detailed-exitcode: nodes have drifted."),
        ],
        "audit" => vec![DONE, ERROR, ("3", "With --fail-on: there are such nodes.")],
        "apply" => vec![DONE, ERROR, REFUSED, CONFLICT, PARTIAL],
        "watch" => WATCH.to_vec(),
        "rm" => vec![DONE, ("1", "An error, or something was kept."), REFUSED],
        "register" => vec![
            (
                "0",
                "A signal ended it. With a command: the exit code of that.",
            ),
            ERROR,
            ("127", "The command cannot be run."),
            (
                "128 and more",
                "A signal of this number, less 128, ended the command, or came before it was started.",
            ),
        ],
        _ => vec![DONE, ERROR],
    }
}

/// The variables of TLS.
const TLS: [Entry; 3] = [
    (
        "ZKT_TLS, ZKT_TLS_CA, ZKT_TLS_CERT, ZKT_TLS_KEY, ZKT_TLS_SERVER_NAME, \
         ZKT_TLS_INSECURE_SKIP_VERIFY, ZKT_TLS_PASSWORD_FILE, ZKT_TLS_CA_PASSWORD_FILE",
        "As the options of these names; true or false, where the option has no value.",
    ),
    (
        "ZKT_TLS_PASSWORD",
        "The password of key stores and keys, without --tls-password-file.",
    ),
    (
        "ZKT_TLS_CA_PASSWORD",
        "That of the authorities' file, if it is another one, without --tls-ca-password-file.",
    ),
];

/// The variables of SASL.
const SASL: [Entry; 2] = [
    (
        "ZKT_SASL_USER, ZKT_SASL_PASSWORD_FILE, ZKT_KERBEROS, ZKT_KERBEROS_SERVICE, ZKT_KERBEROS_HOST",
        "As the options of these names; true or false, where the option has no value.",
    ),
    (
        "ZKT_SASL_PASSWORD",
        "The password of the user of SASL, without --sasl-password-file.",
    ),
];

/// The variables that a command heeds or sets.
pub(super) fn environment(command: &str, has_server: bool) -> Vec<Entry> {
    let mut entries = Vec::new();
    if has_server {
        entries.extend([
            (
                "ZKT_CONNECT",
                "The servers, and perhaps a chroot, without --connect.",
            ),
            (
                "ZC_ZK_CONNECTION_STRING",
                "The same, where ZKT_CONNECT is not set; zc.zk's name for it.",
            ),
            (
                "ZKT_AUTH",
                "Credentials, one SCHEME:CREDENTIALS a line, without --auth and --auth-file.",
            ),
        ]);
        entries.extend(SASL);
        entries.extend(TLS);
    }
    if has_server || ["check", "show"].contains(&command) {
        entries.extend([
            (
                "ZKT_CONTEXT",
                "The context of zkt.toml to use, without --context.",
            ),
            (
                "ZKT_CONFIG",
                "The file with the contexts, without --config.",
            ),
        ]);
    }
    entries.extend(of_command(command));
    entries.push(("NO_COLOR", "Where it is set, output has no colours."));
    entries
}

/// The variables that only this command heeds or sets.
fn of_command(command: &str) -> &'static [Entry] {
    match command {
        "watch" => &[
            (
                "ZKT_LISTEN_TOKEN",
                "The token that --listen asks for, without --listen-token-file.",
            ),
            (
                "ZKT_WEBHOOK",
                "The address that gets events, without --webhook.",
            ),
            (
                "ZKT_WEBHOOK_SECRET",
                "The secret of their signatures, without --webhook-secret-file.",
            ),
            (
                "ZKT_STATE, ZKT_PREVIOUS, ZKT_REVISION",
                "Set for the command of --on-change: the states now and before, and the revision.",
            ),
            (
                "NOTIFY_SOCKET, WATCHDOG_USEC",
                "Set by systemd, to which it reports readiness, status and signs of life.",
            ),
        ],
        "serve" => &[(
            "ZKT_CONTROL_TOKEN",
            "The token that --control asks for, without --control-token-file.",
        )],
        "discover" => &[
            (
                "ZKT_ADDRESSES",
                "Set for the command of --exec: the addresses, one a line. Not set where they are too long for the environment.",
            ),
            (
                "ZKT_PATH",
                "Set for the command of --exec: PATH as it was given.",
            ),
        ],
        _ => &[],
    }
}

/// Examples; each is a command line that this version takes.
pub(crate) fn examples(command: &str) -> &'static [Example] {
    match command {
        "" => &[
            ("zkt plan trees/", "Show what the live tree lacks."),
            ("zkt apply trees/", "Show it, ask, and do it."),
            (
                "zkt watch trees/ --listen :9181",
                "Keep the live tree as declared.",
            ),
        ],
        "plan" => &[
            (
                "zkt plan -c zk1:2181,zk2:2181 trees/",
                "Show what apply would do.",
            ),
            (
                "zkt plan --detailed-exitcode -q trees/",
                "In CI: one line, and exit code 2 where there are changes.",
            ),
            (
                "zkt plan --trim --target '/lb/**' trees/",
                "Only below /lb, with what is to be removed.",
            ),
            (
                "zkt plan --format github trees/",
                "In a workflow on GitHub: annotate the lines that cause refusals and warnings.",
            ),
            (
                "zkt plan -o plan.json trees/",
                "Save the plan for review, and for apply --plan.",
            ),
            (
                "zkt plan --policy examples/policies/kafka.toml trees/",
                "Judge each action by the rules of a team.",
            ),
            ("zkt plan --show plan.json", "Show a plan that was saved."),
            (
                "zkt plan --context prod",
                "With the layers, servers and guards that zkt.toml names.",
            ),
        ],
        "apply" => &[
            ("zkt apply --yes trees/", "Apply without being asked."),
            (
                "zkt apply --trim --max-trim 5 trees/",
                "Remove undeclared nodes, but no more than five.",
            ),
            (
                "zkt apply --owner shop --trim owned trees/",
                "Remove what shop created and no longer declares, and nothing else.",
            ),
            (
                "zkt apply --yes --plan plan.json",
                "Carry out just the plan that was reviewed.",
            ),
            (
                "zkt apply --yes --policy kafka.toml --approve kafka-trim trees/",
                "Agree to what the rule kafka-trim asks about.",
            ),
        ],
        "watch" => &[
            (
                "zkt watch trees/ --listen :9181",
                "Keep the live tree as declared, with a status page.",
            ),
            ("zkt watch trees/ --mode warn", "Only report differences."),
            (
                "zkt watch trees/ --record /var/lib/zkt/history",
                "Commit each change of the live tree to a git repository.",
            ),
            (
                "zkt watch trees/ --on-change 'mail -s \"zkt: $ZKT_STATE\" ops'",
                "Mail the event whenever the watch stands otherwise.",
            ),
        ],
        "status" => &[
            (
                "zkt status --owner shop",
                "When and by whom shop was applied last, and what has changed since.",
            ),
            (
                "zkt status --owner shop --detailed-exitcode",
                "In CI: exit code 2 where nodes have drifted.",
            ),
        ],
        command => examples_of_trees(command),
    }
}

const EXAMPLES_OF_DIFF: [Example; 7] = [
    ("zkt diff live trees/", "What apply --trim would do."),
    (
        "zkt diff --old base.zkt test.zkt --new base.zkt prod.zkt",
        "How two environments differ.",
    ),
    (
        "zkt diff --old-context staging --context prod",
        "The same, where zkt.toml says what they consist of.",
    ),
    (
        "zkt diff --since origin/main --context prod",
        "What a branch changes, also in zkt.toml.",
    ),
    (
        "zkt diff --old git:origin/main:trees --new trees",
        "What a branch changes; no server is asked.",
    ),
    (
        "zkt diff --format markdown live trees/",
        "The same plan as a comment on a pull request.",
    ),
    (
        "zkt diff export.json trees/",
        "The plan against last night's zkt export --format json.",
    ),
];

/// Examples of the commands that need no server.
fn examples_of_trees(command: &str) -> &'static [Example] {
    match command {
        "check" => &[
            (
                "zkt check trees/ prod.zkt",
                "Check a tree with another layer over it.",
            ),
            (
                "zkt check --strict --format json trees/",
                "In CI: warnings are errors, and programs read the result.",
            ),
            (
                "zkt check --deny plain-secret --allow hidden-link trees/",
                "Choose how serious each lint is.",
            ),
            (
                "zkt check --all-contexts --strict",
                "In CI: every context of zkt.toml.",
            ),
            (
                "zkt check --explain overlay-typo",
                "Why a lint exists, and what to do.",
            ),
            (
                "zkt check --format sarif trees/",
                "In CI: a log for code scanning.",
            ),
        ],
        "fmt" => &[
            ("zkt fmt trees/", "Lay out all files of a directory."),
            (
                "zkt fmt --check trees/",
                "In CI: name the files that differ.",
            ),
        ],
        "show" => &[(
            "zkt show services.zkt prod.zkt",
            "What two layers declare together.",
        )],
        "diff" => &EXAMPLES_OF_DIFF,
        "audit" => &[
            ("zkt audit /cms", "Who may do what at and below a node."),
            (
                "zkt audit / --known-from trees --known digest:ops --fail-on open --fail-on unknown",
                "In CI: no node is open to everybody, and ACLs name nobody else.",
            ),
        ],
        "graph" => &[(
            "zkt graph --format svg trees/",
            "A picture of the services of a tree.",
        )],
        command => examples_without_plan(command),
    }
}

/// Examples of the other commands that make no plan.
fn examples_without_plan(command: &str) -> &'static [Example] {
    match command {
        "export" => &[
            (
                "zkt export /cms -o cms.zkt",
                "A live subtree as tree text, in a file.",
            ),
            (
                "zkt export --files films /configs/films -o films.zkt",
                "Each node as a file below films, and the line that declares them.",
            ),
        ],
        "ls" => &[(
            "zkt ls -l --depth 2 /cms",
            "Nodes with kind, version, size and time.",
        )],
        "get" => &[
            ("zkt get /cms threads", "One property."),
            (
                "zkt get /cms --watch --format json",
                "All of them, again on each change.",
            ),
        ],
        "set" => &[
            (
                "zkt set /cms threads=4 debug-",
                "Set one property, and remove another one.",
            ),
            ("zkt set /cms 'db -> /databases/cms'", "Set a link."),
        ],
        "resolve" => &[(
            "zkt resolve /lb/pools/cms/providers",
            "The real path behind links.",
        )],
        "ln" => &[("zkt ln /databases/cms /cms/db", "Make a link.")],
        "rm" => &[
            ("zkt rm -n /old", "Tell what would be deleted."),
            ("zkt rm /old", "Delete it."),
        ],
        "config" => &[
            (
                "zkt config --context prod",
                "What holds for a context, and where it comes from.",
            ),
            ("zkt config --list", "The contexts of zkt.toml."),
        ],
        "completions" => &[(
            "zkt completions bash",
            "A completion script for bash, which asks zkt for live paths and contexts.",
        )],
        "man" => &[
            ("zkt man apply", "The page of a command."),
            (
                "zkt man --dir man/man1",
                "All pages as files, as packagers want them.",
            ),
        ],
        command => examples_of_services(command),
    }
}

/// Examples of the commands that programs run beside.
fn examples_of_services(command: &str) -> &'static [Example] {
    match command {
        "register" => &[
            (
                "zkt register /cms/providers :8080 --health-tcp -- ./cms --port 8080",
                "Run a service, registered at all of the machine's addresses while its port accepts connections.",
            ),
            (
                "zkt register /cms/providers 10.0.0.1:8080 weight=2",
                "Hold a registration until a signal comes.",
            ),
        ],
        "discover" => &[
            ("zkt discover /cms/providers", "The addresses, one a line."),
            (
                "zkt discover /cms/providers --exec 'sed \"s/.*/server &;/\" > upstream && nginx -s reload'",
                "Keep a proxy's configuration current.",
            ),
        ],
        "serve" => &[(
            "zkt serve --listen :0 --tree test.zkt",
            "A server for tests on a free port, with a tree.",
        )],
        _ => &[],
    }
}
