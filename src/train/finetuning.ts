import { ArgumentError } from "../errors.js";
import { nearest } from "../nearest.js";
import { BatchNorm2d, type Module } from "../nn/index.js";
import type { ParameterGroup } from "../optim/index.js";
import type { Callback, FitContext } from "./callback.js";
import type { Recipe } from "./recipe.js";

/**
 * Whether a parameter's name matches one of some patterns. `*` stands for any text, dots included: `features.0.*`,
 * `*.bias`. A pattern without it is a parameter's name, or a module's, which means all that is in it: `features`.
 */
export function matchesAny(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) =>
    pattern.includes("*") ? glob(pattern).test(name) : name === pattern || name.startsWith(`${pattern}.`),
  );
}

/**
 * Freezes parts of a network and sets them free again in the course of training. Frozen parameters keep their bits, and
 * batch norms whose parameters are all frozen work by their running statistics as in evaluation, and so keep these too.
 */
export class Finetuning implements Callback {
  readonly #settings: NonNullable<Recipe["finetune"]>;
  #model: Module | undefined;

  constructor(settings: NonNullable<Recipe["finetune"]>) {
    this.#settings = settings;
  }

  /** @throws ArgumentError when a pattern matches no parameter, with the nearest name, or nothing is left to train */
  onFitStart({ model }: FitContext): void {
    this.#model = model;
    const { freeze, unfreeze } = this.#settings;
    requireMatches("finetune.freeze", freeze, model);
    for (const { match } of unfreeze) requireMatches("finetune.unfreeze", match, model);
    this.#freeze(model, 1);
    if (![...model.parameters()].some(([, { trainable }]) => trainable)) {
      throw new ArgumentError(
        "finetune.freeze: all parameters of the network are frozen in the first epoch",
        "Leave out of it what is to be trained, such as the last layer.",
      );
    }
  }

  onTrainEpochStart(epoch: number): void {
    if (this.#model) this.#freeze(this.#model, epoch);
  }

  #freeze(model: Module, epoch: number): void {
    const { freeze, unfreeze } = this.#settings;
    const free = unfreeze.filter((stage) => stage.epoch <= epoch).flatMap(({ match }) => match);
    for (const [name, parameter] of model.parameters()) {
      if (matchesAny(name, freeze)) parameter.trainable = matchesAny(name, free);
    }
    for (const [, module] of model.modules()) {
      if (!(module instanceof BatchNorm2d)) continue;
      const own = [...module.parameters()];
      if (own.length > 0 && own.every(([, { trainable }]) => !trainable)) module.training = false;
    }
  }
}

/**
 * An optimiser's groups as a recipe writes them.
 *
 * @throws ArgumentError when a pattern matches no parameter, with the nearest name
 */
export function groupsOf(groups: Recipe["optimizer"]["groups"], model: Module): ParameterGroup[] {
  return groups.map(({ match, rate, weightDecay }) => {
    requireMatches("optimizer.groups", match, model);
    return { has: (name) => matchesAny(name, match), rate, weightDecay };
  });
}

function glob(pattern: string): RegExp {
  const literal = pattern.split("*").map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${literal.join(".*")}$`);
}

function requireMatches(setting: string, patterns: readonly string[], model: Module): void {
  const names = [...model.parameters()].map(([name]) => name);
  const lost = patterns.find((pattern) => !names.some((name) => matchesAny(name, [pattern])));
  if (lost === undefined) return;
  const meant = nearest(lost, lost.includes("*") ? globsOf(names) : [...new Set(names.flatMap(withModules))]);
  const top = [...new Set(names.map((name) => name.split(".")[0]))];
  throw new ArgumentError(
    `${setting}: no parameter of the network matches "${lost}"`,
    meant === undefined ? `The network consists of ${top.join(", ")}.` : `Did you mean ${meant}?`,
  );
}

/** A parameter's name and those of the modules that it is in: `a.b.weight`, `a.b`, `a`. */
function withModules(name: string): string[] {
  const parts = name.split(".");
  return parts.map((_, i) => parts.slice(0, parts.length - i).join("."));
}

/** Patterns that one may have meant: all of a module, or all parameters of a name. */
function globsOf(names: readonly string[]): string[] {
  const found = names.flatMap((name) => {
    const [own = "", ...modules] = withModules(name);
    return [`*${own.slice(own.lastIndexOf("."))}`, ...modules.map((module) => `${module}.*`)];
  });
  return [...new Set(found)];
}
