// Trains a recipe in a run's folder, or goes on where that stands, as `fovea train` does, but without pictures and reports.
//   node test/resume/children/train.mjs recipe.yaml folder
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { datasetStatistics } from "../../../dist/data/index.js";
import { loadData, Run, readRecipe, resolveRecipe, trainRun } from "../../../dist/train/index.js";

const [file, folder] = process.argv.slice(2);
const resume = existsSync(join(folder, "recipe.yaml")) && Run.open(folder).position() !== undefined;
// Killed before there was anything to go on from.
if (!resume) rmSync(folder, { recursive: true, force: true });
const recipe = readRecipe(file);
const data = await loadData(recipe.data);
const statistics = () => datasetStatistics(data.train);
const settings = await resolveRecipe(recipe, { classes: data.train.classes, statistics });
const run = resume ? Run.open(folder) : Run.create(folder, settings);
await trainRun(run, data, { resume });
