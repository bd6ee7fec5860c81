import { describe, expect, it } from "vitest";
import { draws, expectShare, expectUniform, opsOf } from "../../../test/support/draws.js";
import { drawOps } from "./draw.js";
import type { ImageOp } from "./image-op.js";
import { parsePipeline, type TransformInput } from "./schema.js";

const normalize: TransformInput = { name: "normalize", mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4] };

describe("drawOps: what is not random", () => {
  it("is what was written, without a stream", () => {
    const [ops] = draws(
      [
        { name: "resize", size: 40, interpolation: "bicubic" },
        { name: "resize", size: [30, 20] },
        { name: "centerCrop", size: [18, 16] },
        { name: "pad", padding: [1, 2, 3, 4], fill: [9, 8, 7], mode: "edge" },
        { name: "pad", padding: 0 },
        { name: "grayscale" },
        normalize,
      ],
      1,
    );
    expect(ops).toEqual([
      { op: "resizeShorter", size: 40, interpolation: "bicubic" },
      { op: "resize", width: 20, height: 30, interpolation: "bilinear" },
      { op: "centerCrop", width: 16, height: 18 },
      { op: "pad", left: 1, top: 2, right: 3, bottom: 4, mode: "edge", fill: [9, 8, 7] },
      { op: "grayscale" },
      { op: "normalize", mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4] },
    ]);
  });
});

describe("drawOps: purity", () => {
  const all: TransformInput[] = [
    { name: "randomResizedCrop", size: 32 },
    { name: "randomHorizontalFlip" },
    { name: "randomRotation", degrees: 10 },
    { name: "colorJitter", brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 },
    { name: "stainJitter" },
    { name: "gaussianBlur", kernelSize: 3 },
    { name: "randAugment" },
    { name: "autoAugment" },
    { name: "trivialAugmentWide" },
    { name: "augMix" },
    { name: "cutout", size: 8 },
    normalize,
    { name: "randomErasing", p: 1 },
  ];

  it("depends on every part of the key and on nothing else", () => {
    const pipeline = parsePipeline(all);
    const drawn = drawOps(pipeline, [1, 2, 3, 0]);
    drawOps(pipeline, [9, 9, 9, 9]);
    expect(drawOps(pipeline, [1, 2, 3, 0])).toEqual(drawn);
    for (const other of [
      [0, 2, 3, 0],
      [1, 0, 3, 0],
      [1, 2, 0, 0],
      [1, 2, 3, 1],
    ]) {
      expect(drawOps(pipeline, other)).not.toEqual(drawn);
    }
  });

  it("leaves the draws of the others as they were when one is taken out", () => {
    for (let sample = 0; sample < 20; sample++) {
      const alone = all.map((transform) => {
        const written = transform.name === "randomErasing" ? [normalize, transform] : [transform];
        return drawOps(parsePipeline(written), [sample]).slice(written.length - 1);
      });
      expect(drawOps(parsePipeline(all), [sample])).toEqual(alone.flat());
    }
  });

  it("draws apart for two of the same name", () => {
    const [ops] = draws(
      [
        { name: "randomRotation", degrees: 10 },
        { name: "randomRotation", degrees: 10 },
      ],
      1,
    );
    expect(ops?.[0]).not.toEqual(ops?.[1]);
    const [reversed] = draws([{ name: "grayscale" }, { name: "randomRotation", degrees: 10 }], 1);
    expect(reversed?.[1]).toEqual(ops?.[0]);
  });

  it("one change of colour does not change another's factor", () => {
    const brightnessOf = (drawn: ImageOp[][]) => opsOf(drawn, "brightness").map((op) => op);
    const plain = draws([{ name: "colorJitter", brightness: 0.4 }], 50);
    const more = draws([{ name: "colorJitter", brightness: 0.4, contrast: 0.2, hue: 0.3 }], 50);
    expect(brightnessOf(more)).toEqual(brightnessOf(plain));
  });
});

