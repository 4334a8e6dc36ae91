//! Positions of the nodes and links of a graph: in layers from left to right, by dagre, with a column
//! of its own for the labels between two of them.

use dagre::graph::{Graph as Layered, GraphOptions};
use dagre::layout::types::LabelPos;
use dagre::{EdgeLabel, LayoutOptions, NodeLabel, RankDir, Ranker};

use super::Graph;

/// Larger graphs are laid out in a coarser way, which takes less time.
const LARGE: usize = 300;

/// A rectangle by its middle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Place {
    pub(super) fn left(&self) -> f64 {
        self.x - self.width / 2.0
    }

    pub(super) fn right(&self) -> f64 {
        self.x + self.width / 2.0
    }

    pub(super) fn top(&self) -> f64 {
        self.y - self.height / 2.0
    }

    pub(super) fn bottom(&self) -> f64 {
        self.y + self.height / 2.0
    }
}

/// The route of a link.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Route {
    /// The middles of the columns that it passes between its ends, in order.
    pub(super) through: Vec<(f64, f64)>,
    /// The place of its label.
    pub(super) label: Place,
}

/// The places of a graph's nodes and links, in their order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    pub(super) nodes: Vec<Place>,
    pub(super) routes: Vec<Route>,
    /// The left and the right end of each column.
    columns: Vec<(f64, f64)>,
}

impl Layout {
    /// The column that contains this x.
    pub(super) fn column(&self, x: f64) -> (f64, f64) {
        let around = |(left, right): &&(f64, f64)| *left <= x && x <= *right;
        self.columns.iter().find(around).copied().unwrap_or((x, x))
    }

    /// The width and the height of the whole picture.
    pub(super) fn size(&self) -> (f64, f64) {
        let places = self
            .nodes
            .iter()
            .chain(self.routes.iter().map(|route| &route.label));
        let points = self.routes.iter().flat_map(|route| &route.through).copied();
        let ends = places
            .map(|place| (place.right(), place.bottom()))
            .chain(points);
        ends.fold((0.0, 0.0), |(width, height): (f64, f64), (x, y)| {
            (width.max(x), height.max(y))
        })
    }
}

/// Lays out nodes and labels of given sizes.
pub(super) fn layout(graph: &Graph, nodes: &[(f64, f64)], labels: &[(f64, f64)]) -> Layout {
    let layered = layered(graph, nodes, labels);
    let nodes: Vec<Place> = nodes
        .iter()
        .enumerate()
        .map(|(i, &size)| {
            let node = layered.node(&name(i));
            place(node.and_then(|node| Some((node.x?, node.y?))), size)
        })
        .collect();
    let routes = graph.edges.iter().zip(labels).enumerate();
    let routes: Vec<Route> = routes
        .map(|(i, (edge, &size))| {
            let found = layered.edge(&name(edge.from), &name(edge.to), Some(&name(i)));
            let points = found.map_or(&[][..], |edge| &edge.points);
            // The ends are set where the link leaves its nodes.
            let inner = points.get(1..points.len().saturating_sub(1));
            let inner = inner.unwrap_or_default();
            Route {
                through: inner.iter().map(|point| (point.x, point.y)).collect(),
                label: place(found.and_then(|edge| Some((edge.x?, edge.y?))), size),
            }
        })
        .collect();
    let columns = columns(graph, &nodes, &routes);
    Layout {
        nodes,
        routes,
        columns,
    }
}

/// What dagre calls a node or a link.
fn name(place: usize) -> String {
    place.to_string()
}

fn place(at: Option<(f64, f64)>, (width, height): (f64, f64)) -> Place {
    let (x, y) = at.unwrap_or_default();
    Place {
        x,
        y,
        width,
        height,
    }
}

/// The graph as dagre lays it out.
fn layered(
    graph: &Graph,
    nodes: &[(f64, f64)],
    labels: &[(f64, f64)],
) -> Layered<NodeLabel, EdgeLabel> {
    let mut layered = Layered::with_options(GraphOptions {
        directed: true,
        multigraph: true,
        compound: false,
    });
    for (i, (width, height)) in nodes.iter().enumerate() {
        let node = NodeLabel {
            width: *width,
            height: *height,
            ..NodeLabel::default()
        };
        layered.set_node(name(i), Some(node));
    }
    for (i, (edge, (width, height))) in graph.edges.iter().zip(labels).enumerate() {
        let label = EdgeLabel {
            width: *width,
            height: *height,
            labelpos: LabelPos::Center,
            ..EdgeLabel::default()
        };
        layered.set_edge(name(edge.from), name(edge.to), Some(label), Some(&name(i)));
    }
    let is_large = graph.nodes.len() + graph.edges.len() > LARGE;
    let options = LayoutOptions {
        rankdir: RankDir::LR,
        nodesep: 24.0,
        edgesep: 14.0,
        ranksep: 64.0,
        marginx: 20.0,
        marginy: 20.0,
        ranker: if is_large {
            Ranker::LongestPath
        } else {
            Ranker::NetworkSimplex
        },
        ..LayoutOptions::default()
    };
    if !graph.nodes.is_empty() {
        dagre::layout(&mut layered, Some(options));
    }
    layered
}

