import { SingleBar } from "cli-progress";
import pc from "picocolors";
import { duration, percent } from "../report/index.js";
import type { Callback, EpochRecord } from "../train/index.js";

/** Redrawn at most so often: a bar must not slow the training down. */
const framesPerSecond = 10;
const [leastWidth, mostWidth] = [8, 24];

/**
 * A bar on a terminal, nothing elsewhere: progress of something that has a known length, or of several such things one after
 * the other. While it is there, Ctrl-C ends the process.
 */
export function progressBar(label: string): { update(done: number, total: number): void; stop(): void } {
  const interrupt = () => process.exit(130);
  let bar: Bar | undefined;
  const stop = () => {
    bar?.stop();
    bar = undefined;
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  };
  return {
    update(done, total) {
      if (bar) bar.update(done, "");
      else if (process.stdout.isTTY) {
        bar = drawBar(label, total, done, "");
        process.on("SIGINT", interrupt);
        process.on("SIGTERM", interrupt);
      }
      if (done >= total) stop();
    },
    stop,
  };
}

/** {@link progressBar} of bytes that come from the network. */
export function downloadBar(what = ""): ReturnType<typeof progressBar> {
  const { update, stop } = progressBar(`downloading ${what ? `${what} ` : ""}(MiB)`);
  const whole = (bytes: number) => Math.ceil(bytes / 2 ** 20);
  return { update: (done, total) => update(whole(done), whole(total)), stop };
}

/**
 * A bar with rate and time left while an epoch runs, and a line when it is over; only the lines when piped.
 *
 * `close` takes the bar away for good. To be called when training ends, also by an error: a bar keeps the process alive.
 */
export function trainingProgress(): Callback & { close(): void } {
  let bar: Bar | undefined;
  let closed = false;
  let last = 0;
  let epochs = 0;
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    onTrainEpochStart(_, total) {
      epochs = total;
    },
    onTrainBatchEnd({ epoch, step, steps, loss, accuracy, images, imagesPerSecond }) {
      if (closed || !process.stdout.isTTY) return;
      const now = performance.now();
      if (bar && now - last < 1000 / framesPerSecond && step < steps) return;
      last = now;
      const left = ((images / step) * (steps - step)) / imagesPerSecond;
      const facts = [
        `loss ${loss.toFixed(4)}`,
        `acc ${percent(accuracy)}`,
        `${imagesPerSecond.toFixed(0)} images/s`,
        `${duration(left)} left`,
      ].join("  ");
      if (bar) bar.update(step, facts);
      else bar = drawBar(`epoch ${epoch}/${epochs}`, steps, step, facts);
    },
    onValidationStart: stop,
    onTrainEpochEnd: (record) => console.log(epochLine(record, epochs)),
    close() {
      closed = true;
      stop();
    },
  };
}

/** What an epoch came to, in fewer words where the terminal is too narrow for all. */
function epochLine({ epoch, train, validation, seconds, imagesPerSecond }: EpochRecord, epochs: number): string {
  const name = `epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}`;
  const part = (title: string, { loss, accuracy }: EpochRecord["train"], [a, b]: readonly [string, string]) =>
    `${title}${a}${loss.toFixed(4)}${b}${percent(accuracy)}`;
  const facts = (validationTitle: string, words: readonly [string, string], more: readonly string[]) =>
    [
      part("train", train, words),
      `${part(validationTitle, validation, words)} balanced ${percent(validation.balancedAccuracy)}`,
      ...more,
      duration(seconds),
    ].join(" | ");
  const long = facts("validation", [" loss ", " acc "], [`${imagesPerSecond.toFixed(0)} images/s`]);
  const narrow = process.stdout.isTTY && `${name} | ${long}`.length > process.stdout.columns;
  return `${pc.bold(name)} | ${narrow ? facts("val", [" ", " "], []) : long}`;
}

interface Bar {
  update(done: number, facts: string): void;
  stop(): void;
}

/** Draws a bar as wide as the terminal leaves room for beside the facts. It is gone after `stop`, or at exit. */
function drawBar(label: string, total: number, done: number, facts: string): Bar {
  const texts = label.length + 2 * String(total).length + facts.length;
  // Some columns more: the facts grow by a digit or two on the way.
  const room = (process.stdout.columns ?? 80) - texts - 12;
  const bar = new SingleBar({
    format: `${label} {bar} {value}/{total}  {facts}`,
    stream: process.stdout,
    barsize: Math.min(Math.max(room, leastWidth), mostWidth),
    barCompleteChar: "█",
    barIncompleteChar: "░",
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    fps: framesPerSecond,
  });
  const stop = () => {
    bar.stop();
    process.off("exit", stop);
  };
  // A process that ends while the bar is there would leave the terminal without a cursor.
  process.on("exit", stop);
  bar.start(total, done, { facts });
  return { update: (value, text) => bar.update(value, { facts: text }), stop };
}
