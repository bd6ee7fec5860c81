import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { someSettings } from "../../test/support/tiny.js";
import { parsePipeline } from "../data/index.js";
import { ArgumentError, FileError } from "../errors.js";
import { recipeSchema } from "./recipe.js";
import { imageSize, type RunSettings, readSettings, resolveRecipe, writeSettings } from "./settings.js";

function transformsOf(normalization: { mean: number[]; std: number[] }): RunSettings["transforms"] {
  const transforms = parsePipeline([
    { name: "resize", size: [8, 8] },
    { name: "normalize", ...normalization },
  ]);
  return { train: transforms, evaluation: transforms };
}

const { optimizer } = recipeSchema.shape;

let folder = "";
let path = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-settings-"));
  path = join(folder, "recipe.yaml");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("settings", () => {
  const folderData: RunSettings["data"] = {
    source: "folder",
    path: "/data/pi: ctures #1\n",
    validationFraction: 0.2,
    splitSeed: 0,
    groupBy: "^(p\\d+)_",
    onUnreadable: "skip",
  };
  it.each<[string, RunSettings]>([
    ["all of them", someSettings()],
    ["with mixing", someSettings({ mix: { mixup: 0.2, cutmix: 1, probability: 1, switchProbability: 0.5 } })],
    ["a dropout", someSettings({ model: { name: "nuclei_basic", dropout: 0 } })],
    ["AdamW", someSettings({ optimizer: optimizer.parse({ name: "adamw", lr: 3e-3, weightDecay: 0.05 }) })],
    ["a folder", someSettings({ data: folderData })],
    // What YAML would take for something else than text.
    [
      "difficult names",
      someSettings({ classes: ["1", "true", "null", "- a: b", "", " x ", "ü\t\u0007", "0x10", "~"] }),
    ],
    [
      "exact numbers",
      someSettings({ transforms: transformsOf({ mean: [0.1 + 0.2, 1 / 3, 1e-17], std: [1.1e-6, 300, 2 / 3] }) }),
    ],
  ])("come back as they were written: %s", (_, settings) => {
    writeSettings(path, settings);
    expect(readSettings(path)).toEqual(settings);
  });

  it("are readable", () => {
    writeSettings(path, someSettings());
    expect(readFileSync(path, "utf8")).toContain("optimizer:\n  name: sgd\n  lr: 0.01\n");
  });

  const good = someSettings();
  it.each<[string, unknown, RegExp]>([
    ["an unknown key", { ...good, epoch: 3 }, /epoch: .*did you mean epochs\?/],
    ["half an epoch", { ...good, epochs: 1.5 }, /epochs: /],
    ["NaN", { ...good, optimizer: { ...good.optimizer, lr: Number.NaN } }, /optimizer\.lr: /],
    ["two mistakes", { ...good, batchSize: -1, epochs: 0 }, /batchSize: [\s\S]*epochs: |epochs: [\s\S]*batchSize: /],
    ["a list", [1, 2], /must hold settings/],
  ])("are refused by name: %s", (_, settings, message) => {
    writeFileSync(path, stringify(settings));
    expect(() => readSettings(path)).toThrow(FileError);
    expect(() => readSettings(path)).toThrow(message);
  });

  it("of another version are refused as such", () => {
    writeFileSync(path, "version: 1\nsize: 90\n");
    expect(() => readSettings(path)).toThrow(/recipe\.yaml: is of an earlier version of Fovea/);
  });

  it("are no recipe, in which something is open", () => {
    writeFileSync(path, stringify({ ...good, classes: undefined }));
    expect(() => readSettings(path)).toThrow(/is a recipe, not the settings of a run/);
    writeFileSync(path, stringify({ ...good, transforms: "nuclei" }));
    expect(() => readSettings(path)).toThrow(/is a recipe, not the settings of a run/);
  });

  it("that are not there, or cannot be written, are named", () => {
    expect(() => readSettings(join(folder, "none.yaml"))).toThrow(/none\.yaml: could not be read/);
    writeSettings(path, good);
    mkdirSync(join(folder, "taken", "inside"), { recursive: true });
    expect(() => writeSettings(join(folder, "taken"), good)).toThrow(FileError);
    expect(readdirSync(folder).sort()).toEqual(["recipe.yaml", "taken"]);
  });
});

