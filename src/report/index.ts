export { confusionChart } from "./confusion.js";
export { curves } from "./curves.js";
export { percent } from "./format.js";
export { rasterize, renderSvg, writeChart } from "./render.js";
export { type Prediction, predictionSheet, type SheetOptions, writePredictionSheet } from "./sheet.js";
export { bytes, count, summaryTable } from "./summary.js";
export { type Alignment, confusionTable, metricsTable, printable, table } from "./tables.js";
