import { createRequire } from "node:module";
import type { Root } from "protobufjs";

/**
 * The part of TensorFlow's protocol buffers that event files of ours hold. Names and numbers are those of
 * `event.proto`, `summary.proto`, `tensor.proto` and `graph.proto`, and of the plugin "hparams" in TensorBoard's
 * repository.
 */
const definitions = `
syntax = "proto3";

message Event {
  double wall_time = 1;
  int64 step = 2;
  oneof what { string file_version = 3; bytes graph_def = 4; Summary summary = 5; SessionLog session_log = 7; }
}
message SessionLog { int32 status = 1; }

message Summary {
  message Image { int32 height = 1; int32 width = 2; int32 colorspace = 3; bytes encoded_image_string = 4; }
  message Value {
    string tag = 1;
    SummaryMetadata metadata = 9;
    oneof value { float simple_value = 2; Image image = 4; HistogramProto histo = 5; TensorProto tensor = 8; }
  }
  repeated Value value = 1;
}
message SummaryMetadata {
  message PluginData { string plugin_name = 1; bytes content = 2; }
  PluginData plugin_data = 1;
}
message HistogramProto {
  double min = 1;
  double max = 2;
  double num = 3;
  double sum = 4;
  double sum_squares = 5;
  repeated double bucket_limit = 6;
  repeated double bucket = 7;
}
message TensorProto { int32 dtype = 1; TensorShapeProto tensor_shape = 2; repeated bytes string_val = 8; }
message TensorShapeProto {
  message Dim { int64 size = 1; }
  repeated Dim dim = 2;
}

message GraphDef { repeated NodeDef node = 1; VersionDef versions = 4; }
message VersionDef { int32 producer = 1; }
message NodeDef {
  string name = 1;
  string op = 2;
  repeated string input = 3;
  string device = 4;
  map<string, AttrValue> attr = 5;
}
message AttrValue {
  message ListValue { repeated int64 i = 3; repeated float f = 4; repeated TensorShapeProto shape = 7; }
  oneof value { ListValue list = 1; bytes s = 2; int64 i = 3; float f = 4; bool b = 5; }
}

message HParamsPluginData {
  oneof data {
    Experiment experiment = 2;
    SessionStartInfo session_start_info = 3;
    SessionEndInfo session_end_info = 4;
  }
}
message Experiment { repeated HParamInfo hparam_infos = 4; repeated MetricInfo metric_infos = 5; }
message HParamInfo { string name = 1; int32 type = 4; }
message MetricInfo {
  message Name { string tag = 2; }
  Name name = 1;
}
message SessionStartInfo {
  message Value { oneof kind { double number_value = 2; string string_value = 3; bool bool_value = 4; } }
  map<string, Value> hparams = 1;
}
message SessionEndInfo { int32 status = 1; }
`;

/** An event: a file's version, a graph, a summary, or that writing begins anew. */
export interface Event {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step?: number;
  readonly fileVersion?: string;
  /** An encoded {@link GraphDef}. */
  readonly graphDef?: Uint8Array;
  readonly summary?: { readonly value: readonly SummaryValue[] };
  readonly sessionLog?: { readonly status: number };
}

/** A tag and what was seen under it: one of the last four, or only metadata. */
export interface SummaryValue {
  readonly tag: string;
  readonly metadata?: { readonly pluginData: { readonly pluginName: string; readonly content?: Uint8Array } };
  readonly simpleValue?: number;
  readonly image?: SummaryImage;
  readonly histo?: Histogram;
  readonly tensor?: {
    readonly dtype: number;
    readonly tensorShape: TensorShape;
    readonly stringVal: readonly Uint8Array[];
  };
}

export interface SummaryImage {
  readonly height: number;
  readonly width: number;
  /** How many channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha. */
  readonly colorspace: number;
  readonly encodedImageString: Uint8Array;
}

/** Numbers that are zero are left out; see {@link unlessZero}. */
export interface Histogram {
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly num: number;
  readonly sum: number | undefined;
  readonly sumSquares: number | undefined;
  /** The right ends of the buckets. */
  readonly bucketLimit: readonly number[];
  readonly bucket: readonly number[];
}

export interface TensorShape {
  readonly dim: readonly { readonly size: number | undefined }[];
}

export interface GraphDef {
  readonly node: readonly NodeDef[];
  readonly versions: { readonly producer: number };
}

export interface NodeDef {
  readonly name: string;
  readonly op: string;
  readonly input: readonly string[];
  readonly device: string;
  readonly attr: Readonly<Record<string, AttributeValue>>;
}

/** One of these. */
export interface AttributeValue {
  readonly s?: Uint8Array;
  readonly i?: number;
  readonly f?: number;
  readonly b?: boolean;
  readonly list?: {
    readonly i?: readonly number[];
    readonly f?: readonly number[];
    readonly shape?: readonly TensorShape[];
  };
}

/** One of these. */
export interface HParamsPluginData {
  readonly experiment?: {
    readonly hparamInfos: readonly { readonly name: string; readonly type: number }[];
    readonly metricInfos: readonly { readonly name: { readonly tag: string } }[];
  };
  readonly sessionStartInfo?: { readonly hparams: Readonly<Record<string, SessionValue>> };
  readonly sessionEndInfo?: { readonly status: number };
}

/** One of these. */
export interface SessionValue {
  readonly numberValue?: number;
  readonly stringValue?: string;
  readonly boolValue?: boolean;
}

/** The messages that are written by themselves; all others are parts of them. */
interface Messages {
  Event: Event;
  GraphDef: GraphDef;
  HParamsPluginData: HParamsPluginData;
}

let root: Root | undefined;

/** A message as bytes. */
export function encode<K extends keyof Messages>(name: K, message: Messages[K]): Uint8Array {
  root ??= parse();
  return root.lookupType(name).encode(message).finish();
}

function parse(): Root {
  // Loaded when something is written: commands that write no events should not wait for it.
  const protobuf: typeof import("protobufjs") = createRequire(import.meta.url)("protobufjs");
  return protobuf.parse(definitions).root;
}

/** A number as proto3 writes it: zero is the default, and defaults are left out. */
export function unlessZero(value: number): number | undefined {
  return value === 0 ? undefined : value;
}
