//! `graph` of a live tree, and `get --watch`.

use crate::cli::Place;

use super::{Running, service};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn get_can_watch() {
    let (place, client) = service("get-watch").await;
    client
        .set_data("/svc", br#"{"threads":1}"#, None)
        .await
        .unwrap();
    let mut one = Running::start(&place, &["get", "/svc", "threads", "--watch"]);
    let mut all = Running::start(&place, &["get", "/svc", "--watch"]);
    assert_eq!(one.line(), "1\n");
    assert_eq!(all.line(), "threads = 1\n");
    client
        .set_data("/svc", br#"{"threads":1,"x":0}"#, None)
        .await
        .unwrap();
    assert_eq!(
        [all.line(), all.line(), all.line()],
        ["\n", "threads = 1\n", "x = 0\n"]
    );
    client
        .set_data("/svc", br#"{"threads":2}"#, None)
        .await
        .unwrap();
    assert_eq!(one.line(), "2\n");
    for mut running in [one, all] {
        running.child.kill().unwrap();
        running.child.wait().unwrap();
    }
}

const SYSTEM: &str = "\
/lb : ipvs
  /pools
    /cms
      providers -> /cms/providers
    /retail
      providers -> /retail/providers
/cms : z4m \"cms\"
  /providers
  /databases
    main -> /databases/cms/providers
/databases
  /cms
    /providers
    peer -> /cms/providers
";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn graph() {
    let place = Place::new("graph").await;
    place.file("a.zkt", SYSTEM);
    insta::assert_snapshot!(place.run("graph a.zkt"), @r#"
    digraph services {
      rankdir=LR;
      node [shape=box];
      "/cms" [label="/cms\nz4m \"cms\""];
      "/databases/cms";
      "/lb/pools/cms" [shape=ellipse];
      "/lb/pools/retail" [shape=ellipse];
      "/retail" [style=dashed];
      "/cms" -> "/databases/cms" [label="databases/main"];
      "/databases/cms" -> "/cms" [label="peer"];
      "/lb/pools/cms" -> "/cms" [label="providers"];
      "/lb/pools/retail" -> "/retail" [label="providers"];
    }
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("graph --format mermaid a.zkt"), @r#"
    flowchart LR
      n0["/cms<br/>z4m #quot;cms#quot;"]
      n1["/databases/cms"]
      n2(["/lb/pools/cms"])
      n3(["/lb/pools/retail"])
      n4["/retail"]:::missing
      n0 -->|"databases/main"| n1
      n1 -->|"peer"| n0
      n2 -->|"providers"| n0
      n3 -->|"providers"| n4
      classDef missing stroke-dasharray: 4
    --- exit 0
    "#);
    let svg = place.run("graph --format svg a.zkt").expect(0).stdout;
    assert_eq!(svg.matches("<rect x=").count(), 5);
    assert_eq!(svg.matches("marker-end").count(), 4);
    assert!(svg.contains(">z4m &quot;cms&quot;</text>") && svg.ends_with("</svg>\n"));
    place.run("apply -y a.zkt").expect(0);
    let live = place.run("graph --live").expect(0).stdout;
    assert_eq!(live, place.run("graph a.zkt").expect(0).stdout);
    place.run("graph").expect(1);

    // Every link of a service is drawn; what is not is told.
    let more = "/a\n  /providers\n  conf -> /etc/a\n  port => /b port\n  self -> providers\n\
                /b\n  port = 1\n  back => /a port\n  c -> /c\n/c\n";
    place.file("b.zkt", more);
    insta::assert_snapshot!(place.run("graph b.zkt"), @r#"
    digraph services {
      rankdir=LR;
      node [shape=box];
      "/a";
      "/b" [shape=ellipse];
      "/etc/a" [style=dashed];
      "/a" -> "/etc/a" [label="conf"];
      "/a" -> "/b" [label="port", style=dashed];
      "/a" -> "/a" [label="self"];
      "/b" -> "/a" [label="back", style=dashed];
    }
    --- stderr
    1 link is left out: a link that leads nowhere, or with neither end in a service
      /b  c -> /c
    --- exit 0
    "#);
}
