import type { Command } from "commander";
import { registerDataCheck } from "./data-check.js";
import { registerDataGrid } from "./data-grid.js";
import { registerDataStats } from "./data-stats.js";

export function registerData(program: Command): void {
  const data = program
    .command("data")
    .description("Look at images before training on them: numbers, a picture of what training sees, what is wrong.")
    .addHelpText(
      "after",
      `
Examples:
  $ fovea data stats ../nuclei
  $ fovea data grid ../nuclei --output grid.png
  $ fovea data check ../nuclei`,
    );
  for (const register of [registerDataStats, registerDataGrid, registerDataCheck]) register(data);
}
