/**
 * Modern convolutional networks in TypeScript: build, train, inspect and evaluate image classifiers.
 *
 * Everything here is also to be had by subject: `fovea/nn`, `fovea/models`, `fovea/graph`, … `torch` holds what computes
 * (`torch.tensor`, `torch.scope`, `torch.noGrad`); nothing loads the native engine before it is used.
 */
export * as data from "./data/index.js";
export { ArgumentError, FileError, FoveaError, ShapeError } from "./errors.js";
export { FeatureExtractor, Graph, type GraphModule, type GraphNode, trace } from "./graph/index.js";
export * as models from "./models/index.js";
export { createModel, listModels, type ModelEntry, type ModelOptions, registerModel } from "./models/index.js";
export * as nn from "./nn/index.js";
export * as optim from "./optim/index.js";
export * as report from "./report/index.js";
export { type Shape, Tensor } from "./tensor/index.js";
export * as torch from "./tensor/torch/index.js";
export * as train from "./train/index.js";
export * as weights from "./weights/index.js";
