// A loop that never returns to the event loop and disposes of nothing: what the garbage collector makes of it.
//   node test/engine/children/collector.mjs large|small|backward [gigabytes]
import { grad, memory, ones, randn, zeros } from "../../../dist/tensor/torch/index.js";

const [kind = "large", gigabytes = "10"] = process.argv.slice(2);
const bytes = Number(gigabytes) * 2 ** 30;
let most = 0;
let turn = 0;
const look = () => {
  if (turn++ % 64 === 0) most = Math.max(most, process.memoryUsage.rss());
};

const x = ones([4]);
const loops = {
  // 4 MiB each, every page written
  large() {
    for (let i = 0; i < bytes / 2 ** 22; i++) {
      ones([1024, 1024]);
      look();
    }
  },
  // a kilobyte each with all that stands around it
  small() {
    for (let i = 0; i < bytes / 1024; i++) {
      zeros([4]);
      if (i % 4096 === 0) look();
    }
  },
  // graphs hold on to what they need
  backward() {
    const w = randn([512, 512]);
    w.requiresGrad = true;
    for (let i = 0; i < bytes / (4 * 2 ** 20); i++) {
      const loss = w.mul(w).exp().relu().sum();
      grad([loss], [w]);
      look();
    }
  },
};
loops[kind]();
const tensors = memory().tensors;
globalThis.gc?.();
globalThis.gc?.();
const { used } = memory();
console.log(JSON.stringify({ rss: most / 2 ** 20, tensors, after: memory().tensors, used, x: Number(x.sum().item()) }));
