/**
 * What `fovea doctor` knows and how it judges it. Facts go in, checks come out: nothing here looks at the machine.
 */

/** The engine as it loaded, or why it did not. */
export type EngineFacts =
  | {
      loaded: true;
      /** libtorch's version. */
      version: string;
      /** The addon's file. */
      addon: string;
      /** Where libtorch lies. */
      libraryPath: string;
      /** Where it came from: `"debian"`, `"LIBTORCH"` or `"python"`; undefined when set-up left no record. */
      source: string | undefined;
      /** The instruction set that its kernels use, e.g. `"AVX2"`. */
      cpuCapability: string;
      /** Who chose it: `"environment"`, `"fovea"` or `"libtorch"`. */
      capabilityChoice: string;
      threads: number;
      /** Whether large tensors lie on huge pages. */
      hugePages: boolean;
      /** The file of the BLAS that multiplies its matrices; undefined where it brings its own. */
      blas: string | undefined;
      /** Whether Fovea's own kernels are on. */
      fused: boolean;
      cuda: { available: boolean; devices: readonly string[]; reason: string | undefined };
    }
  | { loaded: false; message: string; hint: string | undefined };

/** A package: its version, or why it cannot be used. */
export type PackageFacts = { version: string } | { missing: string };

/** What was found on this machine. */
export interface Facts {
  /** Node's version, e.g. `"20.19.0"`. */
  node: string;
  /** What compiles the addon, each with its version line; undefined when there is none. */
  tools: { compiler: string | undefined; cmake: string | undefined; builder: string | undefined };
  engine: EngineFacts;
  /** `cores`: those that this process may use, see `usableCores`. */
  cpu: { model: string; cores: number; avx2: boolean; avx512: boolean };
  /** The environment variables that rule OpenMP's threads, as far as they are set. */
  openMp: Readonly<Record<string, string>>;
  /** Bytes of memory: in all, and not in use. */
  memory: { total: number; free: number };
  /** The addon that reads images; its version tells what it is built with. */
  images: PackageFacts;
  sharp: PackageFacts;
  onnxRuntime: PackageFacts;
}

/**
 * `ok`: there; `optional`: not there, and only some things need it; `warning`: works, but worse than it could;
 * `missing`: Fovea does not work without it.
 */
export type State = "ok" | "optional" | "warning" | "missing";

/** One line of the report. */
export interface Check {
  name: string;
  state: State;
  found: string;
  /** What to do about it. */
  advice?: string;
}

const OLDEST_NODE = 20;
const GIB = 1024 ** 3;
/** Below this, training on images of the usual sizes does not fit. */
const LITTLE_MEMORY = 2 * GIB;
const SETUP = "npm run setup";
/** Where Debian and Ubuntu have netlib's, which is written to be read; other libraries of that name lie in other folders. */
const REFERENCE_BLAS = /\/blas\/libblas\.so/;
const SOURCES: Record<string, string> = {
  debian: "the distribution's",
  LIBTORCH: "named by LIBTORCH",
  python: "Python's",
};

const CHOICES: Record<string, string> = {
  environment: "by ATEN_CPU_CAPABILITY",
  fovea: "asked for by Fovea",
  libtorch: "libtorch's own choice",
};

/** Judges what was found, in the order in which things build on each other. */
export function check(facts: Facts): Check[] {
  return [
    checkNode(facts),
    checkTools(facts),
    checkEngine(facts),
    ...(facts.engine.loaded
      ? [
          checkCapability(facts, facts.engine),
          checkThreads(facts, facts.engine),
          checkAllocator(facts.engine),
          checkMatrixProducts(facts.engine),
          checkKernels(facts.engine),
        ]
      : []),
    checkCuda(facts),
    checkImages(facts),
    checkSharp(facts),
    checkOnnx(facts),
    checkMachine(facts),
  ];
}

/** Whether everything required is there. */
export function isUsable(checks: readonly Check[]): boolean {
  return checks.every(({ state }) => state !== "missing");
}

type Loaded = Extract<EngineFacts, { loaded: true }>;

function checkNode({ node }: Facts): Check {
  const good = Number.parseInt(node, 10) >= OLDEST_NODE;
  return good
    ? { name: "Node", state: "ok", found: node }
    : {
        name: "Node",
        state: "missing",
        found: node,
        advice: `Install Node ${OLDEST_NODE} or newer: https://nodejs.org`,
      };
}

function checkTools({ tools, engine }: Facts): Check {
  const name = "Build tools";
  const wanted = { "a C++ compiler": tools.compiler, cmake: tools.cmake, "ninja or make": tools.builder };
  const missing = Object.entries(wanted).flatMap(([tool, version]) => (version === undefined ? [tool] : []));
  if (missing.length === 0) return { name, state: "ok", found: Object.values(wanted).join(", ") };
  const found = `missing: ${missing.join(", ")}`;
  return engine.loaded
    ? { name, state: "optional", found: `${found} (the engine is built already)` }
    : { name, state: "missing", found, advice: `${SETUP}   (installs them on Debian and Ubuntu)` };
}

