import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Run, readRecords } from "../../src/train/index.js";
import { fail, filesBelow, succeed, temporaryFolder } from "./fovea.js";

const work = temporaryFolder();
const small = "--size 16 --train-images 60 --validation-images 9 --batch-size 10".split(" ");
afterAll(work.remove);

const weightsOf = (name: string) => readFileSync(Run.open(join(work.path, "runs", name)).weightsPath("last"));

describe("fovea train with a recipe", () => {
  it("takes a file that lies on top of another, options, and settings, in this order", async () => {
    writeFileSync(
      join(work.path, "base.yaml"),
      "extends: default\ndata: { train: 60, validation: 9, size: 16 }\nsize: 16\nepochs: 9\nbatchSize: 10\n",
    );
    writeFileSync(join(work.path, "mine.yaml"), "extends: base.yaml\noptimizer: { name: sgd, lr: 0.1 }\n");
    const args = ["train", "mine.yaml", "--epochs", "2", "--set", "optimizer.lr=0.05", "--name", "mine"];
    await succeed([...args, "--set", "average={name: ema, decay: 0.9}", "--set", "layout=measured"], work.path);
    const { settings } = Run.open(join(work.path, "runs", "mine"));
    expect(settings).toMatchObject({ epochs: 2, batchSize: 10, optimizer: { name: "sgd", lr: 0.05 }, size: 16 });
    expect(settings.optimizer).not.toHaveProperty("betas");
    expect(["channelsLast", "channelsFirst"]).toContain(settings.layout);
    const [record] = readRecords(join(work.path, "runs", "mine", "metrics.jsonl"));
    expect(record?.average?.accuracy).toBeGreaterThanOrEqual(0);
    expect(existsSync(Run.open(join(work.path, "runs", "mine")).weightsPath("average"))).toBe(true);
    await succeed(["evaluate", "runs/mine", "--weights", "average"], work.path);
  });

  it("gives the same run again from a run's own recipe", async () => {
    await succeed(["train", "runs/mine/recipe.yaml", "--name", "again"], work.path);
    expect(weightsOf("again").equals(weightsOf("mine"))).toBe(true);
    const [one, two] = ["mine", "again"].map((name) => Run.open(join(work.path, "runs", name)).settings);
    expect(two).toEqual(one);
  });

  it("begins with a run's weights, a head for other classes aside, and trains only what is not frozen", async () => {
    const sets = ["--set", "finetune={freeze: [features]}", "--set", "loss.classWeights=none"];
    const args = ["train", "mine.yaml", "--weights", "runs/mine", "--epochs", "1", "--name", "tuned", ...sets];
    await succeed(args, work.path);
    const [before, after] = [Run.open(join(work.path, "runs", "mine")), Run.open(join(work.path, "runs", "tuned"))].map(
      (run, i) => run.loadModel(i === 0 ? "best" : "last").stateDict(),
    );
    for (const [name, value] of before ?? []) {
      const same = Buffer.from(value.data().buffer).equals(
        Buffer.from(after?.get(name)?.data().buffer ?? new ArrayBuffer(0)),
      );
      expect([name, same]).toEqual([name, name.startsWith("features")]);
    }
    expect(await fail(["train", "mine.yaml", "--weights", "nowhere", "--name", "x"], work.path)).toContain(
      "published weights",
    );
    expect(
      await fail(["train", ...small, "--name", "y", "--set", "finetune={freeze: [featurs]}"], work.path),
    ).toContain("features");
  });

  it("shows what it would do without reading an image, with the stages as a table", async () => {
    const before = readdirSync(work.path);
    const text = await succeed(["train", "nuclei-efficientnet-v2-progressive", "--dry-run"], work.path);
    expect(text).toMatch(/Stage/i);
    expect(text).toContain("Learning rate  ");
    expect(text).toContain("\nprogressive:\n");
    expect(readdirSync(work.path)).toEqual(before);
  });

  it("tries one batch of each and keeps nothing", async () => {
    const before = filesBelow(work.path);
    expect(await succeed(["train", "mine.yaml", "--fast-dev-run"], work.path)).toContain(
      "It works: a step of training",
    );
    expect(filesBelow(work.path)).toEqual(before);
  });

  it("trains and validates on the same few batches, or on a part of an epoch", async () => {
    // Two batches, of which half is one; and the training stops early.
    const limits = ["--overfit-batches", "2", "--limit-train-batches", "0.5", "--limit-val-batches", "1"];
    const stop = ["--set", "earlyStopping={metric: loss, patience: 1, minDelta: 100}"];
    const text = await succeed(["train", "mine.yaml", "--name", "few", ...limits, ...stop], work.path);
    expect(readFileSync(join(work.path, "runs", "few", "report.html"), "utf8")).toContain("on 20 images");
    expect(text).toMatch(/\nTrained 2 epochs in \d+s, stopped early: loss has not improved for 1 epoch/);
    const position = Run.open(join(work.path, "runs", "few")).position();
    expect(Object.values(position?.updates ?? {})[0]).toBe(2);
    expect(position?.stopped).toMatch(/loss has not improved/);
  });

  it("suggests a learning rate and draws the losses", async () => {
    const text = await succeed(["train", "mine.yaml", "--find-lr"], work.path);
    expect(text).toMatch(/Suggested learning rate: [\d.e-]+ {4}--lr |No rate can be suggested/);
    expect(readFileSync(join(work.path, "learning-rate.svg"), "utf8")).toContain("Learning-rate finder");
  });
});
