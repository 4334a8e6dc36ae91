//! `export` and `apply` elsewhere changed most nodes of foreign systems: their JSON was spelled anew.

use super::super::cli::{Place, create};

/// As Kafka, ClickHouse, Solr, HBase, Dubbo and Curator write them; the last ones are respelled.
const DATA: [&[u8]; 12] = [
    b"",
    b" ",
    b"{}",
    b"1\n",
    b"\xff\x00PBUF",
    b"<config>\n</config>\n",
    b"{\"a\":NaN}",
    b"{\"string_value\":\"x\"}",
    b"{\"a\":{\"b\":[1,-2.50]},\"l ->\":\"/n0\"}",
    b"{\"version\":1,\"brokerid\":0}",
    b"{ \"a\" : 1 }\n",
    b"{\"a\":1,\"a\":2}",
];

/// The bytes of all nodes of a place.
async fn bytes(place: &Place) -> Vec<Vec<u8>> {
    let client = place.client().await;
    let mut all = Vec::new();
    for i in 0..DATA.len() {
        all.push(client.get_data(&format!("/n{i}")).await.unwrap().0);
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn all_of_it_with_exact_and_all_but_spelling_without() {
    let place = Place::new("copy").await;
    let client = place.client().await;
    for (i, data) in DATA.iter().enumerate() {
        create(&client, &format!("/n{i}"), data).await;
    }
    let plain = place.run("export").expect(0);
    assert_eq!(
        plain.stderr,
        "note: 3 nodes hold JSON that zkt spells otherwise; --exact keeps their bytes\n"
    );
    assert_eq!(place.run("export --acl").expect(0).stderr, plain.stderr);
    assert_eq!(place.run("export -q").expect(0).stderr, "");
    let exact = place.run("export --exact").expect(0);
    assert_eq!(exact.stderr, "");
    assert_eq!(
        place.run("export --exact --format json").expect(0).stderr,
        ""
    );
    let before = place.exactly().await;
    for (text, same) in [(plain.stdout, DATA.len() - 3), (exact.stdout, DATA.len())] {
        place.file("copy.zkt", &text);
        place.run("apply -y copy.zkt").expect(0);
        assert_eq!(place.exactly().await, before);

        let copy = Place::new("copy-there").await;
        copy.file("copy.zkt", &text);
        copy.run("apply -y copy.zkt").expect(0);
        let copied = bytes(&copy).await;
        let is_same = |(copied, data): &(&Vec<u8>, &&[u8])| copied[..] == ***data;
        assert_eq!(copied.iter().zip(&DATA).filter(is_same).count(), same);
        assert_eq!(
            copied[9],
            [&b"{\"brokerid\":0,\"version\":1}"[..], DATA[9]][same / 12]
        );
    }
}
