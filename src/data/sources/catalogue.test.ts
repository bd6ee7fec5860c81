import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "tar";
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import { send, serve } from "../../../test/support/file-server.js";
import { wave } from "../../../test/support/golden.js";
import { DownloadError } from "../../download/index.js";
import { fetchData, PUBLISHED_DATA, type PublishedData, publishedData } from "./catalogue.js";

const root = mkdtempSync(join(tmpdir(), "fovea-catalogue-"));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

let caches = 0;
let cache = "";
beforeEach(() => {
  cache = join(root, String(caches++));
  vi.stubEnv("FOVEA_CACHE", cache);
  vi.stubEnv("FOVEA_DATA_MIRROR", undefined);
});

const md5 = (bytes: Uint8Array): string => createHash("md5").update(bytes).digest("hex");
const parts = [1, 2].map((seed) => new Uint8Array(wave(100_000, seed).buffer));

/** A set of two files at an address. */
function twoFiles(url: string): PublishedData {
  const files = parts.map((bytes, i) => ({ url: `${url}part-${i}.gz`, bytes: bytes.length, md5: md5(bytes) }));
  return { name: "two", files };
}

/** A `.tar.gz` of a folder with one file that is wanted and one that is not. */
async function archive(): Promise<Uint8Array> {
  const place = mkdtempSync(join(root, "pack-"));
  mkdirSync(join(place, "batches"));
  writeFileSync(join(place, "batches", "data.bin"), parts[0] ?? "");
  writeFileSync(join(place, "batches", "readme.html"), "hello");
  await create({ file: join(place, "set.tar.gz"), gzip: true, cwd: place }, ["batches"]);
  return readFileSync(join(place, "set.tar.gz"));
}

describe("a published set", () => {
  it("is downloaded into the cache once, tells how far it is, and goes on where it was cut", async () => {
    let count = 0;
    await using server = await serve((request, response) =>
      send(request, response, parts[Number(/part-(\d)/.exec(request.url ?? "")?.[1])] ?? new Uint8Array(), {
        ...(count++ === 0 && { cutAfter: 150_000 }),
      }),
    );
    const steps: [number, number][] = [];
    const folder = await fetchData(twoFiles(server.url), { onProgress: (done, total) => steps.push([done, total]) });
    expect(folder).toBe(join(cache, "data", "two"));
    expect(readdirSync(folder)).toEqual(["part-0.gz", "part-1.gz"]);
    expect(new Uint8Array(readFileSync(join(folder, "part-1.gz")))).toEqual(parts[1]);
    expect(server.requests[1]?.range).toBe("bytes=150000-");
    expect(steps.map(([done]) => done)).toEqual(steps.map(([done]) => done).sort((a, b) => a - b));
    expect(steps.at(-1)).toEqual([800_000, 800_000]);
    await fetchData(twoFiles(server.url));
    expect(server.requests).toHaveLength(3);
  });

  it("is unpacked where it is an archive, and needs no network then", async () => {
    const bytes = await archive();
    await using server = await serve((request, response) => send(request, response, bytes));
    const set: PublishedData = {
      name: "packed",
      files: [{ url: `${server.url}set.tar.gz`, bytes: bytes.length, md5: md5(bytes) }],
      archive: { folder: "batches", files: { "data.bin": 400_000 } },
    };
    const folder = await fetchData(set);
    expect(folder).toBe(join(cache, "data", "packed", "batches"));
    expect(readdirSync(join(cache, "data", "packed"))).toEqual(["batches"]);
    expect(readdirSync(folder)).toEqual(["data.bin"]);
    await server.close();
    expect(await fetchData(set)).toBe(folder);
  });

  it("is refused with another size or checksum, before anything is unpacked", async () => {
    const bytes = await archive();
    const changed = Uint8Array.from(bytes, (byte, i) => (i === 200 ? byte ^ 1 : byte));
    await using server = await serve((request, response) => send(request, response, changed));
    const url = `${server.url}set.tar.gz`;
    const set = (file: { bytes: number; md5: string }): PublishedData => ({
      name: "wrong",
      files: [{ url, ...file }],
      archive: { folder: "batches", files: { "data.bin": 400_000 } },
    });
    await expect(fetchData(set({ bytes: bytes.length, md5: md5(bytes) }))).rejects.toThrow(
      `${url}: is not the file that was published: its MD5 is ${md5(changed)}, not ${md5(bytes)}`,
    );
    await expect(fetchData(set({ bytes: bytes.length + 1, md5: md5(changed) }))).rejects.toThrow(/bytes where/);
    expect(readdirSync(join(cache, "data", "wrong"))).toEqual([]);
  });

  it("comes from a mirror, which names what it lacks and where to put it", async () => {
    const urls: (string | undefined)[] = [];
    await using server = await serve((request, response) => {
      urls.push(request.url);
      response.writeHead(404).end();
    });
    vi.stubEnv("FOVEA_DATA_MIRROR", `${server.url}sets/`);
    const failure = fetchData(publishedData("cifar10"));
    await expect(failure).rejects.toThrow(DownloadError);
    await expect(failure).rejects.toMatchObject({
      hint: `Download it by other means and put it at ${join(cache, "data", "cifar10", "cifar-10-binary.tar.gz")}`,
    });
    await expect(fetchData(publishedData("mnist"))).rejects.toThrow("the server answers 404");
    expect(urls).toEqual(["/sets/cifar10/cifar-10-binary.tar.gz", "/sets/mnist/train-images-idx3-ubyte.gz"]);
    expect(existsSync(join(cache, "data", "cifar10", "cifar-10-batches-bin"))).toBe(false);
  });
});

describe("the catalogue", () => {
  it("has an address, a size and a checksum of every file", () => {
    expect(PUBLISHED_DATA).toEqual(["cifar10", "cifar100", "fashion_mnist", "mnist"]);
    const files = PUBLISHED_DATA.flatMap((name) => publishedData(name).files);
    for (const { url, md5: digits } of files) {
      expect(new URL(url).pathname).toMatch(/\.gz$/);
      expect(digits).toMatch(/^[0-9a-f]{32}$/);
    }
    expect(new Set(files.map((file) => file.md5)).size).toBe(files.length);
    expect(() => publishedData("cifar")).toThrow(/there is no set named cifar; there are cifar10, cifar100,/);
  });
});
