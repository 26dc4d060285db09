/**
 * Answers that no proxy may pass on as they are: hostile, cut short, or nonsense.
 *
 * `text` is latin1: one character, one byte. The instance ends its connection after it.
 */
import type { FailureReason } from "./call.js";

export interface HostileAnswer {
  readonly name: string;
  readonly text: string;
  /** Named in the proxy's own 502. */
  readonly reason: FailureReason;
  /** The head is in order and was passed: the caller sees an answer that breaks off. */
  readonly isOfBody?: boolean;
}

const OK = "HTTP/1.1 200 OK\r\n";

function cases(reason: FailureReason, list: Readonly<Record<string, string>>): HostileAnswer[] {
  return Object.entries(list).map(([name, text]) => ({ name, text, reason }));
}

const BODIES = cases("answer-body", {
  "a chunk size that is no number": `${OK}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
  "a chunk longer than its size": `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n`,
  "a bare LF after a chunk size": `${OK}Transfer-Encoding: chunked\r\n\r\n2\nab\r\n0\r\n\r\n`,
  "a trailer that is no field": `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\nx\r\n\r\n`,
  "fewer bytes than its length": `${OK}Content-Length: 10\r\n\r\nabc`,
  "chunks without an end": `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n`,
}).map((one) => ({ ...one, isOfBody: true }));

export const HOSTILE_ANSWERS: readonly HostileAnswer[] = [
  ...cases("closed", {
    nothing: "",
    "half a status line": "HTTP/1.1 20",
    "half a header section": `${OK}Content-Le`,
    "hints and then nothing": "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
  }),
  ...cases("answer-head", {
    "another protocol": "220 mail.example ESMTP\r\n\r\n",
    "a version of the future": "HTTP/2.0 200 OK\r\n\r\n",
    "a status of two digits": "HTTP/1.1 20 OK\r\n\r\n",
    "a status of four digits": "HTTP/1.1 2000 OK\r\n\r\n",
    "a status that is no number": "HTTP/1.1 2x0 OK\r\n\r\n",
    "a status of no class": "HTTP/1.1 600 Odd\r\n\r\n",
    "two blanks before the status": "HTTP/1.1  200 OK\r\n\r\n",
    "a bare LF": "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "a bare CR in a value": `${OK}X-A: b\rSet-Cookie: c\r\nContent-Length: 0\r\n\r\n`,
    "NUL in a value": `${OK}X-A: b\u0000\r\nContent-Length: 0\r\n\r\n`,
    "a folded field": `${OK}X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n`,
    "a blank before a colon": `${OK}Content-Length : 0\r\n\r\n`,
    "a field without a colon": `${OK}X-A\r\nContent-Length: 0\r\n\r\n`,
    "hints without end": "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(40),
  }),
  ...cases("answer-framing", {
    "two lengths": `${OK}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde`,
    "the same length twice": `${OK}Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde`,
    "a negative length": `${OK}Content-Length: -5\r\n\r\nabcde`,
    "a length and chunks": `${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    "a coding that is not served": `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    "chunks in HTTP/1.0": "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  }),
  ...cases("answer-size", {
    "a header section above the limit": `${OK}X-A: ${"a".repeat(40_000)}\r\n\r\n`,
    "too many fields": `${OK}${"a: b\r\n".repeat(200)}\r\n`,
  }),
  ...cases("answer-switch", {
    "a switch that nobody asked for":
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nabc",
  }),
  ...BODIES,
];
