import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, freemem, totalmem } from "node:os";
import type { Command } from "commander";
import colors from "picocolors";
import { z } from "zod";
import { nativeImages } from "../data/native.js";
import { FoveaError, messageOf } from "../errors.js";
import { engineInfo, processorFlags, usableCores } from "../tensor/torch/index.js";
import {
  type Check,
  check,
  type EngineFacts,
  type Facts,
  isUsable,
  type PackageFacts,
  type State,
} from "./doctor-checks.js";

const MARKS: Record<State, string> = {
  ok: colors.green("✓"),
  optional: colors.dim("–"),
  warning: colors.yellow("!"),
  missing: colors.red("✗"),
};

const EXAMPLES = `
Examples:
  $ fovea doctor           what was found, and what to do about what is missing
  $ fovea doctor --json    the same for a program, or for a bug report

The exit code is 1 when something is missing that Fovea cannot do without.`;

/**
 * Adds `fovea doctor [--json]`.
 *
 * @param gather finds the facts; another one in tests
 */
export function registerDoctor(program: Command, gather: () => Promise<Facts> = gatherFacts): void {
  program
    .command("doctor")
    .description("Show what was found on this machine, and what to do about what is missing.")
    .option("--json", "print JSON")
    .addHelpText("after", EXAMPLES)
    .action(async (options: { json?: true }) => {
      const checks = check(await gather());
      const usable = isUsable(checks);
      console.log(options.json ? JSON.stringify({ usable, checks }, null, 2) : formatChecks(checks));
      if (!usable) process.exitCode = 1;
    });
}

/** The checks as aligned lines, advice below what it is about, and a verdict. */
export function formatChecks(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, state, found, advice }) => [
    `${MARKS[state]} ${name.padEnd(width)}  ${found}`,
    ...(advice === undefined ? [] : [colors.dim(`  ${" ".repeat(width)}  → ${advice}`)]),
  ]);
  const verdict = isUsable(checks) ? "Fovea is ready." : "Something required is missing: see the lines marked ✗.";
  return [...lines, "", verdict].join("\n");
}

/** Looks at this machine. Nothing that is missing makes it fail. */
export async function gatherFacts(): Promise<Facts> {
  const flags = processorFlags();
  return {
    node: process.versions.node,
    tools: {
      compiler: firstVersion([process.env.CXX, "c++", "g++", "clang++"]),
      cmake: firstVersion(["cmake"]),
      builder: firstVersion(["ninja", "make"]),
    },
    engine: engineFacts(),
    cpu: {
      model: cpus()[0]?.model.trim() ?? "unknown processor",
      cores: usableCores(),
      avx2: flags.has("avx2"),
      avx512: flags.has("avx512f"),
    },
    openMp: openMpVariables(),
    memory: { total: totalmem(), free: freemem() },
    images: imagesFacts(),
    sharp: await sharpFacts(),
    onnxRuntime: onnxFacts(),
  };
}

function engineFacts(): EngineFacts {
  try {
    return { loaded: true, ...engineInfo(), source: engineSource() };
  } catch (error) {
    const hint = error instanceof FoveaError ? error.hint : undefined;
    return { loaded: false, message: messageOf(error), hint };
  }
}

/** OpenMP reads them when the engine is loaded. */
function openMpVariables(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value !== undefined && /^(OMP|GOMP|KMP)_/.test(name) ? [[name, value] as const] : [],
    ),
  );
}

const EngineRecord = z.object({ libtorch: z.object({ source: z.string() }) });

/** Where set-up found libtorch, as it noted in `build/engine.json`. */
function engineSource(): string | undefined {
  try {
    const record = readFileSync(new URL("../../build/engine.json", import.meta.url), "utf8");
    return EngineRecord.parse(JSON.parse(record)).libtorch.source;
  } catch {
    return undefined;
  }
}

function imagesFacts(): PackageFacts {
  try {
    const { jpeg, png } = nativeImages().versions();
    return { version: `libjpeg-turbo ${jpeg}, libpng ${png}` };
  } catch (error) {
    return { missing: firstLine(messageOf(error)) };
  }
}

async function sharpFacts(): Promise<PackageFacts> {
  try {
    const { versions } = (await import("sharp")).default;
    return { version: `${versions.sharp} (libvips ${versions.vips})` };
  } catch (error) {
    return { missing: firstLine(messageOf(error)) };
  }
}

const PackageFile = z.object({ version: z.string() });

function onnxFacts(): PackageFacts {
  try {
    const file = createRequire(import.meta.url).resolve("onnxruntime-node/package.json");
    return PackageFile.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return { missing: "not installed" };
  }
}

/** What the first of these commands that runs says about its version, e.g. `"cmake 3.25.1"`. */
function firstVersion(commands: readonly (string | undefined)[]): string | undefined {
  for (const command of commands) {
    if (!command) continue;
    const { status, stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
    const number = status === 0 ? stdout.match(/\d+(\.\d+)+/)?.[0] : undefined;
    if (number !== undefined) return `${command} ${number}`;
  }
  return undefined;
}

function firstLine(text: string): string {
  return text.trim().split("\n")[0] ?? text;
}
