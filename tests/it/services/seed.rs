//! What zc.zk's own documentation shows, by its headings.

mod links;
mod providers;
mod trees;

use serde_json::json;
use zkt::ZooKeeper;
use zkt::services::Import;

use super::{Place, appear, create};

const TREE: &str = "\
/lb : ipvs
  /pools
    /cms
      # The address is fixed because it's
      # exposed externally
      address = '1.2.3.4:80'
      providers -> /cms/providers
    /retail
      address = '1.2.3.5:80'
      providers -> /cms/providers

/cms : z4m cms
  threads = 3
  /providers
  /databases
    /main
      /providers

/retail : z4m retail
  threads = 1
  /providers
  /databases
    main -> /cms/databases/main
    /ugc
      /providers
";

async fn fooservice(place: &Place) -> ZooKeeper {
    let zk = place.connect().await;
    create(&zk, "/fooservice", json!({"secret": "1234", "threads": 3})).await;
    create(&zk, "/fooservice/providers", json!({})).await;
    for port in 8080..=8082 {
        appear(&zk, &format!("/fooservice/providers/192.168.0.42:{port}")).await;
    }
    zk
}

async fn import(zk: &ZooKeeper, text: &str, path: &str) {
    let path = Some(path.to_owned());
    let import = Import {
        path,
        ..Import::default()
    };
    zk.import_tree(text, &import).await.unwrap();
}
