import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createModel } from "../../src/models/index.js";
import { device, tensor } from "../../src/tensor/torch/index.js";
import { type Evaluation, evaluate, evaluationLoader, loadValidation, Run } from "../../src/train/index.js";
import { loadWeights, readCheckpoint, saveWeights } from "../../src/weights/index.js";
import { fail, fovea, makeImages, succeed, temporaryFolder } from "./fovea.js";

const work = temporaryFolder();
const classes = ["dots", "plain", "stripes"];
/** What each run's network comes to on the validation images. */
let one: Evaluation;
let two: Evaluation;

/**
 * A training; a second run with another network's weights, whose seed would divide the folder otherwise had it no validation
 * part; and a copy of the second whose outputs stand in the reverse order.
 */
beforeAll(async () => {
  await makeImages(join(work.path, "shapes", "train"), 6);
  await makeImages(join(work.path, "shapes", "validation"), 4);
  const args = "train --model cifar_resnet20 --size 16 --batch-size 6 --epochs 1 --lr 0.01 --data shapes --name one";
  await succeed(args.split(" "), work.path);
  const trained = loadWeights(weightsOf("one")).metadata;
  copyRun("one", "two", "splitSeed: 0", "splitSeed: 1");
  saveWeights(weightsOf("two"), createModel("cifar_resnet20", { classes: 3 }).materialize(device(), 2), trained);

  const list = (names: readonly string[]) => `classes:\n${names.map((name) => `  - ${name}\n`).join("")}`;
  copyRun("two", "turned", list(classes), list(classes.toReversed()));
  const { state } = loadWeights(weightsOf("two"));
  for (const [name, value] of state) {
    const { shape } = value;
    // Only the last layer has a row for each of three classes.
    if (shape[0] !== 3) continue;
    const data = value.dataAs("float32");
    const width = data.length / 3;
    state.set(
      name,
      tensor(
        [2, 1, 0].flatMap((row) => [...data.subarray(row * width, (row + 1) * width)]),
        shape,
      ),
    );
  }
  saveWeights(weightsOf("turned"), state, { ...trained, classes: JSON.stringify(classes.toReversed()) });
  [one, two] = [await evaluationOf("one"), await evaluationOf("two")];
}, 120_000);
afterAll(work.remove);

function weightsOf(run: string): string {
  return join(work.path, "runs", run, "checkpoints", "best", "weights.safetensors");
}

/** A copy of a run with something else in its recipe. */
function copyRun(from: string, to: string, old: string, changed: string): void {
  cpSync(join(work.path, "runs", from), join(work.path, "runs", to), { recursive: true });
  const path = join(work.path, "runs", to, "recipe.yaml");
  const recipe = readFileSync(path, "utf8");
  expect(recipe).toContain(old);
  writeFileSync(path, recipe.replace(old, changed));
}

async function evaluationOf(name: string): Promise<Evaluation> {
  const run = Run.open(join(work.path, "runs", name));
  const { images } = await loadValidation(run.settings);
  return evaluate(run.loadModel(), evaluationLoader(images, run.settings));
}

/** By the definition: the mean over images of minus the logarithm of the mean probability of the class. */
function lossOfMean(): number {
  const labels = Array.from({ length: 12 }, (_, i) => Math.floor(i / 4));
  const logarithms = labels.map((label, i) => {
    return Math.log(((one.probabilities[3 * i + label] ?? 0) + (two.probabilities[3 * i + label] ?? 0)) / 2);
  });
  return -logarithms.reduce((a, b) => a + b) / 12;
}

describe("fovea evaluate with several runs", () => {
  it("measures each and the mean of their probabilities, on the images that all were validated on", async () => {
    const found = JSON.parse(await succeed(["evaluate", "runs/one", "runs/two", "--json"], work.path));
    expect(found).toMatchObject({
      runs: ["runs/one", "runs/two"],
      weights: "best",
      data: { source: "folder" },
      total: 12,
      classes,
    });
    for (const [i, { loss, matrix }] of [one, two].entries()) {
      const { accuracy, balancedAccuracy } = matrix;
      expect(found.members[i]).toMatchObject({ run: `runs/${["one", "two"][i]}`, accuracy, balancedAccuracy });
      expect(found.members[i].loss).toBeCloseTo(loss, 5);
    }
    expect(found.loss).toBeCloseTo(lossOfMean(), 6);
    expect(found.negativeLogLikelihood).toBeCloseTo(found.loss, 5);
  });

  it("takes images by --data, matches classes in another order by their names, and prints all", async () => {
    const args = ["evaluate", "runs/one", "runs/turned", "--data", "shapes", "--calibration", "ensemble.svg"];
    const { code, stdout, stderr } = await fovea(args, work.path);
    expect([code, stderr]).toEqual([
      0,
      "The classes of runs/turned stand in another order; they are matched by their names.\n",
    ]);
    const [a, b, mean] = [one.loss, two.loss, lossOfMean()].map((loss) => loss.toFixed(4));
    expect(stdout).toMatch(/^Run +Loss +Accuracy +Balanced accuracy\n─+\nruns\/one +/);
    expect(stdout).toMatch(new RegExp(`\\nruns/one +${a} .*\\nruns/turned +${b} .*\\n─+\\nensemble +${mean} `));
    expect(stdout).toContain(`\n\nImages              12\nLoss                ${mean}\n`);
    expect(readFileSync(join(work.path, "ensemble.svg"), "utf8")).toContain("12 images, ");
  });

  it("refuses runs of other classes, or that were validated on other images, and what is no run", async () => {
    const evaluate = (...args: string[]) => fail(["evaluate", "runs/one", ...args], work.path);
    copyRun("one", "other", "- dots", "- stars");
    expect(await evaluate("runs/other")).toContain(
      "runs/other: its classes are not those of the others: it lacks dots and has stars besides",
    );
    cpSync(join(work.path, "shapes"), join(work.path, "elsewhere"), { recursive: true });
    copyRun("one", "moved", join(work.path, "shapes"), join(work.path, "elsewhere"));
    expect(await evaluate("runs/moved")).toBe(
      "error: runs/moved: was not validated on the images that runs/one was\n" +
        "Name images that none was trained on, with --data.\n",
    );
    expect(await evaluate("shapes", "--data", "shapes")).toContain("shapes: is not the folder of a run");
    const file = ["evaluate", "runs/one", "runs/two", "--weights", "x.safetensors"];
    expect(await fail(file, work.path, 2)).toContain("a file belongs to one");
  });
});

