#!/usr/bin/env node
/**
 * `npm test`: makes the checkout ready, then runs the tests. Arguments go on to vitest (`npm test -- src/data`).
 * The last line is `N passed, N failed`, with `, N skipped` when there are any.
 */
import { rmSync } from "node:fs";
import { launch } from "./lib/launch.mjs";
import { inRoot } from "./lib/paths.mjs";
import { main } from "./lib/report.mjs";
import { read } from "./lib/stamp.mjs";
import { setup } from "./setup.mjs";

const REPORT = inRoot("build", "test-report.json");

/** Counts of vitest's JSON report. A file that could not be loaded has no tests to fail: it counts as one failure. */
function count(text) {
  if (text === undefined) return { passed: 0, failed: 0, skipped: 0 };
  const report = JSON.parse(text);
  const unloadable = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unloadable.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

await main(async () => {
  await setup({ quiet: true });
  rmSync(REPORT, { force: true });
  const vitest = inRoot("node_modules", "vitest", "vitest.mjs");
  const code = await launch([
    ...[vitest, "run", "--reporter=default", "--reporter=json", `--outputFile.json=${REPORT}`],
    ...process.argv.slice(2),
  ]);
  const { passed, failed, skipped } = count(read(REPORT));
  const ran = passed + failed > 0;
  if (!ran) console.error("No test was run.");
  process.exitCode = code !== 0 ? code : ran && failed === 0 ? 0 : 1;
  // a run that failed for another reason (an unhandled error, no report) must not read like one that passed
  const shown = process.exitCode !== 0 && failed === 0 ? 1 : failed;
  console.log(`${passed} passed, ${shown} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
});
