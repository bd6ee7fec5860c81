#!/usr/bin/env node
/**
 * What a call of an operator costs apart from its arithmetic: the addition of two tensors of 4 elements without gradients, called
 * from JavaScript and from Python. Required: no more than from Python.
 */
import { contenders, contest } from "./lib/contest.mjs";
import { figures, ratio, showFigures } from "./lib/figures.mjs";
import { readOptions } from "./lib/options.mjs";
import { conclude, conditions, printTable } from "./lib/report.mjs";

const calls = 200_000;
const repeats = 5;

const options = readOptions();
if (options.measure) await measure();
else await compare();

/** Nanoseconds a call, the best of some repeats, for each way of writing it. */
async function measure() {
  const torch = await import("fovea/torch");
  torch.setThreads(options.threads);
  const a = torch.tensor([1, 2, 3, 4]);
  const b = torch.tensor([5, 6, 7, 8]);
  const ways = {
    "a.add(b)": () => {
      for (let i = 0; i < calls; i++) a.add(b);
    },
    "a.add(b) in scopes of 100": () => {
      for (let i = 0; i < calls; i += 100) {
        torch.scope(() => {
          for (let j = 0; j < 100; j++) a.add(b);
        });
      }
    },
  };
  const results = {};
  torch.noGrad(() => {
    for (const [way, run] of Object.entries(ways)) {
      run();
      let best = Number.POSITIVE_INFINITY;
      for (let repeat = 0; repeat < repeats; repeat++) {
        const start = process.hrtime.bigint();
        run();
        best = Math.min(best, Number(process.hrtime.bigint() - start) / calls);
      }
      results[way] = best;
    }
  });
  const { version, cpuCapability } = torch.engineInfo();
  console.log(JSON.stringify({ version, capability: cpuCapability, results }));
}

async function compare() {
  const result = { conditions: { ...conditions(options), calls, repeats }, rows: [], requirements: [] };
  const { fovea, pytorch } = await contest(contenders(import.meta.url, options), options);
  Object.assign(result.conditions, { fovea: fovea.about, pytorch: pytorch.about });
  const table = [["nanoseconds a call, median (least to greatest)", "Fovea", "PyTorch", "ratio"]];
  for (const [way, ours] of Object.entries(fovea.rows)) {
    for (const [peer, theirs] of Object.entries(pytorch.rows)) {
      const compared = ratio(ours, theirs);
      result.rows.push({ way, peer, fovea: figures(ours), pytorch: figures(theirs), ratio: compared });
      table.push([
        `${way} against ${peer}`,
        showFigures(figures(ours)),
        showFigures(figures(theirs)),
        showFigures(compared),
      ]);
      result.requirements.push({ what: `${way} costs at most what ${peer} costs`, met: compared.median <= 1 });
    }
  }
  printTable(table);
  conclude("operator-overhead", result, options);
}
