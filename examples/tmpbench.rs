use std::time::Instant;
fn main(){
 let f=std::env::args().nth(1).unwrap();
 let t=Instant::now();
 let (l,e)=zkt::layers::load(&[f],false,&zkt::files::Disk); assert!(e.is_empty(),"{e:?}");
 println!("load {:?}",t.elapsed());
 let t=Instant::now();
 let (tree,e)=zkt::lower::lower(l.layers,&zkt::path::ZPath::root()); assert!(e.is_empty(),"{e:?}");
 println!("lower {:?} {}",t.elapsed(),tree.len());
 let t=Instant::now();
 let live=zkt::planner::as_live(&tree);
 println!("as_live {:?}",t.elapsed());
 let t=Instant::now();
 let plan=zkt::planner::plan(&tree,&live,&zkt::planner::Policy::new(&l.sources));
 println!("plan {:?} {}",t.elapsed(),plan.actions.len());
 let t=Instant::now();
 let c=zkt::links::check(&tree,&live,&plan,Some(&Default::default()),&l.sources);
 println!("links {:?} {} {}",t.elapsed(),c.warnings.len(),c.unknown.len());
}
