import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileError } from "../errors.js";
import { writeFileAtomic } from "../files.js";
import { checkpointDefect, writeCheckpointFolder } from "./checkpoint-folder.js";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-checkpoint-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const path = () => join(folder, "last");
const previous = () => join(folder, "previous");

function write(text: string): void {
  writeCheckpointFolder(
    path(),
    previous(),
    new Map([
      ["a.json", (to: string) => writeFileAtomic(to, text)],
      ["b.bin", (to: string) => writeFileAtomic(to, Buffer.from([1, 2, 3]))],
    ]),
  );
}

describe("a checkpoint's folder", () => {
  it("holds the files with their hashes, which sha256sum confirms, and nothing else", () => {
    write("one");
    expect(readdirSync(folder)).toEqual(["last"]);
    expect(readdirSync(path()).sort()).toEqual(["SHA256SUMS", "a.json", "b.bin"]);
    expect(execFileSync("sha256sum", ["--check", "--strict", "SHA256SUMS"], { cwd: path(), encoding: "utf8" })).toBe(
      "a.json: OK\nb.bin: OK\n",
    );
    expect(checkpointDefect(path())).toBeUndefined();
  });

  it("keeps the one before, and no more", () => {
    for (const text of ["one", "two", "three"]) write(text);
    const texts = [path(), previous()].map((where) => readFileSync(join(where, "a.json"), "utf8"));
    expect(texts).toEqual(["three", "two"]);
    expect(readdirSync(folder).sort()).toEqual(["last", "previous"]);
  });

  it("is never taken for whole when a file is cut at any byte, is missing, changed, or one too many", () => {
    write("one");
    for (const name of readdirSync(path())) {
      const file = join(path(), name);
      const whole = readFileSync(file);
      for (let length = 0; length < whole.length; length++) {
        writeFileSync(file, whole.subarray(0, length));
        expect(checkpointDefect(path()), `${name} cut to ${length} bytes`).toBeTypeOf("string");
      }
      rmSync(file);
      expect(checkpointDefect(path())).toMatch(/could not be read/);
      writeFileSync(file, whole);
    }
    expect(checkpointDefect(path())).toBeUndefined();
    writeFileSync(join(path(), "a.json"), "onE");
    expect(checkpointDefect(path())).toBe("a.json is damaged");
    write("two");
    writeFileSync(join(path(), "c"), "");
    expect(checkpointDefect(path())).toBe("SHA256SUMS does not name c");
  });

  it("stays as it was when a file cannot be written, and no half of the new one is left", () => {
    write("one");
    const failing = new Map([
      ["a.json", (to: string) => writeFileAtomic(to, "two")],
      [
        "b.bin",
        (to: string) => {
          throw new FileError(to, "could not be written (ENOSPC: no space left on device, write)");
        },
      ],
    ]);
    expect(() => writeCheckpointFolder(path(), previous(), failing)).toThrow(
      new FileError(join(path(), "b.bin"), "could not be written (ENOSPC: no space left on device, write)"),
    );
    expect(readdirSync(folder)).toEqual(["last"]);
    expect(readFileSync(join(path(), "a.json"), "utf8")).toBe("one");
    expect(checkpointDefect(path())).toBeUndefined();
  });

  it("is written over what a crash left beside it", () => {
    writeFileAtomic(join(folder, ".last.tmp", "rest"), "half");
    write("one");
    expect(existsSync(join(folder, ".last.tmp"))).toBe(false);
    expect(checkpointDefect(path())).toBeUndefined();
  });
});
