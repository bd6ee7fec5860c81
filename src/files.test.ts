import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileError } from "./errors.js";
import { AtomicFile, writeFileAtomic } from "./files.js";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-files-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("writeFileAtomic", () => {
  it("replaces a file, makes missing folders, and leaves nothing beside it", () => {
    const path = join(folder, "a", "b.txt");
    writeFileAtomic(path, "première");
    writeFileAtomic(path, Uint8Array.of(1, 2, 3));
    expect([...readFileSync(path)]).toEqual([1, 2, 3]);
    expect(readdirSync(join(folder, "a"))).toEqual(["b.txt"]);
  });

  it("is an error where the working directory is gone, not an endless search for it", () => {
    const script = `
      import { rmSync } from "node:fs";
      import { writeFileAtomic } from ${JSON.stringify(new URL("../dist/files.js", import.meta.url).href)};
      process.chdir(${JSON.stringify(folder)});
      rmSync(${JSON.stringify(folder)}, { recursive: true });
      try { writeFileAtomic("a/b", "x"); } catch (error) { console.log(error.code); }`;
    const options = { encoding: "utf8", timeout: 30_000 } as const;
    const { stdout, signal } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], options);
    expect([stdout, signal]).toEqual(["FILE\n", null]);
  });

  it("keeps what was there when it cannot be replaced, and says where", () => {
    const path = join(folder, "taken");
    mkdirSync(path);
    writeFileSync(join(path, "inside"), "old");
    expect(() => writeFileAtomic(path, "new")).toThrow(FileError);
    expect(readFileSync(join(path, "inside"), "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["taken"]);
  });

  it.each(["file/inside.txt", `${"x".repeat(300)}.txt`])("cannot write %s: a FileError and no other", (name) => {
    writeFileSync(join(folder, "file"), "");
    expect(() => writeFileAtomic(join(folder, name), "text")).toThrow(FileError);
    expect(readdirSync(folder)).toEqual(["file"]);
  });
});

describe("AtomicFile", () => {
  it("comes into place when it is committed, with what was written where", () => {
    const path = join(folder, "a", "pieces");
    const file = new AtomicFile(path);
    file.write(Uint8Array.of(0, 0));
    file.write(Uint8Array.of(3, 4));
    file.write(Uint8Array.of(1), 0);
    expect(file.size).toBe(4);
    expect(readdirSync(join(folder, "a"))).not.toContain("pieces");
    file.commit();
    file.discard();
    expect([...readFileSync(path)]).toEqual([1, 0, 3, 4]);
    expect(readdirSync(join(folder, "a"))).toEqual(["pieces"]);
    expect(() => file.write(Uint8Array.of(1))).toThrow(FileError);
  });

  it("leaves nothing, and what was there before, when it is given up", () => {
    const path = join(folder, "kept");
    writeFileSync(path, "old");
    const file = new AtomicFile(path);
    file.write(Uint8Array.of(1));
    file.discard();
    expect(readdirSync(folder)).toEqual(["kept"]);
    expect(readFileSync(path, "utf8")).toBe("old");
  });
});
