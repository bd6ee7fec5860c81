import { describe, expect, it } from "vitest";
import { bytes, count, duration, exactPercent, milliseconds, percent, shortCount } from "./format.js";

it.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.0 KiB"],
  [1536, "1.5 KiB"],
  [1024 ** 2 - 1, "1.0 MiB"],
  [21_154_192, "20.2 MiB"],
  [1.5 * 1024 ** 3, "1.5 GiB"],
  [3 * 1024 ** 4, "3.0 TiB"],
  [5000 * 1024 ** 4, "5000.0 TiB"],
])("%d bytes are %s", (value, text) => {
  expect(bytes(value)).toBe(text);
});

it.each([
  [0, "0"],
  [999, "999"],
  [5_288_548, "5,288,548"],
])("%d is written %s", (value, text) => {
  expect(count(value)).toBe(text);
});

it.each([
  [0, "0"],
  [999, "999"],
  [1000, "1.00 k"],
  [40_813_184, "40.8 M"],
  [386_000_000, "386 M"],
  [999_499, "999 k"],
  [999_500, "1.00 M"],
  [127_518e6, "128 G"],
  [5e15, "5000 T"],
])("%d is %s in short", (value, text) => {
  expect(shortCount(value)).toBe(text);
});

it.each([
  [0.0412, "0.0412 ms"],
  [12.345, "12.3 ms"],
  [999.4, "999 ms"],
  [999.6, "1.00 s"],
  [83_456, "83.5 s"],
  [2_500_000, "2500 s"],
])("%d milliseconds are %s", (value, text) => {
  expect(milliseconds(value)).toBe(text);
});

it.each([
  [0, "0s"],
  [-3, "0s"],
  [59.4, "59s"],
  [59.6, "1m 0s"],
  [75, "1m 15s"],
  [3599, "59m 59s"],
  [3600, "1h 0m"],
  [90_061, "25h 1m"],
])("%d seconds are %s", (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

describe("shares", () => {
  it("have one digit, or two where single images of ten thousand count", () => {
    expect([percent(0.9106), exactPercent(0.9106), exactPercent(0.897)]).toEqual(["91.1 %", "91.06 %", "89.70 %"]);
    expect([percent(Number.NaN), exactPercent(Number.NaN)]).toEqual(["–", "–"]);
  });
});
