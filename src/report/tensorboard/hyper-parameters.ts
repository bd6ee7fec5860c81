import { encode, type HParamsPluginData, type SessionValue, type SummaryValue } from "./schema.js";

/** What a run was made with. */
export type HyperParameters = Readonly<Record<string, string | number | boolean>>;

/** `DataType` of the plugin's `api.proto`. */
const typeNumbers = { string: 1, boolean: 2, number: 3 } as const;
/** `STATUS_SUCCESS` of the plugin's `api.proto`. */
const success = 1;

/**
 * What the plugin "hparams" reads of a run when it begins: which columns there are, then the run's values.
 *
 * @param metrics tags of the scalars that the run is judged by
 */
export function sessionStart(values: HyperParameters, metrics: readonly string[]): SummaryValue[] {
  const entries = Object.entries(values).map(([name, value]) => ({ name, type: kindOf(value), value }));
  return [
    pluginValue("_hparams_/experiment", {
      experiment: {
        hparamInfos: entries.map(({ name, type }) => ({ name, type: typeNumbers[type] })),
        metricInfos: metrics.map((tag) => ({ name: { tag } })),
      },
    }),
    pluginValue("_hparams_/session_start_info", {
      sessionStartInfo: { hparams: Object.fromEntries(entries.map(({ name, value }) => [name, sessionValue(value)])) },
    }),
  ];
}

/** And that it came to its end. */
export function sessionEnd(): SummaryValue {
  return pluginValue("_hparams_/session_end_info", { sessionEndInfo: { status: success } });
}

function pluginValue(tag: string, data: HParamsPluginData): SummaryValue {
  return { tag, metadata: { pluginData: { pluginName: "hparams", content: encode("HParamsPluginData", data) } } };
}

function kindOf(value: string | number | boolean): keyof typeof typeNumbers {
  if (typeof value === "string") return "string";
  return typeof value === "number" ? "number" : "boolean";
}

function sessionValue(value: string | number | boolean): SessionValue {
  if (typeof value === "string") return { stringValue: value };
  return typeof value === "number" ? { numberValue: value } : { boolValue: value };
}