function checkEngine({ engine }: Facts): Check {
  const name = "libtorch";
  if (!engine.loaded) return { name, state: "missing", found: engine.message, advice: engine.hint ?? SETUP };
  const source = engine.source === undefined ? undefined : (SOURCES[engine.source] ?? engine.source);
  const where = [...(source === undefined ? [] : [source]), engine.libraryPath].join(", ");
  return { name, state: "ok", found: `${engine.version} (${where}), addon ${engine.addon}` };
}

function checkCapability({ cpu }: Facts, { cpuCapability, capabilityChoice }: Loaded): Check {
  const name = "CPU capability";
  const uses = cpuCapability.toUpperCase().replace(/[^A-Z0-9]/g, "");
  const found = `${cpuCapability} (${CHOICES[capabilityChoice] ?? capabilityChoice})`;
  if (cpu.avx512 && uses !== "AVX512") {
    const advice =
      capabilityChoice === "environment"
        ? "The processor has AVX-512 too: without ATEN_CPU_CAPABILITY, Fovea asks for it"
        : "The processor has AVX-512 too, and this libtorch has no kernels for it";
    return { name, state: uses === "AVX2" ? "ok" : "warning", found, advice };
  }
  if (cpu.avx2 && uses !== "AVX512" && uses !== "AVX2") {
    const advice =
      "The processor has AVX2, and libtorch does not use it: unset ATEN_CPU_CAPABILITY, or use another build";
    return { name, state: "warning", found, advice };
  }
  return { name, state: "ok", found };
}

function checkThreads({ cpu, openMp }: Facts, { threads }: Loaded): Check {
  const set = Object.entries(openMp).map(([variable, value]) => `${variable}=${value}`);
  const how = set.length > 0 ? set.join(", ") : "placed by the system, waiting by spinning";
  const found = `${threads} on ${cpu.cores} ${cpu.cores === 1 ? "core" : "cores"} (${how})`;
  const name = "Threads";
  if (threads < cpu.cores) {
    const advice = "Cores stay idle: is OMP_NUM_THREADS set? Unset it to use them all";
    return { name, state: "warning", found, advice };
  }
  if (threads > cpu.cores) {
    const advice = "More threads than cores wait for each other: is OMP_NUM_THREADS set? Unset it to use one a core";
    return { name, state: "warning", found, advice };
  }
  return { name, state: "ok", found };
}

function checkAllocator({ hugePages }: Loaded): Check {
  const name = "Memory of tensors";
  return hugePages
    ? { name, state: "ok", found: "cached, on huge pages" }
    : {
        name,
        state: "warning",
        found: "cached, without huge pages",
        advice:
          "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled   (as root; the first steps are faster then)",
      };
}

function checkMatrixProducts({ blas }: Loaded): Check {
  const name = "Matrix products";
  if (blas === undefined) return { name, state: "ok", found: "libtorch's own" };
  return REFERENCE_BLAS.test(blas)
    ? {
        name,
        state: "warning",
        found: `the reference BLAS (${blas})`,
        advice: "apt install libopenblas0-openmp   (as root; linear layers are many times as fast with it)",
      }
    : { name, state: "ok", found: blas };
}

function checkKernels({ fused }: Loaded): Check {
  const name = "Own kernels";
  return fused
    ? { name, state: "ok", found: "on" }
    : {
        name,
        state: "warning",
        found: "off: FOVEA_FUSED=0",
        advice: "Unset FOVEA_FUSED: training is faster with them",
      };
}

function checkCuda({ engine }: Facts): Check {
  const name = "CUDA";
  if (!engine.loaded) return { name, state: "optional", found: "unknown until the engine is built" };
  const { available, devices, reason } = engine.cuda;
  if (!available) return { name, state: "optional", found: `none: ${reason ?? "no device"}` };
  return {
    name,
    state: "ok",
    found: devices.map((device, i) => (device === `cuda:${i}` ? device : `cuda:${i} ${device}`)).join(", "),
  };
}

function checkImages({ images }: Facts): Check {
  return "version" in images
    ? { name: "Images addon", state: "ok", found: images.version }
    : { name: "Images addon", state: "missing", found: images.missing, advice: SETUP };
}

function checkSharp({ sharp }: Facts): Check {
  return "version" in sharp
    ? { name: "sharp", state: "ok", found: sharp.version }
    : {
        name: "sharp",
        state: "missing",
        found: sharp.missing,
        advice: `${SETUP}   (WebP and TIFF images cannot be read without it)`,
      };
}

function checkOnnx({ onnxRuntime }: Facts): Check {
  const name = "ONNX Runtime";
  if ("version" in onnxRuntime) return { name, state: "ok", found: onnxRuntime.version };
  const advice =
    "npm install --ignore-scripts onnxruntime-node   (to run exported networks; training does not need it)";
  return { name, state: "optional", found: onnxRuntime.missing, advice };
}

function checkMachine({ cpu, memory }: Facts): Check {
  const gib = (bytes: number) => `${(bytes / GIB).toFixed(1)} GiB`;
  const found = `${cpu.model}, ${cpu.cores} ${cpu.cores === 1 ? "core" : "cores"}, ${gib(memory.total)} memory (${gib(memory.free)} free)`;
  return memory.total < LITTLE_MEMORY
    ? { name: "Machine", state: "warning", found, advice: "Little memory: train with a small --batch" }
    : { name: "Machine", state: "ok", found };
}
