import { describe, expect, it } from "vitest";
import { listModels } from "../models/index.js";
import { findPublished, publishedWeights } from "./published.js";

describe("the published weights", () => {
  const all = publishedWeights();

  it("are of networks that there are, which have the parameters that the file has room for", () => {
    const networks = new Map(listModels().map((entry) => [entry.name, entry.parameters]));
    for (const { model, name, bytes } of all) {
      const parameters = networks.get(model) ?? Number.NaN;
      // Two wide ResNets are in half precision; statistics, names and GoogLeNet's auxiliary heads come on top.
      const perParameter = bytes / parameters;
      const half = /^wide_resnet/.test(model) && name === "IMAGENET1K_V1";
      const [least, most] = model === "googlenet" ? [7.8, 8] : half ? [2, 2.05] : [4, 4.2];
      expect({ model, name, perParameter, fits: perParameter >= least && perParameter <= most }).toMatchObject({
        fits: true,
      });
    }
  });

  it("have one default and one address each", () => {
    const models = [...new Set(all.map(({ model }) => model))];
    for (const model of models) {
      expect(publishedWeights(model).map((row) => row.default)).toEqual(publishedWeights(model).map((_, i) => i === 0));
    }
    expect(new Set(all.map(({ url }) => url)).size).toBe(all.length);
    for (const { url, sha256Prefix } of all) {
      expect(url).toMatch(/^https:\/\/download\.pytorch\.org\/models\/[a-z0-9_]+-[0-9a-f]{8}\.pth$/);
      expect(url).toContain(`-${sha256Prefix}.pth`);
    }
  });

  it("have torchvision's accuracy and preprocessing", () => {
    const imagenet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    const half = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
    // Of torchvision's documentation.
    const known = {
      resnet50: ["IMAGENET1K_V2", 80.858, 95.434, 232, 224, "bilinear", imagenet],
      "resnet50:IMAGENET1K_V1": ["IMAGENET1K_V1", 76.13, 92.862, 256, 224, "bilinear", imagenet],
      efficientnet_b3: ["IMAGENET1K_V1", 82.008, 96.054, 320, 300, "bicubic", imagenet],
      efficientnet_b1: ["IMAGENET1K_V2", 79.838, 94.934, 255, 240, "bilinear", imagenet],
      efficientnet_v2_l: ["IMAGENET1K_V1", 85.808, 97.788, 480, 480, "bicubic", half],
      regnet_y_128gf: ["IMAGENET1K_SWAG_E2E_V1", 88.228, 98.682, 384, 384, "bicubic", imagenet],
      // Its network turns ImageNet's normalisation into this one.
      googlenet: ["IMAGENET1K_V1", 69.778, 89.53, 256, 224, "bilinear", half],
    } as const;
    for (const [key, [weights, top1, top5, resize, crop, interpolation, normalization]] of Object.entries(known)) {
      const [model = "", name] = key.split(":");
      const row = findPublished(model, name);
      expect(row).toMatchObject({ model, name: weights, top1, top5 });
      expect(row.preprocessing).toEqual({ resize, crop, interpolation, antialias: true, ...normalization });
    }
  });

  it("name ImageNet's categories", () => {
    const { categories } = findPublished("resnet18");
    expect(categories).toHaveLength(1000);
    expect([categories[0], categories[207], categories[281], categories[999]]).toEqual([
      "tench",
      "golden retriever",
      "tabby",
      "toilet tissue",
    ]);
  });

  it("are looked for by name", () => {
    expect(findPublished("resnet50", "imagenet1k_v1").name).toBe("IMAGENET1K_V1");
    expect(() => findPublished("resnet50", "V3")).toThrow(
      expect.objectContaining({ hint: "There are IMAGENET1K_V2, IMAGENET1K_V1." }),
    );
    expect(() => findPublished("resnet51")).toThrow(expect.objectContaining({ code: "UNKNOWN_MODEL" }));
    expect(() => findPublished("nuclei_basic")).toThrow(
      expect.objectContaining({ code: "UNKNOWN_WEIGHTS", hint: expect.stringContaining("resnet18") }),
    );
    expect(publishedWeights("nuclei_basic")).toEqual([]);
  });
});
