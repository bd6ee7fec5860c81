import { createHash } from "node:crypto";
import { createReadStream, existsSync, statSync } from "node:fs";
import { open, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { FileError, FoveaError, messageOf } from "../errors.js";
import { PartFile } from "./part-file.js";

export interface DownloadOptions {
  /** Where the file is to stand. */
  path: string;
  /** Size as published. */
  bytes: number;
  /** Whether the size was rounded: the file's own may differ by 64 KiB then. Default false. */
  rounded?: boolean;
  checksum: Checksum;
  /** Called as bytes arrive, with how many there are and how many there will be. */
  onProgress?: (done: number, total: number) => void;
  /** Stops it, with the signal's reason as the error. What has come is kept and continued from next time. */
  signal?: AbortSignal;
}

/** What a file's checksum is. */
export interface Checksum {
  readonly algorithm: "sha256" | "md5";
  /** Hexadecimal digits: all, or as many of the first as were published. */
  readonly digits: string;
}

/** A file that could not be downloaded, or came as another one. The hint says where to put it by hand. */
export class DownloadError extends FoveaError {
  readonly url: string;

  constructor(url: string, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super("DOWNLOAD", `${url}: ${message}`, options);
    this.url = url;
  }
}

/** Something that may be over in a moment. */
class PassingTrouble extends Error {}

/** Before another attempt, in milliseconds. */
const pauses = [300, 1000, 3000];
/** A server that sends nothing for so long, in milliseconds, will not send any more. */
const patience = 30_000;
const roundedBy = 64 * 1024;
const names = { sha256: "SHA-256", md5: "MD5" } as const;
const passing = [408, 425, 429, 500, 502, 503, 504];

/**
 * Downloads a file to its place, unless it stands there already with the right size and checksum. It is checked either way.
 *
 * The bytes go to a `.part` file beside it, which is renamed once size and checksum are right. A download that was cut off,
 * also one of an earlier process, is continued as long as the server has the same version still (Range and If-Range with its
 * ETag or date), and otherwise begun anew. A cut connection and a server's passing troubles (408, 425, 429, 5xx) are tried
 * again three times after the last byte that came. Several downloads of one file at once, in any number of processes, do not
 * disturb each other.
 *
 * @throws DownloadError when the server cannot be reached, refuses, or has another file
 * @throws FileError when the file cannot be written, or the disk has no room for it
 */
export async function download(url: string, options: DownloadOptions): Promise<void> {
  const { path, signal } = options;
  signal?.throwIfAborted();
  const standing = await standingFault(path, options);
  if (standing === "none") return;
  const part = claim(path);
  try {
    await fetchWhole(url, part, options);
    part.finish();
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof DownloadError || error instanceof PassingTrouble)) {
      throw error instanceof FoveaError || codeOf(error) === undefined ? error : unwritable(path, error);
    }
    const reason = error instanceof DownloadError ? error.message.slice(url.length + 2) : error.message;
    const broken = standing === "absent" ? "" : `. The file at ${path} is not it: ${standing}`;
    throw new DownloadError(url, reason + broken, {
      hint: `Download it by other means and put it at ${path}`,
      cause: error,
    });
  } finally {
    part.release();
  }
}

/** What is wrong with the file that stands at the place: "none", "absent", or the fault in words. */
async function standingFault(path: string, options: DownloadOptions): Promise<string> {
  if (!existsSync(path)) return "absent";
  return (await faultOf(path, options)) ?? "none";
}

