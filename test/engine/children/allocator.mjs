// The caching allocator, one thing at a time in a process of its own.
//   node test/engine/children/allocator.mjs reuse|bounded|steady|refused|threads
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { BatchNorm2d, Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential } from "../../../dist/nn/index.js";
import {
  device,
  EngineError,
  emptyCache,
  full,
  memory,
  operator,
  randn,
  resetPeakMemory,
  scope,
  TorchTensor,
  tensor,
} from "../../../dist/tensor/torch/index.js";

const MiB = 2 ** 20;
const [part] = process.argv.slice(2);
/** Memory that nothing was written to yet. */
const empty = (bytes) => TorchTensor.adopt(operator("aten::empty.memory_format")([bytes / 4]));

const parts = {
  /** What tensors of some sizes let go of serves others, whatever order they go in. */
  reuse() {
    const tensors = [8, 24, 3, 40, 17, 8].map((size) => empty(size * MiB));
    const before = memory();
    for (const i of [4, 0, 2, 5, 1, 3]) tensors[i].dispose();
    const freed = memory();
    // nothing smaller than all of it together
    const one = empty(99 * MiB);
    const after = memory();
    one.dispose();
    resetPeakMemory();
    emptyCache();
    return { before, freed, after, emptied: memory() };
  },

  /** Sizes that grow, none of which fits into what the one before left; each is written to. */
  bounded() {
    let worst = 0;
    for (let size = 4; size <= 512; size *= 1.5) {
      const kept = full([MiB / 4], 1);
      full([Math.round(size * MiB) / 4], 1).dispose();
      const { used, cached, peak } = memory();
      worst = Math.max(worst, (used + cached) / (1.25 * peak + 64 * MiB));
      kept.dispose();
    }
    return { worst };
  },

  /** Training steps ask the system for memory at first, and then never again. */
  steady() {
    const network = new Sequential(
      ...[3, 24, 32, 48].flatMap((width, i, widths) => [
        new Conv2d(width, widths[i + 1] ?? 64, 3, { padding: 1 }),
        new BatchNorm2d(widths[i + 1] ?? 64),
        new ReLU(),
        new MaxPool2d(2),
      ]),
      new Flatten(),
      new Linear(64 * 4, 10),
    ).materialize(device(), 1);
    const labels = tensor(BigInt64Array.from({ length: 96 }, (_, i) => BigInt(i % 10)));
    const x = randn([96, 3, 32, 32]);
    const counts = [];
    for (let step = 0; step < 12; step++) {
      for (const [, parameter] of network.parameters()) parameter.value.grad = null;
      scope(() => network.forward(x).crossEntropy(labels).backward());
      counts.push(memory().systemAllocations);
    }
    return { counts, peak: memory().peak, peakReserved: memory().peakReserved };
  },

  /** Run with few addresses: the system refuses, and what is cached must go before anybody is told so. */
  refused() {
    const room = [];
    const error = refusal(() => {
      for (;;) room.push(empty(64 * MiB));
    });
    const { systemAllocations } = memory();
    // Every other one: 64 MiB are free in many places, and nowhere 100.
    const kept = room.filter((x, i) => (i % 2 === 0 ? true : x.dispose()));
    const fragmented = memory();
    const larger = empty(100 * MiB);
    const after = memory();
    larger.dispose();
    const again = refusal(() => empty(2 ** 35));
    return {
      count: kept.length,
      error,
      again,
      systemAllocations,
      fragmented,
      after,
      sum: full([1000], 2).sum().item(),
    };
  },

  /** Workers that allocate, write, check and free at once. */
  async threads() {
    const workers = [1, 2, 3, 4].map(
      (seed) => new Worker(new URL(import.meta.url), { workerData: seed, argv: ["threads"] }),
    );
    const wrong = await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once("message", resolve))));
    await Promise.all(workers.map((worker) => worker.terminate()));
    emptyCache();
    const { used, cached, systemAllocations } = memory();
    return { wrong, used, cached, systemAllocations };
  },
};

function refusal(body) {
  try {
    body();
  } catch (error) {
    return { engine: error instanceof EngineError, code: error.code, message: error.message };
  }
}

/** How many of the tensors did not hold what was written to them. */
function disturb(seed) {
  let state = seed;
  const random = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const held = new Map();
  let wrong = 0;
  for (let i = 0; i < 1500; i++) {
    const place = random(24);
    const there = held.get(place);
    if (there) {
      const { x, value } = there;
      const [low, high] = [x.slice(0, 0, 1).item(), x.slice(0, x.shape[0] - 1, x.shape[0]).item()];
      if (low !== value || high !== value) wrong++;
      x.dispose();
    }
    const value = seed * 10_000 + i;
    held.set(place, { x: full([1 + random(random(10) === 0 ? 2 * MiB : 40_000)], value), value });
    if (i % 200 === 0) emptyCache();
  }
  for (const { x } of held.values()) x.dispose();
  return wrong;
}

if (isMainThread) console.log(JSON.stringify(await parts[part]()));
else parentPort.postMessage(disturb(workerData));
