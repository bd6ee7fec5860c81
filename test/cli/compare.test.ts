import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { fail, succeed, temporaryFolder } from "./fovea.js";

const work = temporaryFolder();
afterAll(work.remove);

const run = (line: string) => succeed(line.split(" "), work.path);

const Comparison = z.object({
  conditions: z.object({ batchSize: z.int(), repeats: z.int(), threads: z.int(), engine: z.string() }).nullable(),
  networks: z.array(
    z.object({
      name: z.string(),
      size: z.int(),
      parameters: z.int(),
      multiplyAdds: z.int(),
      activations: z.int(),
      weightBytes: z.int(),
      top1: z.number().nullable(),
      latency: z.object({ median: z.number(), fastest: z.number(), slowest: z.number() }).nullable(),
    }),
  ),
});
const compare = async (line: string) => Comparison.parse(JSON.parse(await run(`compare ${line} --json`)));

describe("fovea compare", () => {
  it("puts sizes and published accuracy side by side, each network once, in the order of the names", async () => {
    const { conditions, networks } = await compare("resnet18 cifar_resnet20 resnet18 squeezenet1_* --no-latency");
    expect(conditions).toBeNull();
    expect(networks.map(({ name }) => name)).toEqual(["resnet18", "cifar_resnet20", "squeezenet1_0", "squeezenet1_1"]);
    const [resnet, cifar] = networks;
    expect(resnet).toMatchObject({ size: 224, parameters: 11_689_512, weightBytes: 46_758_048, top1: 69.758 });
    expect(cifar).toMatchObject({ size: 32, parameters: 272_378, top1: null, latency: null });
  });

  it("gives the accuracy that was published for the size", async () => {
    // Facts of torchvision's weights: default weights of 224, and SWAG's, fine-tuned at 384.
    const at = async (size: number) => (await compare(`regnet_y_16gf --no-latency --size ${size}`)).networks[0]?.top1;
    expect([await at(224), await at(384), await at(200)]).toEqual([82.886, 86.012, null]);
  });

  it("measures latency, and says under which conditions", async () => {
    const line = "cifar_resnet20 mlp_fashion --batch-size 2 --repeats 3 --threads 1";
    const { conditions, networks } = await compare(line);
    expect(conditions).toMatchObject({ batchSize: 2, repeats: 3, threads: 1 });
    for (const { latency } of networks) {
      expect(latency?.fastest).toBeGreaterThan(0);
      expect(latency?.median).toBeGreaterThanOrEqual(latency?.fastest ?? Number.NaN);
      expect(latency?.slowest).toBeGreaterThanOrEqual(latency?.median ?? Number.NaN);
    }
    const text = await run(`compare ${line}`);
    expect(text).toMatch(/^Network +Input +Parameters .* Latency +fastest … slowest\n/);
    expect(text).toMatch(/\n\nLatency: batch of 2, median of 3 runs, float32, libtorch \S+, .*, 1 thread\n$/);
  });

  it("draws a chart", async () => {
    const said = await run("compare efficientnet_b* --no-latency --x multiply-adds --chart out/b.svg");
    expect(said).toMatch(/\n\nThe chart is in out\/b\.svg\n$/);
    const svg = readFileSync(join(work.path, "out", "b.svg"), "utf8");
    for (const text of ["Top-1 accuracy against multiply-adds", "efficientnet_b7", "10G"]) expect(svg).toContain(text);
    await run("compare cifar_resnet20 mlp_fashion --repeats 1 --chart latency.png");
    expect((await sharp(join(work.path, "latency.png")).metadata()).format).toBe("png");
  });

  it.each([
    ["compare resnet18 --chart a.pdf", 2, "It must end in .svg or .png."],
    ["compare resnet18 --no-latency --y latency", 2, "--y latency does not go with --no-latency"],
    ["compare resnet18 resnett*", 1, 'No network\'s name matches "resnett*".'],
    ["compare cifar_resnet20 --no-latency --chart c.svg", 1, "there is nothing to draw"],
    ["compare squeezenet1_0 --size 8 --no-latency", 1, "error: squeezenet1_0: maxPool2d"],
    ["compare cifar_resnet20 --device cuda:77", 1, 'There is no device "cuda:77".'],
  ])("%s is told what is wrong", async (line, code, message) => {
    const before = readdirSync(work.path);
    expect(await fail(line.split(" "), work.path, code)).toContain(message);
    expect(readdirSync(work.path)).toEqual(before);
  });
});
