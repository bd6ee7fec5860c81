import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type FileServer, send, serve, sha256 } from "../../test/support/file-server.js";
import { wave } from "../../test/support/golden.js";
import { FileError } from "../errors.js";
import { DownloadError, type DownloadOptions, download } from "./download.js";
import { PartFile } from "./part-file.js";

const root = mkdtempSync(join(tmpdir(), "fovea-download-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const body = new Uint8Array(wave(100_000, 1).buffer);
const other = new Uint8Array(wave(100_000, 2).buffer);
let folders = 0;

/** Where to, and what it must be. */
function wanted(more: Partial<DownloadOptions> = {}): DownloadOptions & { folder: string } {
  const folder = join(root, String(folders++), "weights");
  const checksum = { algorithm: "sha256", digits: sha256(body).slice(0, 8) } as const;
  return { folder, path: join(folder, "net.pth"), bytes: body.length, rounded: true, checksum, ...more };
}

/** The file is there, right, and alone. */
function expectWhole({ path, folder }: { path: string; folder: string }): void {
  expect(sha256(readFileSync(path))).toBe(sha256(body));
  expect(readdirSync(folder)).toEqual(["net.pth"]);
}

function from(server: FileServer): string {
  return `${server.url}net.pth`;
}

/** An address that nobody answers at. */
async function nowhere(): Promise<string> {
  const server = await serve(() => {});
  await server.close();
  return from(server);
}

describe("a download", () => {
  it("comes whole, tells how far it is, and is not repeated", async () => {
    await using server = await serve((request, response) => send(request, response, body));
    const steps: [number, number][] = [];
    const want = wanted({ onProgress: (done, total) => steps.push([done, total]) });
    await download(from(server), want);
    expectWhole(want);
    expect(steps[0]).toEqual([0, body.length]);
    expect(steps.at(-1)).toEqual([body.length, body.length]);
    expect(steps.map(([done]) => done)).toEqual(steps.map(([done]) => done).sort((a, b) => a - b));
    await download(from(server), want);
    expect(server.requests).toHaveLength(1);
  });

  it("goes on where the connection was cut", async () => {
    let count = 0;
    await using server = await serve((request, response) =>
      send(request, response, body, count++ === 0 ? { cutAfter: 150_000 } : {}),
    );
    const want = wanted();
    await download(from(server), want);
    expectWhole(want);
    expect(server.requests).toHaveLength(2);
    expect(server.requests[1]).toMatchObject({ range: "bytes=150000-", "if-range": `"${sha256(body).slice(0, 32)}"` });
  });

  it("goes on where it was stopped before, and stops with the signal's reason", async () => {
    let count = 0;
    await using server = await serve((request, response) =>
      send(request, response, body, count++ === 0 ? { stallAfter: 90_000 } : {}),
    );
    const controller = new AbortController();
    const want = wanted({
      signal: controller.signal,
      onProgress: (done) => done >= 90_000 && controller.abort(new Error("enough")),
    });
    await expect(download(from(server), want)).rejects.toThrow("enough");
    expect(readdirSync(want.folder).filter((name) => name.endsWith(".part"))).toHaveLength(1);
    await download(from(server), { ...want, signal: undefined });
    expectWhole(want);
    expect(server.requests[1]?.range).toBe("bytes=90000-");
  });

  it("begins anew when the server has another version, or knows no ranges", async () => {
    for (const second of [{ etag: '"new"' }, { whole: true } as const]) {
      let count = 0;
      // The old version's bytes must not get into the file.
      await using server = await serve((request, response) =>
        count++ === 0
          ? send(request, response, other, { etag: '"old"', cutAfter: 100_000 })
          : send(request, response, body, second),
      );
      const want = wanted();
      await download(from(server), want);
      expectWhole(want);
      expect(server.requests[1]).toMatchObject({ range: "bytes=100000-", "if-range": '"old"' });
    }
  });

  it("begins anew when the server names no version", async () => {
    let count = 0;
    await using server = await serve((request, response) =>
      send(request, response, count === 0 ? other : body, { etag: null, ...(count++ === 0 && { cutAfter: 100_000 }) }),
    );
    const want = wanted();
    await download(from(server), want);
    expectWhole(want);
    expect(server.requests[1]?.range).toBeUndefined();
  });

  it("begins anew when what it continued turns out wrong", async () => {
    let count = 0;
    const etag = '"same"';
    await using server = await serve((request, response) =>
      count++ === 0
        ? send(request, response, other, { etag, cutAfter: 100_000 })
        : send(request, response, body, { etag }),
    );
    const want = wanted();
    await download(from(server), want);
    expectWhole(want);
    expect(server.requests.map(({ range }) => range)).toEqual([undefined, "bytes=100000-", undefined]);
  });

  it("takes a part that is whole for what it is", async () => {
    await using server = await serve((request, response) => send(request, response, body, { etag: '"v"' }));
    const want = wanted();
    const part = new PartFile(want.path);
    part.restart('"v"');
    writeFileSync(part.path, body);
    part.release();
    await download(from(server), want);
    expectWhole(want);
  });

  it("is refused with another checksum or size, and nothing is left of it", async () => {
    await using server = await serve((request, response) => send(request, response, other));
    const want = wanted();
    const failure = download(from(server), want);
    await expect(failure).rejects.toThrow(DownloadError);
    await expect(failure).rejects.toThrow(
      `is not the file that was published: its SHA-256 begins with ${sha256(other).slice(0, 8)}, not ${want.checksum.digits}. It was deleted`,
    );
    expect(readdirSync(want.folder)).toEqual([]);

    await expect(download(from(server), wanted({ bytes: 100_000 }))).rejects.toThrow(
      "the server has 400000 bytes where about 100000 were published",
    );
    // One that does not say how much it sends.
    await using endless = await serve((_, response) => {
      response.writeHead(200).write(new Uint8Array(300_000));
    });
    await expect(download(from(endless), wanted({ bytes: 100_000 }))).rejects.toThrow("longer than the published");
  });

  it("is held to an MD5 and to the exact size where these were published", async () => {
    await using server = await serve((request, response) => send(request, response, body));
    const md5 = createHash("md5").update(body).digest("hex");
    const exact = { rounded: undefined, checksum: { algorithm: "md5", digits: md5 } } as const;
    const want = wanted(exact);
    await download(from(server), want);
    expectWhole(want);

    await expect(download(from(server), wanted({ ...exact, bytes: body.length - 1 }))).rejects.toThrow(
      `the server has ${body.length} bytes where ${body.length - 1} were published`,
    );
    const longer = wanted({ ...exact, bytes: body.length + 1 });
    mkdirSync(longer.folder, { recursive: true });
    writeFileSync(longer.path, body);
    await expect(download(from(server), longer)).rejects.toThrow(
      `is not it: it has ${body.length} bytes, not ${body.length + 1}`,
    );
    const wrong = "0".repeat(32);
    const another = wanted({ checksum: { algorithm: "md5", digits: wrong } });
    await expect(download(from(server), another)).rejects.toThrow(`its MD5 is ${md5}, not ${wrong}`);
  });

  it("replaces a file that is not the published one, and only by that", async () => {
    await using server = await serve((request, response) => send(request, response, body));
    const want = wanted();
    mkdirSync(want.folder, { recursive: true });
    writeFileSync(want.path, other);
    await expect(download(await nowhere(), want)).rejects.toThrow(`The file at ${want.path} is not it`);
    expect(sha256(readFileSync(want.path))).toBe(sha256(other));
    await download(from(server), want);
    expectWhole(want);
  });

  it("tells a refusal from a passing trouble", async () => {
    for (const status of [404, 403]) {
      await using server = await serve((_, response) => response.writeHead(status).end("no"));
      await expect(download(from(server), wanted())).rejects.toThrow(`net.pth: the server answers ${status}`);
      expect(server.requests).toHaveLength(1);
    }
    let count = 0;
    await using server = await serve((request, response) => {
      if (count++ === 0) response.writeHead(500).end();
      else send(request, response, body);
    });
    const want = wanted();
    await download(from(server), want);
    expectWhole(want);
  });

  it("gives up after four attempts without a byte", async () => {
    await using server = await serve((_, response) => response.writeHead(503).end());
    await expect(download(from(server), wanted())).rejects.toThrow("the server answers 503 Service Unavailable");
    expect(server.requests).toHaveLength(4);
  });

  it("without a network says where to put the file", async () => {
    for (const url of [await nowhere(), "https://weights.invalid/net.pth"]) {
      const want = wanted();
      const failure = await download(url, want).catch((error: unknown) => error);
      if (!(failure instanceof DownloadError)) throw failure;
      expect(failure.message).toMatch(/net\.pth: could not be reached \(.*(ECONNREFUSED|ENOTFOUND|EAI_AGAIN)/);
      expect(failure.message).toContain(url);
      expect(failure.hint).toBe(`Download it by other means and put it at ${want.path}`);
      // As the hint says.
      writeFileSync(want.path, body);
      await download(url, want);
    }
  });

  it("that the disk has no room for is not begun", async () => {
    await using server = await serve((_, response) => {
      response.writeHead(200, { "content-length": 2 ** 50 }).flushHeaders();
    });
    const failure = download(from(server), wanted({ bytes: 2 ** 50 }));
    await expect(failure).rejects.toThrow(FileError);
    await expect(failure).rejects.toThrow(/net\.pth: needs 1073741824\.0 MiB, the disk has .* MiB left/);
  });

  it("needs a folder that can be made", async () => {
    writeFileSync(join(root, "file"), "");
    const failure = download(await nowhere(), wanted({ path: join(root, "file", "net.pth") }));
    await expect(failure).rejects.toThrow(/file\/net\.pth: could not be written/);
  });
});

describe("several downloads of one file", () => {
  it("at once do not disturb each other", async () => {
    await using server = await serve((request, response) => send(request, response, body));
    const want = wanted();
    await Promise.all(Array.from({ length: 5 }, () => download(from(server), want)));
    expectWhole(want);
  });

  it("leave a part alone that is being written", async () => {
    let count = 0;
    await using server = await serve((request, response) =>
      send(request, response, body, count++ === 0 ? { stallAfter: 100_000 } : {}),
    );
    const want = wanted();
    const controller = new AbortController();
    let second: Promise<void> | undefined;
    const onProgress = (done: number) => {
      if (done === 100_000)
        second ??= download(from(server), want).finally(() => controller.abort(new Error("enough")));
    };
    await expect(download(from(server), { ...want, onProgress, signal: controller.signal })).rejects.toThrow("enough");
    await second;
    expect(server.requests[1]?.range).toBeUndefined();
    expect(sha256(readFileSync(want.path))).toBe(sha256(body));
  });

  it("take over a part only from a process that is gone", async () => {
    await using server = await serve((request, response) => send(request, response, body, { etag: '"v"' }));
    const want = wanted();
    const own = new PartFile(want.path);
    own.release();
    const name = (pid: number | undefined) => own.path.replace(`-${process.pid}-`, `-${pid}-`);
    const gone = spawnSync(process.execPath, ["-e", ""]).pid;
    const leave = (pid: number | undefined, length: number) => {
      writeFileSync(name(pid), body.subarray(0, length));
      writeFileSync(`${name(pid)}.version`, '"v"');
    };
    leave(process.ppid, 300_000);
    await download(from(server), want);
    expect(server.requests[0]?.range).toBeUndefined();
    expect(readdirSync(want.folder)).toHaveLength(3);

    rmSync(want.path);
    leave(gone, 200_000);
    await download(from(server), want);
    expect(server.requests[1]?.range).toBe("bytes=200000-");

    // A process of that number is there, but it has not written for two hours.
    rmSync(want.path);
    const before = Date.now() / 1000 - 7200;
    utimesSync(name(process.ppid), before, before);
    await download(from(server), want);
    expect(server.requests[2]?.range).toBe("bytes=300000-");
    expectWhole(want);
  });
});
