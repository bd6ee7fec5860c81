#!/usr/bin/env node
/**
 * `node test/parity/classifiers.mjs [NAME…]`: networks with the same seeded random weights in torchvision and in Fovea, on the same
 * images: compares names and shapes, logits in float32 (1e-4) and float64 (1e-9), and of one network of each family every
 * gradient of the sum of the logits in float64 (1e-9). All of torchvision's networks that we have, and the RegNets that its
 * class can build, where no name is given. The weights travel in a file of torch.save.
 *
 * `PYTHON` names an interpreter with torch and torchvision; default /usr/bin/python3, Debian's python3-torchvision.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createModel, findModel } from "fovea/models";
import * as torch from "fovea/torch";
import { loadWeights } from "fovea/weights";
import { maxNorm } from "./compare.mjs";

const python = process.env.PYTHON ?? "/usr/bin/python3";
const golden = JSON.parse(readFileSync(new URL("../golden/classifiers.json", import.meta.url), "utf8"));
const withGradients = new Set(
  "efficientnet_b0 efficientnet_v2_s mobilenet_v3_large regnet_x_400mf regnet_y_400mf resnet18 resnet50 resnext50_32x4d wide_resnet50_2 densenet121 googlenet squeezenet1_1".split(
    " ",
  ),
);

function reference(folder, name, size) {
  const script = fileURLToPath(new URL("classifiers.py", import.meta.url));
  const kind = withGradients.has(name) ? "gradients" : "logits";
  const { status, stderr, error } = spawnSync(python, ["-B", script, folder, name, String(size), kind], {
    encoding: "utf8",
    env: { ...process.env, OMP_NUM_THREADS: String(torch.threads()) },
  });
  if (status !== 0) throw new Error(`${python} with torchvision is needed (set PYTHON):\n${error ?? stderr}`);
  return JSON.parse(readFileSync(join(folder, "result.json"), "utf8"));
}

const relative = (actual, expected) =>
  actual.length === expected.length ? maxNorm(actual.map((x, i) => x - expected[i])) / maxNorm(expected) : Number.NaN;

function compare(folder, name) {
  // Large enough for every stage, small enough to be quick.
  const size = Math.min(findModel(name).inputSize, 96);
  const expected = reference(folder, name, size);
  return torch.scope(() => {
    const network = createModel(name);
    network.loadStateDict(loadWeights(join(folder, "weights.pt")).state);
    network.eval();
    const x = loadWeights(join(folder, "input.pt")).state.get("input");
    const single = torch.noGrad(() => [...network.forward(x).dataAs("float64")]);
    network.to({ dtype: "float64" });
    const logits = network.forward(x.to({ dtype: "float64" }));
    const result = {
      float32: relative(single, expected.float32),
      float64: relative([...logits.data()], expected.float64),
    };
    if (withGradients.has(name)) {
      logits.sum().backward();
      const gradients = loadWeights(join(folder, "gradients.pt")).state;
      const greatest = Math.max(...[...gradients.values()].map((g) => maxNorm([...g.data()])));
      const differences = [...network.parameters()].map(([key, { value }]) => {
        const other = gradients.get(key).data();
        return maxNorm(value.grad.data().map((g, i) => g - other[i])) / greatest;
      });
      result.gradients = Math.max(...differences);
    }
    network.release();
    return result;
  });
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(golden.networks);
const bounds = { float32: 1e-4, float64: 1e-9, gradients: 1e-9 };
let failed = 0;
console.log(`${"network".padEnd(22)}${"float32".padStart(10)}${"float64".padStart(10)}${"gradients".padStart(11)}`);
for (const name of names) {
  const folder = mkdtempSync(join(tmpdir(), "fovea-parity-"));
  try {
    const result = compare(folder, name);
    const within = Object.entries(result).every(([kind, difference]) => difference <= bounds[kind]);
    failed += within ? 0 : 1;
    const cell = (value, width) => (value === undefined ? "" : value.toExponential(1)).padStart(width);
    console.log(
      `${name.padEnd(22)}${cell(result.float32, 10)}${cell(result.float64, 10)}${cell(result.gradients, 11)}${within ? "" : "  FAIL"}`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
console.log(failed ? `${failed} of ${names.length} beyond the bounds.` : `All ${names.length} within the bounds.`);
process.exitCode = failed ? 1 : 0;