describe("imageSize", () => {
  it("is what the transforms for evaluation give", () => {
    expect(imageSize(someSettings())).toEqual({ width: 16, height: 16 });
    const { transforms } = someSettings();
    const undetermined = { ...transforms, evaluation: parsePipeline([{ name: "resize", size: 16 }]) };
    expect(() => imageSize(someSettings({ transforms: undetermined }))).toThrow(ArgumentError);
  });
});

describe("resolveRecipe", () => {
  const open = recipeSchema.parse({
    model: { name: "cifar_resnet20" },
    data: { source: "folder", path: "photos" },
    transforms: "nuclei",
    epochs: 1,
    batchSize: 1,
    optimizer: { name: "sgd", lr: 1 },
  });
  const statistics = { mean: [0.1, 0.2, 0.3], std: [0.4, 0.5, 0.6] } as const;
  const images = { classes: ["a", "b"], statistics: () => Promise.resolve(statistics) };
  const names = (list: readonly { name: string }[]) => list.map(({ name }) => name);

  it("fills in classes, a place that is the same from everywhere, and a preset at the network's size", async () => {
    const { classes, data, transforms } = await resolveRecipe(open, images);
    expect(classes).toEqual(["a", "b"]);
    expect(data).toMatchObject({ path: join(process.cwd(), "photos") });
    expect(transforms.evaluation).toEqual(
      parsePipeline([
        { name: "resize", size: [32, 32], interpolation: "bicubic" },
        { name: "normalize", mean: [0.1, 0.2, 0.3], std: [0.4, 0.5, 0.6] },
      ]),
    );
    expect((await resolveRecipe({ ...open, size: 50 }, images)).transforms.evaluation[0]).toMatchObject({
      size: [50, 50],
    });
  });

  it("completes lists: a size first, normalising before erasing, evaluation as large as training", async () => {
    const train = parsePipeline([{ name: "randomHorizontalFlip" }]);
    const first = await resolveRecipe({ ...open, transforms: { train } }, images);
    expect(names(first.transforms.train)).toEqual(["resize", "randomHorizontalFlip", "normalize"]);
    const cut = parsePipeline([{ name: "randomCrop", size: 20 }]);
    const second = await resolveRecipe({ ...open, transforms: { train: cut } }, images);
    expect(names(second.transforms.train)).toEqual(["randomCrop", "normalize"]);
    expect(second.transforms.evaluation[0]).toMatchObject({ name: "resize", size: [20, 20] });
    const evaluation = parsePipeline([{ name: "centerCrop", size: 24 }]);
    const third = await resolveRecipe({ ...open, transforms: { train, evaluation } }, images);
    expect(names(third.transforms.evaluation)).toEqual(["centerCrop", "normalize"]);
  });

  it("normalises by what a list says, in both, and then measures nothing", async () => {
    const train = parsePipeline([{ name: "normalize", mean: [0, 0, 0], std: [1, 1, 1] }, { name: "randomErasing" }]);
    const { transforms } = await resolveRecipe(
      { ...open, transforms: { train } },
      { classes: ["a"], statistics: () => Promise.reject(new Error("measured")) },
    );
    expect(names(transforms.train)).toEqual(["resize", "normalize", "randomErasing"]);
    expect(transforms.evaluation[1]).toEqual(train[0]);
  });

  it("keeps to the recipe's classes", async () => {
    await expect(resolveRecipe({ ...open, classes: ["b", "a"] }, images)).rejects.toThrow(
      "the recipe's classes are b, a, those of the images a, b",
    );
  });
});
