use super::*;
use serde_json::Value;

#[test]
fn dump() {
    for case in cases("parse.jsonl") {
        let text = match case["text"].as_str() {
            Some(t) => t.as_bytes().to_vec(),
            None => continue,
        };
        if case["tree_flat"] != Value::Null {
            continue;
        }
        let got = declare(&text, "/");
        let ok = case["ok"].as_bool().unwrap();
        let same = match &got {
            Ok(tree) => ok && zkt::value::equal(&nested(tree), &case["tree"]),
            Err(e) => {
                !ok && (case["error"]["line"].is_null()
                    || e[0].starts_with(&format!("{}:", case["error"]["line"])))
            }
        };
        if !same || !ok {
            let g = match got {
                Ok(t) => nested(&t)["children"].to_string(),
                Err(e) => format!("ERR {e:?}"),
            };
            let g: String = g.chars().take(230).collect();
            let t: String = format!("{:?}", case["text"]).chars().take(120).collect();
            println!(
                "{} {} {} {}\n      {}\n      {}",
                if same { "   " } else { "###" },
                name_of(&case),
                t,
                if ok { "OK" } else { "ERR" },
                if ok {
                    case["tree"]["children"]
                        .to_string()
                        .chars()
                        .take(200)
                        .collect::<String>()
                } else {
                    case["error"]["kind"].to_string() + &case["error"]["line"].to_string()
                },
                g
            );
        }
    }
}
