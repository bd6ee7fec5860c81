import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import { MobileNetV3, type MobileNetV3Options } from "./index.js";

const parameters = (size: "large" | "small", options: MobileNetV3Options) =>
  new MobileNetV3(size, options).parameterCount();

describe("MobileNetV3", () => {
  it.each([
    ["large", 1000, 5_483_032],
    ["large", 100, 4_330_132],
    ["large", 10, 4_214_842],
    ["small", 1000, 2_542_856],
    ["small", 100, 1_620_356],
    ["small", 10, 1_528_106],
  ] as const)("%s for %i classes", (size, classes, count) => {
    expect(parameters(size, { classes })).toBe(count);
  });

  it("has a reduced tail", () => {
    // torchvision's mobilenet_v3_*(reduced_tail=True)
    expect(parameters("large", { reducedTail: true })).toBe(2_569_352);
    expect(parameters("small", { reducedTail: true })).toBe(1_099_672);
  });

  it("is dilated in the tail: same parameters, twice the size", () => {
    const last = (dilated: boolean) =>
      trace(new MobileNetV3("large", { dilated }), [1, 3, 224, 224]).modules.find(({ path }) => path === "features.16");
    expect(parameters("large", { dilated: true })).toBe(5_483_032);
    expect(last(false)?.outputShape).toEqual([1, 960, 7, 7]);
    expect(last(true)?.outputShape).toEqual([1, 960, 14, 14]);
  });

  it("has a width", () => {
    const widths = (width: number) =>
      [...new MobileNetV3("small", { width }).stateShapes()]
        .filter(([name]) => name.startsWith("features.") && name.endsWith(".weight"))
        .map(([, shape]) => shape[0] ?? 0);
    for (const channels of widths(0.5)) expect(channels % 8).toBe(0);
    expect(Math.max(...widths(0.5))).toBe(288);
    expect(Math.max(...widths(2))).toBe(1152);
  });

  it("adds the input where the shape allows it", () => {
    const adds = trace(new MobileNetV3("small"), [1, 3, 224, 224]).operators.get("add");
    expect(adds).toBe(6);
  });
});
