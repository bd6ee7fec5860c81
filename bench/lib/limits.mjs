/** What the arithmetic and the memory traffic of a training step come to at least, if nothing else took time. */

/** These pass over their tensors in any implementation; element by element operators could be done on the way. */
const passes = new Set([
  "conv2d",
  "linear",
  "matmul",
  "batchNorm",
  "maxPool2d",
  "avgPool2d",
  "adaptiveAvgPool2d",
  "mean",
  "cat",
]);
const FLOAT = 4;

/**
 * @param graph of a training step's forward pass, as `trace` gives it
 * @returns `operations`, floating point operations of a step by direct convolution: two for each multiply-add, forward, for the gradient of the
 *   images and for that of the weights. `bytes`, what convolutions, norms, pooling and concatenation read and write once forward and twice
 *   backward, with activations, sums and factors done on the way
 */
export function workOf(graph) {
  const bytes = graph.nodes
    .filter(({ operator }) => passes.has(operator))
    .reduce(
      (sum, node) => sum + FLOAT * (elements(node.shape) + imagesOf(node).reduce((all, x) => all + elements(x), 0)),
      0,
    );
  return { operations: 2 * 3 * graph.multiplyAdds, bytes: 3 * bytes };
}

/** The shapes of an operator's inputs, parameters left out. */
function imagesOf({ inputs }) {
  return inputs.flatMap((input) => {
    if (input.kind === "node") return [input.node.shape];
    return input.kind === "input" ? [input.shape] : [];
  });
}

function elements(shape) {
  return shape.reduce((product, size) => product * size, 1);
}
