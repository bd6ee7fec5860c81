import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeBadFolder, makeGoodFolder, runsAsRoot } from "./bad-files.js";
import { command, environment, fail, filesBelow, fovea, makeImages, succeed, temporaryFolder } from "./fovea.js";

const work = temporaryFolder();
afterAll(work.remove);

beforeAll(async () => {
  await makeImages(join(work.path, "shapes", "train"), 6);
  await makeImages(join(work.path, "shapes", "validation"), 2);
  // Of one class and one size: red 10, green 20, blue 30 and 20 more.
  for (const [name, level] of [
    ["1", 0],
    ["2", 20],
    ["3", 20],
    ["4", 0],
  ] as const) {
    const background = { r: 10 + level, g: 20 + level, b: 30 + level };
    const image = sharp({ create: { width: 10, height: 20, channels: 3, background } });
    await image.png().toFile(join(work.path, `p${name}_image.png`));
  }
  const rows = ["path,label", "p1_image.png,x", "p2_image.png,x", "p3_image.png,y", "p4_image.png,y"];
  writeFileSync(join(work.path, "plain.csv"), `${rows.join("\n")}\n`);
  const split = ["split", "train", "train", "train", "validation"];
  writeFileSync(join(work.path, "split.csv"), `${rows.map((row, i) => `${row},${split[i]}`).join("\n")}\n`);
});

describe("data stats", () => {
  it("counts classes and groups, and measures sizes and colours", async () => {
    const args = ["data", "stats", "split.csv", "--group-by", "^(p\\d)_"];
    const text = await succeed(args, work.path);
    expect(text).toMatch(/^class +train +validation$/m);
    expect(text).toMatch(/^x +2 +66\.7 % +0 +0\.0 %$/m);
    expect(text).toMatch(/^images +3 +1$/m);
    expect(text).toMatch(/^groups +3 +1$/m);
    expect(text).toMatch(/^height +20 +20 +20$/m);
    // Of the levels 0, 20, 20 the mean is 40/3 and the deviation the root of 800/9.
    const mean = [10, 20, 30].map((value) => (value + 40 / 3) / 255);
    const std = Math.sqrt(800 / 9) / 255;
    const five = (values: readonly number[]) => `[${values.map((value) => value.toFixed(5)).join(", ")}]`;
    expect(text).toContain(`\n- name: normalize\n  mean: ${five(mean)}\n  std: ${five([std, std, std])}\n`);

    const found = JSON.parse(await succeed([...args, "--json"], work.path));
    expect(found).toMatchObject({
      source: "split.csv",
      classes: ["x", "y"],
      parts: {
        train: { images: 3, classCounts: { x: 2, y: 1 }, groups: 3 },
        validation: { images: 1, classCounts: { x: 0, y: 1 }, groups: 1 },
      },
      train: { images: 3, width: { min: 10, median: 10, max: 10 }, height: { min: 20, median: 20, max: 20 } },
      skipped: [],
    });
    for (const [c, value] of mean.entries()) {
      expect(found.train.mean[c]).toBeCloseTo(value, 12);
      expect(found.train.std[c]).toBeCloseTo(std, 12);
    }
  });

  it("prints a transform that the grid takes", async () => {
    const text = await succeed(["data", "stats", "shapes"], work.path);
    writeFileSync(join(work.path, "own.yaml"), text.slice(text.indexOf("- name")));
    await succeed(["data", "grid", "shapes", "--augment", "own.yaml", "--output", "own.png"], work.path);
    expect(existsSync(join(work.path, "own.png"))).toBe(true);
  });

  it("says what is wrong with a source", async () => {
    expect(await fail(["data", "stats", "nowhere"], work.path)).toContain("nowhere: there is no such folder or file");
    expect(await fail(["data", "stats"], work.path, 2)).toContain("missing required argument 'source'");
    const said = await fail(["data", "stats", "synthetic", "--group-by", "(x)"], work.path);
    expect(said).toContain("groupBy cannot be chosen for synthetic");
  });
});

describe("data grid", () => {
  it("draws images beside what training sees of them, the same for the same seed", async () => {
    const args = ["data", "grid", "shapes", "--samples", "4", "--augmented", "2", "--size", "24", "--output"];
    expect(await succeed([...args, "a.png"], work.path)).toBe("The picture is in a.png\n");
    await succeed([...args, "b.png"], work.path);
    await succeed([...args, "c.png", "--seed", "1"], work.path);
    const [a, b, c] = ["a.png", "b.png", "c.png"].map((name) => readFileSync(join(work.path, name)));
    expect(a?.equals(b ?? Buffer.alloc(0))).toBe(true);
    expect(a?.equals(c ?? Buffer.alloc(0))).toBe(false);
    const { width = 0, height = 0, format } = await sharp(a).metadata();
    expect(format).toBe("png");
    // Blocks of three images of 160, gaps of 8 and 20.
    expect((width - 20) % (3 * 168 - 8 + 20)).toBe(0);
    expect(height).toBeGreaterThan(200);
  });

  it("draws validation images, with transforms of one's own, which are written beneath", async () => {
    writeFileSync(
      join(work.path, "flip.yaml"),
      "- { name: resize, size: [16, 16] }\n- { name: randomErasing, p: 1 }\n",
    );
    const said = await fail(["data", "grid", "shapes", "--augment", "flip.yaml"], work.path);
    expect(said).toMatch(/flip\.yaml: transform 2 \(randomErasing\): .*after normalize/);
    writeFileSync(join(work.path, "flip.yaml"), "- name: randomHorizontalFlip\n  p: 1\n");
    const args = ["data", "grid", "shapes", "--augment", "flip.yaml", "--part", "validation", "--output", "v.png"];
    await succeed(args, work.path);
  });

  it("leaves nothing behind where it cannot be drawn", async () => {
    const before = filesBelow(work.path);
    expect(await fail(["data", "grid", "shapes", "--part", "test"], work.path)).toContain("shapes has no test images");
    expect(await fail(["data", "grid", "shapes", "--augment", "nucleii"], work.path)).toContain("Did you mean nuclei?");
    expect(await fail(["data", "grid", "shapes", "--output", "grid.jpg"], work.path, 2)).toContain("must end in .png");
    expect(await fail(["data", "grid", "shapes", "--output", "a.png/grid.png"], work.path)).toContain(
      "could not be written",
    );
    expect(filesBelow(work.path)).toEqual(before);
  });
});

