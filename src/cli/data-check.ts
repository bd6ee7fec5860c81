import type { Command } from "commander";
import pc from "picocolors";
import { type CheckedImage, type CheckReport, checkDataset, type PartName, type SamePicture } from "../data/index.js";
import { count, printable } from "../report/index.js";
import { addDataOptions, type DataOptions, openSource, sourceHelp } from "./data-options.js";
import { progressBar } from "./progress.js";

interface Options extends DataOptions {
  transformed?: true;
  strict?: true;
  json?: true;
}

/** Something found: a line that says what, and lines below it, of which the first are shown. */
interface Finding {
  readonly text: string;
  readonly details: readonly (readonly string[])[];
}

const mostDetails = 10;

export function registerDataCheck(data: Command): void {
  const command = data
    .command("check")
    .description("Read every image, and tell which are damaged, double, in two parts, or of no use.")
    .argument("<source>", sourceHelp);
  addDataOptions(command)
    .option("--transformed", "find the same picture also where it is turned by quarters or flipped")
    .option("--strict", "warnings fail too")
    .option("--json", "print JSON, with everything that was found")
    .addHelpText(
      "after",
      `
Errors are images that cannot be read, pictures in more than one part, and groups in more than one
part. A picture is known again when it was rescaled or recompressed. Copies within a part, one
picture under two classes, rare classes and images that show nothing are warnings.

The exit code is 1 when there are errors, with --strict also when there are warnings.

Examples:
  $ fovea data check ../nuclei
  $ fovea data check photos --transformed --strict
  $ fovea data check cifar10 --json`,
    )
    .action(async (source: string, options: Options) => {
      const opened = await openSource(source, options, "skip");
      const reading = progressBar("reading images");
      const report = await checkDataset(opened, {
        transformed: options.transformed,
        onProgress: reading.update,
      }).finally(reading.stop);
      const errors = errorsIn(report);
      const warnings = warningsIn(report);
      const numbers = { errors: total(errors), warnings: total(warnings) };
      if (options.json) console.log(JSON.stringify({ source, ...numbers, ...report }, null, 2));
      else console.log([heading(report), ...section("Errors", errors), ...section("Warnings", warnings)].join("\n"));
      if (errors.length > 0 || (options.strict && warnings.length > 0)) process.exitCode = 1;
    });
}

function heading({ images, unreadable, ...rest }: CheckReport): string {
  const parts = Object.entries(images).map(([part, number]) => `${count(number)} ${part}`);
  const clean = unreadable.length === 0 && Object.values(rest).every((found) => found.length === 0);
  return `Checked ${parts.join(", ")}${clean ? ": nothing was found." : "."}`;
}

/** Things found, not lines: three unreadable images are three errors. */
function total(findings: readonly Finding[]): number {
  return findings.reduce((sum, { details }) => sum + details.length, 0);
}

function errorsIn({ unreadable, samePictures, divided }: CheckReport): Finding[] {
  const leaks = samePictures.filter((picture) => picture.leaks);
  return present([
    {
      text: `${several(unreadable.length, "image")} cannot be read`,
      details: unreadable.map(({ part, name, reason }) => [`${place(part, name)}: ${reason}`]),
    },
    {
      text: `${several(leaks.length, "picture")} in more than one part`,
      details: leaks.map(pictureLines),
    },
    {
      text: `${several(divided.length, "group")} in more than one part`,
      details: divided.map(({ group, images }) => [
        `${group}: ${Object.entries(images)
          .map(([part, number]) => `${count(number)} ${part}`)
          .join(", ")}`,
      ]),
    },
  ]);
}

function warningsIn({ samePictures, classes, flat, tiny }: CheckReport): Finding[] {
  const contradictions = samePictures.filter((picture) => picture.contradicts);
  const copies = samePictures.filter((picture) => !picture.leaks && !picture.contradicts);
  return present([
    {
      text: `${several(contradictions.length, "picture")} with more than one class`,
      details: contradictions.map(pictureLines),
    },
    { text: `${several(copies.length, "picture")} more than once in a part`, details: copies.map(pictureLines) },
    { text: "Classes", details: classes.map((problem) => [problem]) },
    { text: `${several(flat.length, "image")} of a single colour`, details: flat.map((image) => [imageLine(image)]) },
    {
      text: `${several(tiny.length, "image")} with hardly any pixels`,
      details: tiny.map((image) => [`${imageLine(image)}: ${image.width}x${image.height}`]),
    },
  ]);
}

function present(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ details }) => details.length > 0);
}

/** The first image, and below it those that are like it. */
function pictureLines({ images }: SamePicture): string[] {
  const [first, ...others] = images;
  if (!first) return [];
  const shown = others.slice(0, mostDetails).map((image) => `  ${imageLine(image)}: ${image.likeness}`);
  const more = others.length - shown.length;
  return [imageLine(first), ...shown, ...(more > 0 ? [`  … and ${count(more)} more`] : [])];
}

function imageLine({ part, name, class: label }: CheckedImage): string {
  return `${place(part, name)}${label === null ? "" : ` (${label})`}`;
}

/** The name with its part, which the names of files often tell already. */
function place(part: PartName | null, name: string): string {
  return part === null || name.startsWith(`${part}/`) ? name : `${part}: ${name}`;
}

function section(title: string, findings: readonly Finding[]): string[] {
  if (findings.length === 0) return [];
  const colour = title === "Errors" ? pc.red : pc.yellow;
  const lines = findings.flatMap(({ text, details }) => {
    const more = details.length - mostDetails;
    return [
      `  ${text}`,
      ...details
        .slice(0, mostDetails)
        .flat()
        .map((line) => `    ${printable(line)}`),
      ...(more > 0 ? [`    … and ${count(more)} more; --json lists all`] : []),
    ];
  });
  return ["", pc.bold(colour(title)), ...lines];
}

function several(number: number, what: string): string {
  return `${count(number)} ${what}${number === 1 ? "" : "s"}`;
}
