import type { Command } from "commander";
import { FoveaError } from "../errors.js";
import { listModels } from "../models/index.js";
import { count, table } from "../report/index.js";

export function registerModels(program: Command): void {
  program
    .command("models")
    .description("List the networks, with their families and sizes.")
    .argument("[pattern]", "only names that match it; * stands for anything", "*")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ fovea models
  $ fovea models "cifar*" --json`,
    )
    .action((pattern: string, options: { json?: true }) => {
      const found = listModels(pattern);
      if (options.json) {
        console.log(JSON.stringify(found, null, 2));
        return;
      }
      if (found.length === 0)
        throw new FoveaError("UNKNOWN_MODEL", `No network's name matches "${pattern}".`, {
          hint: "`fovea models` lists all.",
        });
      const rows = found.map(({ name, family, parameters, inputSize, description }) => [
        name,
        family,
        count(parameters),
        `${inputSize}x${inputSize}`,
        description,
      ]);
      console.log(
        table(["Network", "Family", "Parameters", "Input", "What it is"], rows, {
          align: ["left", "left", "right", "right", "left"],
        }),
      );
    });
}
