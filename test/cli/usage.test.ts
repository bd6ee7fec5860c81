import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { engineInfo } from "../../src/tensor/torch/index.js";
import { command, environment, fail, fovea, succeed, temporaryFolder } from "./fovea.js";

const work = temporaryFolder();
const commands = "train evaluate predict summary models recipes compare convert average data doctor".split(" ");
afterAll(work.remove);

describe("help", () => {
  it("lists the commands", async () => {
    const text = await succeed(["--help"], work.path);
    for (const name of commands) expect(text).toMatch(new RegExp(`^ {2}${name} `, "m"));
  });

  it.each(commands)("of %s has examples", async (name) => {
    const text = await succeed([name, "--help"], work.path);
    expect(text).toMatch(new RegExp(`\\nExamples:\\n {2}\\$ fovea ${name}`));
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
  });

  it("comes with every option and command, and the version alone", async () => {
    expect(await succeed(["help", "train"], work.path)).toContain("--batch-size");
    expect(await succeed(["--version"], work.path)).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe("a mistake in the command", () => {
  it.each([
    [["modles"], /unknown command 'modles'\n\(Did you mean models\?\)/],
    [["train", "--epoch", "3"], /unknown option '--epoch'\n\(Did you mean --epochs\?\)/],
    [["train", "--epochs", "0"], /'--epochs <n>' argument '0' is invalid\. It must be a whole number from 1\./],
    [["train", "--epochs"], /option '--epochs <n>' argument missing/],
    [["train", "--optimizer", "adma"], /Allowed choices are sgd, adam, adamw/],
    [["train", "--dropout", "2"], /It must be a number from 0 to 1\./],
    [["train", "default", "stray"], /too many arguments/],
    [["evaluate"], /missing required argument 'run'/],
    [["predict", "runs/x"], /missing required argument 'images'/],
  ])("%j is a matter of usage: exit code 2", async (args, message) => {
    expect(await fail(args, work.path, 2)).toMatch(message);
    expect(readdirSync(work.path)).toEqual([]);
  });

  it("without any command shows the help", async () => {
    const { code, stdout, stderr } = await fovea([], work.path);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("Usage: fovea");
  });

  it.each([
    [["summary", "nuclei_basik"], "Did you mean nuclei_basic?"],
    [["train", "--model", "resnet20"], "Did you mean cifar_resnet20"],
    [["train", "--device", "cuda:77"], 'There is no device "cuda:77". This machine has'],
    [["train", "--device", "gpu"], 'There is no device "gpu". This machine has'],
    [["train", "defualt"], 'There is no recipe named "defualt".\nDid you mean default?'],
    [
      ["train", "--set", "optimizer.momentun=0.9"],
      "--set optimizer.momentun=0.9: optimizer.momentun: there is no such",
    ],
    [["train", "--set", "epochs"], "epochs"],
    [["train", "--name", "a/b"], '"a/b" cannot be the name of a run.'],
    [["train", "--output", "/dev/null/runs", "--train-images", "3", "--validation-images", "3"], "could not be made"],
    [["models", "resnet1001"], 'No network\'s name matches "resnet1001".'],
  ])("%j is told before anything is written: exit code 1", async (args, message) => {
    expect(await fail(args, work.path)).toContain(message);
    expect(readdirSync(work.path)).toEqual([]);
  });

  it.skipIf(engineInfo().cuda.available)("cuda:0 where there is none (skipped where there is one)", async () => {
    const said = await fail(["train", "--device", "cuda:0"], work.path);
    expect(said).toMatch(/^error: There is no device "cuda:0"\. This machine has only cpu: .*\n`fovea doctor` shows/);
    expect(readdirSync(work.path)).toEqual([]);
  });
});

const Summary = z.object({
  model: z.literal("nuclei_basic"),
  inputShape: z.tuple([z.literal(2), z.literal(3), z.literal(64), z.literal(64)]),
  outputShape: z.tuple([z.literal(2), z.literal(5)]),
  parameters: z.int(),
  multiplyAdds: z.int(),
  modules: z.array(z.object({ path: z.string(), type: z.string(), depth: z.int().max(1), parameters: z.int() })),
});

describe("what needs no data", () => {
  it("summary shows layers and totals", async () => {
    const text = await succeed(["summary", "nuclei_basic", "--depth", "2"], work.path);
    expect(text).toMatch(/^Module +Type +Input +Output +Kernel +Parameters +Multiply-adds\n/);
    expect(text).toMatch(/^\(network\) +NucleiBasic +\[1, 3, 90, 90\] +\[1, 3\] +– +492,681 +56,637,512$/m);
    expect(text).toContain("Size of the parameters                  1.9 MiB\n");
    const args = "summary nuclei_basic --json --depth 1 --classes 5 --size 64 --batch-size 2".split(" ");
    const found = Summary.parse(JSON.parse(await succeed(args, work.path)));
    expect(found.parameters).toBe(492_681 + 2 * 257);
    expect(found.modules.map(({ path }) => path)).toEqual(["", "features", "classifier"]);
  });

  it("summary tells where a network cannot take the size", async () => {
    const said = await fail(["summary", "cifar_resnet20", "--in-channels", "0"], work.path, 2);
    expect(said).toContain("whole number from 1");
  });

  it("models lists the networks, all or some", async () => {
    const text = await succeed(["models"], work.path);
    expect(text).toMatch(/^cifar_resnet20 +ResNet +272,378 +41\.0 M +3x32x32 /m);
    expect(text).toMatch(/^nuclei_basic +Nuclei +492,681 +57\.0 M +3x90x90 /m);
    const some = JSON.parse(await succeed(["models", "nuc*", "--json"], work.path));
    expect(some).toMatchObject([{ name: "nuclei_basic", family: "Nuclei", parameters: 492_681, inputSize: 90 }]);
  });

  it("doctor reports what it found", async () => {
    const found = JSON.parse(await succeed(["doctor", "--json"], work.path));
    expect(found.usable).toBe(true);
    const names = found.checks.map(({ name }: { name: string }) => name);
    for (const name of ["Node", "libtorch", "CUDA", "sharp"]) expect(names).toContain(name);
    expect(await succeed(["doctor"], work.path)).toMatch(/Fovea is ready\.\n$/);
  });
});

describe("an output that ends early", () => {
  const shell = (line: string) =>
    spawnSync("bash", ["-o", "pipefail", "-c", line], { cwd: work.path, env: environment, encoding: "utf8" });
  const fovea = `'${process.execPath}' '${command}'`;

  it("is no error", () => {
    for (const line of [`${fovea} models | head -1`, `${fovea} summary nuclei_basic --json | head -1`]) {
      const { status, stdout, stderr } = shell(line);
      expect([status, stderr]).toEqual([0, ""]);
      expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    }
  });

  it.skipIf(!existsSync("/dev/full"))("for want of room is one (skipped without /dev/full)", () => {
    const { status, stderr } = shell(`${fovea} models > /dev/full`);
    expect(stderr).toMatch(/^error: the output could not be written \(ENOSPC.*\)\n$/);
    expect(status).toBe(1);
  });
});
