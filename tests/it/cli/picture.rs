//! The picture of a plan at the head of the README.

use std::path::Path;

use anstyle_svg::{Term, WIN10_CONSOLE};

use super::Place;

const LIVE: &str = "\
/cms : z4m cms
  threads = 3
  /providers
/lb : ipvs
  /pools
    /cms
      address = '1.2.3.4:80'
      providers -> /cms/providers
    /retail
      address = '1.2.3.5:80'
";

const DECLARED: &str = "\
/cms : z4m cms
  threads = 4
  motd = 'one road'
  /providers
/lb : ipvs
  /pools
    /cms
      address = '1.2.3.4:80'
      providers -> /cms/providers
    /search
      address = '1.2.3.6:80'
      providers -> /cms/providers
";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_shows_what_a_plan_looks_like() {
    let place = Place::new("picture").await;
    place.file("live.zkt", LIVE).file("trees.zkt", DECLARED);
    place.run("apply -y live.zkt").expect(0);
    let mut command = place.command("plan --trim --color always trees.zkt");
    command.env("COLUMNS", "80");
    let plan = place.finish(command.spawn().unwrap()).expect(0).stdout;
    let plan = plan.replace("SERVER", "127.0.0.1:2181/");

    let screen = format!("$ zkt plan --trim trees.zkt\n{plan}");
    let drawn = Term::new().palette(WIN10_CONSOLE).render_svg(&screen);

    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide/plan.svg");
    let kept = std::fs::read_to_string(&picture).unwrap_or_default();
    if drawn != kept {
        let new = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plan.svg");
        std::fs::write(&new, &drawn).unwrap();
        panic!(
            "src/guide/plan.svg shows another plan; {} is the new one",
            new.display()
        );
    }
}
