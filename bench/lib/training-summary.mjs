/** What the samples of training-step.mjs say: figures, ratios, and which of the requirements are met. */
import { figures, ratio } from "./figures.mjs";
import { all } from "./training-contenders.mjs";

/**
 * Networks with the batch and image size that they are measured at. `stock`, `newest` and `best` are by how much Fovea has to be faster
 * than PyTorch on the same libtorch in its better memory format, than the newest PyTorch as it comes, and than the best of the newest ones.
 */
export const networks = {
  cifar_resnet20: { batch: 128, size: 32, classes: 10, stock: 1.4, newest: 1.3, best: 1.1 },
  cifar_preact_resnet20: { batch: 128, size: 32, classes: 10, stock: 1.4, newest: 1.3, best: 1.1 },
  cifar_googlenet: { batch: 128, size: 32, classes: 10, stock: 1.6, newest: 1.3, best: 1.1 },
  cifar_densenet: { batch: 128, size: 32, classes: 10, stock: 1.6, newest: 1.3, best: 1.1 },
  nuclei_basic: { batch: 64, size: 90, classes: 3, stock: 1.25, best: 1 },
  mobilenet_v3_small: { batch: 16, size: 224, classes: 1000, stock: 1.25, best: 1 },
  efficientnet_b0: { batch: 8, size: 224, classes: 1000, stock: 1.25, best: 1 },
  resnet18: { batch: 16, size: 224, classes: 1000, stock: 1.1, best: 1 },
};

/**
 * The samples of one network.
 *
 * @returns `contenders`: for each that was measured its `milliseconds`, the `peak` of its memory in megabytes, its number of steps in a
 *   sample, and the samples discarded and noisy; `ours` and `stock`: the better format of each; `faster`: by how much ours is faster than each
 */
export function summarise(samples, tolerance) {
  const names = Object.keys(all).filter((name) => samples.some(({ contender }) => contender === name));
  const times = Object.fromEntries(names.map((name) => [name, column(samples, name, "milliseconds")]));
  const contenders = Object.fromEntries(
    names.map((name) => [
      name,
      {
        milliseconds: figures(times[name]),
        peak: figures(column(samples, name, "peakMB")),
        steps: figures(column(samples, name, "steps")).median,
        compileSeconds: samples.find(({ contender }) => contender === name).compileSeconds,
        discarded: column(samples, name, "discarded").reduce((sum, count) => sum + count, 0),
        noisy: column(samples, name, "noise").filter((noise) => noise > tolerance).length,
      },
    ]),
  );
  const best = (of) => fastest(contenders, (name) => all[name].of === of);
  const ours = best("fovea");
  const faster = ours && Object.fromEntries(names.map((name) => [name, ratio(times[name], times[ours])]));
  return { contenders, ours, stock: best("stock"), newest: best("newest"), faster };
}

function column(samples, name, key) {
  return samples.filter(({ contender }) => contender === name).map((sample) => sample[key]);
}

/** The contender with the least median, of those that `which` lets pass. */
function fastest(contenders, which) {
  const names = Object.keys(contenders).filter(which);
  return names.sort((a, b) => contenders[a].milliseconds.median - contenders[b].milliseconds.median)[0];
}

/** The requirements of a network as far as its summary can say. */
export function requirementsOf(network, { contenders, ours, stock, newest, faster }) {
  const needed = networks[network];
  const found = [];
  const require = (peer, least, what) => {
    if (ours === undefined || peer === undefined || least === undefined || !(peer in contenders)) return;
    const { median } = faster[peer];
    found.push({ what: `${network}: ${least}x ${what}: ${median.toFixed(2)}x`, met: median >= least });
  };
  require(stock, needed.stock, "PyTorch on the same libtorch");
  require("newest", needed.newest, "the newest PyTorch, eager");
  require(newest, needed.best, `the best of the newest PyTorch (${newest && all[newest].title})`);
  if (ours !== undefined && stock !== undefined) {
    const [mine, theirs] = [contenders[ours].peak.median, contenders[stock].peak.median];
    found.push({
      what: `${network}: at most the peak memory of PyTorch on the same libtorch: ${mine.toFixed(0)} of ${theirs.toFixed(0)} MB`,
      met: mine <= theirs,
    });
  }
  return found;
}
