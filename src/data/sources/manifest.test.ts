import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ArgumentError, FileError } from "../../errors.js";
import type { FolderOptions } from "./folder.js";
import { openManifest } from "./manifest.js";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "fovea-csv-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), "");
  }
}

function open(lines: readonly string[] | Uint8Array, options?: FolderOptions) {
  const path = join(root, "images.csv");
  writeFileSync(path, lines instanceof Uint8Array ? lines : lines.join("\n"));
  return openManifest(path, options);
}

describe("a CSV file of images", () => {
  it("tells paths, labels, parts and groups, columns in any order and others passed over", () => {
    write("a/1.png", "a/2.png", "b/3.png", "4.png");
    const elsewhere = join(root, "4.png");
    const { train, validation, test, problems } = open([
      "width,group,label,path,split",
      "10,p1,tumor,a/1.png,train",
      "20,p2,stromal,a/2.png,val",
      "",
      "20,p1,stromal,b/3.png,train",
      `20,p3,til,${elsewhere},test`,
    ]);
    expect(train.classes).toEqual(["stromal", "til", "tumor"]);
    expect(train.names).toEqual(["a/1.png", "b/3.png"]);
    expect(train.paths).toEqual([join(root, "a/1.png"), join(root, "b/3.png")]);
    expect([...train.labels]).toEqual([2, 0]);
    expect(train.groups).toEqual(["p1", "p1"]);
    expect([validation.names, [...validation.labels]]).toEqual([["a/2.png"], [0]]);
    expect(test?.paths).toEqual([elsewhere]);
    expect([train.name, validation.name, test?.name]).toEqual([
      "images.csv/train",
      "images.csv/validation",
      "images.csv/test",
    ]);
    expect(problems).toEqual([]);
  });

  it("is quoted as RFC 4180 says, with a byte order mark and line ends of Windows", () => {
    write('a, "b".png', "c\nd.png");
    const content = '\ufeffpath,label,split\r\n"a, ""b"".png","cat, big",train\r\n"c\nd.png","cat, big",validation\r\n';
    const { train, validation } = open(Buffer.from(content));
    expect(train.names).toEqual(['a, "b".png']);
    expect(train.classes).toEqual(["cat, big"]);
    expect(validation.names).toEqual(["c\nd.png"]);
  });

  it("is divided by fraction where it does not say, by group where it has any", () => {
    const images = ["a", "b"].flatMap((label) =>
      Array.from({ length: 10 }, (_, i) => ({ label, name: `p${i}_${label}.png` })),
    );
    write(...images.map(({ name }) => name));
    const rows = images.map(({ label, name }) => `${name},${label}`);
    const by = (options: FolderOptions) => open(["path,label", ...rows], options);
    const { train, validation, test } = by({ validationFraction: 0.3, seed: 5 });
    expect([train.classCounts(), validation.classCounts(), test]).toEqual([[7, 7], [3, 3], undefined]);
    expect(by({ validationFraction: 0.3, seed: 6 }).validation.names).not.toEqual(validation.names);

    const grouped = by({ validationFraction: 0.3, groupBy: "^(p.)_" });
    expect(grouped.validation.classCounts()).toEqual([3, 3]);
    expect(new Set(grouped.validation.groups).size).toBe(3);
    const told = open(["path,label,group", ...images.map(({ label, name }) => `${name},${label},${name.slice(0, 2)}`)]);
    expect(new Set(told.validation.groups).size).toBe(2);
    expect(() => open(["path,label,group", "p0_a.png,a,p0"], { groupBy: "(p)" })).toThrow(ArgumentError);
    // No line is for validation: part of the training images is.
    const halved = open(["path,label,split", ...rows.map((row) => `${row},train`)], { validationFraction: 0.5 });
    expect([halved.train.size, halved.validation.size]).toEqual([10, 10]);
  });

  const header = "path,label,split";
  it.each<[string, string[], RegExp]>([
    ["nothing in it", [""], /is empty; its first line must name the columns/],
    ["only a header", [header], /lists no images/],
    ["no header", ["1.png,cat", "2.png,cat"], /line 1: has no column path; its columns are 1\.png, cat/],
    ["a misspelt column", ["path,lable", "1.png,cat"], /line 1: has no column label, but "lable"/],
    ["another case", ["Path,label", "1.png,cat"], /line 1: has no column path, but "Path"/],
    ["a misspelt optional column", ["path,label,splt", "1.png,cat,train"], /line 1: has no column split, but "splt"/],
    ["a column twice", ["path,path,label", "1.png,1.png,cat"], /line 1: has two columns path/],
    ["a value too few", [header, "1.png,cat,train", "2.png,cat"], /is not valid CSV \(Invalid Record Length.* line 3/],
    ["an open quote", [header, '"1.png,cat,train'], /is not valid CSV \(Quote Not Closed.* line 2/],
    ["an empty label", [header, "1.png,,train"], /line 2: its label is empty/],
    [
      "an unknown part",
      [header, "", "1.png,cat,dev"],
      /line 3: its split, "dev", is none of train, validation, val, test/,
    ],
    ["an image twice", [header, "1.png,cat,train", "1.png,cat,test"], /line 3: names 1\.png, as line 2 does/],
    ["no image there", [header, "1.png,cat,train", "9.png,cat,val"], /line 3: .*9\.png there is no such file/],
    ["a folder for an image", [header, "sub,cat,train"], /line 2: .*sub is a folder/],
    ["nothing to train on", [header, "1.png,cat,val"], /has no images whose split is train/],
    [
      "a group in two parts",
      ["path,label,split,group", "1.png,cat,train,p1", "2.png,cat,test,p1"],
      /group p1 is in train and in test \(2\.png\)/,
    ],
  ])("is refused with %s", (_, lines, message) => {
    write("1.png", "2.png", "sub/3.png");
    expect(() => open(lines)).toThrow(message);
    expect(() => open(lines)).toThrow(FileError);
  });

  it("is refused where it is no text, or not there", () => {
    expect(() => open(Buffer.from("path,label\n\xff.png,cat", "latin1"))).toThrow(/is not UTF-8/);
    expect(() => openManifest(join(root, "none.csv"))).toThrow(/could not be read \(ENOENT/);
  });

  it("may name what is not there, if that is to be skipped", () => {
    write("1.png", "2.png");
    const lines = ["path,label,split", "1.png,cat,train", "none.png,dog,train", "2.png,cat,val"];
    const { train, problems } = open(lines, { onUnreadable: "skip" });
    expect(train.names).toEqual(["1.png"]);
    expect(train.classes).toEqual(["cat", "dog"]);
    expect(problems).toEqual([
      { path: `${join(root, "images.csv")}, line 3`, reason: `${join(root, "none.png")} there is no such file` },
    ]);
  });
});
