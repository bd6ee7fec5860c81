import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Header } from "tar";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileError } from "../../errors.js";
import { unpackTarGz } from "./unpack.js";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "fovea-unpack-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

interface Entry {
  path: string;
  type?: "File" | "Directory" | "SymbolicLink" | "Link" | "FIFO";
  linkpath?: string;
  content?: string;
}

/** An archive as whoever means no good writes it, too. */
function tarGz(entries: readonly Entry[]): Buffer {
  const blocks = entries.flatMap(({ path, type = "File", linkpath, content = "" }) => {
    const header = Buffer.alloc(512);
    new Header({ path, type, linkpath, size: content.length, mode: 0o644, uid: 0, gid: 0, mtime: new Date(0) }).encode(
      header,
      0,
    );
    return [header, Buffer.from(content), Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

const wanted = { "a.bin": 10, "names.txt": 100 };
const good: Entry[] = [
  { path: "set/", type: "Directory" },
  { path: "set/a.bin", content: "0123456789" },
  { path: "set/names.txt", content: "cat\n" },
];

async function unpack(bytes: Uint8Array): Promise<string> {
  const archive = join(root, "set.tar.gz");
  writeFileSync(archive, bytes);
  await unpackTarGz(archive, join(root, "set"), wanted);
  return join(root, "set");
}

describe("unpackTarGz", () => {
  it("gives the wanted files, and removes the archive", async () => {
    const folder = await unpack(tarGz([...good, { path: "set/readme.html", content: "hello" }]));
    expect(readdirSync(root)).toEqual(["set"]);
    expect(readdirSync(folder).sort()).toEqual(["a.bin", "names.txt"]);
    expect(readFileSync(join(folder, "a.bin"), "latin1")).toBe("0123456789");
  });

  it("passes over whatever leads elsewhere", async () => {
    const outside = join(root, "outside");
    mkdirSync(outside);
    const folder = await unpack(
      tarGz([
        { path: "../outside/evil", content: "x" },
        { path: `${outside}/evil`, content: "x" },
        { path: "set/../../outside/evil", content: "x" },
        { path: "set/link", type: "SymbolicLink", linkpath: outside },
        { path: "set/link/evil", content: "x" },
        { path: "set/hard", type: "Link", linkpath: "/etc/passwd" },
        { path: "set/pipe", type: "FIFO" },
        ...good,
      ]),
    );
    expect(readdirSync(outside)).toEqual([]);
    expect(readdirSync(folder).sort()).toEqual(["a.bin", "names.txt"]);
  });

  it.each<[string, () => Buffer, RegExp]>([
    ["a file less", () => tarGz(good.slice(0, 2)), /it has no set\/names\.txt/],
    [
      "a file too large",
      () => tarGz([{ path: "set/a.bin", content: "01234567890" }]),
      /set\/a\.bin has 11 bytes, over 10/,
    ],
    ["a file twice", () => tarGz([...good, { path: "set/a.bin", content: "x" }]), /set\/a\.bin is there twice/],
    [
      "a link in a file's place",
      () => tarGz([{ path: "set/a.bin", type: "SymbolicLink", linkpath: "/etc/passwd" }]),
      /set\/a\.bin is no file but a SymbolicLink/,
    ],
    [
      "a link in the folder's place",
      () => tarGz([{ path: "set", type: "SymbolicLink", linkpath: tmpdir() }, ...good.slice(1, 2)]),
      /it has no set\/names\.txt/,
    ],
    ["its end cut off", () => tarGz(good).subarray(0, -20), /could not be unpacked \(/],
    ["no archive", () => Buffer.from("<html>not found</html>"), /could not be unpacked \(/],
    ["an archive of nothing", () => gzipSync(Buffer.from("no blocks of 512 bytes")), /could not be unpacked \(/],
  ])("refuses an archive with %s, and leaves nothing of it", async (_, bytes, message) => {
    await expect(unpack(bytes())).rejects.toThrow(message);
    await expect(unpack(bytes())).rejects.toThrow(FileError);
    expect(readdirSync(root)).toEqual(["set.tar.gz"]);
  });

  it("is content when another process was faster, and removes what one left behind", async () => {
    const left = join(root, "set.1-0.unpacking");
    const working = join(root, "set.2-0.unpacking");
    for (const folder of [left, working]) mkdirSync(folder);
    utimesSync(left, 1, 1);
    mkdirSync(join(root, "set"));
    writeFileSync(join(root, "set", "theirs"), "");
    const folder = await unpack(tarGz(good));
    expect(readdirSync(folder)).toEqual(["theirs"]);
    expect([existsSync(left), existsSync(working)]).toEqual([false, true]);
  });
});
