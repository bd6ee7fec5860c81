import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ArgumentError, FileError } from "../../errors.js";
import { UNLABELLED } from "../image-set.js";
import { openImageFolder, openImages, openLabelledFolder } from "./folder.js";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "fovea-folder-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Nothing is decoded, so any bytes do. */
function write(...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), "");
  }
}

function link(target: string, path: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  symlinkSync(target, join(root, path));
}

const numbered = (name: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${name}/${i}.png`);

describe("openImageFolder", () => {
  it("finds train/ and validation/, sorted by class and path, whatever lies besides", () => {
    write("train/b/2.png", "train/b/10.png", "train/a/x.JPG", "val/a/1.png", "val/b/deep/er/1.tiff");
    write("train/.hidden/1.png", "train/b/.1.png", "train/b/notes.txt", "train/README");
    const { train, validation, test, problems } = openImageFolder(root);
    expect(train.classes).toEqual(["a", "b"]);
    expect(train.names).toEqual(["train/a/x.JPG", "train/b/10.png", "train/b/2.png"]);
    expect(train.paths).toEqual(train.names.map((name) => join(root, name)));
    expect([...train.labels]).toEqual([0, 1, 1]);
    expect(train.groups).toBeUndefined();
    expect(validation.names).toEqual(["val/a/1.png", "val/b/deep/er/1.tiff"]);
    expect(validation.name).toMatch(/^fovea-folder-.*\/validation$/);
    expect(test).toBeUndefined();
    expect(problems).toEqual([]);
  });

  it("finds test/ too, and holds a part of train/ out where there is no validation/", () => {
    write(...numbered("train/a", 10), ...numbered("train/b", 5), "test/a/1.png", "test/b/1.png");
    const { train, validation, test } = openImageFolder(root, { seed: 3 });
    expect([train.classCounts(), validation.classCounts(), test?.classCounts()]).toEqual([
      [8, 4],
      [2, 1],
      [1, 1],
    ]);
    write("validation/a/1.png", "validation/b/1.png");
    expect(openImageFolder(root).train.size).toBe(15);
    write("test/c/1.png");
    expect(() => openImageFolder(root)).toThrow(/test: its classes are not those of train\/: it has c besides/);
  });

  it("holds out the same part of every class, by seed and path alone", () => {
    write(...numbered("a", 20), ...numbered("b", 10), ...numbered("c", 2));
    const held = (seed: number): readonly string[] => {
      const { train, validation } = openImageFolder(root, { seed, validationFraction: 0.2 });
      expect(validation.classCounts()).toEqual([4, 2, 1]);
      expect(train.classCounts()).toEqual([16, 8, 1]);
      expect(new Set([...train.names, ...validation.names]).size).toBe(32);
      return validation.names;
    };
    const first = held(0);
    const moved = `${root}-moved`;
    renameSync(root, moved);
    root = moved;
    expect(held(0)).toEqual(first);
    expect(held(1)).not.toEqual(first);
    expect(() => openImageFolder(root, { validationFraction: 1 })).toThrow(/between 0 and 1/);
  });

  it.each<[string, string[], RegExp]>([
    ["no class folders", ["1.png"], /has no class folders/],
    ["train/ alone", ["train/a/1.png"], /has train\/ but no validation\//],
    ["validation/ alone", ["val/a/1.png"], /has val\/ but no train\//],
    ["validation/ twice", ["train/a/1.png", "val/a/1.png", "validation/a/1.png"], /both validation\/ and val\//],
    ["other classes", ["train/a/1.png", "train/b/1.png", "val/a/1.png", "val/c/1.png"], /lacks b and has c besides/],
    ["one image to split", ["a/1.png", "a/2.png", "b/1.png"], /class b has 1 image; a split needs two/],
  ])("explains a folder with %s", (_, paths, message) => {
    write(...paths);
    expect(() => openImageFolder(root)).toThrow(message);
  });

  it("explains an absent folder, a file and an empty class", () => {
    expect(() => openImageFolder(join(root, "absent"))).toThrow(/absent: there is no such folder/);
    write("a/1.png", "a/2.png");
    expect(() => openImageFolder(join(root, "a/1.png"))).toThrow(/1\.png: is no folder/);
    mkdirSync(join(root, "b"));
    expect(() => openImageFolder(root)).toThrow(/b: holds no images \(\.png/);
  });
});

describe("groups", () => {
  const patients = ["p1", "p2", "p3", "p4"].flatMap((patient) => [0, 1, 2].map((i) => `${patient}_${i}.png`));

  it("are taken from the file's name, and never divided", () => {
    write(...patients.flatMap((name) => [`a/${name}`, `b/sub/${name}`]));
    const { train, validation } = openImageFolder(root, { groupBy: String.raw`^(p\d+)_`, validationFraction: 0.25 });
    expect(new Set(validation.groups).size).toBe(1);
    expect(validation.classCounts()).toEqual([3, 3]);
    expect(train.groups?.[0]).toMatch(/^p\d$/);
    expect(train.groups).not.toContain(validation.groups?.[0]);
  });

  it("are taken from the path by an expression with a slash", () => {
    write("train/a/x7/1.png", "train/a/x8/1.png", "validation/a/x9/1.png");
    const { train, validation } = openImageFolder(root, { groupBy: "([^/]+)/[^/]+$" });
    expect([train.groups, validation.groups]).toEqual([["x7", "x8"], ["x9"]]);
    const { images } = openLabelledFolder(root, ["a"], { groupBy: String.raw`/x(\d)/` });
    expect(images.groups).toEqual(["9"]);
  });

  it("must not be in two parts, and every file must have one", () => {
    write("train/a/p1_1.png", "train/a/p2_1.png", "val/a/p3_1.png", "test/a/p2_7.png");
    const open = (groupBy: string) => () => openImageFolder(root, { groupBy });
    expect(open("^(p.)")).toThrow(/group p2 is in train\/ and in test\/ \(test\/a\/p2_7\.png\)/);
    expect(open("^(q.)")).toThrow(/groupBy, \^\(q\.\), finds no group in train\/a\/p1_1\.png/);
    expect(open("^p.")).toThrow(/has 0 capturing groups/);
    expect(open("^(p)(.)")).toThrow(/has 2 capturing groups/);
    expect(open("^(?:p)(.)")).toThrow(/group 2 is in/);
    expect(open("(")).toThrow(ArgumentError);
    rmSync(join(root, "test"), { recursive: true });
    expect(openImageFolder(root, { groupBy: "^(p.)" }).validation.groups).toEqual(["p3"]);
  });
});

/** Opens `CLASS/…` leniently and tells what was listed, and strictly and tells what was thrown. */
function bothWays(): { names: readonly string[]; problems: string[]; error: unknown } {
  const { images, problems } = openLabelledFolder(root, undefined, { onUnreadable: "skip" });
  let error: unknown;
  try {
    openLabelledFolder(root, undefined);
  } catch (thrown) {
    error = thrown;
  }
  return { names: images.names, problems: problems.map(({ path, reason }) => `${path}: ${reason}`), error };
}

describe("what lies in folders besides images", () => {
  it("links to nowhere and in circles are problems, links in place of images and folders are followed", () => {
    write("a/1.png", "elsewhere.png", "more/2.png");
    link(join(root, "none.png"), "a/gone.png");
    link("round.png", "a/round.png");
    link(join(root, "none"), "a/folder");
    link(join(root, "none.txt"), "a/notes.txt");
    link(join(root, "elsewhere.png"), "a/linked.png");
    link("../more", "a/linked");
    link(join(root, "none"), "b");
    rmSync(join(root, "more/2.png"));
    write("more/sub/2.png");
    link("../../a", "more/sub/up");
    const found = bothWays();
    expect(found.names).toEqual([
      "a/1.png",
      "a/linked.png",
      "a/linked/sub/2.png",
      "more/sub/2.png",
      "more/sub/up/1.png",
      "more/sub/up/linked.png",
    ]);
    expect(found.problems).toEqual([
      "b: is a link to nowhere",
      "a/folder: is a link to nowhere",
      "a/gone.png: is a link to nowhere",
      "a/round.png: is a link that leads back to itself",
      "more/sub/up/folder: is a link to nowhere",
      "more/sub/up/gone.png: is a link to nowhere",
      "more/sub/up/round.png: is a link that leads back to itself",
    ]);
    expect(found.error).toBeInstanceOf(FileError);
    expect(found.error).toMatchObject({ path: join(root, "b"), hint: expect.stringContaining("skip") });
  });

  it("a link to a folder above does not give images of other classes", () => {
    write("train/a/1.png", "train/b/2.png", "val/a/3.png", "val/b/4.png");
    link("..", "train/a/train");
    link("../..", "train/a/root");
    link(".", "train/a/self");
    const { train, problems } = openImageFolder(root);
    expect(train.names).toEqual(["train/a/1.png", "train/b/2.png"]);
    expect(problems).toEqual([]);
  });

  it.skipIf(process.platform === "win32")("pipes and sockets are not opened", async () => {
    write("a/1.png", "a/x.png/2.png");
    spawnSync("mkfifo", [join(root, "a/pipe.png"), join(root, "a/pipe.txt")]);
    link("/dev/zero", "a/zero.jpg");
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(root, "a/socket.png"), resolve));
    const found = bothWays();
    server.close();
    expect(found.names).toEqual(["a/1.png"]);
    expect(found.problems).toEqual([
      "a/pipe.png: is a pipe, not an image file",
      "a/socket.png: is a socket, not an image file",
      "a/x.png: is a folder, not an image file",
      "a/zero.jpg: is a device, not an image file",
    ]);
    expect(String(found.error)).toContain(`${join(root, "a/pipe.png")}: is a pipe`);
  });

  it("folders that cannot be read are problems", () => {
    write("a/1.png");
    // Deeper than a path can be long: not even root can name what is in there.
    const step = `d${"x".repeat(200)}`;
    const half = join(root, "a", ...new Array<string>(15).fill(step));
    const other = join(root, "b", ...new Array<string>(10).fill(step));
    mkdirSync(half, { recursive: true });
    mkdirSync(other, { recursive: true });
    renameSync(join(root, "b"), join(half, "b"));
    const found = bothWays();
    expect(found.names).toEqual(["a/1.png"]);
    expect(found.problems).toHaveLength(1);
    expect(found.problems[0]).toMatch(/x: cannot be read as a folder \(ENAMETOOLONG: name too long\)$/);
    expect(found.error).toBeInstanceOf(FileError);
    spawnSync("rm", ["-rf", join(root, "a")]);
  });

  it.skipIf(process.getuid?.() === 0)("so are folders that may not be read", () => {
    write("a/1.png", "a/locked/2.png");
    chmodSync(join(root, "a/locked"), 0);
    const found = bothWays();
    chmodSync(join(root, "a/locked"), 0o700);
    expect(found.problems).toEqual(["a/locked: may not be read (permission denied)"]);
  });

  it("names of any letters are read, and those that are no text are problems", () => {
    write("ärger/ß ü.png", "ärger/line\nbreak.png", "ärger/🙂.png", "ärger/.hidden.png");
    const made = spawnSync("sh", ["-c", String.raw`cd ärger && : > "$(printf 'bad\377.png')"`], { cwd: root });
    expect(made.status).toBe(0);
    const found = bothWays();
    expect(found.names).toEqual(["ärger/line\nbreak.png", "ärger/ß ü.png", "ärger/🙂.png"]);
    expect(found.problems).toEqual(["ärger/bad\ufffd.png: has a name that is not UTF-8: rename it"]);
  });

  it("says what is wrong with a class of which nothing can be read", () => {
    link("nowhere.png", "a/1.png");
    expect(() => openLabelledFolder(root, undefined, { onUnreadable: "skip" })).toThrow(
      /a: holds no images: a\/1\.png is a link to nowhere/,
    );
  });
});

describe("openLabelledFolder", () => {
  it("labels by the classes it is given, in a folder or in its validation/", () => {
    write("validation/a/1.png", "validation/b/1.png", "validation/b/2.png");
    for (const folder of [root, join(root, "validation")]) {
      const { images } = openLabelledFolder(folder, ["b", "a"]);
      expect(images.classes).toEqual(["b", "a"]);
      expect([...images.labels]).toEqual([1, 0, 0]);
    }
    expect(() => openLabelledFolder(root, ["a", "c"])).toThrow(/those of the network: it lacks c and has b/);
    expect(() => openLabelledFolder(join(root, "none"), ["a"])).toThrow(/there is no such folder/);
  });
});

describe("openImages", () => {
  it("keeps the order of the paths and expands folders, once each", () => {
    write("z.png", "some/b.png", "some/a/c.webp", "y.png");
    symlinkSync(join(root, "some"), join(root, "some", "again"));
    const { images } = openImages([join(root, "z.png"), join(root, "some"), join(root, "y.png")]);
    expect(images.names).toEqual(["z.png", "some/a/c.webp", "some/b.png", "y.png"].map((path) => join(root, path)));
    expect(images.paths).toEqual(images.names);
    expect([...images.labels]).toEqual([UNLABELLED, UNLABELLED, UNLABELLED, UNLABELLED]);
  });

  it("explains what is missing, and skips it if asked to", () => {
    write("a.png", "some/1.png");
    link("none.png", "some/gone.png");
    const paths = [join(root, "none.png"), join(root, "a.png"), join(root, "some"), join(root, "some/gone.png")];
    expect(() => openImages(paths)).toThrow(/none\.png: there is no such file/);
    const { images, problems } = openImages(paths, { onUnreadable: "skip" });
    expect(images.names).toEqual([join(root, "a.png"), join(root, "some/1.png")]);
    expect(problems).toEqual([
      { path: paths[0], reason: "there is no such file" },
      { path: join(root, "some/gone.png"), reason: "is a link to nowhere" },
      { path: join(root, "some/gone.png"), reason: "is a link to nowhere" },
    ]);
    mkdirSync(join(root, "empty"));
    expect(() => openImages([join(root, "empty")])).toThrow(/holds no images/);
    expect(() => openImages([])).toThrow(/no images were named/);
  });
});

const nuclei = join(import.meta.dirname, "../../../../shared/data/nuclei");

describe.skipIf(!existsSync(nuclei))("real nuclei (skipped where the data is not there)", () => {
  it("are divided by patient, with every class in balance", () => {
    const groupBy = String.raw`^(p\d+)_`;
    const given = openImageFolder(nuclei, { groupBy });
    expect(given.validation.classCounts()).toEqual([462, 295, 883]);
    expect([new Set(given.train.groups).size, new Set(given.validation.groups).size]).toEqual([38, 10]);

    const { train, validation } = openImageFolder(join(nuclei, "train"), { groupBy, validationFraction: 0.2 });
    const held = new Set(validation.groups);
    expect(train.groups?.some((group) => held.has(group))).toBe(false);
    const counts = train.classCounts();
    for (const [label, count] of validation.classCounts().entries()) {
      expect(Math.abs(count / (count + (counts[label] ?? 0)) - 0.2)).toBeLessThan(0.01);
    }
  });
});
