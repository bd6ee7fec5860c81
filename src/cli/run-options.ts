import { type Command, Option } from "commander";
import type { Checkpoint } from "../train/index.js";

/** The options of commands that use a run's network. */
export interface RunOptions {
  weights: Checkpoint;
  skipUnreadable?: true;
  device: string;
  json?: true;
}

export function addRunOptions(command: Command): Command {
  return command
    .addOption(new Option("--weights <which>").choices(["best", "last"]).default("best"))
    .option("--skip-unreadable", "leave out images that cannot be read, and count them, instead of stopping")
    .option("--device <name>", "cpu, or a GPU as cuda:0", "cpu")
    .option("--json", "print JSON");
}