describe("drawOps: geometry", () => {
  it("randomCrop pads, and its place is uniform", () => {
    const drawn = draws([{ name: "randomCrop", size: [30, 32], padding: 4, mode: "reflect" }]);
    expect(drawn[0]?.[0]).toEqual({
      op: "pad",
      left: 4,
      top: 4,
      right: 4,
      bottom: 4,
      mode: "reflect",
      fill: [0, 0, 0],
    });
    const crops = opsOf(drawn, "cropAt");
    expect(crops[0]).toMatchObject({ width: 32, height: 30 });
    expectUniform(
      crops.map(({ across }) => across),
      0,
      1,
    );
    expectUniform(
      crops.map(({ down }) => down),
      0,
      1,
    );
    expect(draws([{ name: "randomCrop", size: 8 }], 1)[0]?.map(({ op }) => op)).toEqual(["cropAt"]);
  });

  it("randomResizedCrop: ten boxes, area uniform, aspect log-uniform, place uniform", () => {
    const crops = opsOf(
      draws([{ name: "randomResizedCrop", size: [20, 30], interpolation: "bicubic" }], 500),
      "resizedCrop",
    );
    expect(crops).toHaveLength(500);
    expect(crops[0]).toMatchObject({ width: 30, height: 20, interpolation: "bicubic", ratio: [3 / 4, 4 / 3] });
    const boxes = crops.flatMap((crop) => crop.boxes);
    expect(boxes).toHaveLength(5000);
    expectUniform(
      boxes.map(({ area }) => area),
      0.08,
      1,
    );
    expectUniform(
      boxes.map(({ aspect }) => Math.log(aspect)),
      Math.log(3 / 4),
      Math.log(4 / 3),
    );
    expectUniform(
      boxes.map(({ across }) => across),
      0,
      1,
    );
    expectUniform(
      boxes.map(({ down }) => down),
      0,
      1,
    );
  });

  it("flips with their probability, and the two are independent", () => {
    const drawn = draws([{ name: "randomHorizontalFlip" }, { name: "randomVerticalFlip", p: 0.25 }]);
    expectShare(opsOf(drawn, "flipHorizontal").length, 0.5);
    expectShare(opsOf(drawn, "flipVertical").length, 0.25);
    expectShare(drawn.filter((ops) => ops.length === 2).length, 0.125);
    expect(draws([{ name: "randomHorizontalFlip", p: 0 }], 100).flat()).toEqual([]);
    expect(draws([{ name: "randomHorizontalFlip", p: 1 }], 100).flat()).toHaveLength(100);
  });

  it("gives all eight orientations equally often", () => {
    const counts = new Map<string, number>();
    for (const ops of draws([{ name: "randomHorizontalFlip" }, { name: "randomQuarterTurn" }])) {
      const key = JSON.stringify(ops);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(8);
    for (const count of counts.values()) expectShare(count, 1 / 8);
  });

  it("randomRotation: uniform in its range", () => {
    const degrees = (written: number | [number, number]) =>
      opsOf(draws([{ name: "randomRotation", degrees: written }]), "rotate").map((op) => op.degrees);
    expectUniform(degrees(30), -30, 30);
    expectUniform(degrees([10, 20]), 10, 20);
  });
});

describe("drawOps: colour", () => {
  it("colorJitter: factors uniform, never below 0, in all 24 orders", () => {
    const drawn = draws([{ name: "colorJitter", brightness: 0.4, contrast: 1.5, saturation: [0.5, 3], hue: 0.1 }]);
    expectUniform(
      opsOf(drawn, "brightness").map(({ factor }) => factor),
      0.6,
      1.4,
    );
    expectUniform(
      opsOf(drawn, "contrast").map(({ factor }) => factor),
      0,
      2.5,
    );
    expectUniform(
      opsOf(drawn, "saturation").map(({ factor }) => factor),
      0.5,
      3,
    );
    expectUniform(
      opsOf(drawn, "hue").map(({ shift }) => shift),
      -0.1,
      0.1,
    );
    const orders = new Map<string, number>();
    for (const ops of drawn) {
      const order = ops.map(({ op }) => op).join(" ");
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    expect(orders.size).toBe(24);
    for (const count of orders.values()) expectShare(count, 1 / 24);
  });

  it("colorJitter leaves out what it is not asked for", () => {
    expect(draws([{ name: "colorJitter" }], 50).flat()).toEqual([]);
    expect(
      new Set(
        draws([{ name: "colorJitter", hue: 0.2 }], 50)
          .flat()
          .map(({ op }) => op),
      ),
    ).toEqual(new Set(["hue"]));
    expect(draws([{ name: "colorJitter", contrast: [2, 2] }], 1)).toEqual([[{ op: "contrast", factor: 2 }]]);
  });

  it("stainJitter: each stain apart", () => {
    const stains = opsOf(draws([{ name: "stainJitter", scale: 0.2 }]), "stain");
    for (const stain of [0, 1, 2] as const) {
      expectUniform(
        stains.map(({ scale }) => scale[stain]),
        0.8,
        1.2,
      );
      expectUniform(
        stains.map(({ shift }) => shift[stain]),
        -0.05,
        0.05,
      );
    }
    expect(new Set([...(stains[0]?.scale ?? []), ...(stains[0]?.shift ?? [])]).size).toBe(6);
  });

  it("randomGrayscale, gaussianBlur and cutout with their probabilities", () => {
    const drawn = draws([
      { name: "randomGrayscale" },
      { name: "gaussianBlur", kernelSize: [3, 5], p: 0.3 },
      { name: "cutout", size: 8, p: 0.6, fill: [1, 2, 3] },
    ]);
    expectShare(opsOf(drawn, "grayscale").length, 0.1);
    const blurs = opsOf(drawn, "gaussianBlur");
    expectShare(blurs.length, 0.3);
    expect(blurs[0]?.kernel).toEqual([3, 5]);
    expect(blurs.every(({ sigma: [x, y] }) => x === y)).toBe(true);
    expectUniform(
      blurs.map(({ sigma }) => sigma[0]),
      0.1,
      2,
    );
    const cuts = opsOf(drawn, "cutout");
    expectShare(cuts.length, 0.6);
    expect(cuts[0]).toMatchObject({ size: 8, fill: [1, 2, 3] });
    expectUniform(
      cuts.map(({ across }) => across),
      0,
      1,
    );
    expectUniform(
      cuts.map(({ down }) => down),
      0,
      1,
    );
    expect(draws([{ name: "gaussianBlur", kernelSize: 3, sigma: 1.5 }], 1)[0]?.[0]).toMatchObject({
      sigma: [1.5, 1.5],
    });
  });

  it("randomErasing: its ratio is height over width, its noise has a seed", () => {
    const erased = (written: object) => opsOf(draws([normalize, { name: "randomErasing", ...written }], 2000), "erase");
    const tall = erased({ ratio: [2, 4] });
    expectShare(tall.length, 0.5, 2000);
    const boxes = tall.flatMap(({ boxes }) => boxes);
    expect(boxes).toHaveLength(10 * tall.length);
    // `aspect` of a box is width over height.
    expectUniform(
      boxes.map(({ aspect }) => Math.log(aspect)),
      -Math.log(4),
      -Math.log(2),
    );
    expectUniform(
      boxes.map(({ area }) => area),
      0.02,
      0.33,
    );
    expect(tall[0]?.fill).toEqual({ kind: "values", values: [0, 0, 0] });
    expect(erased({ value: [1, 2, 3] })[0]?.fill).toEqual({ kind: "values", values: [1, 2, 3] });
    const seeds = erased({ value: "random", p: 1 }).map(({ fill }) => (fill.kind === "noise" ? fill.seed : Number.NaN));
    expect(new Set(seeds).size).toBe(2000);
    expectUniform(seeds, 0, 2 ** 32);
  });
});