describe("fovea predict with several runs", () => {
  it("tells the mean of their probabilities, in the first one's order of classes", async () => {
    const args = ["predict", "runs/turned", "runs/one", "shapes/validation/plain", "--json"];
    const { code, stdout } = await fovea(args, work.path);
    expect(code).toBe(0);
    const found = JSON.parse(stdout);
    expect(found).toHaveLength(4);
    for (const [i, { path, predicted, probabilities }] of found.entries()) {
      expect(path).toMatch(/^shapes\/validation\/plain\/\d\./);
      expect(Object.keys(probabilities)).toEqual(classes.toReversed());
      for (const [label, name] of classes.entries()) {
        const at = 3 * (4 + i) + label;
        expect(probabilities[name]).toBeCloseTo(((one.probabilities[at] ?? 0) + (two.probabilities[at] ?? 0)) / 2, 5);
      }
      expect(probabilities[predicted]).toBe(Math.max(...classes.map((name) => probabilities[name])));
    }
    expect(await fail(["predict", "runs/one", "runs/two"], work.path, 2)).toContain(
      "missing required argument 'images'",
    );
  });
});

describe("fovea average", () => {
  it("writes the mean of runs and files, which evaluate takes as a run's weights", async () => {
    const file = "runs/two/checkpoints/best/weights.safetensors";
    const said = await succeed(["average", "runs/one", file, "--output", "out/average.safetensors"], work.path);
    expect(said).toMatch(
      /^Averaged runs\/one\/checkpoints\/best\/weights\.safetensors, .*: \d+ tensors\.\nWrote out\/average\.safetensors: 1\.\d MiB\.\n$/,
    );
    const out = join(work.path, "out", "average.safetensors");
    const values = (path: string) => {
      const weights = [...loadWeights(path).state].find(([, { shape }]) => shape.length === 4)?.[1];
      return Array.from(weights?.data() ?? [], Number);
    };
    const [first, second] = [values(weightsOf("one")), values(weightsOf("two"))];
    expect(values(out)).toEqual(first.map((value, i) => Math.fround((value + (second[i] ?? 0)) / 2)));
    expect(readCheckpoint(out).metadata).toMatchObject({ model: "cifar_resnet20", classes: JSON.stringify(classes) });

    const args = ["evaluate", "runs/one", "shapes", "--weights", "out/average.safetensors", "--json"];
    const found = JSON.parse(await succeed(args, work.path));
    expect(found).toMatchObject({ total: 12, weights: "out/average.safetensors", data: "shapes" });
    expect(found.loss).not.toBeCloseTo(one.loss, 4);
  });

  it("measures batch norms anew on the first run's training images, and nothing else", async () => {
    const args = ["average", "runs/one", "runs/two", "--output", "measured.safetensors", "--calibrate", "--json"];
    expect(JSON.parse(await succeed(args, work.path))).toMatchObject({
      calibrated: true,
      metadata: { model: "cifar_resnet20" },
    });
    const before = readCheckpoint(join(work.path, "out", "average.safetensors")).tensors;
    const after = readCheckpoint(join(work.path, "measured.safetensors")).tensors;
    expect([...after.keys()]).toEqual([...before.keys()]);
    for (const [name, { data }] of after) {
      const same = Buffer.from(data).equals(before.get(name)?.data ?? new Uint8Array());
      if (name.endsWith("num_batches_tracked")) {
        // 18 images in batches of 6.
        expect([...data]).toEqual([3, 0, 0, 0, 0, 0, 0, 0]);
      } else expect([name, same]).toEqual([name, !/running_(mean|var)$/.test(name)]);
    }
  });

  it("says what does not go together, and writes nothing then", async () => {
    const average = (...args: string[]) => ["average", "runs/one", ...args, "--output", "none.safetensors"];
    expect(await fail(average("runs/turned"), work.path)).toContain("was made for the classes ");
    expect(await fail(average(), work.path, 2)).toContain("name at least two");
    saveWeights(join(work.path, "part.pt"), new Map([...loadWeights(weightsOf("one")).state].slice(0, 2)));
    expect(await fail(["average", "runs/one", "part.pt", "--output", "part.pt"], work.path)).toContain(
      "is the file to read",
    );
    const withFile = ["average", "part.pt", "runs/one", "--output", "none.safetensors", "--calibrate"];
    expect(await fail(withFile, work.path, 2)).toContain("must be a run's folder");
    expect(existsSync(join(work.path, "none.safetensors"))).toBe(false);
    expect(await fail(["evaluate", "runs/one", "--weights", "part.pt"], work.path)).toContain(
      "part.pt: The weights do not fit the network:",
    );
  });
});
