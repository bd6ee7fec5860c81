import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { someSettings } from "../../test/support/tiny.js";
import { parsePipeline } from "../data/index.js";
import { ArgumentError, FileError } from "../errors.js";
import { imageSize, type RunSettings, readSettings, writeSettings } from "./settings.js";

function transformsOf(normalization: { mean: number[]; std: number[] }): RunSettings["transforms"] {
  const transforms = parsePipeline([
    { name: "resize", size: [8, 8] },
    { name: "normalize", ...normalization },
  ]);
  return { train: transforms, evaluation: transforms };
}

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
    ["AdamW", someSettings({ optimizer: { name: "adamw", learningRate: 3e-3, weightDecay: 0.05 } })],
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
    expect(readFileSync(path, "utf8")).toContain("optimizer:\n  name: sgd\n  learningRate: 0.01\n");
  });

  const good = someSettings();
  const withTrain = (train: unknown) => ({ ...good, transforms: { ...good.transforms, train } });
  it.each<[string, unknown, RegExp]>([
    ["an unknown key", { ...good, epoch: 3 }, /Unrecognized key: "epoch"/],
    ["an unknown key further down", { ...good, optimizer: { ...good.optimizer, lr: 1 } }, /optimizer: .*"lr"/],
    ["a missing key", { ...good, seed: undefined }, /seed: /],
    ["text for a number", { ...good, epochs: "ten" }, /epochs: .*number/],
    ["a number for text", { ...good, device: 0 }, /device: .*string/],
    ["half an epoch", { ...good, epochs: 1.5 }, /epochs: .*int/],
    ["no epoch", { ...good, epochs: 0 }, /epochs: .*>=1/],
    ["NaN", { ...good, optimizer: { ...good.optimizer, learningRate: Number.NaN } }, /optimizer\.learningRate: .*NaN/],
    ["a negative rate", { ...good, optimizer: { ...good.optimizer, learningRate: -1 } }, /optimizer\.learningRate: /],
    ["an unknown optimiser", { ...good, optimizer: { ...good.optimizer, name: "adam" } }, /optimizer\.name: /],
    ["an unknown schedule", { ...good, schedule: "step" }, /schedule: .*"onecycle"/],
    ["an unknown source", { ...good, data: { source: "web" } }, /data\.source: /],
    [
      "an unknown transform",
      withTrain([{ name: "randomFlip" }]),
      /transforms\.train\.0.*there is no transform "randomFlip"/,
    ],
    ["transforms in a wrong order", withTrain([{ name: "randomErasing" }]), /transforms\.train\.0.*normalize/],
    ["a class that is no text", { ...good, classes: ["a", 2] }, /classes\.1: .*string/],
    ["no classes", { ...good, classes: [] }, /classes: /],
    ["another version", { ...good, version: 3 }, /version: /],
    ["two mistakes", { ...good, version: 3, epochs: 0 }, /version: .*; epochs: /],
    ["a list", [1, 2], /the file: .*object/],
    ["nothing", null, /the file: .*object/],
  ])("are refused by name: %s", (_, settings, message) => {
    writeFileSync(path, stringify(settings));
    expect(() => readSettings(path)).toThrow(FileError);
    expect(() => readSettings(path)).toThrow(message);
    expect(() => readSettings(path)).toThrow(/recipe\.yaml: these are not the settings of a run: /);
  });

  it("of an earlier version are refused as such", () => {
    writeFileSync(path, "version: 1\nsize: 90\n");
    expect(() => readSettings(path)).toThrow(/recipe\.yaml: is of an earlier version of Fovea/);
  });

  it.each([
    ["a broken line", "version: 1\nmodel: {name: x\n", /line 3, column 1\)$/],
    ["a key given twice", "version: 1\nversion: 1\n", /unique.* line 2, column 1\)$/],
    ["two documents", "a: 1\n---\nb: 2\n", /multiple documents/],
    ["references to nothing", "a: *b\n", /Unresolved alias/],
    [
      "references that multiply",
      `a: &a [x,x,x,x,x,x,x,x,x]\n${[..."bcdefg"]
        .map((name, i) => `${name}: &${name} [${Array(9).fill(`*${"abcdef"[i]}`).join(",")}]`)
        .join("\n")}\n`,
      /alias/,
    ],
  ])("that are no YAML are refused by place: %s", (_, text, message) => {
    writeFileSync(path, text);
    expect(() => readSettings(path)).toThrow(FileError);
    expect(() => readSettings(path)).toThrow(message);
    expect(() => readSettings(path)).toThrow(/recipe\.yaml: is not valid YAML \(/);
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
