//! A team's change from a branch to production, with a hot fix by hand in between.

use zookeeper_client::Client;

use super::Place;

/// A repository whose `main` is what production is, and a branch that changes it.
fn repository(place: &Place) {
    let context = format!(
        "[context.production]\nlayers = ['trees/base', 'trees/production.zkt']\n\
         connect = '{}'\nowner = 'team'\ntrim = 'owned'\nstrict = true\n",
        place.hosts
    );
    place
        .file("zkt.toml", context)
        .file(".gitignore", "*.json\n")
        .file(
            "trees/base/cms.zkt",
            "/cms\n  threads = 3\n  /providers\n  /legacy\n",
        )
        .file("trees/base/lb.zkt", "/lb\n  pool -> /cms/providers\n")
        .file(
            "trees/production.zkt",
            "/cms\n  threads = 8\n  @secret password\n  password = 'first'\n",
        );
    place.git("init -q -b main");
    place.commit();
    place.git("checkout -q -b faster");
    place
        .file(
            "trees/base/cms.zkt",
            "/cms\n  threads = 3\n  cache = '1g'\n  /providers\n",
        )
        .file(
            "trees/base/lb.zkt",
            "/lb\n  pool -> /cms/providers\n  /checks\n",
        )
        .file(
            "trees/production.zkt",
            "/cms\n  threads = 12\n  @secret password\n  password = 'second'\n",
        );
    place.commit();
    place.git("checkout -q main");
}

/// By hand, at night.
async fn hot_fix(client: &Client) {
    let fixed = br#"{"password":"third","threads":16}"#;
    client.set_data("/cms", fixed, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_change_goes_from_a_branch_to_production_past_a_hot_fix() {
    let place = Place::new("team").await;
    repository(&place);
    place
        .run_by_file("apply --yes --context production")
        .expect(0);
    let export = "export --acl --format json --context production -o export.json";
    place.run_by_file(export).expect(0);

    // What the branch changes is told without a server, from commits and from an export.
    place.git("checkout -q faster");
    let main = "git:main:trees/base git:main:trees/production.zkt";
    let new = "trees/base trees/production.zkt";
    let changes = place
        .run_by_file(&format!("diff --old {main} --new {new}"))
        .expect(1);
    insta::assert_snapshot!(changes, @"
    zkt diff: git:main:trees/base git:main:trees/production.zkt <- trees/base trees/production.zkt

      + /lb/checks                                       trees/base/lb.zkt:3
      ~ /cms
        + cache = '1g'
          password = (secret) -> (secret)
          threads = 8 -> 12
      - /cms/legacy                                      (1 node)

    Plan: 1 to add, 1 to update, 0 to link, 1 to trim.
    --- exit 1
    ");
    let from_export = place.run_by_file(&format!("diff --old export.json --new {new}"));
    insta::assert_snapshot!(from_export.expect(1), @"
    zkt diff: export.json <- trees/base trees/production.zkt

      + /lb/checks                                       trees/base/lb.zkt:3
      ~ /cms
        + cache = '1g'
          password = (secret) -> (secret)
          threads = 8 -> 12
      - /cms/legacy                                      (1 node)

    Plan: 1 to add, 1 to update, 0 to link, 1 to trim.
    --- exit 1
    ");

    // CI plans what the commit declares, whatever stands in the checkout.
    place.git("checkout -q main");
    let branch = "git:faster:trees/base git:faster:trees/production.zkt";
    let planned = place.run_by_file(&format!("plan --context production -o plan.json {branch}"));
    insta::assert_snapshot!(planned, @"
    zkt plan: SERVER <- git:faster:trees/base git:faster:trees/production.zkt
      context production of zkt.toml, trim owned, owner team, record /zkt/team,
      strict true

      + /lb/checks                                    git:faster:trees/base/lb.zkt:3
      ~ /cms
        + cache = '1g'
          password = (secret) -> (secret)
          threads = 8 -> 12
      - /cms/legacy                                   (1 node)

    Plan: 1 to add, 1 to update, 0 to link, 1 to trim.
    --- stderr
    saved without its secret values: zkt apply --plan plan.json git:faster:trees/base git:faster:trees/production.zkt --context production does exactly this
    --- exit 0
    ");
    for secret in ["first", "second"] {
        assert!(!place.read("plan.json").contains(secret), "{secret}");
    }

    place.git("merge -q faster");
    let client = place.client().await;
    hot_fix(&client).await;
    let before = place.exactly().await;
    let apply = format!("apply --yes --plan plan.json --context production {main}");
    insta::assert_snapshot!(place.run_by_file(&apply).undated(), @"
    --- stderr
    context production of zkt.toml
    error: 1 node has changed since the plan was made
      /cms: its data was changed

    From what the plan saw to what is there now:
      ~ /cms  (data last written TIME)
          threads = 8 -> 16
          (secret values were not compared)

    The servers do not know who wrote it.
    hint: make a new plan and review it: zkt plan -o plan.json git:main:trees/base git:main:trees/production.zkt --context production --owner team --trim=owned
    --- exit 4
    ");
    assert_eq!(place.exactly().await, before);

    // A new plan shows the fix, and takes it back for whoever agrees.
    let plan = "plan --context production -o plan.json";
    insta::assert_snapshot!(place.run_by_file(plan), @"
    zkt plan: SERVER <- trees/base trees/production.zkt
      context production of zkt.toml, trim owned, owner team, record /zkt/team,
      strict true

      + /lb/checks                                       trees/base/lb.zkt:3
      ~ /cms
        + cache = '1g'
          password = (secret) -> (secret)
          threads = 16 -> 12
      - /cms/legacy                                      (1 node)

    Plan: 1 to add, 1 to update, 0 to link, 1 to trim.
    --- stderr
    saved without its secret values: zkt apply --plan plan.json trees/base trees/production.zkt --context production does exactly this
    --- exit 0
    ");
    let apply = format!("apply --yes --plan plan.json --context production {main}");
    insta::assert_snapshot!(place.run_by_file(&apply), @"
    zkt apply: SERVER <- trees/base trees/production.zkt
      context production when it was made, trim owned, owner team, record /zkt/team

      + /lb/checks                                       trees/base/lb.zkt:3
      ~ /cms
        + cache = '1g'
          password = (secret) -> (secret)
          threads = 16 -> 12
      - /cms/legacy                                      (1 node)

    Plan: 1 to add, 1 to update, 0 to link, 1 to trim.
    Done: 1 added, 1 updated, 0 linked, 1 trimmed.
    --- stderr
    context production of zkt.toml
    --- exit 0
    ");
    let nodes = place.nodes().await;
    let nodes = nodes.lines().filter(|line| !line.starts_with("/zkt"));
    insta::assert_snapshot!(nodes.collect::<Vec<_>>().join("\n"), @r#"
    /cms "{\"cache\":\"1g\",\"password\":\"second\",\"threads\":12}" v2
    /cms/providers "{}" v0
    /lb "{\"pool ->\":\"/cms/providers\"}" v0
    /lb/checks "{}" v0
    "#);
    place
        .run_by_file("plan --detailed-exitcode --context production")
        .expect(0);
    insta::assert_snapshot!(place.run_by_file(&apply), @"
    No changes: this plan was applied already.
    --- stderr
    context production of zkt.toml
    --- exit 0
    ");
}
