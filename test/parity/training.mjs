/**
 * The training that `reference.py` does in PyTorch, in Fovea: the same network, weights and batches, every dropout off.
 *
 * The package's parts come as an argument, so that the tests run the sources and `npm run parity` the built package.
 */
import { readFileSync } from "node:fs";

/** Steps, sizes and optimisers of both sides. */
export const settings = JSON.parse(readFileSync(new URL("settings.json", import.meta.url), "utf8"));

/** A whole number in [0, 2³²) for every place and step (Mueller's hash); `reference.py` computes the same bits. */
function hash(place, step) {
  let x = (Math.imul(place, 2654435761) + Math.imul(step, 40503)) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b) >>> 0;
  return (x ^ (x >>> 16)) >>> 0;
}

/** Noise in [-1, 1), to which the channel of the class adds one half: something that can be learnt. */
export function batch(step) {
  const { batch: count, size, classes } = settings;
  const pixels = size * size;
  const labels = new BigInt64Array(count);
  const images = new Float32Array(count * 3 * pixels);
  for (let n = 0; n < count; n++) {
    const label = (n + step) % classes;
    labels[n] = BigInt(label);
    for (let i = 0; i < 3 * pixels; i++) {
      const place = n * 3 * pixels + i;
      images[place] = hash(place, step) / 2 ** 31 - 1 + (Math.floor(i / pixels) === label ? 0.5 : 0);
    }
  }
  return { images, labels };
}

/** The network with its first weights. */
export function build({ models, torch }) {
  return new models.NucleiBasic({ dropout: 0, blockDropout: 0 }).materialize(torch.device(), settings.seed);
}

const optimizers = {
  sgd: ({ optim }, network) => new optim.SGD(network.parameters(), settings.sgd),
  adamw: ({ optim }, network) => new optim.AdamW(network.parameters(), settings.adamw),
};

/** Trains a fresh network: the loss before every step, and every gradient of the first one. */
export function train(fovea, kind) {
  const { torch } = fovea;
  const network = build(fovea);
  const optimizer = optimizers[kind](fovea, network);
  const gradients = new Map();
  const losses = [];
  for (let step = 0; step < settings.steps; step++) {
    const { images, labels } = batch(step);
    optimizer.zeroGrad();
    torch.scope(() => {
      const x = torch.tensor(images, [settings.batch, 3, settings.size, settings.size]);
      const loss = network.forward(x).crossEntropy(torch.tensor(labels));
      loss.backward();
      losses.push(loss.item());
      if (step > 0) return;
      for (const [name, parameter] of network.parameters()) {
        gradients.set(name, torch.TorchTensor.of(parameter).grad.dataAs("float32"));
      }
    });
    optimizer.step();
  }
  network.release();
  return { losses, gradients };
}
