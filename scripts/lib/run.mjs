import { spawn, spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { dirname, relative } from "node:path";
import { inRoot, root } from "./paths.mjs";
import { SetupError } from "./report.mjs";

const SHOWN_LINES = 30;
const running = new Set();

/**
 * Runs a command of the set-up. Its output goes to `build/logs/<log>.log`, or to the terminal with FOVEA_VERBOSE.
 *
 * @throws SetupError when the command fails, with the end of the log, or with its start (`shown: "start"`) for tools
 * that name the cause first; `hint` follows it
 */
export async function run(
  log,
  command,
  args,
  { env = {}, append = false, stdin = "ignore", shown = "end", hint } = {},
) {
  const path = inRoot("build", "logs", `${log}.log`);
  const verbose = Boolean(process.env.FOVEA_VERBOSE);
  mkdirSync(dirname(path), { recursive: true });
  const file = verbose ? undefined : openSync(path, append ? "a" : "w");
  const output = file ?? "inherit";
  const ended = await new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: [stdin, output, output],
    });
    running.add(child);
    child.once("error", (error) => resolve({ child, failure: error.message }));
    child.once("close", (code, signal) =>
      resolve({ child, failure: code === 0 ? undefined : signal ? `ended by ${signal}` : `exit code ${code}` }),
    );
  });
  running.delete(ended.child);
  if (file !== undefined) closeSync(file);
  if (ended.failure === undefined) return;
  const excerpt = verbose ? "" : `\n\n${linesOf(path, shown)}\n\nThe whole log: ${relative(root, path)}`;
  throw new SetupError(`${[command, ...args].join(" ").slice(0, 300)}\nfailed (${ended.failure}).${excerpt}`, hint);
}

/** Ends the commands that run now; for a set-up that is interrupted. */
export function stopRunning(signal) {
  for (const child of running) child.kill(signal);
}

/** The trimmed output of a short command, or undefined when it is missing or fails. */
export function output(command, args) {
  const result = spawnSync(command, args, { encoding: "utf8", env: { ...process.env, LC_ALL: "C" } });
  return result.status === 0 ? result.stdout.trim() : undefined;
}

/** The exit code by which a shell would report this end of a process. */
export function exitCode(code, signal) {
  return signal ? 128 + (constants.signals[signal] ?? 0) : (code ?? 1);
}

function linesOf(path, shown) {
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  const part = shown === "start" ? lines.slice(0, SHOWN_LINES) : lines.slice(-SHOWN_LINES);
  return part.map((line) => `  ${line.length > 300 ? `${line.slice(0, 300)} …` : line}`).join("\n");
}
