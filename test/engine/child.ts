import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

export interface ChildOptions {
  /** For the script. */
  args?: readonly (string | number)[];
  /** For node. */
  flags?: readonly string[];
  env?: Record<string, string>;
  /** Addresses that the process may take, in MiB; default as many as it likes. */
  addresses?: number;
  /** Milliseconds; default 60,000. */
  timeout?: number;
}

/**
 * Runs a script of `children/`, which imports what `npm test` built in `dist/`, in a process of its own, where it may crash
 * or hang. Its last line is JSON.
 */
export function runChild<T>(script: string, options: ChildOptions = {}): { result: T; stderr: string } {
  const { args = [], flags = [], env = {}, addresses, timeout = 60_000 } = options;
  const path = fileURLToPath(new URL(`children/${script}`, import.meta.url));
  const limit = addresses === undefined ? "" : `ulimit -v ${addresses * 1024} && `;
  const command = [process.execPath, ...flags, path, ...args.map(String)];
  const ended = spawnSync("sh", ["-c", `${limit}exec "$0" "$@"`, ...command], {
    encoding: "utf8",
    // one thread: beside other tests, threads that wait for each other take many times as long
    env: { ...process.env, OMP_NUM_THREADS: "1", ...env },
    timeout,
    maxBuffer: 64 * 2 ** 20,
  });
  const output = `${ended.stdout.slice(-4000)}\n${ended.stderr.slice(-4000)}`;
  expect({ status: ended.status, signal: ended.signal }, output).toEqual({ status: 0, signal: null });
  return { result: JSON.parse(ended.stdout.trim().split("\n").at(-1) ?? ""), stderr: ended.stderr };
}
