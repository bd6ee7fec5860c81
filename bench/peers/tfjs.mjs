/**
 * TensorFlow.js's side of javascript-peers.mjs: a step of training of the CIFAR-10 ResNet-20, or with --try what of our operators it has
 * gradients for. Running statistics of the normalisation are left out, in its favour.
 */
import { parseArgs } from "node:util";
import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { serve, warmUp } from "../lib/serve.mjs";
import { gradientsOf, readings } from "./operators.mjs";

const { values: options } = parseArgs({
  options: {
    backend: { type: "string", default: "cpu" },
    batch: { type: "string", default: "2" },
    budget: { type: "string", default: "1" },
    try: { type: "boolean", default: false },
  },
});
await tf.setBackend(options.backend);
if (tf.getBackend() !== options.backend) throw new Error(`There is no backend ${options.backend} here.`);
const about = { version: tf.version.tfjs, capability: options.backend, threads: 1 };
if (options.try) console.log(JSON.stringify({ ...about, gradients: await gradientsOf(operators(), readGradients) }));
else await train(Number(options.batch), 1000 * Number(options.budget));

async function train(batch, budget) {
  const forward = resnet20();
  const x = tf.randomNormal([batch, 32, 32, 3]);
  const labels = tf.oneHot(
    Array.from({ length: batch }, (_, i) => i % 10),
    10,
  );
  const optimizer = tf.train.momentum(0.01, 0.9);
  const step = async () => {
    const loss = optimizer.minimize(() => tf.losses.softmaxCrossEntropy(labels, forward(x)), true);
    await loss.data();
    loss.dispose();
  };
  await warmUp(step, budget);
  await serve(about, step, budget);
}

/** As Fovea's `cifar_resnet20`, channels last. */
function resnet20() {
  const weight = (...shape) => tf.variable(tf.randomNormal(shape, 0, Math.sqrt(2 / product(shape.slice(0, -1)))));
  const bias = (channels) => tf.variable(tf.zeros([channels]));
  const norm = (channels) => ({ scale: tf.variable(tf.ones([channels])), shift: bias(channels) });
  const stem = { weight: weight(3, 3, 3, 16), norm: norm(16) };
  const blocks = [16, 32, 64].flatMap((width) =>
    [0, 1, 2].map((i) => {
      const halve = i === 0 && width > 16;
      const before = halve ? width / 2 : width;
      return {
        stride: halve ? 2 : 1,
        first: { weight: weight(3, 3, before, width), norm: norm(width) },
        second: { weight: weight(3, 3, width, width), norm: norm(width) },
        shortcut: halve ? { weight: weight(1, 1, before, width), bias: bias(width) } : undefined,
      };
    }),
  );
  const head = { weight: weight(64, 10), bias: bias(10) };
  const layer = (x, { weight, norm }, stride = 1) => normalize(convolve(x, weight, stride), norm);
  return (x) => {
    let y = tf.relu(layer(x, stem));
    for (const { stride, first, second, shortcut } of blocks) {
      const branch = layer(tf.relu(layer(y, first, stride)), second);
      const skip = shortcut ? convolve(y, shortcut.weight, stride).add(shortcut.bias) : y;
      y = tf.relu(branch.add(skip));
    }
    return tf.matMul(tf.mean(y, [1, 2]), head.weight).add(head.bias);
  };
}

function product(numbers) {
  return numbers.reduce((all, number) => all * number, 1);
}

function convolve(x, weight, stride) {
  const pad = (weight.shape[0] - 1) / 2;
  return tf.conv2d(
    x,
    weight,
    stride,
    pad === 0
      ? "valid"
      : [
          [0, 0],
          [pad, pad],
          [pad, pad],
          [0, 0],
        ],
  );
}

function normalize(x, { scale, shift }) {
  const { mean, variance } = tf.moments(x, [0, 1, 2]);
  return tf.batchNorm(x, mean, variance, shift, scale, 1e-5);
}

/** Our operators in its terms, as functions of what they have gradients for. */
function operators() {
  const x = () => tf.tensor(readings(2 * 8 * 8 * 4), [2, 8, 8, 4]);
  const weight = (shape) => tf.tensor(readings(product(shape)), shape);
  const of = (run, ...inputs) => ({ run, inputs });
  return {
    conv2d: of((a, w) => tf.conv2d(a, w, 1, "same"), x(), weight([3, 3, 4, 4])),
    "depthwise conv2d": of((a, w) => tf.depthwiseConv2d(a, w, 1, "same"), x(), weight([3, 3, 4, 1])),
    // Two groups of two channels each: its conv2d knows no groups, and takes the weight for one of two channels.
    "grouped conv2d": of((a, w) => tf.conv2d(a, w, 1, "same"), x(), weight([3, 3, 2, 4])),
    batchNorm: of((a, scale) => normalize(a, { scale, shift: tf.zeros([4]) }), x(), weight([4])),
    relu: of(tf.relu, x()),
    silu: of((a) => a.mul(a.sigmoid()), x()),
    sigmoid: of(tf.sigmoid, x()),
    hardswish: of((a) => a.mul(a.add(3).clipByValue(0, 6).div(6)), x()),
    hardsigmoid: of((a) => a.add(3).clipByValue(0, 6).div(6), x()),
    maxPool2d: of((a) => tf.maxPool(a, 3, 1, "same"), x()),
    avgPool2d: of((a) => tf.avgPool(a, 2, 2, "valid"), x()),
    adaptiveAvgPool2d: of((a) => tf.mean(a, [1, 2]), x()),
    mean: of((a) => tf.mean(a, [1, 2], true), x()),
    cat: of((a, b) => tf.concat([a, b], 3), x(), x()),
    add: of(tf.add, x(), x()),
    mul: of(tf.mul, x(), x()),
    flatten: of((a) => a.reshape([2, 256]), x()),
    linear: of((a, w) => tf.matMul(a.reshape([2, 256]), w), x(), weight([256, 3])),
    shift: of(
      (a) =>
        tf.pad(a.slice([0, 0, 0, 0], [2, 7, 8, 4]), [
          [0, 0],
          [1, 0],
          [0, 0],
          [0, 0],
        ]),
      x(),
    ),
  };
}

async function readGradients({ run, inputs }) {
  const gradients = tf.grads((...given) =>
    run(...given)
      .square()
      .sum(),
  )(inputs);
  return Promise.all(gradients.map((gradient) => gradient.data()));
}
