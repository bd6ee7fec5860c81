import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { FileError, FoveaError } from "../errors.js";
import { isYamlPath, type LayerOptions, parseLayered, readLayers } from "../layered-yaml.js";
import { nearMatches } from "../nearest.js";
import { RECIPE_VERSION, type Recipe, recipeSchema } from "./recipe.js";

/** What lies on top of a recipe's file: see `readLayers`. */
export type RecipeChoices = Omit<LayerOptions, "find">;

/** A recipe that comes with the package. */
export interface ShippedRecipe {
  readonly name: string;
  /** In a line. */
  readonly description: string;
}

/** Lies beside `src` and `dist`. */
const FOLDER = fileURLToPath(new URL("../../recipes/", import.meta.url));

/**
 * Reads a recipe: a YAML file, or one of the package's by its name (`cifar10-resnet`). A file may lie on top of either:
 * `extends: cifar10-resnet`.
 *
 * @returns the recipe with every default set; what depends on the data may be absent
 * @throws FileError that tells all that is wrong, with lines and columns; also for a recipe of another version of Fovea
 * @throws ArgumentError for a set that is none
 * @throws FoveaError with the code UNKNOWN_RECIPE, which tells the near names
 */
export function readRecipe(nameOrPath: string, choices: RecipeChoices = {}): Recipe {
  const path = isYamlPath(nameOrPath) ? nameOrPath : pathOf(nameOrPath);
  const layered = readLayers(path, { ...choices, find: pathOf });
  const version = layered.tree.entries.get("version")?.value;
  if (version?.kind === "scalar" && typeof version.value === "number" && version.value !== RECIPE_VERSION) {
    const [age, hint] =
      version.value < RECIPE_VERSION ? ["an earlier", "Train it again."] : ["a later", "Update Fovea."];
    throw new FileError(path, `is of ${age} version of Fovea, which this one cannot read`, { hint });
  }
  return parseLayered(recipeSchema, layered);
}

/** The package's recipes, by name. */
export function listRecipes(): ShippedRecipe[] {
  return names().map((name) => ({ name, description: readRecipe(name).description ?? "" }));
}

function names(): string[] {
  return readdirSync(FOLDER)
    .filter(isYamlPath)
    .map((file) => basename(file, ".yaml"))
    .sort();
}

function pathOf(name: string): string {
  const known = names();
  if (known.includes(name)) return join(FOLDER, `${name}.yaml`);
  const near = nearMatches(name, known);
  throw new FoveaError("UNKNOWN_RECIPE", `There is no recipe named "${name}".`, {
    hint:
      near.length > 0 ? `Did you mean ${near.join(", ")}?` : "`fovea recipes` lists all; a file's name ends in .yaml.",
  });
}
