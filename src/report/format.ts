/** `0.912` as `91.2 %`; a dash for NaN. */
export function percent(share: number): string {
  return fixedPercent(share, 1);
}

/** `0.8970` as `89.70 %`: every image of 10,000 counts. A dash for NaN. */
export function exactPercent(share: number): string {
  return fixedPercent(share, 2);
}

/** 5,288,548 */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** In thousands, millions or billions, three digits of it: 5288548 as `5.29 M`, 386000000 as `386 M`. */
export function shortCount(value: number): string {
  const units = ["", " k", " M", " G", " T"];
  let power = 0;
  // Compared as it will be shown: 999.6 k would come out as 1000 k.
  while (power < units.length - 1 && Number((value / 1000 ** power).toPrecision(3)) >= 1000) power++;
  if (power === 0) return count(value);
  const scaled = Number((value / 1000 ** power).toPrecision(3));
  return `${scaled >= 1000 ? scaled : scaled.toPrecision(3)}${units[power]}`;
}

/** 20.2 MiB */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let power = 0;
  // Compared as it will be shown: 1023.97 KiB would come out as 1024.0 KiB.
  while (power < units.length - 1 && rounded(value, power) >= 1024) power++;
  return `${rounded(value, power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

/** Three digits of a time: 0.412 ms, 12.3 ms, 1.25 s. */
export function milliseconds(value: number): string {
  if (value >= 999.5) return `${threeDigits(value / 1000)} s`;
  return `${threeDigits(value)} ms`;
}

/** Of seconds: 75 is `1m 15s`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole}s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes}m ${whole % 60}s` : `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}

function threeDigits(value: number): string {
  return value >= 1000 ? value.toFixed(0) : value.toPrecision(3);
}

function rounded(value: number, power: number): number {
  return Math.round((10 * value) / 1024 ** power) / 10;
}

function fixedPercent(share: number, digits: number): string {
  return Number.isNaN(share) ? "–" : `${(100 * share).toFixed(digits)} %`;
}
