/** The charts of docs/performance.md, as Vega-Lite. */

/** Okabe and Ito's colours, as in the reports. */
const colors = ["#d55e00", "#56b4e9", "#0072b2", "#009e73", "#cc79a7", "#52606d"];

/** Bars of each contender's speed, PyTorch on the same libtorch being 1. `values`: `{ network, contender, speed }` in order. */
export function speedChart(values, config) {
  const names = [...new Set(values.map(({ contender }) => contender))];
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v5.json",
    description:
      "Speed of a step of training by network: Fovea and the newest PyTorch, PyTorch on the same libtorch being 1.",
    config,
    width: 520,
    height: { step: 11 },
    data: { values },
    encoding: {
      y: { field: "network", type: "nominal", sort: null, title: null, axis: { domain: false, ticks: false } },
    },
    layer: [
      {
        mark: { type: "bar" },
        encoding: {
          x: {
            field: "speed",
            type: "quantitative",
            title: "Speed of a training step; PyTorch on the same libtorch, in its better memory format, is 1",
          },
          yOffset: { field: "contender", sort: names },
          color: {
            field: "contender",
            type: "nominal",
            sort: names,
            title: null,
            scale: { domain: names, range: colors },
            legend: { orient: "bottom", columns: 2, labelLimit: 320 },
          },
        },
      },
      { mark: { type: "rule", color: "#1f2933" }, encoding: { x: { datum: 1 }, y: null } },
    ],
  };
}

/** Time and memory against what is varied; `values`: `{ sweep, value, contender, milliseconds, megabytes }`, `titles` of the sweeps. */
export function scalingChart(values, titles, config) {
  const names = [...new Set(values.map(({ contender }) => contender))];
  const panel = (sweep, field, title) => ({
    width: 270,
    height: 200,
    data: { values: values.filter((value) => value.sweep === sweep) },
    mark: { type: "line", point: true, strokeWidth: 1.75 },
    encoding: {
      x: { field: "value", type: "quantitative", title: titles[sweep], axis: { grid: false } },
      y: { field, type: "quantitative", title },
      color: {
        field: "contender",
        type: "nominal",
        title: null,
        sort: names,
        scale: { domain: names, range: colors },
        legend: { orient: "bottom", labelLimit: 320 },
      },
    },
  });
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v5.json",
    description: "Time and peak memory of a step of training against batch and depth.",
    config,
    vconcat: Object.keys(titles)
      .filter((sweep) => values.some((value) => value.sweep === sweep))
      .map((sweep) => ({
        hconcat: [panel(sweep, "milliseconds", "Milliseconds a step"), panel(sweep, "megabytes", "Peak memory, MB")],
      })),
  };
}
