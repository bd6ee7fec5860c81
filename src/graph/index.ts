/** What a network computes, written down: shapes, parameter counts, multiply-adds. */
export { FeatureExtractor } from "./features.js";
export { Graph, type GraphModule, type GraphNode } from "./graph.js";
export { trace } from "./trace.js";
