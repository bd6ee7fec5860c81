import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { ArgumentError, FileError, FoveaError } from "./errors.js";
import { type LayerOptions, parseLayered, readLayers } from "./layered-yaml.js";
import { plainOf } from "./yaml-file.js";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-layers-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a file of the folder. @returns its path */
function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const merged = (path: string, options?: LayerOptions) => plainOf(readLayers(path, options).tree);

/** What a call throws. */
function thrown(call: () => unknown): FoveaError {
  try {
    call();
  } catch (error) {
    if (error instanceof FoveaError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const SGD = "optimizer: {name: sgd, lr: 0.1, momentum: 0.9, groups: [{match: [a], rate: 0.1}, {match: [b]}]}\n";

describe("files on files", () => {
  it("merges maps deeply, and replaces everything else", () => {
    write("base.yaml", "a: {b: {c: 1, d: 2}, list: [1, 2, 3]}\ne: 1\n");
    const top = write("top.yaml", "extends: base.yaml\na: {b: {d: 3}, list: [4]}\nf: {g: 1}\n");
    expect(merged(top)).toEqual({ a: { b: { c: 1, d: 3 }, list: [4] }, e: 1, f: { g: 1 } });
  });

  it("takes away what is null above", () => {
    write("base.yaml", "a: {b: 1, c: 2}\nd: {e: 1}\n");
    const top = write("top.yaml", "extends: base.yaml\na: {b: null}\nd:\n");
    expect(merged(top)).toEqual({ a: { c: 2 } });
    expect(merged(write("third.yaml", "extends: top.yaml\nd: {f: 1}\n"))).toEqual({ a: { c: 2 }, d: { f: 1 } });
  });

  it("replaces a map whose name or source is another, and merges one whose name is the same", () => {
    write("base.yaml", `${SGD}data: {source: folder, path: x}\nsource: [a paper]\n`);
    const other = write(
      "other.yaml",
      "extends: base.yaml\noptimizer: {name: adamw, lr: 0.001}\ndata: {source: cifar10}\n",
    );
    expect(merged(other)).toEqual({
      optimizer: { name: "adamw", lr: 0.001 },
      data: { source: "cifar10" },
      source: ["a paper"],
    });
    const same = write("same.yaml", "extends: base.yaml\noptimizer: {name: sgd, lr: 1}\nsource: [another]\n");
    expect(merged(same)).toMatchObject({ optimizer: { lr: 1, momentum: 0.9 }, source: ["another"] });
  });

  it("finds a base beside the file, and by its name", () => {
    mkdirSync(join(folder, "inner"));
    const base = write("base.yml", "a: 1\nb: 1\n");
    const top = write("inner/top.yaml", "extends: ../base.yml\nb: 2\n");
    expect(merged(top)).toEqual({ a: 1, b: 2 });
    const named = write("named.yaml", "extends: known\nb: 3\n");
    expect(merged(named, { find: (name) => (name === "known" ? base : "") })).toEqual({ a: 1, b: 3 });
  });

  it("tells of an unknown base where it is named, with the hint", () => {
    const top = write("top.yaml", "a: 1\nextends: knwon\n");
    const find = () => {
      throw new FoveaError("UNKNOWN", "There is none.", { hint: "Did you mean known?" });
    };
    const error = thrown(() => readLayers(top, { find }));
    expect(error).toBeInstanceOf(FileError);
    expect([error.message, error.hint]).toEqual([`${top}:2:10: extends: There is none.`, "Did you mean known?"]);
    expect(thrown(() => readLayers(write("b.yaml", "extends: [x]"))).message).toMatch(/b\.yaml:1:10: extends: must be/);
    expect(thrown(() => readLayers(write("c.yaml", "extends: none.yaml"))).message).toMatch(
      /none\.yaml: could not be read/,
    );
  });

  it("tells the files that extend each other in a ring", () => {
    const a = write("a.yaml", "extends: b.yaml\n");
    const b = write("b.yaml", "extends: ./a.yaml\n");
    expect(thrown(() => readLayers(a)).message).toBe(`${a}: extends itself: ${a} extends ${b} extends ${a}`);
  });

  it("wants settings", () => {
    expect(thrown(() => readLayers(write("a.yaml", "- 1\n"))).message).toMatch(/a\.yaml:1:1: must hold settings/);
    expect(thrown(() => readLayers(write("a.yaml", ""))).message).toMatch(/a\.yaml:1:1: must hold settings/);
  });
});

describe("settings on top", () => {
  const set = (...sets: string[]) => merged(write("x.yaml", `${SGD}clip: {norm: 1}\n`), { sets });

  it("takes sets as YAML, also of items of lists", () => {
    expect(
      set("optimizer.lr=0.05", "data.path=some/where", "progressive=null", "mix={mixup: 0.2}", "clip=null"),
    ).toEqual({
      optimizer: { name: "sgd", lr: 0.05, momentum: 0.9, groups: [{ match: ["a"], rate: 0.1 }, { match: ["b"] }] },
      data: { path: "some/where" },
      mix: { mixup: 0.2 },
    });
    expect(set("optimizer.groups.1.rate=0.5", "optimizer.groups.0=null", "a=b=c")).toMatchObject({
      optimizer: { groups: [{ match: ["b"], rate: 0.5 }] },
      a: "b=c",
    });
    expect(set("optimizer.groups=[]", "clip.norm=2", "clip.norm=3")).toMatchObject({
      optimizer: { groups: [] },
      clip: { norm: 3 },
    });
  });

  it("puts sets together before they lie on the file", () => {
    const adamw = { optimizer: { name: "adamw", lr: 0.01 } };
    expect(set("optimizer.name=adamw", "optimizer.lr=0.01")).toMatchObject(adamw);
    expect(set("optimizer.lr=0.01", "optimizer.name=adamw")).toMatchObject(adamw);
    expect(set("optimizer.lr=0.01", "optimizer.name=adamw")).not.toHaveProperty("optimizer.momentum");
  });

  it("lays objects below the sets, without what is undefined in them", () => {
    const options = {
      overrides: [
        { label: "--epochs", value: { epochs: 3, seed: undefined } },
        { label: "--optimizer", value: { optimizer: { name: "adamw", lr: 1, weightDecay: undefined } } },
        { label: "--no-clip", value: { clip: null } },
      ],
      sets: ["optimizer.lr=2"],
    };
    expect(merged(write("x.yaml", `${SGD}clip: {norm: 1}\nepochs: 1\nseed: 7\n`), options)).toEqual({
      optimizer: { name: "adamw", lr: 2 },
      epochs: 3,
      seed: 7,
    });
  });

  it.each(["optimizer.lr", "=1", ".a=1", "a..b=1", "a.=1", ""])("refuses %j", (text) => {
    const error = thrown(() => set(text));
    expect(error).toBeInstanceOf(ArgumentError);
    expect(error.message).toBe(`--set ${text}: is not of the form key=value`);
  });

  it("refuses values that are no YAML, and items that are not there", () => {
    expect(() => set("a=[1")).toThrow(/^--set a=\[1: the value is not valid YAML \(1:\d: /);
    expect(() => set("optimizer.groups.2.rate=1")).toThrow(
      /^--set optimizer\.groups\.2\.rate=1: there is no item 2 of 2, counted from 0$/,
    );
    expect(() => set("optimizer.groups.first.rate=1")).toThrow(ArgumentError);
  });
});

const schema = z.strictObject({
  epochs: z.int().min(1),
  precision: z.enum(["float32", "bfloat16"]).default("float32"),
  layout: z.literal(3).optional(),
  optimizer: z.discriminatedUnion("name", [
    z.strictObject({ name: z.literal("sgd"), lr: z.number().min(0), momentum: z.number().lt(1).default(0) }),
    z.strictObject({
      name: z.literal("adamw"),
      lr: z.number().gt(0),
      betas: z.tuple([z.number(), z.number()]).optional(),
    }),
  ]),
  clip: z.union([z.strictObject({ norm: z.number() }), z.strictObject({ value: z.number() })]).optional(),
  transforms: z
    .union([
      z.enum(["nuclei", "cifar10"]),
      z.strictObject({ train: z.array(z.strictObject({ name: z.string().min(1), p: z.number().optional() })) }),
    ])
    .default("nuclei"),
  nesterov: z.boolean().optional(),
});

const GOOD = "epochs: 3\noptimizer:\n  name: sgd\n  lr: 0.1\n";

describe("parseLayered", () => {
  /** The lines of the message, the file called x.yaml. */
  const lines = (text: string, options?: LayerOptions): string[] => {
    const path = write("x.yaml", text);
    const error = thrown(() => parseLayered(schema, readLayers(path, options)));
    expect(error).toBeInstanceOf(FileError);
    expect(error).toHaveProperty("path", path);
    return error.message.replaceAll(path, "x.yaml").split("\n");
  };

  it("sets defaults", () => {
    expect(parseLayered(schema, readLayers(write("x.yaml", GOOD)))).toEqual({
      epochs: 3,
      precision: "float32",
      optimizer: { name: "sgd", lr: 0.1, momentum: 0 },
      transforms: "nuclei",
    });
  });

  it.each<[string, string]>([
    ["  momentun: 0.9\n", "x.yaml:5:3: optimizer.momentun: there is no such setting; did you mean momentum?"],
    ["  quux: 0.9\n", "x.yaml:5:3: optimizer.quux: there is no such setting; there are name, lr, momentum"],
    ["  momentum: fast\n", 'x.yaml:5:13: optimizer.momentum: must be a number, not "fast"'],
    ["  momentum: 1\n", "x.yaml:5:13: optimizer.momentum: must be below 1, not 1"],
    ["precision: bfloat61\n", 'x.yaml:5:12: precision: there is no "bfloat61"; did you mean bfloat16?'],
    ["precision: half\n", 'x.yaml:5:12: precision: there is no "half"; there are float32, bfloat16'],
    ["precision: 16\n", "x.yaml:5:12: precision: must be one of float32, bfloat16, not 16"],
    ["layout: 4\n", "x.yaml:5:9: layout: must be 3, not 4"],
    ["nesterov: yes\n", 'x.yaml:5:11: nesterov: must be true or false, not "yes"'],
    ["clip: {norm: x}\n", 'x.yaml:5:14: clip.norm: must be a number, not "x"'],
    ["clip: {nrom: 1, norm: 2}\n", "x.yaml:5:8: clip.nrom: there is no such setting; did you mean norm?"],
    ["clip: {value: 1, vlaue: 2}\n", "x.yaml:5:18: clip.vlaue: there is no such setting; did you mean value?"],
    ["clip: 5\n", "x.yaml:5:7: clip: must be a map with norm or a map with value, not 5"],
    ["transforms: nuclej\n", 'x.yaml:5:13: transforms: there is no "nuclej"; did you mean nuclei?'],
    ["transforms: {train: nuclei}\n", 'x.yaml:5:21: transforms.train: must be a list, not "nuclei"'],
    [
      "transforms:\n  train:\n    - name: a\n    - name: b\n      p: [1]\n",
      "x.yaml:9:10: transforms.train.1.p: must be a number, not [1]",
    ],
    ["transforms: {train: [{}]}\n", "x.yaml:5:22: transforms.train.0.name: is missing; it must be a text"],
    ["transforms: {train: [{name: ''}]}\n", "x.yaml:5:29: transforms.train.0.name: must not be empty"],
    [
      "transforms: [a, b]\n",
      'x.yaml:5:13: transforms: must be one of nuclei, cifar10 or a map with train, not ["a","b"]',
    ],
  ])("tells of %j", (text, message) => {
    expect(lines(GOOD + text)).toEqual([message]);
  });

  it("tells everything at once, a line each", () => {
    const text = "epochs: 2.5\nprecison: float32\noptimizer: {name: sgdd, lr: 0}\nnesterov: no\n";
    expect(lines(text)).toEqual([
      "x.yaml:1:9: epochs: must be a whole number, not 2.5",
      'x.yaml:3:19: optimizer.name: there is no "sgdd"; did you mean sgd?',
      'x.yaml:4:11: nesterov: must be true or false, not "no"',
      "x.yaml:2:1: precison: there is no such setting; did you mean precision?",
    ]);
  });

  it("points at the map that lacks something, or at the file", () => {
    expect(lines("optimizer:\n  name: sgd\n")).toEqual([
      "x.yaml: epochs: is missing; it must be a whole number",
      "x.yaml:1:1: optimizer.lr: is missing; it must be a number",
    ]);
    expect(lines("epochs: 1\noptimizer: {lr: 1}\n")).toEqual([
      "x.yaml:2:1: optimizer.name: is missing; it must be one of sgd, adamw",
    ]);
    expect(lines("epochs: 1\n")).toEqual(["x.yaml: optimizer: is missing; it must be a map"]);
  });

  it("tells lists of a wrong length, and long values in words", () => {
    const text = `epochs: 1\noptimizer: {name: adamw, lr: 0, betas: [1]}\nprecision: ${"x".repeat(200)}\n`;
    const found = lines(`${text}nesterov: [${"1, ".repeat(40)}]\n`);
    expect(found.slice(1, 3)).toEqual([
      "x.yaml:2:30: optimizer.lr: must be above 0, not 0",
      "x.yaml:2:40: optimizer.betas: must have at least 2 items, not [1]",
    ]);
    expect(found[3]).toBe("x.yaml:4:11: nesterov: must be true or false, not a list of 40");
  });

  it("names the layer that a value comes from", () => {
    const base = write("base.yaml", "epochs: many\noptimizer:\n  name: sgd\n  lr: 1\n");
    const text = "extends: base.yaml\nnesterov: 1\n";
    const options = {
      sets: ["optimizer.lr=abc", "clip={norm: x}", "optimizer.momentun=1"],
      overrides: [{ label: "--precision", value: { precision: "half" } }],
    };
    expect(lines(text, options).sort()).toEqual(
      [
        `${base}:1:9: epochs: must be a whole number, not "many"`,
        '--precision: precision: there is no "half"; there are float32, bfloat16',
        '--set optimizer.lr=abc: optimizer.lr: must be a number, not "abc"',
        "--set optimizer.momentun=1: optimizer.momentun: there is no such setting; did you mean momentum?",
        '--set clip={norm: x}: clip.norm: must be a number, not "x"',
        "x.yaml:2:11: nesterov: must be true or false, not 1",
      ].sort(),
    );
  });

  it("points at what replaced a map, and at the file where a set only adds to it", () => {
    expect(lines(GOOD, { sets: ["optimizer.name=adamw"] })).toEqual([
      "--set optimizer.name=adamw: optimizer.lr: is missing; it must be a number",
    ]);
    expect(lines("epochs: 1\noptimizer:\n  name: sgd\n", { sets: ["optimizer.momentum=0"] })).toEqual([
      "x.yaml:2:1: optimizer.lr: is missing; it must be a number",
    ]);
  });
});