function claim(path: string): PartFile {
  try {
    return new PartFile(path);
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

/** Fetches until the part is the whole file and has the right checksum. */
async function fetchWhole(url: string, part: PartFile, options: DownloadOptions): Promise<void> {
  let most = part.size;
  for (let failures = 0; ; failures++) {
    const before = part.size;
    try {
      await fetchRest(url, part, options);
      const fault = await faultOf(part.path, options);
      if (fault === undefined) return;
      part.restart();
      // The beginning may have been the fault of an earlier download.
      if (before > 0) throw new PassingTrouble(fault);
      throw new DownloadError(url, `is not the file that was published: ${fault}. It was deleted`);
    } catch (error) {
      if (!(error instanceof PassingTrouble)) throw error;
      if (part.size > most) {
        most = part.size;
        failures = 0;
      }
      const pause = pauses[failures];
      if (pause === undefined) throw error;
      await sleep(pause, undefined, { signal: options.signal });
    }
  }
}

/** One request: for what the part lacks, or for all where it cannot be continued. */
async function fetchRest(url: string, part: PartFile, options: DownloadOptions): Promise<void> {
  const stop = new AbortController();
  const abort = () => stop.abort(options.signal?.reason);
  options.signal?.addEventListener("abort", abort, { once: true });
  const watch = setTimeout(() => stop.abort(new PassingTrouble("the server stopped sending")), patience);
  const alive = () => watch.refresh();
  try {
    await receive(await request(url, part, stop.signal), url, part, alive, options);
  } catch (error) {
    if (stop.signal.aborted) throw stop.signal.reason;
    throw error;
  } finally {
    clearTimeout(watch);
    options.signal?.removeEventListener("abort", abort);
    // Whatever was not read of the answer.
    stop.abort();
  }
}

async function request(url: string, part: PartFile, signal: AbortSignal): Promise<Response> {
  const { version, size } = part;
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (size > 0 && version !== undefined) {
    headers.range = `bytes=${size}-`;
    headers["if-range"] = version;
  }
  try {
    return await fetch(url, { headers, signal });
  } catch (cause) {
    if (!isUnreachable(cause)) throw new PassingTrouble(reasonOf(cause), { cause });
    throw new DownloadError(url, `could not be reached (${reasonOf(cause)})`, { cause });
  }
}

async function receive(
  response: Response,
  url: string,
  part: PartFile,
  alive: () => void,
  options: DownloadOptions,
): Promise<void> {
  const { path, bytes, onProgress } = options;
  const { status, statusText, headers, body } = response;
  // Nothing is left to send of a part that is whole; its checksum will tell.
  if (status === 416 && part.size > 0) return;
  if (passing.includes(status)) throw new PassingTrouble(`the server answers ${status} ${statusText}`);
  if (status !== 200 && status !== 206) throw new DownloadError(url, `the server answers ${status} ${statusText}`);
  const total = totalOf(response, part);
  if (total !== undefined && Math.abs(total - bytes) > slackOf(options)) {
    throw new DownloadError(url, `the server has ${total} bytes where ${published(options)} were published`);
  }
  if (status === 200) part.restart(versionIn(headers));
  const expected = total ?? bytes;
  await requireRoom(path, expected - part.size);
  onProgress?.(part.size, expected);
  let done = part.size;
  const file = await open(part.path, "a").catch((cause) => {
    throw unwritable(path, cause);
  });
  try {
    for await (const chunk of chunksOf(body)) {
      alive();
      done += chunk.length;
      if (done > (total ?? bytes + slackOf(options)))
        throw new DownloadError(url, `is longer than the published ${bytes} bytes`);
      await write(file, chunk, part, path);
      onProgress?.(done, expected);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  if (total !== undefined && done < total) throw new PassingTrouble("the connection was cut");
}

/** The length of the whole file, where the server tells. @throws PassingTrouble when it sends another part than was asked for */
function totalOf({ status, headers }: Response, part: PartFile): number | undefined {
  if (status === 200) {
    const length = headers.get("content-length");
    return length === null ? undefined : Number(length);
  }
  const [, from, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get("content-range") ?? "") ?? [];
  if (Number(from) === part.size) return Number(total);
  part.restart();
  throw new PassingTrouble(`the server sends another range than was asked for (${headers.get("content-range")})`);
}

/** What If-Range may name: a strong ETag, or else the date. */
function versionIn(headers: Headers): string | undefined {
  const tag = headers.get("etag");
  return tag?.startsWith('"') ? tag : (headers.get("last-modified") ?? undefined);
}

async function* chunksOf(body: Response["body"]): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  try {
    for await (const chunk of body) yield chunk;
  } catch (cause) {
    throw new PassingTrouble(`the connection was cut: ${reasonOf(cause)}`, { cause });
  }
}

async function write(
  file: Awaited<ReturnType<typeof open>>,
  chunk: Uint8Array,
  part: PartFile,
  path: string,
): Promise<void> {
  try {
    await file.appendFile(chunk);
  } catch (cause) {
    // A full disk troubles others too: what has come is not worth that.
    if (["ENOSPC", "EDQUOT"].includes(codeOf(cause) ?? "")) part.restart();
    throw unwritable(path, cause);
  }
}

async function requireRoom(path: string, bytes: number): Promise<void> {
  const { blocks, bavail, bsize } = await statfs(dirname(path));
  // Some network disks do not tell.
  if (blocks === 0 || bavail * bsize >= bytes) return;
  const mebibytes = (size: number) => `${(size / 2 ** 20).toFixed(1)} MiB`;
  throw new FileError(path, `needs ${mebibytes(bytes)}, the disk has ${mebibytes(bavail * bsize)} left`, {
    hint: "Make room, or set FOVEA_CACHE to a folder on another disk.",
  });
}

function unwritable(path: string, cause: unknown): FileError {
  const full = ["ENOSPC", "EDQUOT"].includes(codeOf(cause) ?? "");
  return new FileError(path, full ? "the disk is full" : `could not be written (${messageOf(cause)})`, {
    hint: full
      ? "Make room, or set FOVEA_CACHE to a folder on another disk."
      : "Set FOVEA_CACHE to a folder that can be written to.",
    cause,
  });
}

/** What is wrong with a file, if anything. */
async function faultOf(path: string, options: DownloadOptions): Promise<string | undefined> {
  const { size } = statSync(path);
  if (Math.abs(size - options.bytes) > slackOf(options)) return `it has ${size} bytes, not ${published(options)}`;
  const { algorithm, digits } = options.checksum;
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk);
  const whole = hash.digest("hex");
  const found = whole.slice(0, digits.length);
  if (found === digits) return undefined;
  return `its ${names[algorithm]} ${found === whole ? "is" : "begins with"} ${found}, not ${digits}`;
}

/** By how many bytes the size may differ from the published one. */
function slackOf({ rounded }: DownloadOptions): number {
  return rounded ? roundedBy : 0;
}

function published({ bytes, rounded }: DownloadOptions): string {
  return rounded ? `about ${bytes}` : String(bytes);
}

/** Whether another attempt would end the same: no network, host, server, trust in it, or address that can be asked. */
function isUnreachable(error: unknown): boolean {
  const code = codeOf(error);
  if (code === undefined) return true;
  const hopeless = ["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH", "ERR_INVALID_URL"];
  return hopeless.includes(code) || /CERT|SELF_SIGNED|UNABLE_TO/.test(code);
}

/** fetch says "fetch failed"; why stands in the cause, or for several addresses in the causes of that. */
function reasonOf(error: unknown): string {
  const inner = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return messageOf(inner) || codeOf(inner) || messageOf(error);
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("code" in error && typeof error.code === "string") return error.code;
  return codeOf(error.cause);
}
