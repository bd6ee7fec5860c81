// Steps of a small convolutional network: what they leave behind.
//   node --expose-gc test/engine/children/training.mjs [steps]
import { clearGrads, memory, noGrad, ops, randn, scope, tensor, zeros } from "../../../dist/tensor/torch/index.js";

const steps = Number(process.argv[2] ?? 1000);
const parameter = (shape) => {
  const x = scope(() => randn(shape).mul(0.1));
  x.requiresGrad = true;
  return x;
};
const weights = {
  conv1: parameter([16, 3, 3, 3]),
  conv2: parameter([32, 16, 3, 3]),
  scale: parameter([32]),
  offset: parameter([32]),
  out: parameter([3, 32]),
  bias: parameter([3]),
};
const statistics = { mean: zeros([32]), variance: zeros([32]), batches: tensor(new BigInt64Array(1), []) };
const parameters = Object.values(weights);
const ids = parameters.map((x) => x.id);

function step() {
  return scope(() => {
    const x = randn([16, 3, 32, 32]);
    const y = tensor(BigInt64Array.from({ length: 16 }, (_, i) => BigInt(i % 3)));
    const loss = x
      .conv2d(weights.conv1, null, { padding: 1, stride: 2 })
      .relu()
      .conv2d(weights.conv2, null, { padding: 1 })
      .batchNorm({
        weight: weights.scale,
        bias: weights.offset,
        runningMean: statistics.mean,
        runningVar: statistics.variance,
        batchesTracked: statistics.batches,
        training: true,
        momentum: 0.1,
        eps: 1e-5,
      })
      .silu()
      .maxPool2d(2)
      .adaptiveAvgPool2d(1)
      .flatten(1)
      .dropout(0.1)
      .linear(weights.out, weights.bias)
      .crossEntropy(y, { labelSmoothing: 0.1 });
    loss.backward();
    noGrad(() =>
      ops["_foreach_add_.List"](
        ids,
        parameters.map((x) => x.grad.id),
        -0.01,
      ),
    );
    clearGrads(parameters);
    return loss.item();
  });
}

const read = () => {
  const { tensors, bytes, used } = memory();
  return { tensors, bytes, used };
};
let loss = 0;
for (let i = 0; i < 50; i++) loss = step();
globalThis.gc();
const before = { ...read(), rss: process.memoryUsage.rss() };
for (let i = 0; i < 50; i++) step();
const soon = read();
for (let i = 50; i < steps; i++) loss = step();
globalThis.gc();
const after = { ...read(), rss: process.memoryUsage.rss() };
console.log(JSON.stringify({ loss, before, soon, after, growth: after.rss / before.rss - 1 }));
