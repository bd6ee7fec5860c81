import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { z } from "zod";
import { messageOf } from "../errors.js";
import { registerAverage } from "./average.js";
import { registerCompare } from "./compare.js";
import { registerConvert } from "./convert.js";
import { registerData } from "./data.js";
import { registerDoctor } from "./doctor.js";
import { registerEvaluate } from "./evaluate.js";
import { registerModels } from "./models.js";
import { registerPredict } from "./predict.js";
import { printError } from "./print-error.js";
import { registerRecipes } from "./recipes.js";
import { registerSummary } from "./summary.js";
import { registerTrain } from "./train.js";

const PackageFile = z.object({ version: z.string() });

/** The `fovea` command. */
function createProgram(): Command {
  const { version } = PackageFile.parse(
    JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")),
  );
  const program = new Command("fovea")
    .description("Modern convolutional networks: train, evaluate, predict, inspect.")
    .version(version)
    .showHelpAfterError("(fovea --help lists the commands, fovea COMMAND --help its options)")
    .exitOverride();
  for (const register of [
    registerTrain,
    registerEvaluate,
    registerPredict,
    registerSummary,
    registerModels,
    registerRecipes,
  ])
    register(program);
  registerCompare(program);
  registerConvert(program);
  registerAverage(program);
  registerData(program);
  registerDoctor(program);
  // Each command has a copy of this setting from when it was made.
  for (const command of program.commands) {
    command.exitOverride();
    for (const inner of command.commands) inner.exitOverride();
  }
  return program;
}

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // A reader that goes away, as `fovea models | head -3` does, is no error.
  if (error.code === "EPIPE") process.exit(0);
  printError(`the output could not be written (${messageOf(error)})`);
  process.exit(1);
});
// Nobody is left to be told.
process.stderr.on("error", () => {});

try {
  await createProgram().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    printError(error);
    process.exitCode = 1;
  }
}
