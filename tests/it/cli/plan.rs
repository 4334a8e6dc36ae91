//! `plan` and `diff` against a live tree.

mod actions;
mod diff;
mod kept;
mod secrets;

use super::{Place, create};

const CMS: &str = "\
/cms : z4m cms
  threads = 3
  /providers
/lb : ipvs
  /pools
    /cms
      address = '1.2.3.5:80'
      providers -> /cms/providers
";

/// The tree of the example on the specification's page.
pub(super) async fn example(name: &str) -> Place {
    let place = Place::new(name).await;
    let client = place.client().await;
    create(&client, "/lb", r#"{"type":"ipvs"}"#).await;
    create(&client, "/lb/pools", "").await;
    create(&client, "/lb/pools/cms", "").await;
    let data = br#"{"address": "1.2.3.4:80", "x": 1}"#;
    client.set_data("/lb/pools/cms", data, None).await.unwrap();
    create(&client, "/lb/pools/retail", "").await;
    create(&client, "/lb/pools/retail/a", "").await;
    create(&client, "/lb/pools/retail/b", "").await;
    place.file("cms.zkt", CMS);
    place
}
