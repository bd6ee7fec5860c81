import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const run = promisify(execFile);
/** Milliseconds after which a process that says nothing is given up: compiling a network may take minutes. */
const SILENCE = 600_000;

/** Takes each sample in a process of its own, which prints one line: `{ …about, results: { row: number } }`. */
class OneShot {
  constructor([command, ...args], env) {
    this.sample = async () => {
      const { stdout } = await run(command, args, { env, maxBuffer: 2 ** 26 });
      const { results, ...about } = JSON.parse(stdout);
      return { about, results };
    };
  }

  close() {}
}

/**
 * A process that stands ready: it starts, compiles and warms up once, prints a line about itself, and then takes a sample for every line
 * that it reads and prints `{ results: { row: number } }`. It ends with its input.
 */
class Standing {
  #child;
  #lines;
  #complaints = "";
  #about;

  constructor([command, ...args], env) {
    this.#child = spawn(command, args, { env, stdio: ["pipe", "pipe", "pipe"] });
    // A process that is gone is noticed by the end of its output.
    this.#child.on("error", (error) => {
      this.#complaints += error.message;
    });
    this.#child.stdin.on("error", () => {});
    this.#child.stderr.on("data", (text) => {
      this.#complaints = `${this.#complaints}${text}`.slice(-20_000);
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async sample() {
    this.#about ??= await this.#next();
    this.#child.stdin.write("sample\n");
    const { results } = await this.#next();
    return { about: this.#about, results };
  }

  /** Starts, compiles, warms up: what is not to be timed. */
  async prepare() {
    this.#about ??= await this.#next();
  }

  async close() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined) return;
    this.#child.kill();
    await once(this.#child, "exit");
  }

  async #next() {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), SILENCE);
    try {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(this.#reason());
      return JSON.parse(value);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The line of what it wrote to stderr that says most. */
  #reason() {
    const lines = this.#complaints.split("\n").filter((line) => line.trim() !== "");
    const error = lines.findLast((line) => /^(\w+\.)*\w*(Error|Exception)\b/.test(line));
    return (error ?? lines.at(-1) ?? "it ended without a word").trim().slice(0, 300);
  }
}

/**
 * @param given a command line, or `{ command, env, standing }`: variables of its own, and whether one process takes all samples
 * @param env what all contenders have
 */
export function open(given, env) {
  const { command, env: own = {}, standing = false } = Array.isArray(given) ? { command: given } : given;
  return new (standing ? Standing : OneShot)(command, { ...env, ...own });
}
