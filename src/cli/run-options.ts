import type { Command } from "commander";
import { isCheckpoint } from "../train/index.js";

/** The options of commands that use a run's network. */
export interface RunOptions {
  /** `best`, `last`, `average`, or a file of weights. */
  weights: string;
  skipUnreadable?: true;
  device: string;
  json?: true;
}

export function addRunOptions(command: Command): Command {
  return command
    .option("--weights <which>", "of a run: best, last, average, or a file of weights for its network", "best")
    .option("--skip-unreadable", "leave out images that cannot be read, and count them, instead of stopping")
    .option("--device <name>", "cpu, or a GPU as cuda:0", "cpu")
    .option("--json", "print JSON");
}

/** A file of weights is one network's. */
export function requireOneRun(command: Command, runs: readonly unknown[], { weights }: RunOptions): void {
  if (runs.length > 1 && !isCheckpoint(weights)) {
    command.error("error: --weights takes best, last or average for several runs; a file belongs to one");
  }
}
