//! Where the nodes of a graph stand: in layers, users before what they use.

use super::Graph;

/// For each node its layer, from the left, and its place in that, from the top.
pub(super) fn layers(graph: &Graph) -> Vec<(usize, usize)> {
    let count = graph.nodes.len();
    let mut used: Vec<Vec<usize>> = vec![Vec::new(); count];
    for edge in graph.edges.iter().filter(|edge| edge.from != edge.to) {
        used[edge.from].push(edge.to);
    }
    let mut layer = vec![0; count];
    let order = order(&used);
    let mut turn = vec![0; count];
    for (i, &node) in order.iter().enumerate() {
        turn[node] = i;
    }
    for node in order {
        for &next in &used[node] {
            // An edge that closes a circle goes back, and pushes nothing on.
            if turn[next] > turn[node] {
                layer[next] = layer[next].max(layer[node] + 1);
            }
        }
    }
    let mut heights = vec![0; count];
    layer
        .into_iter()
        .map(|layer| {
            let place = heights[layer];
            heights[layer] += 1;
            (layer, place)
        })
        .collect()
}

/// The nodes, users before what they use as far as there are no circles; without recursion.
fn order(used: &[Vec<usize>]) -> Vec<usize> {
    let mut done = vec![false; used.len()];
    let mut open = vec![false; used.len()];
    let mut finished = Vec::with_capacity(used.len());
    for start in 0..used.len() {
        let mut stack = vec![(start, 0)];
        while let Some((node, next)) = stack.pop() {
            if next == 0 {
                if done[node] || open[node] {
                    continue;
                }
                open[node] = true;
            }
            match used[node].get(next) {
                Some(&child) => {
                    stack.push((node, next + 1));
                    stack.push((child, 0));
                }
                None => {
                    done[node] = true;
                    finished.push(node);
                }
            }
        }
    }
    finished.reverse();
    finished
}
