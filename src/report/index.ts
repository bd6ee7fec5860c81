export {
  type ComparisonRow,
  type ComparisonX,
  type ComparisonY,
  comparisonChart,
  comparisonTable,
  convolutionActivations,
} from "./compare.js";
export { confusionChart } from "./confusion.js";
export { csvLogger } from "./csv-logger.js";
export { curvePanels, curves } from "./curves.js";
export { bytes, count, duration, exactPercent, milliseconds, percent, shortCount } from "./format.js";
export type { ShownMistake } from "./html/mistakes.js";
export { type HtmlReportParts, htmlReport, writeHtmlReport } from "./html-report.js";
export { type GridCell, type GridOptions, type GridRow, imageGrid, writeImageGrid } from "./image-grid.js";
export { type LearningRatePoint, learningRateChart, lrFinderChart } from "./learning-rate.js";
export {
  MlflowClient,
  type MlflowCredentials,
  MlflowError,
  type MlflowMetric,
  type MlflowRun,
  type MlflowStatus,
} from "./mlflow.js";
export { type MlflowOptions, mlflowLogger } from "./mlflow-logger.js";
export { type ParameterRow, parameterRows, parameterTable } from "./parameters.js";
export { recordsCsv, writeRecordsCsv } from "./records-csv.js";
export { reliabilityChart } from "./reliability.js";
export { rasterize, renderSvg, writeChart } from "./render.js";
export { type ScatterAxis, type ScatterPoint, scatterChart } from "./scatter.js";
export { type Prediction, predictionSheet, type SheetOptions, writePredictionSheet } from "./sheet.js";
export { stageTable } from "./stage-table.js";
export { type SummaryRow, summaryRows, summaryTable } from "./summary.js";
export { type Alignment, confusionTable, metricsTable, printable, table } from "./tables.js";
export { EventWriter } from "./tensorboard/event-writer.js";
export type { HyperParameters } from "./tensorboard/hyper-parameters.js";
export { type TensorBoardOptions, tensorBoardLogger } from "./tensorboard-logger.js";
export { chartConfig } from "./theme.js";
export type { Picture } from "./tiles.js";
