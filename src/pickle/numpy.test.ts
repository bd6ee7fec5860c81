import { describe, expect, it } from "vitest";
import { FileError } from "../errors.js";
import { ByteReader } from "./byte-reader.js";
import { bytesOf, findNumpyGlobal, textOf } from "./numpy.js";
import { readPickle } from "./pickle.js";
import { isObject, type PickleValue } from "./values.js";

function read(bytes: Uint8Array, mostBytes?: number): PickleValue {
  const reader = new ByteReader("batch", "the pickle", (at, n) => bytes.subarray(at, at + n), 0, bytes.length);
  return readPickle(reader, { findGlobal: findNumpyGlobal, mostBytes, hint: "Take the binary version." });
}

/** A uint8 array as Python 2 wrote it, with the text of its bytes and what stands for its dtype. */
function python2(content: string, dtype = "U\x02u1", shape = "K\x02K\x03\x86", order = "\x89"): Buffer {
  const size = String.fromCharCode(content.length);
  const made = "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R";
  const type = `cnumpy\ndtype\n${dtype}K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb`;
  return Buffer.from(`\x80\x02${made}(K\x01${shape}${type}${order}U${size}${content}tb.`, "latin1");
}

describe("arrays of NumPy's", () => {
  // Python 3: pickle.dumps(numpy.array([[0, 128, 255], [1, 2, 3]], "u1"), protocol), by NumPy 1.24.
  it.each([
    [
      2,
      "8002636e756d70792e636f72652e6d756c746961727261790a5f7265636f6e7374727563740a7100636e756d70790a6e6461" +
        "727261790a71014b00857102635f636f646563730a656e636f64650a7103580100000062710458060000006c6174696e3171" +
        "05867106527107877108527109284b014b024b0386710a636e756d70790a64747970650a710b58020000007531710c898887" +
        "710d52710e284b0358010000007c710f4e4e4e4affffffff4affffffff4b0074711062896803580800000000c280c3bf0102" +
        "0371116805867112527113747114622e",
    ],
    [
      4,
      "80049590000000000000008c156e756d70792e636f72652e6d756c74696172726179948c0c5f7265636f6e73747275637494" +
        "93948c056e756d7079948c076e6461727261799493944b0085944301629487945294284b014b024b03869468038c05647479" +
        "70659493948c02753194898887945294284b038c017c944e4e4e4affffffff4affffffff4b007494628943060080ff010203" +
        "947494622e",
    ],
  ])("are read as Python 3 writes them by protocol %s", (_, hex) => {
    const value = read(Buffer.from(hex, "hex"));
    if (!isObject(value, "array")) throw new Error("no array");
    expect(value.state.shape).toEqual([2, 3]);
    expect([...bytesOf(value)]).toEqual([0, 128, 255, 1, 2, 3]);
  });

  it("are read as Python 2 wrote them", () => {
    const value = read(python2("\x00\x80\xff\x01\x02\x03"));
    if (!isObject(value, "array")) throw new Error("no array");
    expect(value.state.shape).toEqual([2, 3]);
    expect([...bytesOf(value)]).toEqual([0, 128, 255, 1, 2, 3]);
  });

  it.each([
    ["of another type", python2("abcdef", "U\x02f8"), /gives numpy\.dtype arguments that it does not take/],
    ["of Python objects", python2("abcdef", "U\x02O8"), /gives numpy\.dtype arguments/],
    ["with fewer bytes than elements", python2("abcde"), /refuses a state of tuple for array/],
    [
      "in Fortran's order",
      python2("abcdef", "U\x02u1", "K\x02K\x03\x86", "\x88"),
      /refuses a state of tuple for array/,
    ],
    ["with a negative side", python2("abcdef", "U\x02u1", "J\xff\xff\xff\xffK\x03\x86"), /refuses a state of tuple/],
    ["of another class", Buffer.from("\x80\x02cos\nsystem\nU\x01x\x85R.", "latin1"), /refuses os\.system/],
    ["with what weights name", Buffer.from("\x80\x02ctorch\nSize\n.", "latin1"), /refuses torch\.Size/],
    ["by JavaScript's names", Buffer.from("\x80\x02cconstructor\nname\n.", "latin1"), /refuses constructor\.name/],
  ])("are refused %s", (_, bytes, message) => {
    expect(() => read(bytes)).toThrow(message);
    expect(() => read(bytes)).toThrow(FileError);
  });

  it("are not for files of weights, which say what to do instead", () => {
    const bytes = python2("abcdef");
    const reader = new ByteReader("net.pt", "data.pkl", (at, n) => bytes.subarray(at, at + n), 0, bytes.length);
    expect(() => readPickle(reader)).toThrow(/refuses numpy\.core\.multiarray\._reconstruct/);
    const refused = Buffer.from("\x80\x02cos\nsystem\n.", "latin1");
    expect(() => read(refused)).toThrow(expect.objectContaining({ hint: "Take the binary version." }));
  });

  it("may be as long as the reader says", () => {
    const bytes = python2("abcdef");
    expect(() => read(bytes, 100)).toThrow(/is longer than the 100 bytes that are read/);
    const long = Buffer.concat([
      Buffer.from("\x80\x02T\xe9\x03\x00\x00", "latin1"),
      Buffer.alloc(1001),
      Buffer.from("."),
    ]);
    expect(() => read(long, 1000)).toThrow(/holds a text or bytes of length 1001/);
    expect(textOf(read(long, 2000))).toHaveLength(1001);
  });
});
