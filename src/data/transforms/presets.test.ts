import { describe, expect, it } from "vitest";
import { readGolden } from "../../../test/support/files.js";
import { outputSize } from "./output-size.js";
import { findPreset, PRESET_NAMES, pipelineOf } from "./presets.js";

const half = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;

describe("presets", () => {
  it.each(PRESET_NAMES)("%s: the size that is asked for, nothing random in evaluation", (name) => {
    const preset = findPreset(name);
    for (const size of [preset.size, 45, 301]) {
      expect(outputSize(preset.train(size, half))).toEqual({ width: size, height: size });
      const evaluation = preset.evaluation(size, half);
      expect(outputSize(evaluation)).toEqual({ width: size, height: size });
      for (const { name: transform } of evaluation) expect(["resize", "centerCrop", "normalize"]).toContain(transform);
      for (const pipeline of [preset.train(size, half), evaluation]) {
        expect(pipeline.at(-1)).toEqual({ name: "normalize", ...half });
      }
    }
  });

  it("cifar10 is the tutorial's: the flip before the crop, statistics of pixels", () => {
    const { normalization, train } = findPreset("cifar10");
    expect(normalization?.std).toEqual([0.24703223, 0.24348513, 0.26158784]);
    expect(train(32, half).slice(0, 2)).toEqual([
      { name: "randomHorizontalFlip", p: 0.5 },
      { name: "randomResizedCrop", size: 32, scale: [0.8, 1], ratio: [0.9, 1.1], interpolation: "bilinear" },
    ]);
  });

  it("imagenet is torchvision's: 256 and 224", () => {
    const { train, evaluation } = findPreset("imagenet");
    expect(train(176, half)[0]).toMatchObject({ name: "randomResizedCrop", size: 176, scale: [0.08, 1] });
    expect(evaluation(224, half).slice(0, 2)).toMatchObject([{ size: 256 }, { size: 224 }]);
  });

  it("nuclei: flips, quarter turns and slight changes of colour", () => {
    expect(findPreset("nuclei").train(90, half)).toMatchObject([
      { name: "resize", size: [90, 90], interpolation: "bicubic" },
      { name: "randomHorizontalFlip", p: 0.5 },
      { name: "randomQuarterTurn" },
      { name: "colorJitter", brightness: 0.1, contrast: 0.1, saturation: 0.1, hue: 0 },
      { name: "normalize" },
    ]);
  });

  it("an unknown name tells the nearest, or all", () => {
    expect(() => findPreset("cifar")).toThrow('there are no transforms named "cifar"');
    const hintOf = (name: string): unknown => {
      try {
        findPreset(name);
      } catch (error) {
        return error instanceof Error && "hint" in error ? error.hint : undefined;
      }
      return undefined;
    };
    expect(hintOf("cifar-10")).toBe("Did you mean cifar10?");
    expect(hintOf("fashion")).toBe("There are nuclei, cifar10, imagenet.");
    expect(() => findPreset("toString")).toThrow("there are no transforms");
  });
});

it("pipelineOf is what published weights want, as data", () => {
  const { cases } = readGolden<{ cases: { preprocessing: Parameters<typeof pipelineOf>[0] }[] }>("preprocessing");
  const [first] = cases;
  if (!first) throw new Error("there are no golden values");
  const { resize, crop, interpolation, mean, std } = first.preprocessing;
  expect(pipelineOf(first.preprocessing)).toEqual([
    { name: "resize", size: resize, interpolation },
    { name: "centerCrop", size: crop },
    { name: "normalize", mean, std },
  ]);
});