describe("data check", () => {
  it("finds nothing in clean images, and ends with 0", async () => {
    await makeGoodFolder(join(work.path, "good"));
    for (const more of [[], ["--transformed", "--strict"]]) {
      const said = await succeed(["data", "check", "good", ...more], work.path);
      expect(said).toBe("Checked 6 train, 6 validation: nothing was found.\n");
    }
  });

  it("ends with 1 for a picture in two parts, and tells how the copies differ", async () => {
    const folder = join(work.path, "copied");
    await makeGoodFolder(folder);
    const from = join(folder, "train", "b", "1.png");
    copyFileSync(from, join(folder, "validation", "b", "copy.png"));
    await sharp(from)
      .resize(60, 45)
      .jpeg({ quality: 80 })
      .toFile(join(folder, "validation", "a", "smaller.jpg"));
    await sharp(from)
      .rotate(90)
      .toFile(join(folder, "train", "b", "turned.png"));
    const { code, stdout } = await fovea(["data", "check", "copied"], work.path);
    expect(code).toBe(1);
    expect(stdout).toContain(`
  1 picture in more than one part
    train/b/1.png (b)
      validation/a/smaller.jpg (a): nearly the same
      validation/b/copy.png (b): same pixels

Warnings
  1 picture with more than one class
`);
    expect(stdout).not.toContain("turned.png");
    const json = JSON.parse((await fovea(["data", "check", "copied", "--transformed", "--json"], work.path)).stdout);
    expect(json.samePictures).toHaveLength(1);
    expect(json.samePictures[0].images).toContainEqual({
      part: "train",
      name: "train/b/turned.png",
      class: "b",
      likeness: "turned or flipped",
    });
  });

  it("ends with 0 for warnings, unless they are to be errors", async () => {
    const { code, stdout } = await fovea(["data", "check", "split.csv"], work.path);
    expect(stdout).toContain("\nWarnings\n  Classes\n    train has a single image of y\n");
    expect(stdout).toContain("  4 images of a single colour\n    train: p1_image.png (x)\n");
    expect(stdout).not.toContain("Errors");
    expect(code).toBe(0);
    expect((await fovea(["data", "check", "split.csv", "--strict"], work.path)).code).toBe(1);
    const json = JSON.parse((await fovea(["data", "check", "split.csv", "--json"], work.path)).stdout);
    expect(json).toMatchObject({ source: "split.csv", images: { train: 3, validation: 1 }, errors: 0 });
  });

  it("ends with 1 for a patient in two parts", async () => {
    const said = await fail(["data", "check", "split.csv", "--group-by", "^(p)"], work.path);
    expect(said).toContain("split.csv: group p is in train and in validation (p4_image.png)");
  });

  it(`names every kind of bad file, and stops at none${runsAsRoot ? " (forbidden ones skipped: root may read all)" : ""}`, async () => {
    const said = await makeBadFolder(join(work.path, "bad"));
    const meter = join(work.path, "meter.cjs");
    const figure = join(work.path, "memory");
    writeFileSync(
      meter,
      `process.on("exit", () => require("node:fs").writeFileSync(${JSON.stringify(figure)}, String(process.resourceUsage().maxRSS)));`,
    );
    const args = ["--require", meter, command, "data", "check", "bad"];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: work.path,
      env: environment,
      encoding: "utf8",
    });
    expect([status, stderr]).toEqual([1, ""]);
    expect(stdout).toMatch(/^Checked \d+ train, 6 validation\.$/m);
    expect(stdout).toContain(`  ${said.size} images cannot be read\n`);
    // Kibibytes. The bomb alone would take 2.7 GB.
    expect(Number(readFileSync(figure, "utf8"))).toBeLessThan(400 * 1024);

    const json = JSON.parse((await fovea(["data", "check", "bad", "--json"], work.path)).stdout);
    const found = new Map<string, string>(
      json.unreadable.map(({ name, reason }: { name: string; reason: string }) => [name, reason]),
    );
    expect([...found.keys()].sort()).toEqual([...said.keys()].sort());
    for (const [name, reason] of said) expect(`${name}: ${found.get(name)}`).toMatch(reason);
    // On one line each, whatever the name.
    expect(stdout).toContain("    train/a/new\ufffdline.png: ");
  });
});
