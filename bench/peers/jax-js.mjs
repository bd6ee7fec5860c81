/**
 * jax-js's side of javascript-peers.mjs: a step of training of the CIFAR-10 ResNet-20 under `jit`, or with --try what of our operators it has
 * gradients for. Running statistics of the normalisation are left out, in its favour. Its functions consume their arguments: `ref` keeps one.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { blockUntilReady, grad, init, jit, lax, nn, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import { serve, warmUp } from "../lib/serve.mjs";
import { gradientsOf, readings } from "./operators.mjs";

const { values: options } = parseArgs({
  options: {
    batch: { type: "string", default: "2" },
    budget: { type: "string", default: "1" },
    try: { type: "boolean", default: false },
  },
});
// By its name: looking for others ends with an error where there is no `navigator`, as in Node 20.
await init("wasm");
// Threads need the `Worker` of browsers, which Node has not.
const about = { version: version(), capability: "wasm", threads: 1 };
if (options.try) console.log(JSON.stringify({ ...about, gradients: await gradientsOf(operators(), readGradients) }));
else await train(Number(options.batch), 1000 * Number(options.budget));

function version() {
  const main = createRequire(import.meta.url).resolve("@jax-js/jax");
  return JSON.parse(readFileSync(join(dirname(main), "..", "package.json"), "utf8")).version;
}

async function train(batch, budget) {
  let parameters = resnet20();
  let momenta = tree.map((parameter) => np.zeros(parameter.shape), tree.ref(parameters));
  const x = values([batch, 3, 32, 32], 1);
  const labels = nn.oneHot(
    np.array(
      Int32Array.from({ length: batch }, (_, i) => i % 10),
      { dtype: np.int32 },
    ),
    10,
  );
  const loss = valueAndGrad((given, images, targets) =>
    nn
      .logSoftmax(forward(given, images), -1)
      .mul(targets)
      .sum()
      .mul(-1 / batch),
  );
  const update = jit((given, before, images, targets) => {
    const [value, gradients] = loss(tree.ref(given), images, targets);
    const after = tree.map((momentum, gradient) => momentum.mul(0.9).add(gradient), before, gradients);
    return [value, tree.map((parameter, momentum) => parameter.sub(momentum.mul(0.01)), given, tree.ref(after)), after];
  });
  const step = async () => {
    const [value, nextParameters, nextMomenta] = update(parameters, momenta, x.ref, labels.ref);
    [parameters, momenta] = [nextParameters, nextMomenta];
    await blockUntilReady(parameters);
    await value.data();
  };
  await warmUp(step, budget);
  await serve(about, step, budget);
}

function values(shape, scale) {
  const numbers = readings(shape.reduce((all, number) => all * number, 1));
  return np.array(numbers.map((number) => scale * number)).reshape(shape);
}

/** The parameters of Fovea's `cifar_resnet20`. */
function resnet20() {
  const weight = (...shape) => values(shape, Math.sqrt(4 / shape.slice(1).reduce((all, number) => all * number, 1)));
  const bias = (channels) => np.zeros([1, channels, 1, 1]);
  const layer = (before, width) => ({
    weight: weight(width, before, 3, 3),
    scale: np.ones([1, width, 1, 1]),
    shift: bias(width),
  });
  const blocks = [16, 32, 64].flatMap((width) =>
    [0, 1, 2].map((i) => {
      const halve = i === 0 && width > 16;
      const before = halve ? width / 2 : width;
      const shortcut = halve ? { shortcut: { weight: weight(width, before, 1, 1), bias: bias(width) } } : {};
      return { first: layer(before, width), second: layer(width, width), ...shortcut };
    }),
  );
  return { stem: layer(3, 16), blocks, head: { weight: weight(10, 64), bias: np.zeros([10]) } };
}

function forward({ stem, blocks, head }, x) {
  const layer = (y, { weight, scale, shift }, stride = 1) => normalize(convolve(y, weight, stride), scale).add(shift);
  let y = nn.relu(layer(x, stem));
  for (const { first, second, shortcut } of blocks) {
    const branch = layer(nn.relu(layer(y.ref, first, shortcut ? 2 : 1)), second);
    const skip = shortcut ? convolve(y, shortcut.weight, 2).add(shortcut.bias) : y;
    y = nn.relu(branch.add(skip));
  }
  return np.matmul(np.mean(y, [2, 3]), head.weight.transpose()).add(head.bias);
}

function convolve(x, weight, stride = 1, groups = 1) {
  const pad = (weight.shape[2] - 1) / 2;
  return lax.convGeneralDilated(
    x,
    weight,
    [stride, stride],
    [
      [pad, pad],
      [pad, pad],
    ],
    { featureGroupCount: groups },
  );
}

function normalize(x, scale) {
  const centred = x.ref.sub(np.mean(x, [0, 2, 3], { keepdims: true }));
  const variance = np.mean(np.square(centred.ref), [0, 2, 3], { keepdims: true });
  return centred.mul(np.reciprocal(np.sqrt(variance.add(1e-5))).mul(scale));
}

/** Our operators in its terms, as functions of what they have gradients for. */
function operators() {
  const x = () => values([2, 4, 8, 8], 1);
  const of = (run, ...inputs) => ({ run, inputs });
  const padded = (a) =>
    np.pad(a, [
      [0, 0],
      [0, 0],
      [1, 1],
      [1, 1],
    ]);
  return {
    conv2d: of((a, w) => convolve(a, w), x(), values([4, 4, 3, 3], 1)),
    "depthwise conv2d": of((a, w) => convolve(a, w, 1, 4), x(), values([4, 1, 3, 3], 1)),
    "grouped conv2d": of((a, w) => convolve(a, w, 1, 2), x(), values([4, 2, 3, 3], 1)),
    batchNorm: of(normalize, x(), values([1, 4, 1, 1], 1)),
    relu: of(nn.relu, x()),
    silu: of(nn.silu, x()),
    sigmoid: of(nn.sigmoid, x()),
    hardswish: of(nn.hardSwish, x()),
    hardsigmoid: of(nn.hardSigmoid, x()),
    maxPool2d: of((a) => lax.reduceWindow(padded(a), np.max, [3, 3], [1, 1]), x()),
    avgPool2d: of((a) => lax.reduceWindow(a, np.mean, [2, 2], [2, 2]), x()),
    adaptiveAvgPool2d: of((a) => np.mean(a, [2, 3]), x()),
    mean: of((a) => np.mean(a, [2, 3], { keepdims: true }), x()),
    cat: of((a, b) => np.concatenate([a, b], 1), x(), x()),
    add: of(np.add, x(), x()),
    mul: of(np.multiply, x(), x()),
    flatten: of((a) => a.reshape([2, 256]), x()),
    linear: of((a, w) => np.matmul(a.reshape([2, 256]), w), x(), values([256, 3], 1)),
    shift: of((a) => np.roll(a, 1, 2).mul(values([1, 1, 8, 1], 1)), x()),
  };
}

async function readGradients({ run, inputs }) {
  return Promise.all(
    inputs.map((_, i) => {
      const loss = (...given) => np.square(run(...given)).sum();
      return grad(loss, { argnums: i })(...tree.ref(inputs)).data();
    }),
  );
}
