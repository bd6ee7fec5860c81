import type { Command } from "commander";
import { stringify } from "yaml";
import { table } from "../report/index.js";
import { listRecipes, readRecipe } from "../train/index.js";

export function registerRecipes(program: Command): void {
  program
    .command("recipes")
    .description("List the recipes, or print one with all its settings.")
    .argument("[recipe]", "the name of one, or a YAML file")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ fovea recipes
  $ fovea recipes cifar10-resnet
  $ fovea recipes cifar10-resnet > mine.yaml
  $ fovea recipes mine.yaml --json`,
    )
    .action((name: string | undefined, { json }: { json?: true }) => {
      const shown = name === undefined ? listRecipes() : readRecipe(name);
      if (json) console.log(JSON.stringify(shown, null, 2));
      else if (Array.isArray(shown)) {
        const rows = shown.map(({ name, description }) => [name, description]);
        console.log(table(["Recipe", "What it is"], rows, { align: ["left", "left"] }));
      } else console.log(stringify(shown, { aliasDuplicateObjects: false, lineWidth: 0 }).trimEnd());
    });
}
