#!/usr/bin/env node
/**
 * `npm run parity [-- --save]`: trains nuclei_basic in Fovea and in PyTorch from the same weights on the same batches, prints
 * how far losses and gradients differ, and fails beyond the bounds. `--save` writes the golden values for `npm test`.
 *
 * `PYTHON` names an interpreter with torch; default /usr/bin/python3, Debian's python3-torch.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as models from "fovea/models";
import * as optim from "fovea/optim";
import * as torch from "fovea/torch";
import { readSafetensors, writeSafetensors } from "fovea/weights";
import { gradientUnit, lossDifference, maxNorm } from "./compare.mjs";
import { build, settings, train } from "./training.mjs";

const fovea = { models, optim, torch };
const python = process.env.PYTHON ?? "/usr/bin/python3";
const lossBound = 1e-4;
const gradientBound = 1e-5;

function writeWeights(path) {
  const entries = [...build(fovea).stateDict()].map(([name, value]) => {
    const array = value.data();
    const data = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    return [name, { dtype: value.dtype, shape: value.shape, data }];
  });
  writeSafetensors(path, new Map(entries));
}

function reference(folder, ...flags) {
  const [weights, gradients] = [join(folder, "weights.safetensors"), join(folder, "gradients.safetensors")];
  writeWeights(weights);
  const script = fileURLToPath(new URL("reference.py", import.meta.url));
  const { status, stdout, stderr, error } = spawnSync(python, ["-B", script, weights, gradients, ...flags], {
    encoding: "utf8",
    env: { ...process.env, OMP_NUM_THREADS: String(torch.threads()) },
  });
  if (status !== 0) {
    throw new Error(`${python} with torch is needed (set PYTHON, or apt install python3-torch):\n${error ?? stderr}`);
  }
  const tensors = readSafetensors(gradients).tensors;
  return {
    ...JSON.parse(stdout),
    gradients: new Map([...tensors].map(([name, { data }]) => [name, new Float32Array(Uint8Array.from(data).buffer)])),
  };
}

/** The golden file, from PyTorch in float64 so that no machine's rounding is in it: losses, and of every gradient the max-norm, the Euclidean norm and a few elements. */
function golden(expected) {
  const digits = (x) => Number(x.toPrecision(9));
  const entries = [...expected.gradients].map(([name, values]) => {
    const every = Math.ceil(values.length / 4);
    const elements = [...values.filter((_, i) => i % every === 0)].map(digits);
    const line = { max: digits(maxNorm(values)), norm: digits(Math.hypot(...values)), every, elements };
    return `${JSON.stringify(name)}: ${JSON.stringify(line)}`;
  });
  return [
    "{",
    `"made": "npm run parity -- --save, with PyTorch ${expected.torch} in float64",`,
    `"sgd": ${JSON.stringify(expected.sgd.map(digits))},`,
    `"adamw": ${JSON.stringify(expected.adamw.map(digits))},`,
    `"gradients": {\n${entries.join(",\n")}\n}`,
    "}\n",
  ].join("\n");
}

const folder = mkdtempSync(join(tmpdir(), "fovea-parity-"));
try {
  const expected = reference(folder);
  console.log(
    `nuclei_basic, batch ${settings.batch} of ${settings.size}x${settings.size}, ${torch.threads()} threads; Fovea on libtorch ` +
      `${torch.engineInfo().version}, PyTorch ${expected.torch}`,
  );
  let failed = false;
  const judge = (what, value, bound) => {
    const within = value <= bound;
    failed ||= !within;
    console.log(
      `${within ? "ok  " : "FAIL"} ${value.toExponential(1).padStart(8)}  (<= ${bound.toExponential(0)})  ${what}`,
    );
  };
  console.log("Greatest relative difference of the losses, |a - b| / |b|:");
  let gradients = new Map();
  for (const kind of ["sgd", "adamw"]) {
    const trained = train(fovea, kind);
    gradients = trained.gradients;
    judge(
      `${settings.steps} steps of ${kind}, ${trained.losses[0].toFixed(4)} to ${trained.losses.at(-1).toFixed(4)}`,
      lossDifference(trained.losses, expected[kind]),
      lossBound,
    );
  }
  console.log("Every gradient of the first step, max |a - b| over max |b|:");
  const greatest = Math.max(...[...expected.gradients.values()].map(maxNorm));
  if (gradients.size !== expected.gradients.size) throw new Error("the networks have different parameters");
  for (const [name, values] of gradients) {
    const other = expected.gradients.get(name);
    if (!other || other.length !== values.length) throw new Error(`PyTorch's network has no ${name} of this size`);
    const own = maxNorm(other);
    const unit = gradientUnit(own, greatest);
    judge(
      `${name}${unit === own ? "" : " (zero by construction)"}`,
      maxNorm(values.map((x, i) => x - other[i])) / unit,
      gradientBound,
    );
  }
  console.log(failed ? "Beyond the bounds." : "Within the bounds.");
  if (process.argv.includes("--save")) {
    writeFileSync(new URL("../golden/parity.json", import.meta.url), golden(reference(folder, "--double")));
    console.log("Wrote test/golden/parity.json.");
  }
  process.exitCode = failed ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
