/** Training: the loop, callbacks, metrics, and the folder that a run leaves. */
export { type Calibration, calibration, type ReliabilityBin } from "./calibration.js";
export type { Callback, StepRecord } from "./callback.js";
export { balancedClassWeights } from "./class-weights.js";
export { type ClassificationReport, classificationReport, type Ranking } from "./classification-report.js";
export { requireDevice } from "./device.js";
export { type Evaluation, type EvaluationOptions, evaluate, type Predictions, predict } from "./evaluate.js";
export { LabelledProbabilities, mostProbable } from "./labelled-probabilities.js";
export { type Latency, type LatencyOptions, measureLatency } from "./latency.js";
export { type ClassMetrics, ConfusionMatrix, type MacroAverages } from "./metrics.js";
export { meanOfDefined, type RankingScores, rankingScores, topKAccuracy } from "./ranking.js";
export { appendRecord, bestEpoch, type EpochRecord, readRecords, writeRecords } from "./records.js";
export { type Checkpoint, Run } from "./run.js";
export { brierScore, negativeLogLikelihood } from "./scoring-rules.js";
export { imageSize, type RunSettings, readSettings, writeSettings } from "./settings.js";
export { evaluationLoader, loadData, loadValidation, type RunData, trainRun } from "./train-run.js";
export { type FitResult, Trainer, type TrainerOptions } from "./trainer.js";
