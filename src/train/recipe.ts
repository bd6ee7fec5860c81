import { z } from "zod";
import { dataSpecSchema, mixSchema, PRESET_NAMES, pipelineSchema, samplerSchema } from "../data/index.js";
import { activationNames } from "../nn/index.js";
import { METRICS } from "./epoch.js";

/** Of recipes and of the settings that runs keep. */
export const RECIPE_VERSION = 3;

const share = z.number().min(0).max(1);
const notNegative = z.number().min(0);
const positive = z.number().gt(0);
/** From the first stage to the last. */
const ramp = (value: z.ZodNumber) => z.tuple([value, value]);

/** Names of parameters or modules, with `*` for any text: `features.0.*`, `*.bias`. */
const patterns = z.array(z.string().min(1)).min(1);

const optimizerOptions = {
  /** The learning rate that the schedule starts from, or rises to. */
  lr: notNegative,
  weightDecay: notNegative.default(0),
  /** What does not decay: nothing, what norms own, or those and every bias. */
  withoutDecay: z.enum(["nothing", "norms", "normsAndBiases"]).default("nothing"),
  /** Parameters with a rate of their own, as a multiple of `lr`, or a decay of their own. */
  groups: z
    .array(z.strictObject({ match: patterns, rate: notNegative.optional(), weightDecay: notNegative.optional() }))
    .default([]),
};

const betas = z.tuple([share, share]).default([0.9, 0.999]);

const optimizerSchema = z.discriminatedUnion("name", [
  z.strictObject({
    name: z.literal("sgd"),
    ...optimizerOptions,
    momentum: z.number().min(0).lt(1).default(0),
    nesterov: z.boolean().default(false),
  }),
  z.strictObject({ name: z.literal("adam"), ...optimizerOptions, betas, eps: notNegative.default(1e-8) }),
  z.strictObject({
    name: z.literal("adamw"),
    ...optimizerOptions,
    weightDecay: notNegative.default(0.01),
    betas,
    eps: notNegative.default(1e-8),
  }),
  z.strictObject({
    name: z.literal("rmsprop"),
    ...optimizerOptions,
    formulae: z.enum(["pytorch", "tensorflow"]).default("pytorch"),
    alpha: share.optional(),
    eps: notNegative.optional(),
    momentum: notNegative.default(0),
  }),
  z.strictObject({
    name: z.literal("lamb"),
    ...optimizerOptions,
    weightDecay: notNegative.default(0.01),
    betas,
    eps: notNegative.default(1e-6),
  }),
  z.strictObject({
    name: z.literal("lion"),
    ...optimizerOptions,
    betas: z.tuple([share, share]).default([0.9, 0.99]),
  }),
]);

const scheduleOptions = {
  /** In front of the schedule. */
  warmUp: z
    .strictObject({
      epochs: positive,
      from: notNegative.default(0.01),
      shape: z.enum(["linear", "constant"]).default("linear"),
    })
    .optional(),
  /** The rate changes only between epochs. */
  perEpoch: z.boolean().default(false),
};

/** The options are those of the functions of the same names in `src/optim`; lengths are in epochs. */
const scheduleSchema = z.discriminatedUnion("name", [
  z.strictObject({ name: z.literal("constant"), ...scheduleOptions }),
  z.strictObject({ name: z.literal("step"), ...scheduleOptions, every: positive, factor: notNegative.default(0.1) }),
  z.strictObject({
    name: z.literal("multiStep"),
    ...scheduleOptions,
    after: z.array(notNegative).min(1),
    factor: notNegative.default(0.1),
  }),
  z.strictObject({ name: z.literal("exponential"), ...scheduleOptions, factor: positive, every: positive.default(1) }),
  z.strictObject({ name: z.literal("polynomial"), ...scheduleOptions, power: positive.default(1) }),
  z.strictObject({ name: z.literal("cosine"), ...scheduleOptions, end: notNegative.default(0) }),
  z.strictObject({
    name: z.literal("cosineRestarts"),
    ...scheduleOptions,
    first: positive,
    growth: z.number().min(1).default(1),
    end: notNegative.default(0),
  }),
  z.strictObject({
    name: z.literal("cyclic"),
    ...scheduleOptions,
    up: positive,
    down: positive.optional(),
    start: notNegative.default(0.25),
    shrink: notNegative.default(1),
  }),
  z.strictObject({
    name: z.literal("oneCycle"),
    ...scheduleOptions,
    rise: z.number().gt(0).lt(1).default(0.3),
    start: notNegative.default(1 / 25),
    end: notNegative.default(1e-4),
  }),
  z.strictObject({
    name: z.literal("plateau"),
    ...scheduleOptions,
    metric: z.enum(METRICS).default("loss"),
    factor: notNegative.default(0.1),
    patience: z.int().min(0).default(10),
    threshold: notNegative.default(1e-4),
    cooldown: z.int().min(0).default(0),
    lowest: notNegative.default(0),
  }),
]);

/**
 * Progressive learning (Tan and Le 2021, arXiv 2104.00298): the epochs are divided into stages of equal length, and each value
 * goes from its first to its second number over the stages.
 */
const progressiveSchema = z.strictObject({
  stages: z.int().min(1).default(4),
  /**
   * `paper` (algorithm 1): the first stage has the first number, the last stage the second. `official`: as the code that
   * its authors published, whose image sizes are the fractions 1/stages, 2/stages, … 1 of the way, rounded down, and whose
   * other values go as in the paper.
   */
  ramp: z.enum(["paper", "official"]).default("paper"),
  /** Height and width. */
  size: ramp(z.int().min(1)).optional(),
  /** The magnitude of the `randAugment` among the training transforms. */
  randAugment: ramp(notNegative).optional(),
  mixup: ramp(notNegative).optional(),
  cutmix: ramp(notNegative).optional(),
  /** Of the network's last dropout. */
  dropout: ramp(share).optional(),
});

