/** Training: the loop, callbacks, metrics, and the folder that a run leaves. */
export { measureBatchNorm } from "./batch-norm-statistics.js";
export { type Calibration, calibration, type ReliabilityBin } from "./calibration.js";
export type { Callback, FitContext, StepRecord } from "./callback.js";
export { balancedClassWeights } from "./class-weights.js";
export { type ClassificationReport, classificationReport, type Ranking } from "./classification-report.js";
export { requireDevice } from "./device.js";
export { DivergedError, SpikeGuard, saveBatch } from "./divergence.js";
export { EarlyStopping } from "./early-stopping.js";
export { classOrder, type EnsembleMember, ensemble, meanPredictions } from "./ensemble.js";
export { environment, writeEnvironment } from "./environment.js";
export { bestEpoch, type EpochRecord, isBetter, METRICS, type Metric, type Scores, scoresOf } from "./epoch.js";
export {
  type Evaluation,
  type EvaluationOptions,
  evaluate,
  type Precision,
  type Predictions,
  predict,
} from "./evaluate.js";
export { Finetuning, groupsOf, matchesAny } from "./finetuning.js";
export { LabelledProbabilities, mostProbable } from "./labelled-probabilities.js";
export { type Latency, type LatencyOptions, measureLatency } from "./latency.js";
export {
  findLearningRate,
  type LearningRateOptions,
  type LearningRatePoint,
  type LearningRateSearch,
  suggestedRate,
} from "./lr-finder.js";
export { measureLayout } from "./measure-layout.js";
export { type ClassMetrics, ConfusionMatrix, type MacroAverages } from "./metrics.js";
export { type Mistake, mostConfidentMistakes } from "./mistakes.js";
export { ModelCheckpoint } from "./model-checkpoint.js";
export { optimizerOf, scheduleOf } from "./optimisation.js";
export { ProgressiveDropout, type ProgressiveStage, progressiveStages, stagesOf } from "./progressive.js";
export { meanOfDefined, type RankingScores, rankingScores, topKAccuracy } from "./ranking.js";
export { type Recipe, type RecipeInput, recipeSchema } from "./recipe.js";
export { listRecipes, type RecipeChoices, readRecipe, type ShippedRecipe } from "./recipe-file.js";
export { appendRecord, readRecords, writeRecords } from "./records.js";
export { CHECKPOINTS, type Checkpoint, isCheckpoint, type ResumePoint, Run } from "./run.js";
export { scores } from "./scores.js";
export { brierScore, negativeLogLikelihood } from "./scoring-rules.js";
export {
  channelsOf,
  imageSize,
  type RunSettings,
  readSettings,
  resolveRecipe,
  resolveTransforms,
  writeSettings,
} from "./settings.js";
export { startModel } from "./start-weights.js";
export {
  evaluationLoader,
  loadData,
  loadValidation,
  lossOf,
  type RunData,
  type TrainRunOptions,
  trainingLoader,
  trainRun,
} from "./train-run.js";
export { type Averaging, type FitOptions, type FitResult, Trainer, type TrainerOptions } from "./trainer.js";
export type { TrainingPosition, TrainingState } from "./training-state.js";
export { type AverageRule, WeightAverage } from "./weight-average.js";
