import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import {
  Conv2d,
  Dropout,
  FusedMBConv,
  GroupNorm,
  init,
  MBConv,
  makeDivisible,
  Sequential,
  SqueezeExcitation,
  StochasticDepth,
  stage,
} from "./index.js";

/** The blocks of a stage, which these tests look into. */
const blocks = (sequence: Sequential) =>
  [...sequence.children()].map(([, block]) => {
    if (block instanceof MBConv || block instanceof FusedMBConv) return block;
    throw new Error("not a block");
  });

describe("stage", () => {
  it.each([MBConv, FusedMBConv])("strides, changes the width and has no skip in the first block only", (Block) => {
    const three = stage(Block, 3, 16, 24, { stride: 2 });
    expect(blocks(three).map(({ skip }) => skip)).toEqual([false, true, true]);
    const rows = trace(three, [1, 16, 15, 20]).modules.filter(({ depth }) => depth === 1);
    expect(rows.map(({ path, outputShape }) => [path, outputShape])).toEqual([
      ["0", [1, 24, 8, 10]],
      ["1", [1, 24, 8, 10]],
      ["2", [1, 24, 8, 10]],
    ]);
  });

  it("has no skip in the first block even where the shape would allow it, and none at all where none is wanted", () => {
    expect(blocks(stage(MBConv, 2, 16, 16, { stride: 1 })).map(({ skip }) => skip)).toEqual([false, true]);
    expect(blocks(stage(MBConv, 3, 16, 16, { stride: 1, skip: false })).some(({ skip }) => skip)).toBe(false);
    expect(blocks(stage(MBConv, 2, 16, 24, { skip: true })).map(({ skip }) => skip)).toEqual([false, true]);
  });

  it.each([0, -1, 1.5, Number.NaN])("refuses %d repeats", (repeats) => {
    expect(() => stage(MBConv, repeats, 8, 8)).toThrow(`${repeats} repeats`);
  });
});

describe("a block", () => {
  it.each([MBConv, FusedMBConv])("skips by default only where the shape stays", (Block) => {
    expect(new Block(16, 16, { stride: 1 }).skip).toBe(true);
    expect(new Block(16, 24, { stride: 1 }).skip).toBe(false);
    expect(new Block(16, 16, { stride: 2 }).skip).toBe(false);
    expect(() => new Block(16, 24, { stride: 1, skip: true })).toThrow(`${Block.name}: no skip from 16 to 24 channels`);
    expect(() => new Block(16, 16, { skip: true })).toThrow("with stride 2");
  });

  it("ends in plain dropout, in stochastic depth where there is a skip, or in neither", () => {
    const drop = { stochasticDepth: 0.2 };
    expect(new MBConv(16, 16, { drop: { dropout: 0.3 } }).drop).toEqual(expect.objectContaining({ p: 0.3 }));
    expect(new MBConv(16, 16, { stride: 1, drop }).drop).toBeInstanceOf(StochasticDepth);
    expect(new MBConv(16, 24, { drop }).drop).toBeNull();
    expect(new FusedMBConv(16, 16, { drop: null }).drop).toBeNull();
    expect(new FusedMBConv(16, 16, {}).drop).toBeInstanceOf(Dropout);
  });

  it("takes kernel, normalisation, padding and initialiser", () => {
    const twos = init.constant(2);
    const block = new MBConv(16, 16, {
      kernel: 5,
      norm: (channels) => new GroupNorm(4, channels),
      padding: "sameTensorFlow",
      init: twos,
    });
    const modules = [...block.modules()].map(([, module]) => module);
    const spatial = modules.find((module) => module instanceof Conv2d && module.groups > 1);
    expect(spatial).toEqual(expect.objectContaining({ kernel: [5, 5], padding: "sameTensorFlow", stride: [2, 2] }));
    expect(modules.filter((module) => module instanceof GroupNorm)).toHaveLength(3);
    const convolutions = modules.filter((module) => module instanceof Conv2d);
    expect(convolutions.map(({ weight }) => weight.initializer)).toEqual([twos, twos, twos, twos, twos]);
  });
});

describe("squeeze and excitation", () => {
  it("squeezes to a share of the channels, at least one, or to a given width", () => {
    const width = (...args: ConstructorParameters<typeof SqueezeExcitation>) =>
      new SqueezeExcitation(...args).fc1.outChannels;
    expect([width(16), width(18), width(3), width(16, { ratio: 1 }), width(16, { squeezeChannels: 7 })]).toEqual([
      4, 4, 1, 16, 7,
    ]);
    for (const ratio of [0, -1, 1.01, Number.NaN]) {
      expect(() => new SqueezeExcitation(8, { ratio })).toThrow("does not lie in (0, 1]");
    }
  });
});

describe("Sequential", () => {
  it("is what it is given, also nothing", () => {
    expect([...new Sequential().children()]).toEqual([]);
    const x = trace(new Sequential(new Sequential(), new Conv2d(1, 2, 1)), [1, 1, 2, 2]);
    expect(x.outputShape).toEqual([1, 2, 2, 2]);
  });
});

it("makeDivisible follows MobileNet's rule", () => {
  // torchvision.models._utils._make_divisible
  const table: [number, number][] = [
    [32, 32],
    [33, 32],
    [36, 40],
    [12, 16],
    [11, 16],
    [3, 8],
    [67.2, 64],
    [91, 88],
    [90, 88],
    [19, 24],
  ];
  for (const [value, expected] of table) expect([value, makeDivisible(value)]).toEqual([value, expected]);
  expect(makeDivisible(5, 4)).toBe(8);
  expect(makeDivisible(3, 8, 4)).toBe(4);
});
