import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";

/** A server on this machine, with what it was asked for. */
export interface FileServer extends AsyncDisposable {
  /** With the slash at the end. */
  readonly url: string;
  /** The headers of every request, oldest first. */
  readonly requests: IncomingMessage["headers"][];
  close(): Promise<void>;
}

export async function serve(answer: RequestListener): Promise<FileServer> {
  const requests: IncomingMessage["headers"][] = [];
  const server = createServer((request, response) => {
    requests.push(request.headers);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${address.port}/`, requests, close, [Symbol.asyncDispose]: close };
}

export interface Sending {
  /** With its quotes; default one by the content. Null sends none. */
  etag?: string | null;
  /** Cuts the connection after so many bytes of this answer. */
  cutAfter?: number;
  /** Sends so many bytes of this answer, and then no more. */
  stallAfter?: number;
  /** Knows no ranges. */
  whole?: true;
}

/** Sends a file as servers of files do, ranges and If-Range included (RFC 9110). */
export function send(
  request: IncomingMessage,
  response: ServerResponse,
  body: Uint8Array,
  options: Sending = {},
): void {
  const { etag = `"${sha256(body).slice(0, 32)}"`, cutAfter, stallAfter, whole } = options;
  const { range, "if-range": condition } = request.headers;
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
  const partly = !whole && from > 0 && (condition === undefined || condition === etag);
  const headers: Record<string, string | number> = etag === null ? {} : { etag };
  if (partly && from >= body.length) {
    response.writeHead(416, { ...headers, "content-range": `bytes */${body.length}` }).end();
    return;
  }
  const rest = partly ? body.subarray(from) : body;
  headers["content-length"] = rest.length;
  if (partly) headers["content-range"] = `bytes ${from}-${body.length - 1}/${body.length}`;
  response.writeHead(partly ? 206 : 200, headers);
  const stop = cutAfter ?? stallAfter;
  if (stop === undefined) response.end(rest);
  else {
    response.write(rest.subarray(0, stop));
    // Later, since a client drops what it has received and not read when the connection breaks.
    if (cutAfter !== undefined) setTimeout(() => response.destroy(), 200);
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
