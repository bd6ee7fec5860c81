import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { threadId } from "node:worker_threads";

/** After an hour without a byte nobody writes to a part any more, wherever that somebody was. */
const abandonedAfter = 3_600_000;

const host = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);
const inUse = new Set<string>();
let serial = 0;

/**
 * The unfinished download of a file, beside the file's place, with what the server called the version that it is of.
 *
 * Whoever downloads has a part of its own, named after machine, process and thread, so that two at once cannot get into
 * each other's way. A part whose owner is gone is taken over by a rename, which only one can win.
 */
export class PartFile {
  readonly path: string;
  readonly #target: string;

  /** Takes over what is left of an earlier download of `target`, or begins anew. Folders are made. */
  constructor(target: string) {
    this.#target = target;
    this.path = `${target}.${host}-${process.pid}-${threadId}-${serial++}.part`;
    mkdirSync(dirname(target), { recursive: true });
    inUse.add(this.path);
    let taken = false;
    for (const { path } of abandonedParts(target)) {
      if (taken) remove(path);
      else taken = move(path, this.path);
    }
  }

  /** Bytes so far. */
  get size(): number {
    return statSync(this.path, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** What the server called this version: an ETag or a date. */
  get version(): string | undefined {
    try {
      return readFileSync(versionOf(this.path), "utf8");
    } catch {
      return undefined;
    }
  }

  /** Forgets the bytes and begins with another version, or one that has no name. */
  restart(version?: string): void {
    remove(this.path);
    if (version !== undefined) writeFileSync(versionOf(this.path), version);
  }

  /** Puts the finished file in its place. */
  finish(): void {
    renameSync(this.path, this.#target);
    rmSync(versionOf(this.path), { force: true });
  }

  /** Leaves the part to whoever downloads the file next. */
  release(): void {
    if (this.size === 0) remove(this.path);
    inUse.delete(this.path);
  }
}

/** The greatest first. */
function abandonedParts(target: string): { path: string; size: number }[] {
  const start = `${basename(target)}.`;
  return readdirSync(dirname(target))
    .filter((name) => name.startsWith(start) && name.endsWith(".part"))
    .flatMap((name) => {
      const path = join(dirname(target), name);
      const facts = statSync(path, { throwIfNoEntry: false });
      if (!facts || !isAbandoned(path, name.slice(start.length), facts.mtimeMs)) return [];
      return [{ path, size: facts.size }];
    })
    .sort((a, b) => b.size - a.size);
}

function isAbandoned(path: string, owner: string, changed: number): boolean {
  if (inUse.has(path)) return false;
  if (Date.now() - changed > abandonedAfter) return true;
  const [, machine, pid, thread] = /^([0-9a-f]{8})-(\d+)-(\d+)-\d+\.part$/.exec(owner) ?? [];
  if (machine !== host) return false;
  return Number(pid) === process.pid ? Number(thread) === threadId : !isAlive(Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process may not be signalled, but it is there.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** @returns false when another process was faster */
function move(from: string, to: string): boolean {
  try {
    renameSync(from, to);
  } catch {
    return false;
  }
  try {
    renameSync(versionOf(from), versionOf(to));
  } catch {
    // Bytes of an unknown version are not continued.
  }
  return true;
}

function remove(path: string): void {
  rmSync(path, { force: true });
  rmSync(versionOf(path), { force: true });
}

function versionOf(path: string): string {
  return `${path}.version`;
}
