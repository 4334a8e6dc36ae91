//! A graph as an SVG picture.

use std::fmt::Write as _;

use super::layout::{self, Layout, Place};
use super::{Edge, Graph, GraphNode, Role};
use crate::syntax::names::LinkKind;

const LETTER: f64 = 7.5;
const HEIGHT: f64 = 44.0;
const LABEL_HEIGHT: f64 = 20.0;
const MARGIN: f64 = 20.0;
/// Longer texts are cut; the tooltip has the whole text.
const LONGEST: usize = 48;
/// The largest distance between links that leave a node on the same side.
const SPREAD: f64 = 10.0;
/// A link's label is drawn above the line, inside the label's box.
const BELOW: f64 = 6.0;

/// The graph as a picture that needs nothing else to be shown.
#[must_use]
pub fn svg(graph: &Graph) -> String {
    let nodes: Vec<(f64, f64)> = graph
        .nodes
        .iter()
        .map(|node| (width_of(node), HEIGHT))
        .collect();
    let label = |edge: &Edge| (width(&short(&edge.label)) + LETTER, LABEL_HEIGHT);
    let labels: Vec<(f64, f64)> = graph.edges.iter().map(label).collect();
    let layout = layout::layout(graph, &nodes, &labels);
    let (width, height) = layout.size();
    let (width, height) = ((width + MARGIN).ceil(), (height + MARGIN).ceil());
    let mut out = String::new();
    _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" \
         markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>"
    );
    let ends = ends(graph, &layout);
    for (i, edge) in graph.edges.iter().enumerate() {
        let dashes = match edge.kind {
            LinkKind::Symbolic => "",
            LinkKind::Property => " stroke-dasharray=\"5 3\"",
        };
        let path = path(edge, i, &layout, &ends);
        _ = writeln!(
            out,
            "<path d=\"{path}\" fill=\"none\" stroke=\"#333\"{dashes} marker-end=\"url(#arrow)\"/>"
        );
    }
    for (edge, route) in graph.edges.iter().zip(&layout.routes) {
        let Place { x, y, .. } = route.label;
        // The label of a loop stands below the middle of its node.
        let x = if edge.from == edge.to {
            layout.nodes[edge.from].x
        } else {
            x
        };
        let text = text(x, y + 1.0, &edge.label, " fill=\"#555\"");
        _ = writeln!(out, "{text}");
    }
    for (node, place) in graph.nodes.iter().zip(&layout.nodes) {
        push_node(&mut out, node, place);
    }
    out.push_str("</svg>\n");
    out
}

fn push_node(out: &mut String, node: &GraphNode, place: &Place) {
    let style = match node.role {
        Role::Service => "rx=\"4\" fill=\"#eef\"",
        Role::User => "rx=\"22\" fill=\"#fff\"",
        Role::Missing => "rx=\"4\" fill=\"#fff\" stroke-dasharray=\"4\"",
    };
    let (x, y, width) = (place.left(), place.top(), place.width);
    _ = writeln!(
        out,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\" \
         stroke=\"black\" {style}/>"
    );
    let line = |below: f64, shown: &str| text(place.x, y + below, shown, "");
    match &node.kind {
        Some(kind) => {
            _ = writeln!(out, "{}", line(18.0, node.path.as_str()));
            _ = writeln!(out, "{}", line(35.0, kind));
        }
        None => _ = writeln!(out, "{}", line(27.0, node.path.as_str())),
    }
}

