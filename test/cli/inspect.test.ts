import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { fail, succeed, temporaryFolder } from "./fovea.js";

const work = temporaryFolder();
afterAll(work.remove);

const run = (line: string) => succeed(line.split(" "), work.path);
const json = async (line: string): Promise<unknown> => JSON.parse(await run(`${line} --json`));

describe("fovea summary", () => {
  it("shows layers with shapes, windows, parameters and multiply-adds, and the totals", async () => {
    const lines = (await run("summary resnet18 --depth 3")).split("\n");
    expect(lines[0]).toMatch(/^Module +Type +Input +Output +Kernel +Parameters +Multiply-adds$/);
    const cells = (name: string) =>
      lines
        .find((line) => line.trim().startsWith(`${name} `))
        ?.trim()
        .split(/ {2,}/);
    // 3·64·7·7 weights, each at 112·112 positions.
    const conv = ["conv1", "Conv2d", "[1, 3, 224, 224]", "[1, 64, 112, 112]", "7x7", "9,408", "118,013,952"];
    expect(cells("conv1")).toEqual(conv);
    expect(cells("maxpool")?.slice(4)).toEqual(["3x3", "–", "–"]);
    expect(lines).toContain("Parameters                              11,689,512");
    // 4 · 3·224·224 bytes
    expect(lines).toContain("Size of the input                       588.0 KiB");
  });

  it("lists parameters by name with their total, as count_parameters of the notebooks does", async () => {
    const lines = (await run("summary efficientnet_b0 --parameters")).trimEnd().split("\n");
    expect(lines[1]).toMatch(/^\| Modules +\| Parameters \|$/);
    expect(lines[3]).toMatch(/^\| features\.0\.0\.weight +\| +864 \|$/);
    expect(lines.at(-3)).toMatch(/^\| classifier\.1\.bias +\| +1000 \|$/);
    expect(lines.at(-1)).toBe("Total Trainable Params: 5288548");
    const found = z
      .object({ total: z.int(), parameters: z.array(z.object({ name: z.string(), shape: z.array(z.int()) })) })
      .parse(await json("summary efficientnet_b0 --parameters"));
    expect(found.total).toBe(5_288_548);
    expect(found.parameters[0]).toEqual({ name: "features.0.0.weight", shape: [32, 3, 3, 3] });
  });

  it("takes what one chooses of a network", async () => {
    const one = "summary resnet18 --stem cifar --size 32 --classes 10 --in-channels 1 --activation silu --dropout 0.3";
    const { modules, ...totals } = z
      .object({
        inputShape: z.array(z.int()),
        outputShape: z.array(z.int()),
        parameters: z.int(),
        modules: z.array(
          z.object({ path: z.string(), type: z.string(), kernel: z.tuple([z.int(), z.int()]).optional() }),
        ),
      })
      .parse(await json(one));
    // Less: the head of 990 classes, two channels of the 7x7 stem and the rest of it that 3x3 has not.
    const parameters = 11_689_512 - 990 * 513 - (3 * 49 - 9) * 64;
    expect(totals).toEqual({ inputShape: [1, 1, 32, 32], outputShape: [1, 10], parameters });
    const types = modules.map(({ type }) => type);
    expect([types.includes("SiLU"), types.includes("ReLU"), types.includes("Dropout")]).toEqual([true, false, true]);
    expect(modules.find(({ path }) => path === "conv1")?.kernel).toEqual([3, 3]);
  });

  it("takes the network's own number of channels where none is given", async () => {
    expect(await json("summary d2l_regnet_x32")).toMatchObject({ inputShape: [1, 1, 96, 96], parameters: 179_290 });
  });

  it.each([
    ["summary resnet18 --stem tiny", 2, "Allowed choices are imagenet, cifar."],
    ["summary cifar_resnet20 --stem cifar", 1, "cifar_resnet20 has no option stem"],
  ])("%s is told what is wrong", async (line, code, message) => {
    expect(await fail(line.split(" "), work.path, code)).toContain(message);
  });
});

const entries = z.array(
  z.object({ name: z.string(), family: z.string(), parameters: z.int(), multiplyAdds: z.number() }),
);

describe("fovea models", () => {
  it("lists families, sizes and inputs", async () => {
    const text = await run("models");
    expect(text).toMatch(/^Network +Family +Parameters +Multiply-adds +Input +What it is\n/);
    expect(text).toMatch(/^efficientnet_b0 +EfficientNet +5,288,548 +386 M +3x224x224 +\S/m);
    expect(text).toMatch(/^mlp_fashion +MLP +235,914 +235 k +1x28x28 +\S/m);
  });

  it("filters by pattern, family and size, and sorts", async () => {
    const found = entries.parse(await json("models * --family resnet --max-params 25M --max-macs 4G --sort params"));
    const names = found.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["cifar_resnet20", "resnet18", "resnet34"]));
    expect(names).not.toContain("resnet50");
    expect(new Set(found.map(({ family }) => family))).toEqual(new Set(["ResNet"]));
    const sizes = found.map(({ parameters }) => parameters);
    expect(sizes).toEqual([...sizes].sort((a, b) => a - b));
    const macs = entries.parse(await json("models efficientnet_b* --sort macs")).map(({ name }) => name);
    expect(macs).toEqual(["0", "1", "2", "3", "4", "5", "6", "7"].map((i) => `efficientnet_b${i}`));
    const few = entries.parse(await json("models squeezenet* --max-params 1.24m"));
    expect(few.map(({ name }) => name)).toEqual(["squeezenet1_1"]);
  });

  it.each([
    ["models --max-params 10Q", 2, "with k, M or G behind it"],
    ["models --family resnit", 1, "The families are DenseNet, EfficientNet, "],
    ["models squeezenet* --family ResNet", 1, 'No network of the family ResNet matches "squeezenet*".'],
    ["models resnet* --max-params 1k", 1, "Of those named, resnet18 is the smallest, with 11,689,512 parameters"],
  ])("%s is told what is wrong", async (line, code, message) => {
    expect(await fail(line.split(" "), work.path, code)).toContain(message);
  });
});
