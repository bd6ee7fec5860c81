import { spawn } from "node:child_process";
import { root } from "./paths.mjs";
import { exitCode } from "./run.mjs";

/** Two interrupts closer than this are one key press that arrived by two ways (the terminal and npm). */
const ONE_PRESS_MS = 500;

/**
 * Runs `node <args>` in the foreground and resolves to its exit code. An interrupt reaches the child once:
 *
 * - on a terminal, Ctrl-C goes to the whole foreground group, so to the child as well, and nothing is forwarded;
 * - elsewhere what arrives here (perhaps twice: from a kill of the group, and from npm, which forwards) is forwarded
 *   once. With `ownGroup` the child leads a group of its own there, so that a kill of ours does not reach it as well.
 */
export function launch(args, { ownGroup = false } = {}) {
  const terminal = Boolean(process.stdin.isTTY || process.stdout.isTTY);
  const child = spawn(process.execPath, args, { cwd: root, stdio: "inherit", detached: ownGroup && !terminal });
  let last = 0;
  const onSignal = (signal) => {
    const repeated = Date.now() - last < ONE_PRESS_MS;
    last = Date.now();
    const alreadyThere = terminal && signal !== "SIGTERM";
    if (!repeated && !alreadyThere) child.kill(signal);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, onSignal);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      for (const name of signals) process.off(name, onSignal);
      resolve(exitCode(code, signal));
    });
  });
}
