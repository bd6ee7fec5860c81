import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { printable } from "../../src/report/index.js";
import { Run } from "../../src/train/index.js";
import { makeBadFolder } from "./bad-files.js";
import { fail, filesBelow, fovea, makeImages, succeed, temporaryFolder } from "./fovea.js";

const work = temporaryFolder();
const broken = join(work.path, "shapes", "train", "dots", "broken.png");

beforeAll(async () => {
  await makeImages(join(work.path, "shapes", "train"), 12);
  await makeImages(join(work.path, "shapes", "validation"), 4);
});
afterAll(work.remove);

function train(name: string, ...more: string[]): string[] {
  const args = "train --model cifar_resnet20 --size 24 --batch-size 8 --epochs 1 --data shapes --name";
  return [...args.split(" "), name, ...more];
}

describe("a folder of PNG and JPEG images", () => {
  it("is trained on, evaluated and predicted", async () => {
    const said = await succeed(train("first"), work.path);
    expect(said).toContain("Classes        dots (12), plain (12), stripes (12)\n");
    expect(said).toContain("Images         36 to train on, 12 to validate on, 24x24\n");
    expect(Run.open(join(work.path, "runs", "first")).settings.data).toEqual({
      source: "folder",
      path: join(work.path, "shapes"),
      validationFraction: 0.2,
      splitSeed: 0,
      onUnreadable: "stop",
    });
    const own = JSON.parse(await succeed(["evaluate", "runs/first", "--json"], work.path));
    const same = JSON.parse(await succeed(["evaluate", "runs/first", "shapes/validation", "--json"], work.path));
    expect(same.counts).toEqual(own.counts);
    expect(own.total).toBe(12);
    const jpeg = JSON.parse(await succeed(["predict", "runs/first", "shapes/train/dots/1.jpg", "--json"], work.path));
    expect(jpeg[0].path).toBe("shapes/train/dots/1.jpg");
  });

  it("is packed by two trainings at once, into the same files", async () => {
    const cache = { FOVEA_CACHE: join(work.path, "cache") };
    const both = await Promise.all(["left", "right"].map((name) => fovea(train(name), work.path, cache)));
    expect(both.map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ""],
      [0, ""],
    ]);
    expect(filesBelow(cache.FOVEA_CACHE).filter((path) => !/^images\/\w+\.pack$/.test(path))).toEqual([]);
    expect(filesBelow(cache.FOVEA_CACHE)).toHaveLength(2);
    const [left, right] = ["left", "right"].map((name) =>
      readFileSync(Run.open(join(work.path, "runs", name)).weightsPath("last")),
    );
    expect(right).toEqual(left);
  });

  it("without a validation part has a share of each class held out", async () => {
    const said = await succeed(train("held-out", "--data", "shapes/train", "--validation-fraction", "0.25"), work.path);
    expect(said).toContain("Images         27 to train on, 9 to validate on, 24x24\n");
    expect(JSON.parse(await succeed(["evaluate", "runs/held-out", "--json"], work.path)).total).toBe(9);
  });

  it("stops at a corrupt image, names it, and leaves no run", async () => {
    const whole = readFileSync(join(work.path, "shapes", "train", "dots", "0.png"));
    writeFileSync(broken, whole.subarray(0, whole.length / 2));
    const said = await fail(train("corrupt"), work.path);
    expect(said).toContain("shapes/train/dots/broken.png: is not a readable image (");
    expect(filesBelow(join(work.path, "runs")).filter((path) => path.startsWith("corrupt"))).toEqual([]);
    // Validation images alone are as they were.
    await succeed(["evaluate", "runs/first"], work.path);
  });

  it("leaves a corrupt image out when asked to, counts and names it", async () => {
    const { code, stdout, stderr } = await fovea(train("skipping", "--skip-unreadable"), work.path);
    expect(stderr).toMatch(/^1 image could not be read and left out:\n {2}train\/dots\/broken\.png: /);
    expect(code).toBe(0);
    expect(stdout).toContain("dots (12), plain (12)");

    const evaluated = await fovea(["evaluate", "runs/first", "shapes/train", "--skip-unreadable", "--json"], work.path);
    expect(evaluated.stderr).toContain("dots/broken.png: ");
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ total: 36, skipped: [{ path: "dots/broken.png" }] });
    const images = ["shapes/train/dots/0.png", "shapes/train/dots/broken.png"];
    const predicted = await fovea(["predict", "runs/first", ...images, "--skip-unreadable", "--json"], work.path);
    expect(JSON.parse(predicted.stdout)).toHaveLength(1);
    expect(predicted.stderr).toContain("1 image could not be read");
    expect(await fail(["predict", "runs/first", images[1] ?? "", "--skip-unreadable"], work.path)).toContain(
      "None of the images could be read.",
    );
    expect(await fail(["predict", "runs/first", ...images], work.path)).toContain("broken.png: is not a readable");
    rmSync(broken);
  });

  it("is trained on and evaluated beside every kind of bad file, each of which is named", async () => {
    const said = await makeBadFolder(join(work.path, "bad"));
    // Where the cache cannot be written, images stay in their files and are met as bad while training runs.
    const unwritable = { FOVEA_CACHE: join(work.path, "bad", "train", "a", "text.png") };
    for (const [name, environment] of [
      ["packed", {}],
      ["unpacked", unwritable],
    ] as const) {
      const { code, stdout, stderr } = await fovea(
        // All in one batch: none is left for an epoch to come.
        train(`over-bad-${name}`, "--data", "bad", "--skip-unreadable", "--batch-size", "14"),
        work.path,
        environment,
      );
      expect(code, stderr).toBe(0);
      expect(stdout).toContain("6 to validate on, 24x24");
      for (const [path, reason] of said) {
        const line = stderr.split("\n").find((text) => text.includes(`  ${printable(path)}: `));
        expect(line, path).toMatch(reason);
      }
      expect(stderr.includes("CacheWarning")).toBe(name === "unpacked");
    }
    const whole = ["evaluate", "runs/over-bad-packed", "bad/train"];
    const evaluated = await fovea([...whole, "--skip-unreadable", "--json"], work.path);
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ total: 6 });
    expect(JSON.parse(evaluated.stdout).skipped).toHaveLength(said.size);
    expect(await fail(whole, work.path)).toMatch(/bad\/train\/a\//);
  });

  it("is not trained on under a name that is taken", async () => {
    const before = filesBelow(join(work.path, "runs"));
    const recipe = readFileSync(join(work.path, "runs", "first", "recipe.yaml"), "utf8");
    expect(await fail(train("first", "--epochs", "3"), work.path)).toBe(
      "error: There is a run in runs/first already.\nChoose another --name, go on with it (--resume), or remove the folder.\n",
    );
    expect(readFileSync(join(work.path, "runs", "first", "recipe.yaml"), "utf8")).toBe(recipe);
    expect(filesBelow(join(work.path, "runs"))).toEqual(before);
    expect(await fail(train("../first"), work.path)).toContain('"../first" cannot be the name of a run');
  });

  it("is said to be missing, empty or laid out otherwise", async () => {
    expect(await fail(train("none", "--data", "nowhere"), work.path)).toContain("nowhere: there is no such folder");
    mkdirSync(join(work.path, "empty", "a"), { recursive: true });
    expect(await fail(train("none", "--data", "empty"), work.path)).toContain("empty/a: holds no images");
    mkdirSync(join(work.path, "half", "train", "a"), { recursive: true });
    expect(await fail(train("none", "--data", "half"), work.path)).toContain("half: has train/ but no validation/");
    expect(await fail(["evaluate", "runs/first", "half/train"], work.path)).toContain("half/train/a: holds no images");
    expect(await fail(["predict", "runs/first", "nowhere.png"], work.path)).toContain(
      "nowhere.png: there is no such file",
    );
    expect(filesBelow(join(work.path, "runs")).filter((path) => path.startsWith("none"))).toEqual([]);
  });

  it("must have the run's classes", async () => {
    await makeImages(join(work.path, "other"), 2);
    rmSync(join(work.path, "other", "dots"), { recursive: true });
    expect(await fail(["evaluate", "runs/first", "other"], work.path)).toContain(
      "its classes are not those of the network: it lacks dots",
    );
  });
});