/// Where each link leaves its node and reaches the other one. Those that share a side are spread.
fn ends(graph: &Graph, layout: &Layout) -> Vec<[(f64, f64); 2]> {
    // The node, whether on its right side, the height where the link comes from, the link and its end.
    let mut sides: Vec<(usize, bool, f64, usize, usize)> = Vec::new();
    for (i, (edge, route)) in graph.edges.iter().zip(&layout.routes).enumerate() {
        if edge.from == edge.to {
            continue;
        }
        for (end, (node, other)) in [(edge.from, edge.to), (edge.to, edge.from)]
            .into_iter()
            .enumerate()
        {
            let next = match end {
                0 => route.through.first(),
                _ => route.through.last(),
            };
            let other = (layout.nodes[other].x, layout.nodes[other].y);
            let (x, y) = next.copied().unwrap_or(other);
            sides.push((node, x > layout.nodes[node].x, y, i, end));
        }
    }
    sides.sort_by(|a, b| {
        (a.0, a.1)
            .cmp(&(b.0, b.1))
            .then(a.2.total_cmp(&b.2))
            .then(a.3.cmp(&b.3))
    });
    let mut ends = vec![[(0.0, 0.0); 2]; graph.edges.len()];
    for side in sides.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let place = &layout.nodes[side[0].0];
        let step = SPREAD.min((HEIGHT - 8.0) / side.len() as f64);
        for (i, (_, is_right, _, link, end)) in side.iter().enumerate() {
            let offset = (i as f64 - (side.len() - 1) as f64 / 2.0) * step;
            let x = if *is_right {
                place.right()
            } else {
                place.left()
            };
            ends[*link][*end] = (x, place.y + offset);
        }
    }
    ends
}

/// A link's route: level within a column, so that it crosses no box, and bent only between columns.
fn path(edge: &Edge, i: usize, layout: &Layout, ends: &[[(f64, f64); 2]]) -> String {
    let through = &layout.routes[i].through;
    if edge.from == edge.to {
        return loop_path(&layout.nodes[edge.from], &layout.routes[i].label);
    }
    let [start, end] = ends[i];
    let mut at = start;
    let mut path = format!("M{:.1} {:.1}", at.0, at.1);
    let forth = end.0 > start.0;
    let (last_left, last_right) = layout.column(layout.nodes[edge.to].x);
    let (first_left, first_right) = layout.column(layout.nodes[edge.from].x);
    let leave = if forth { first_right } else { first_left };
    // Without a length a line would have no direction, and its arrow neither.
    let level = |path: &mut String, at: &mut (f64, f64), x: f64| {
        if (at.0 - x).abs() > 0.1 {
            _ = write!(path, "L{x:.1} {:.1}", at.1);
            at.0 = x;
        }
    };
    let bend = |path: &mut String, at: &mut (f64, f64), to: (f64, f64)| {
        let middle = f64::midpoint(at.0, to.0);
        _ = write!(
            path,
            "C{middle:.1} {:.1} {middle:.1} {:.1} {:.1} {:.1}",
            at.1, to.1, to.0, to.1
        );
        *at = to;
    };
    level(&mut path, &mut at, leave);
    for &(x, y) in through {
        let (left, right) = layout.column(x);
        let (enter, leave) = if forth { (left, right) } else { (right, left) };
        bend(&mut path, &mut at, (enter, y + BELOW));
        level(&mut path, &mut at, leave);
    }
    let arrive = if forth { last_left } else { last_right };
    bend(&mut path, &mut at, (arrive, end.1));
    level(&mut path, &mut at, end.0);
    path
}

/// A link of a node to itself: out of its lower side, round the label, and back.
fn loop_path(node: &Place, label: &Place) -> String {
    let half = (label.width / 2.0 + LETTER).min(node.width / 2.0 - LETTER);
    let (left, right, side) = (node.x - half, node.x + half, node.bottom());
    // A curve comes as near as three quarters to the points that it bends to.
    let below = side + (label.bottom() - side) / 0.75;
    format!("M{left:.1} {side:.1}C{left:.1} {below:.1} {right:.1} {below:.1} {right:.1} {side:.1}")
}

fn width_of(node: &GraphNode) -> f64 {
    let kind = node.kind.as_deref().unwrap_or_default();
    width(&short(node.path.as_str())).max(width(&short(kind))) + 2.0 * LETTER
}

/// The approximate width of a text; ideographs are twice as wide.
fn width(text: &str) -> f64 {
    let letters = text.chars().map(|c| if c < '\u{1100}' { 1.0 } else { 2.0 });
    letters.sum::<f64>() * LETTER
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A centred text.
fn text(x: f64, y: f64, whole: &str, style: &str) -> String {
    let shown = short(whole);
    let title = match shown == whole {
        true => String::new(),
        false => format!("<title>{}</title>", escaped(whole)),
    };
    let shown = escaped(&shown);
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\"{style}>{title}{shown}</text>")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
