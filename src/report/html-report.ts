import type { TopLevelSpec } from "vega-lite";
import { ArgumentError } from "../errors.js";
import { writeFileAtomic } from "../files.js";
import type { Graph } from "../graph/index.js";
import type { ClassificationReport } from "../train/classification-report.js";
import { bestEpoch, type EpochRecord, type Metric } from "../train/epoch.js";
import type { ConfusionMatrix } from "../train/metrics.js";
import { confusionChart, mostNumbered } from "./confusion.js";
import { curvePanels } from "./curves.js";
import { count } from "./format.js";
import { chartFigure } from "./html/chart.js";
import { Html, html, name } from "./html/markup.js";
import { mistakeFigures, type ShownMistake } from "./html/mistakes.js";
import { classTable, confusionsTable, headline, networkTable, stagesTable } from "./html/sections.js";
import { style } from "./html/style.js";
import { factsTable } from "./html/table.js";
import { learningRateChart } from "./learning-rate.js";
import { reliabilityChart } from "./reliability.js";
import { scoreLooks } from "./scores.js";

/** What a run came to. */
export interface HtmlReportParts {
  /** The run's name. */
  readonly title: string;
  readonly records: readonly EpochRecord[];
  /** What the best epoch was chosen by. */
  readonly metric: Metric;
  /** Of the best epoch's weights. */
  readonly evaluation: { readonly matrix: ConfusionMatrix; readonly report: ClassificationReport };
  /** Those to be shown, the surest first; see `mostConfidentMistakes`. Two dozen are plenty. */
  readonly mistakes: readonly ShownMistake[];
  /** As `trace` gives it. */
  readonly network: Graph;
  /** As YAML. */
  readonly recipe: string;
  /** See `environment`. */
  readonly environment: Readonly<Record<string, string>>;
  /** What a reader must know, e.g. that training was stopped early. */
  readonly notes?: readonly string[];
  /** Of progressive learning: a row each, its cells by the titles of their columns. */
  readonly stages?: readonly Readonly<Record<string, string | number>>[];
}

/** A confusion matrix of more classes is drawn by nobody and seen by nobody. */
const mostDrawn = 100;

/**
 * A run as one page of HTML: its figures, curves, confusion matrix, calibration, classes, mistakes, network, recipe and
 * environment. It loads nothing and runs nothing: it can be sent and kept.
 *
 * @throws ArgumentError without records, or when the pixels of a picture do not fit its size
 */
export async function htmlReport(parts: HtmlReportParts): Promise<string> {
  const { title, records, metric, evaluation, mistakes, network, recipe, environment, notes = [], stages = [] } = parts;
  const { matrix, report } = evaluation;
  const best = bestEpoch(records, metric);
  if (best === undefined) throw new ArgumentError("there is no epoch to report on");
  const classes = report.classes.length;
  const rates = records.map(({ epoch, learningRate }) => ({ at: epoch, learningRate }));
  const training = [...curvePanels(records, metric), learningRateChart(rates)];
  const wrong = Math.round(report.total * (1 - report.accuracy));

  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} – Fovea</title>
<style>${new Html(style)}</style>
</head>
<body>
<header>
<h1 dir="auto">${title}</h1>
<p>The ${best.average ? "averaged weights" : "weights"} of epoch ${best.epoch}, the best of ${records.length} by
${scoreLooks[metric].name}, on ${count(report.total)} images of ${count(classes)} ${classes === 1 ? "class" : "classes"}.</p>
${headline(records, best, metric, report, network)}
${notes.length === 0 ? "" : html`<ul class="notes" aria-label="Notes">${notes.map((note) => html`<li>${name(note)}</li>`)}</ul>`}
</header>
<main>
<section aria-labelledby="training">
<h2 id="training">Training</h2>
<div class="charts">
${await figures(training, "training")}</div>
${stages.length === 0 ? "" : html`<h2 id="stages">Stages</h2>${stagesTable(stages)}`}
</section>
<section aria-labelledby="classes">
<h2 id="classes">Classes</h2>
${classes > mostDrawn ? "" : await chartFigure(confusionChart(matrix), "confusion")}
${classes > mostNumbered ? confusionsTable(report) : ""}
${classTable(report)}</section>
<section aria-labelledby="calibration">
<h2 id="calibration">Calibration</h2>
<p>Where a bar ends below the diagonal, the network is surer than it is right.</p>
<div class="charts">${await chartFigure(reliabilityChart(report.calibration), "reliability")}</div>
</section>
<section aria-labelledby="mistakes">
<h2 id="mistakes">Most confident mistakes</h2>
<p>${mistakesText(mistakes.length, wrong, report.total)}</p>
${mistakes.length === 0 ? "" : await mistakeFigures(mistakes)}</section>
<section aria-labelledby="network">
<h2 id="network">Network</h2>
${networkTable(network)}</section>
<section aria-labelledby="recipe">
<h2 id="recipe">Recipe</h2>
<details><summary>recipe.yaml</summary>
<pre tabindex="0" dir="ltr">${recipe}</pre></details>
</section>
<section aria-labelledby="environment">
<h2 id="environment">Environment</h2>
${factsTable("Environment", environment)}</section>
</main>
</body>
</html>
`;
  return page.source;
}

/** Writes {@link htmlReport}. @throws FileError when it cannot be written; ArgumentError as {@link htmlReport} */
export async function writeHtmlReport(path: string, parts: HtmlReportParts): Promise<void> {
  writeFileAtomic(path, await htmlReport(parts));
}

async function figures(charts: readonly TopLevelSpec[], id: string): Promise<Html[]> {
  return Promise.all(charts.map((chart, i) => chartFigure(chart, `${id}-${i + 1}`)));
}

function mistakesText(shown: number, wrong: number, total: number): string {
  if (wrong === 0) return `All ${count(total)} images were predicted right.`;
  const all = `${count(wrong)} of ${count(total)} images ${wrong === 1 ? "was" : "were"} predicted wrong`;
  if (shown === 0) return `${all}.`;
  return `${all}; ${shown === wrong ? "here with" : `here the ${shown} with the highest`} probability of the wrong class.`;
}
