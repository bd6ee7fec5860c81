import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { FileError, FoveaError } from "../errors.js";
import { listRecipes, readRecipe } from "./recipe-file.js";

const folder = mkdtempSync(join(tmpdir(), "fovea-recipe-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function thrown(call: () => unknown): FoveaError {
  try {
    call();
  } catch (error) {
    if (error instanceof FoveaError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("readRecipe", () => {
  it("reads the package's by name, with every default", () => {
    expect(readRecipe("default")).toEqual({
      version: 3,
      description: "What `fovea train` does where nothing else is asked for",
      source: [expect.stringContaining("2104.00298")],
      expected: [expect.any(String), expect.any(String)],
      model: { name: "nuclei_basic" },
      data: { source: "synthetic", train: 2400, validation: 600, size: 90, seed: 0 },
      transforms: "nuclei",
      sampler: { name: "shuffle" },
      epochs: 10,
      batchSize: 64,
      accumulate: 1,
      optimizer: {
        ...{ name: "adamw", lr: 0.003, weightDecay: 0.05, withoutDecay: "nothing", groups: [] },
        ...{ betas: [0.9, 0.999], eps: 1e-8 },
      },
      schedule: { name: "oneCycle", perEpoch: false, rise: 0.3, start: 1 / 25, end: 1e-4 },
      loss: { labelSmoothing: 0.1, classWeights: "balanced", l1: 0 },
      checkpoint: { metric: "balancedAccuracy", top: 0 },
      precision: "float32",
      layout: "channelsLast",
      seed: 0,
      device: "cpu",
    });
  });

  it("reads a file that lies on one of them, with settings on top", () => {
    const path = write("mine.yaml", "extends: cifar10-resnet\nepochs: 20\nschedule: {after: [10, 15]}\n");
    const recipe = readRecipe(path, {
      sets: ["optimizer.lr=0.05"],
      overrides: [{ label: "--epochs", value: { epochs: 12 } }],
    });
    expect(recipe).toMatchObject({
      model: { name: "cifar_resnet20" },
      epochs: 12,
      optimizer: { name: "sgd", lr: 0.05, momentum: 0.9 },
      schedule: { name: "multiStep", after: [10, 15], factor: 0.1 },
    });
  });

  it("tells near names, and where all are listed", () => {
    const error = thrown(() => readRecipe("cifar10-resent"));
    expect([error.code, error.message]).toEqual(["UNKNOWN_RECIPE", 'There is no recipe named "cifar10-resent".']);
    expect(error.hint).toMatch(/^Did you mean cifar10-resnet[,?]/);
    expect(thrown(() => readRecipe("squeezenet")).hint).toBe("Did you mean cifar10-squeezenet?");
    expect(thrown(() => readRecipe("zzz")).hint).toContain("`fovea recipes` lists all");
    expect(thrown(() => readRecipe(write("a.yaml", "extends: cifar10-resent\n"))).message).toMatch(
      /a\.yaml:1:10: extends: There is no recipe named "cifar10-resent"\.$/,
    );
    expect(thrown(() => readRecipe("../recipes/default")).code).toBe("UNKNOWN_RECIPE");
  });

  it.each([
    [2, "is of an earlier version of Fovea, which this one cannot read", "Train it again."],
    [99, "is of a later version of Fovea, which this one cannot read", "Update Fovea."],
  ])("does not read version %d, whatever else is in it", (version, message, hint) => {
    const path = write("other.yaml", `version: ${version}\noptimizer: {name: sgd, learningRate: 0.1}\n`);
    const error = thrown(() => readRecipe(path));
    expect(error).toBeInstanceOf(FileError);
    expect([error.message, error.hint]).toEqual([`${path}: ${message}`, hint]);
  });

  it("tells mistakes in words for whoever made them", () => {
    const path = write(
      "wrong.yaml",
      [
        "version: three",
        "extends: default",
        "optimizer: {name: sgd, learningRate: 0.1}",
        "transforms:",
        "  train:",
        "    - {name: resise}",
        "    - {name: resize, size: big}",
        "    - {name: randomErasing, quality: 1}",
        "clip: {norm: 0}",
        "schedule: {name: onecycle}",
        "",
      ].join("\n"),
    );
    const { message } = thrown(() => readRecipe(path, { sets: ["progressive.size=64", "mix={mixup: 0}"] }));
    expect(message.replaceAll(path, "wrong.yaml").split("\n")).toEqual([
      'wrong.yaml:1:10: version: must be 3, not "three"',
      'wrong.yaml:6:14: transforms.train.0.name: there is no transform "resise"; did you mean resize?',
      'wrong.yaml:7:28: transforms.train.1.size: must be a whole number from 1 to 16384, or [height, width], not "big"',
      'wrong.yaml:8:29: transforms.train.2.quality: has no property "quality"; it has p, scale, ratio, value',
      "--set mix={mixup: 0}: mix: mixup or cutmix must be above 0",
      "--set progressive.size=64: progressive.size: must be a list of 2, not 64",
      "wrong.yaml:3:1: optimizer.lr: is missing; it must be a number",
      expect.stringMatching(
        /^wrong\.yaml:3:24: optimizer\.learningRate: there is no such setting; there are name, lr, /,
      ),
      'wrong.yaml:10:18: schedule.name: there is no "onecycle"; did you mean oneCycle?',
      "wrong.yaml:9:14: clip.norm: must be above 0, not 0",
    ]);
  });
});

describe("listRecipes", () => {
  it("lists names and descriptions in order", () => {
    const recipes = listRecipes();
    const names = recipes.map(({ name }) => name);
    expect(names).toEqual([...names].sort());
    expect(recipes).toContainEqual({
      name: "default",
      description: "What `fovea train` does where nothing else is asked for",
    });
  });
});
