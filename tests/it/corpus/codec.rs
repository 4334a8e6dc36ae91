use serde_json::{Map, Value};
use zkt::model::value::{self, Data};

use super::{Departure, Verdict, check, first};
use crate::trees;

#[test]
fn data_is_read_and_written_as_it_was() {
    check("codec.jsonl", DEPARTURES, |case| {
        match case["python"].as_str() {
            None => decode(case),
            Some(python) => encode(case, python),
        }
    });
}

/// Node data to properties, and back to the same data by meaning.
fn decode(case: &Value) -> Verdict {
    let data = case["data"].as_str().unwrap_or_default().as_bytes();
    let decoded = Data::decode(data);
    let back = decoded.encode();
    let properties: Value = decoded
        .into_properties()
        .into_iter()
        .collect::<Map<_, _>>()
        .into();
    let reencoded = case["reencoded"]
        .as_str()
        .expect("the data written again")
        .as_bytes();
    let same_data = match (
        serde_json::from_slice(&back),
        serde_json::from_slice(reencoded),
    ) {
        (Ok(back), Ok(recorded)) => value::equal(&back, &recorded),
        _ => back == reencoded,
    };
    if value::equal(&properties, &case["decoded"]) && same_data {
        Verdict::Same
    } else {
        Verdict::Other(properties.to_string())
    }
}

/// Properties, spelled in Python, to node data; what Python spells as a dict is a literal here.
fn encode(case: &Value, python: &str) -> Verdict {
    let properties = match trees::declare_at(format!("/n\n  v = {python}\n").as_bytes(), "/") {
        Ok(declared) => declared
            .tree
            .get(&trees::path("/n"))
            .expect("/n")
            .properties()["v"]
            .clone(),
        Err(errors) if case["error"].is_object() => {
            return match errors.as_slice() {
                [_] => Verdict::Same,
                _ => Verdict::Other(first(&errors)),
            };
        }
        Err(errors) => return Verdict::Other(first(&errors)),
    };
    let Value::Object(properties) = properties else {
        panic!("{python} is no dict")
    };
    let data =
        String::from_utf8(Data::of(properties.into_iter().collect()).encode()).expect("UTF-8");
    let recorded = case["encoded"].as_str().map(serde_json::from_str::<Value>);
    match (serde_json::from_str::<Value>(&data), recorded) {
        (Ok(data), Some(Ok(recorded))) if value::equal(&data, &recorded) => Verdict::Same,
        _ => Verdict::Other(data),
    }
}

const DEPARTURES: &[Departure] = &[
    (
        "decode-nan",
        "NaN stands for itself by its name; zc.zk's value has another spelling.",
        r#"{"a":"NaN"}"#,
    ),
    (
        "decode-inf",
        "Infinity stands for itself by its name; zc.zk's value has another spelling.",
        r#"{"a":"Infinity","b":"-Infinity"}"#,
    ),
    (
        "decode-lone",
        "Half of a surrogate pair is no text: it is shown as the replacement character.",
        "{\"a\":\"\u{fffd}\"}",
    ),
];
