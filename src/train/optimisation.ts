import { z } from "zod";
import type { Module } from "../nn/index.js";
import {
  Adam,
  AdamW,
  annealTo,
  constant,
  cosine,
  cosineRestarts,
  cyclic,
  exponentialDecay,
  LAMB,
  Lion,
  multiStepDecay,
  normsWithoutDecay,
  type Optimizer,
  oneCycle,
  type ParameterGroup,
  PlateauSchedule,
  perEpoch,
  polynomialDecay,
  RMSprop,
  type Schedule,
  SGD,
  stepDecay,
  warmUp,
  withoutDecay,
} from "../optim/index.js";
import type { Callback } from "./callback.js";
import { isCost, scoresOf } from "./epoch.js";
import { groupsOf } from "./finetuning.js";
import type { Recipe } from "./recipe.js";

/** A recipe's optimiser, of a network's parameters. @throws ArgumentError for a group that matches no parameter */
export function optimizerOf({ optimizer }: Pick<Recipe, "optimizer">, model: Module): Optimizer {
  const { name, lr: learningRate, withoutDecay: spared, groups: own, ...options } = optimizer;
  const groups = [...undecayed(spared, model), ...groupsOf(own, model)];
  const parameters = model.parameters();
  const all = { ...options, learningRate, groups };
  switch (optimizer.name) {
    case "sgd":
      return new SGD(parameters, { ...all, momentum: optimizer.momentum, nesterov: optimizer.nesterov });
    case "adam":
      return new Adam(parameters, all);
    case "adamw":
      return new AdamW(parameters, all);
    case "rmsprop":
      return new RMSprop(parameters, all);
    case "lamb":
      return new LAMB(parameters, all);
    case "lion":
      return new Lion(parameters, all);
    default:
      return optimizer satisfies never;
  }
}

function undecayed(spared: Recipe["optimizer"]["withoutDecay"], model: Module): ParameterGroup[] {
  switch (spared) {
    case "nothing":
      return [];
    case "norms":
      return [normsWithoutDecay(model)];
    case "normsAndBiases":
      return [withoutDecay()];
    default:
      return spared satisfies never;
  }
}

/** A recipe's learning rate over the training, and what observes the training for it. */
export function scheduleOf(recipe: Pick<Recipe, "schedule" | "optimizer" | "average" | "epochs">): {
  schedule: Schedule;
  callbacks: Callback[];
} {
  const { schedule: spec, optimizer, average, epochs } = recipe;
  const { schedule, callbacks } = plainSchedule(spec, optimizer.lr);
  const warmed = spec.warmUp ? warmUp(schedule, spec.warmUp) : schedule;
  const stepped = spec.perEpoch ? perEpoch(warmed) : warmed;
  if (average?.name !== "swa") return { schedule: stepped, callbacks };
  const after = Math.floor(average.from * epochs);
  return { schedule: annealTo(stepped, { after, rate: average.lr, over: average.anneal }), callbacks };
}

function plainSchedule(spec: Recipe["schedule"], lr: number): { schedule: Schedule; callbacks: Callback[] } {
  const alone = (schedule: Schedule) => ({ schedule, callbacks: [] });
  switch (spec.name) {
    case "constant":
      return alone(constant(lr));
    case "step":
      return alone(stepDecay(lr, spec));
    case "multiStep":
      return alone(multiStepDecay(lr, spec));
    case "exponential":
      return alone(exponentialDecay(lr, spec));
    case "polynomial":
      return alone(polynomialDecay(lr, spec));
    case "cosine":
      return alone(cosine(lr, spec));
    case "cosineRestarts":
      return alone(cosineRestarts(lr, spec));
    case "cyclic":
      return alone(cyclic(lr, spec));
    case "oneCycle":
      return alone(oneCycle(lr, spec));
    case "plateau": {
      const { metric } = spec;
      const best = isCost(metric) ? "least" : "greatest";
      const plateau = new PlateauSchedule(lr, { ...spec, best });
      const observer: Callback = {
        name: "plateau",
        onTrainEpochEnd: (record) => plateau.observe(scoresOf(record)[metric]),
        state: () => plateau.state(),
        loadState: (state) => plateau.loadState(plateauState.parse(state)),
      };
      return { schedule: plateau.schedule, callbacks: [observer] };
    }
    default:
      return spec satisfies never;
  }
}

const plateauState = z.object({
  learningRate: z.number(),
  best: z.number().nullable(),
  waited: z.int(),
  cooling: z.int(),
});