describe("a run that cannot be read", () => {
  it("is told from what is wrong with it", async () => {
    const weights = join(work.path, "runs", "held-out", "checkpoints", "best", "weights.safetensors");
    truncateSync(weights, 5000);
    for (const args of [
      ["evaluate", "runs/held-out"],
      ["predict", "runs/held-out", "shapes/train/dots/0.png"],
    ]) {
      expect(await fail(args, work.path)).toContain("best/weights.safetensors: is cut off");
    }
    rmSync(weights);
    expect(await fail(["evaluate", "runs/held-out"], work.path)).toContain("the run has no best weights");
    await succeed(["evaluate", "runs/held-out", "--weights", "last"], work.path);

    const recipe = join(work.path, "runs", "held-out", "recipe.yaml");
    const text = readFileSync(recipe, "utf8");
    writeFileSync(recipe, text.replace("batchSize: 8", "batchSize: many"));
    expect(await fail(["evaluate", "runs/held-out"], work.path)).toMatch(/recipe\.yaml:\d+:\d+: batchSize: .*number/);
    writeFileSync(recipe, text.replace("cifar_resnet20", "cifar_resnet2O"));
    expect(await fail(["evaluate", "runs/held-out", "--weights", "last"], work.path)).toContain(
      "Did you mean cifar_resnet20?",
    );
    writeFileSync(recipe, "{");
    expect(await fail(["evaluate", "runs/held-out"], work.path)).toMatch(/recipe\.yaml: is not valid YAML \(/);
    expect(await fail(["evaluate", "shapes"], work.path)).toContain("shapes: is not the folder of a run");
    expect(await fail(["predict", "nowhere", "x.png"], work.path)).toContain("nowhere: is not the folder of a run");
  });
});