/// The columns: boxes in the same column have the same middle.
fn columns(graph: &Graph, nodes: &[Place], routes: &[Route]) -> Vec<(f64, f64)> {
    let links = graph.edges.iter().zip(routes);
    let labels = links.filter(|(edge, _)| edge.from != edge.to);
    let labels = labels.map(|(_, route)| &route.label);
    let mut places: Vec<&Place> = nodes.iter().chain(labels).collect();
    places.sort_by(|a, b| a.x.total_cmp(&b.x));
    let mut columns: Vec<(f64, f64, f64)> = Vec::new();
    for place in places {
        match columns.last_mut() {
            Some((x, left, right)) if (*x - place.x).abs() < 1.0 => {
                *left = left.min(place.left());
                *right = right.max(place.right());
            }
            _ => columns.push((place.x, place.left(), place.right())),
        }
    }
    columns
        .into_iter()
        .map(|(_, left, right)| (left, right))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Edge, GraphNode, Role};
    use crate::model::path::ZPath;
    use crate::syntax::names::LinkKind;

    fn graph(nodes: usize, links: &[(usize, usize)]) -> Graph {
        let node = |i: usize| GraphNode {
            path: ZPath::parse(&format!("/n{i}")).unwrap(),
            role: Role::Service,
            kind: None,
        };
        let edge = |&(from, to): &(usize, usize)| Edge {
            from,
            to,
            label: String::new(),
            kind: LinkKind::Symbolic,
        };
        Graph {
            nodes: (0..nodes).map(node).collect(),
            edges: links.iter().map(edge).collect(),
            left_out: Vec::new(),
        }
    }

    fn overlap(a: &Place, b: &Place) -> bool {
        a.left() < b.right() && b.left() < a.right() && a.top() < b.bottom() && b.top() < a.bottom()
    }

    #[test]
    fn no_two_boxes_or_labels_overlap_and_no_link_meets_a_box() {
        let mut random = fastrand::Rng::with_seed(5);
        for round in 0..60 {
            let count = 2 + round % 12;
            let links = (0..count * 3).map(|_| (random.usize(..count), random.usize(..count)));
            // Also circles, loops, and several links of the same two nodes.
            let links: Vec<(usize, usize)> = links.collect();
            let graph = graph(count, &links);
            let sizes: Vec<(f64, f64)> = (0..count)
                .map(|_| (random.usize(40..400) as f64, 44.0))
                .collect();
            let labels: Vec<(f64, f64)> = links
                .iter()
                .map(|_| (random.usize(8..200) as f64, 20.0))
                .collect();
            let found = layout(&graph, &sizes, &labels);
            let straight = links.iter().zip(&found.routes).filter(|((a, b), _)| a != b);
            let straight: Vec<&Route> = straight.map(|(_, route)| route).collect();
            let places: Vec<&Place> = found
                .nodes
                .iter()
                .chain(straight.iter().map(|route| &route.label))
                .collect();
            for (i, a) in places.iter().enumerate() {
                for b in &places[i + 1..] {
                    assert!(!overlap(a, b), "{a:?} {b:?} {links:?}");
                }
            }
            for route in straight {
                assert!(!route.through.is_empty(), "{links:?}");
                for &(x, y) in &route.through {
                    // A link is level across the whole of a column.
                    let (left, right) = found.column(x);
                    assert!(left < right, "{links:?}");
                    for node in &found.nodes {
                        let beside = right <= node.left() || node.right() <= left;
                        let clear = beside || y < node.top() || node.bottom() < y;
                        assert!(clear, "{route:?} {node:?} {links:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn long_chains_and_many_nodes_are_laid_out() {
        let chain: Vec<(usize, usize)> = (1..400).map(|i| (i - 1, i)).collect();
        let graph = graph(400, &chain);
        let found = layout(&graph, &vec![(40.0, 44.0); 400], &vec![(10.0, 20.0); 399]);
        assert!(
            found
                .nodes
                .windows(2)
                .all(|two| two[0].right() < two[1].left())
        );
        assert_eq!(layout(&self::graph(0, &[]), &[], &[]).size(), (0.0, 0.0));
    }
}
