/**
 * What went wrong, in a form that a caller can branch on (`code`) and a person can act on (`message`, `hint`).
 *
 * Every error that this package throws on purpose is one of these. The command line prints the message and the hint,
 * never a stack trace.
 */
export class FoveaError extends Error {
  /** Stable identifier, e.g. `"SHAPE"`; the message may change between versions, the code does not. */
  readonly code: string;
  /** What to do about it, where the message alone does not say. */
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = options.hint;
  }
}

/** Shapes that do not fit an operator or a layer. */
export class ShapeError extends FoveaError {
  constructor(message: string, hint?: string) {
    super("SHAPE", message, { hint });
  }
}

/** An argument outside its range, or of the wrong kind. */
export class ArgumentError extends FoveaError {
  constructor(message: string, hint?: string) {
    super("ARGUMENT", message, { hint });
  }
}

/** A file that cannot be read, written or understood. */
export class FileError extends FoveaError {
  /** The file in question. */
  readonly path: string;

  /** @param options.place where in the file, as `path:line:column`, in place of `path` in the message */
  constructor(path: string, message: string, options: { hint?: string; cause?: unknown; place?: string } = {}) {
    super("FILE", `${options.place ?? path}: ${message}`, options);
    this.path = path;
  }
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
