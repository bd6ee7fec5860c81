import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import { Conv2d, Dropout, GroupNorm, Linear, Sequential } from "../nn/index.js";
import {
  createModel,
  findModel,
  listModels,
  type ModelEntry,
  type ModelOptions,
  NucleiBasic,
  registerModel,
} from "./index.js";

describe("the registry", () => {
  const entry: ModelEntry = {
    name: "registry_test_net",
    family: "Test",
    description: "",
    reference: "",
    inputSize: 4,
    inChannels: 3,
    classes: 2,
    parameters: 0,
    multiplyAdds: 0,
    accepts: ["dropout"],
    build: () => new Sequential(),
  };

  it("refuses a name that is taken, and keeps the first", () => {
    registerModel(entry);
    expect(() => registerModel({ ...entry, inputSize: 8 })).toThrow(
      expect.objectContaining({ code: "MODEL_EXISTS", message: expect.stringContaining('"registry_test_net"') }),
    );
    expect(findModel("registry_test_net")).toBe(entry);
  });

  it.each([
    ["nuclei_basik", "Did you mean nuclei_basic?"],
    ["NUCLEI_BASIC", "Did you mean nuclei_basic?"],
    ["nuclei", "Did you mean nuclei_basic"],
    ["cifar_resnet21", "cifar_resnet20"],
    ["qqqqqqqqqqqqqqqq", "`fovea models` lists all."],
  ])("an unknown name, %s, gives the near ones", (name, hint) => {
    expect(() => createModel(name)).toThrow(
      expect.objectContaining({
        code: "UNKNOWN_MODEL",
        message: `There is no network named "${name}".`,
        hint: expect.stringContaining(hint),
      }),
    );
  });

  it("lists by a pattern, in order; a dot is a dot", () => {
    const names = (pattern?: string) => listModels(pattern).map(({ name }) => name);
    expect(names()).toEqual([...names()].sort());
    expect(names()).toEqual(expect.arrayContaining(["cifar_resnet20", "nuclei_basic"]));
    expect(names("cifar_*")).toContain("cifar_resnet20");
    expect(names("cifar_*")).not.toContain("nuclei_basic");
    expect(names("*basic")).toEqual(["nuclei_basic"]);
    expect(names("nuclei_basic")).toEqual(["nuclei_basic"]);
    expect(names("nuclei.basic")).toEqual([]);
    expect(names("nuclei")).toEqual([]);
    expect(names("[")).toEqual([]);
  });
});

describe.each(listModels().map((entry) => [entry.name, entry] as const))("%s", (_, entry) => {
  const { inputSize, inChannels } = entry;

  it("has the parameters and multiply-adds that are published", () => {
    const network = createModel(entry.name);
    const graph = trace(network, [1, inChannels, inputSize, inputSize]);
    expect(graph.parameters).toBe(entry.parameters);
    expect(network.parameterCount()).toBe(entry.parameters);
    // They are published to the million, or to three digits.
    const rounding = Math.max(0.5e6, 0.0005 * entry.multiplyAdds);
    expect(Math.abs(graph.multiplyAdds - entry.multiplyAdds)).toBeLessThanOrEqual(
      Math.min(rounding, 0.02 * entry.multiplyAdds),
    );
    expect(graph.outputShape).toEqual([1, entry.classes]);
  });

  it("takes batches, other classes and channels, in training and evaluation", () => {
    const network = createModel(entry.name, { classes: 7, inChannels: 2 });
    for (const training of [false, true]) {
      expect(trace(network, [2, 2, inputSize, inputSize], { training }).outputShape).toEqual([2, 7]);
    }
  });

  it("takes the options that it says it takes, and no other", () => {
    const examples = {
      dropout: 0.25,
      stochasticDepth: 0.3,
      activation: "gelu",
      norm: (channels: number) => new GroupNorm(1, channels),
      stem: "cifar",
    } as const satisfies Required<Omit<ModelOptions, "classes" | "inChannels">>;
    const describe = (options: ModelOptions) => {
      const graph = trace(createModel(entry.name, options), [2, inChannels, inputSize, inputSize], { training: true });
      return JSON.stringify(graph.nodes.map(({ operator, attributes }) => [operator, attributes]));
    };
    const before = describe({});
    for (const [option, value] of Object.entries(examples)) {
      const attempt = () => describe({ [option]: value });
      if (entry.accepts.some((accepted) => accepted === option)) expect(attempt()).not.toBe(before);
      else expect(attempt).toThrow(expect.objectContaining({ message: `${entry.name} has no option ${option}` }));
    }
  });

  it("says what it is", () => {
    for (const text of [entry.family, entry.description, entry.reference]) expect(text).not.toBe("");
    expect(entry.name).toMatch(/^[a-z0-9_]+$/);
  });
});

describe("nuclei_basic", () => {
  it("goes 90 → 45 → 23 → 12 → 6 → 6", () => {
    const rows = trace(createModel("nuclei_basic"), [1, 3, 90, 90]).modules;
    expect(rows.filter(({ path }) => /^features\.\d$/.test(path)).map(({ outputShape }) => outputShape)).toEqual([
      [1, 24, 45, 45],
      [1, 32, 23, 23],
      [1, 64, 12, 12],
      [1, 112, 6, 6],
      [1, 128, 6, 6],
      [1, 256, 6, 6],
    ]);
  });

  it("has the dropout that it is told", () => {
    const probabilities = (network: NucleiBasic) =>
      [...network.modules()].flatMap(([path, module]) => (module instanceof Dropout ? [[path, module.p]] : []));
    expect(probabilities(new NucleiBasic())).toContainEqual(["classifier.2", 0.2]);
    expect(new Set(probabilities(new NucleiBasic()).map(([, p]) => p))).toEqual(new Set([0.1, 0.2]));
    expect(new Set(probabilities(new NucleiBasic({ dropout: 0, blockDropout: 0 })).map(([, p]) => p))).toEqual(
      new Set([0]),
    );
  });

  it("starts from Kaiming-normal convolutions and a small head", () => {
    const network = new NucleiBasic();
    const sources = new Set(
      [...network.modules()].flatMap(([, module]) => (module instanceof Conv2d ? [module.weight.initializer] : [])),
    );
    expect(sources.size).toBe(1);
    const head = [...network.classifier.children()].at(-1)?.[1];
    expect(head instanceof Linear && head.weight.shape).toEqual([3, 256]);
  });
});
