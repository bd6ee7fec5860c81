import { FileError } from "../errors.js";

/** Bytes fetched at once. */
const chunk = 1 << 16;

/** Reads bytes one after the other from anything that gives ranges of bytes. */
export class ByteReader {
  readonly #path: string;
  readonly #what: string;
  readonly #fetch: (at: number, length: number) => Uint8Array;
  readonly #end: number;
  #bytes: Uint8Array = new Uint8Array();
  #view = new DataView(this.#bytes.buffer);
  #start: number;
  #next = 0;

  /**
   * @param what the thing that is read, for messages: "data.pkl"
   * @param fetch gives bytes of it, all that are asked for
   */
  constructor(
    path: string,
    what: string,
    fetch: (at: number, length: number) => Uint8Array,
    from: number,
    end: number,
  ) {
    this.#path = path;
    this.#what = what;
    this.#fetch = fetch;
    this.#start = from;
    this.#end = end;
  }

  /** Where the next byte lies. */
  get position(): number {
    return this.#start + this.#next;
  }

  uint8(): number {
    const at = this.#advance(1);
    return this.#view.getUint8(at);
  }

  uint16(): number {
    const at = this.#advance(2);
    return this.#view.getUint16(at, true);
  }

  int32(): number {
    const at = this.#advance(4);
    return this.#view.getInt32(at, true);
  }

  uint32(): number {
    const at = this.#advance(4);
    return this.#view.getUint32(at, true);
  }

  /** A whole number of 8 bytes; beyond 2^53 it is inexact, which no size or offset can be. */
  uint64(): number {
    const at = this.#advance(8);
    return Number(this.#view.getBigUint64(at, true));
  }

  /** Big-endian, as Python's pickle writes it. */
  float64(): number {
    const at = this.#advance(8);
    return this.#view.getFloat64(at, false);
  }

  /** A copy of the next bytes. */
  take(length: number): Uint8Array {
    const at = this.#advance(length);
    return new Uint8Array(this.#bytes.subarray(at, at + length));
  }

  text(length: number, encoding: "utf-8" | "latin1"): string {
    const at = this.#advance(length);
    const bytes = this.#bytes.subarray(at, at + length);
    if (encoding === "latin1") return Buffer.from(bytes).toString("latin1");
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw this.error("holds a text that is not UTF-8");
    }
  }

  /** Text up to the next line feed, of at most 1,000 bytes. */
  line(): string {
    const bytes: number[] = [];
    for (let byte = this.uint8(); byte !== 0x0a; byte = this.uint8()) {
      if (bytes.push(byte) > 1000) throw this.error("holds a name without an end");
    }
    return Buffer.from(bytes).toString("utf8");
  }

  /** An error that tells where in the file it happened. */
  error(message: string, hint?: string): FileError {
    return new FileError(this.#path, `${this.#what}, before byte ${this.position}, ${message}`, { hint });
  }

  /** Makes the next bytes available. @returns where they lie in the buffer */
  #advance(length: number): number {
    if (this.#next + length > this.#bytes.length) this.#fill(length);
    const at = this.#next;
    this.#next += length;
    return at;
  }

  #fill(length: number): void {
    const { position } = this;
    if (position + length > this.#end) throw this.error(`is cut off: it ends at byte ${this.#end}`);
    this.#bytes = this.#fetch(position, Math.min(Math.max(length, chunk), this.#end - position));
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
    this.#start = position;
    this.#next = 0;
  }
}