const averageSchema = z.discriminatedUnion("name", [
  /** Exponential moving average, after every so many updates. */
  z.strictObject({
    name: z.literal("ema"),
    decay: z.number().min(0).lt(1).default(0.9999),
    every: z.int().min(1).default(1),
    /** The decay of update n is at most (1 + n) / (10 + n), as TensorFlow's: the first weights are soon forgotten. */
    warmUp: z.boolean().default(true),
  }),
  /**
   * Stochastic weight averaging (Izmailov et al. 2018, arXiv 1803.05407): the mean of the weights at the ends of epochs. The
   * statistics of batch norms are measured anew before each evaluation.
   */
  z.strictObject({
    name: z.literal("swa"),
    /** The share of the epochs after which it begins. */
    from: z.number().min(0).lt(1).default(0.8),
    /** The constant learning rate from then on. */
    lr: notNegative,
    /** Epochs in which the rate goes over to it, along half a cosine. */
    anneal: notNegative.default(10),
  }),
]);

export const recipeSchema = z.strictObject({
  version: z.literal(RECIPE_VERSION).default(RECIPE_VERSION),
  /** What it is, in a line. */
  description: z.string().optional(),
  /** Papers and code that it follows. */
  source: z.array(z.string()).optional(),
  /** What comes out, where, and who says so. */
  expected: z.array(z.string()).optional(),

  model: z.strictObject({
    name: z.string(),
    dropout: share.optional(),
    stochasticDepth: share.optional(),
    activation: z.enum(activationNames).optional(),
    stem: z.enum(["imagenet", "cifar"]).optional(),
    /** Of the input; default the network's own. */
    inChannels: z.int().min(1).optional(),
    /** What to start from: `published`, the name of published weights, a run's folder, or a file of weights. */
    weights: z.string().min(1).optional(),
  }),
  data: dataSpecSchema,
  /** In the order of the network's outputs; absent until the data was read. */
  classes: z.array(z.string()).min(1).optional(),
  /** Height and width of the images that a preset makes; default the network's own. */
  size: z.int().min(1).optional(),
  /**
   * A preset's name, or lists. Without `evaluation` images are resized and normalised; without `normalize` in a list the training
   * images' own mean and deviation are used. `evaluation` belongs to the network, wherever it is used.
   */
  transforms: z.union([
    z.enum(PRESET_NAMES),
    z.strictObject({ train: pipelineSchema, evaluation: pipelineSchema.optional() }),
  ]),
  mix: mixSchema.optional(),
  progressive: progressiveSchema.optional(),
  sampler: samplerSchema.default({ name: "shuffle" }),

  epochs: z.int().min(1),
  batchSize: z.int().min(1),
  /** Batches whose gradients make one update. */
  accumulate: z.int().min(1).default(1),
  optimizer: optimizerSchema,
  schedule: scheduleSchema.default({ name: "constant", perEpoch: false }),
  /** Bounds of the gradients: of their common norm, or of each element. */
  clip: z.union([z.strictObject({ norm: positive }), z.strictObject({ value: positive })]).optional(),
  loss: z
    .strictObject({
      labelSmoothing: share.default(0),
      /** `balanced`: each class counts the same, however many samples it has. */
      classWeights: z.enum(["none", "balanced"]).default("none"),
      /** Times the sum of the absolute values of all weights that are not vectors. */
      l1: notNegative.default(0),
    })
    .default({ labelSmoothing: 0, classWeights: "none", l1: 0 }),
  average: averageSchema.optional(),
  finetune: z
    .strictObject({
      /** What is not trained; batch norms among it keep to their statistics. */
      freeze: patterns,
      /** What is trained from the beginning of an epoch on, counted from 1. */
      unfreeze: z.array(z.strictObject({ epoch: z.int().min(1), match: patterns })).default([]),
    })
    .optional(),
  earlyStopping: z
    .strictObject({
      metric: z.enum(METRICS).default("loss"),
      /** Training ends after so many epochs in a row without improvement; with 0 after the first, as with 1. */
      patience: z.int().min(0).default(3),
      /** What counts as improvement. */
      minDelta: notNegative.default(0),
    })
    .optional(),
  checkpoint: z
    .strictObject({
      /** What the best epochs are chosen by. */
      metric: z.enum(METRICS).default("balancedAccuracy"),
      /** How many of the best epochs are kept, each in a folder of its own. */
      top: z.int().min(0).default(0),
      /** A checkpoint every so many batches, beside those at the ends of epochs. */
      everyBatches: z.int().min(1).optional(),
    })
    .default({ metric: "balancedAccuracy", top: 0 }),
  /** Training stops when a batch's loss is so many times the mean of the hundred before it. */
  lossSpike: z.number().gt(1).optional(),

  precision: z.enum(["float32", "bfloat16"]).default("float32"),
  /** Order of the images' axes in memory; `measured`: the faster one of the two, on this machine. */
  layout: z.enum(["channelsLast", "channelsFirst", "measured"]).default("channelsLast"),
  seed: z.int().default(0),
  device: z.string().default("cpu"),
});

/** What decides a training: see {@link recipeSchema}. Defaults are set; what depends on the data may not be. */
export type Recipe = z.output<typeof recipeSchema>;

/** As one writes it. */
export type RecipeInput = z.input<typeof recipeSchema>;
