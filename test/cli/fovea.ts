import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { expect } from "vitest";

/** What a command came to. */
export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

export const command = fileURLToPath(new URL("../../bin/fovea.js", import.meta.url));

/** The environment of a user whose output goes into a pipe. One thread: the tests run side by side. */
export const environment: NodeJS.ProcessEnv = { ...process.env, OMP_NUM_THREADS: "1" };
for (const name of ["CI", "FORCE_COLOR", "NO_COLOR", "FOVEA_DEBUG", "NODE_OPTIONS"]) delete environment[name];

/** Starts `fovea` as a user would, in a folder. */
export function start(
  args: readonly string[],
  cwd: string,
  more: NodeJS.ProcessEnv = {},
): { process: ChildProcess; finished: Promise<Outcome> } {
  const child = spawn(process.execPath, [command, ...args], {
    cwd,
    env: { ...environment, ...more },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  const finished = new Promise<Outcome>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, ...output }));
  });
  return { process: child, finished };
}

/** Runs `fovea` to its end. */
export function fovea(args: readonly string[], cwd: string, more?: NodeJS.ProcessEnv): Promise<Outcome> {
  return start(args, cwd, more).finished;
}

/** Runs `fovea`, and expects it to succeed without a word on stderr. */
export async function succeed(args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await fovea(args, cwd);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return stdout;
}

/** Runs `fovea`, and expects it to fail in words that a user understands. @returns what it said */
export async function fail(args: readonly string[], cwd: string, code = 1): Promise<string> {
  const outcome = await fovea(args, cwd);
  expectPlainError(outcome, code);
  return outcome.stderr;
}

export function expectPlainError({ code, stderr }: Outcome, expected: number): void {
  expect(stderr).toMatch(/^error: /m);
  // No stack trace: neither ours nor Node's.
  expect(stderr).not.toMatch(/^ {4}at |node:internal|\.js:\d+/m);
  expect(code).toBe(expected);
}

export function temporaryFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "fovea-cli-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** The paths of all files below a folder, sorted. */
export function filesBelow(root: string): string[] {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

/** Images of three classes, `stripes`, `dots` and `plain`, as PNG and JPEG in turn, of several sizes. */
export async function makeImages(root: string, count: number): Promise<void> {
  const shapes = {
    dots: '<circle cx="16" cy="16" r="7" fill="#223"/>',
    plain: "",
    stripes: '<path d="M4 0V32M12 0V32M20 0V32M28 0V32" stroke="#223" stroke-width="4"/>',
  };
  for (const [name, shape] of Object.entries(shapes)) {
    mkdirSync(join(root, name), { recursive: true });
    for (let i = 0; i < count; i++) {
      const side = 32 + 5 * (i % 3);
      const background = `<rect width="32" height="32" fill="rgb(${150 + ((i * 37) % 90)},${150 + ((i * 53) % 90)},190)"/>`;
      const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="${side}" height="${side}">${background}${shape}</svg>`;
      await sharp(Buffer.from(svg)).toFile(join(root, name, `${i}.${i % 2 === 0 ? "png" : "jpg"}`));
    }
  }
}
