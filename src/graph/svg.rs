//! A graph as an SVG picture.

use std::fmt::Write as _;

use super::{Graph, GraphNode, Role, layout};

const LETTER: usize = 8;
const HEIGHT: usize = 44;
const ROW: usize = 68;
const GAP: usize = 120;
const MARGIN: usize = 20;

/// The graph as a picture that needs nothing else to be shown.
#[must_use]
pub fn svg(graph: &Graph) -> String {
    let places = layout::layers(graph);
    let layers = places.iter().map(|(layer, _)| layer + 1).max().unwrap_or(0);
    let width_of = |node: &GraphNode| {
        let kind = node.kind.as_deref().unwrap_or_default();
        let letters = node.path.as_str().chars().count().max(kind.chars().count());
        letters * LETTER + 2 * LETTER
    };
    let mut widths = vec![0; layers];
    for (node, (layer, _)) in graph.nodes.iter().zip(&places) {
        widths[*layer] = width_of(node).max(widths[*layer]);
    }
    // The labels of edges stand between the layers.
    let label = graph
        .edges
        .iter()
        .map(|edge| edge.label.chars().count())
        .max();
    let gap = GAP.max(label.unwrap_or(0) * LETTER + 2 * LETTER);
    let left = |layer: usize| MARGIN + widths[..layer].iter().sum::<usize>() + layer * gap;
    let top = |place: usize| MARGIN + place * ROW;
    let rows = places.iter().map(|(_, place)| place + 1).max().unwrap_or(0);
    let (width, height) = (
        left(layers).saturating_sub(gap) + MARGIN,
        top(rows) + MARGIN,
    );
    let mut out = String::new();
    _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" \
         markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>"
    );
    for edge in &graph.edges {
        let ((from, from_place), (to, to_place)) = (places[edge.from], places[edge.to]);
        let start = (
            left(from) + width_of(&graph.nodes[edge.from]),
            top(from_place) + HEIGHT / 2,
        );
        let end = (left(to), top(to_place) + HEIGHT / 2);
        let bend = gap / 2;
        // The label of what goes back, or stays, must not lie on that of what goes there.
        let lift = if to <= from { ROW / 2 } else { 0 };
        let (middle_x, middle_y) = (
            usize::midpoint(start.0, end.0),
            (usize::midpoint(start.1, end.1) + lift).saturating_sub(4),
        );
        _ = writeln!(
            out,
            "<path d=\"M{} {}C{} {} {} {} {} {}\" fill=\"none\" stroke=\"black\" \
             marker-end=\"url(#arrow)\"/>\n<text x=\"{middle_x}\" y=\"{middle_y}\" \
             text-anchor=\"middle\" fill=\"#555\">{}</text>",
            start.0,
            start.1,
            start.0 + bend,
            start.1 + lift,
            end.0.saturating_sub(bend),
            end.1 + lift,
            end.0,
            end.1,
            escaped(&edge.label)
        );
    }
    for (node, (layer, place)) in graph.nodes.iter().zip(&places) {
        let (x, y, width) = (left(*layer), top(*place), width_of(node));
        let style = match node.role {
            Role::Service => "rx=\"4\" fill=\"#eef\"",
            Role::User => "rx=\"22\" fill=\"#fff\"",
            Role::Missing => "rx=\"4\" fill=\"#fff\" stroke-dasharray=\"4\"",
        };
        _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{HEIGHT}\" stroke=\"black\" {style}/>"
        );
        let middle = x + width / 2;
        let line = |y: usize, text: &str| {
            let text = escaped(text);
            format!("<text x=\"{middle}\" y=\"{y}\" text-anchor=\"middle\">{text}</text>")
        };
        match &node.kind {
            Some(kind) => {
                _ = writeln!(out, "{}", line(y + 18, node.path.as_str()));
                _ = writeln!(out, "{}", line(y + 35, kind));
            }
            None => _ = writeln!(out, "{}", line(y + 27, node.path.as_str())),
        }
    }
    out.push_str("</svg>\n");
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
