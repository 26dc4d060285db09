/** The proxy's readers of HTTP/1.1: whatever comes is read or refused, the same at every cut. */
import type { Random } from "@fpzk/core";
import { HOSTILE_ANSWERS } from "../../../proxy/dist/hostile-answers.fixture.js";
import { HOSTILE_REQUESTS } from "../../../proxy/dist/hostile-requests.fixture.js";
import { isAnswerFault, readAnswerHead } from "../../../proxy/dist/http1/answer-head.js";
import { BodyReader, MORE, REFUSED } from "../../../proxy/dist/http1/body-reader.js";
import { fieldsFault } from "../../../proxy/dist/http1/characters.js";
import { HeadReader } from "../../../proxy/dist/http1/head-reader.js";
import { isRefusal, readRequestHead } from "../../../proxy/dist/http1/request-head.js";
import { type Target, Violation } from "../engine/target.js";

const LIMITS = { headerMaxBytes: 4_096, headerCountMax: 32 };
const MESSAGE_MAX_BYTES = 8 * 1024;
const COVERS = ["packages/proxy/dist/http1/"];

/** How the body after a head ends: by a length, by chunks (undefined), or with the connection. */
type Ending = number | undefined | "close";
/** Reads a head; the text says all that was read of it. */
type ReadHead = (line: string, fields: readonly string[]) => { text: string; ending?: Ending };

function readRequest(line: string, fields: readonly string[]): { text: string; ending?: Ending } {
  const head = readRequestHead(line, fields);
  if (isRefusal(head)) return { text: `${head.reason} ${head.problem.statusCode}` };
  if (!head.path.startsWith("/") && head.path !== "*" && head.method !== "CONNECT") {
    throw new Violation(`the path is ${head.path}`);
  }
  return { text: JSON.stringify(head), ending: head.bodyBytes };
}

function readAnswer(line: string, fields: readonly string[]): { text: string; ending?: Ending } {
  const head = readAnswerHead(line, fields, "GET");
  if (isAnswerFault(head)) return { text: head.fault };
  const ending = head.framing === "close" ? "close" : head.bodyBytes;
  return { text: JSON.stringify(head), ending };
}

/** Reads one message from pieces; everything that was learned of it, as one text. */
function outcomeOf(pieces: readonly Buffer[], readHead: ReadHead): string {
  const reader = new HeadReader(LIMITS, true);
  let bodyText = "";
  let headText: string | undefined;
  const body = new BodyReader(LIMITS, (piece) => {
    bodyText += piece.toString("latin1");
  });
  for (const piece of pieces) {
    let at = 0;
    if (headText === undefined) {
      at = reader.read(piece, 0);
      if (at === MORE) continue;
      if (at === REFUSED) return `refused: ${reader.fault}`;
      const fields = reader.fields();
      const fault = fieldsFault(fields);
      if (fault !== undefined) throw new Violation(`a field was let in: ${fault}`);
      const head = readHead(reader.firstLine, fields);
      headText = head.text;
      if (!("ending" in head)) return headText;
      if (head.ending === undefined) body.beginChunked();
      else if (head.ending === "close") body.beginUntilClose();
      else body.beginLength(head.ending);
    }
    const end = body.read(piece, at);
    if (end === REFUSED) return `${headText} ${bodyText} refused: ${body.fault}`;
    if (end !== MORE) return `${headText} ${bodyText} ${body.trailers.join()} whole`;
  }
  return `${headText ?? ""} ${bodyText} more`;
}

function target(name: string, readHead: ReadHead, seeds: (random: Random) => Buffer[]): Target {
  return {
    name,
    form: "text",
    seeds,
    words: [
      ...["\r\n", "\r\n\r\n", "\n", "\r", "\u0000", ": ", " : ", "\r\n ", "Content-Length: ", "0x"],
      ...["Transfer-Encoding: chunked", "chunked", "Host: x\r\n", "0\r\n\r\n", ";a=b", "HTTP/1.0"],
      ...[
        "Connection: close, ",
        "Upgrade: x",
        "Expect: 100-continue",
        "ffffffff",
        "GET / HTTP/1.1",
      ],
    ],
    run: (input) => {
      const bytes = Buffer.from(input);
      const whole = outcomeOf([bytes], readHead);
      const single = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1));
      if (outcomeOf(single, readHead) !== whole) throw new Violation("a cut changes what is read");
    },
    covers: COVERS,
    maxBytes: MESSAGE_MAX_BYTES,
  };
}

const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1").subarray(0, 1_024);

export const HTTP1_TARGETS: readonly Target[] = [
  target("http1-request", readRequest, () => [
    bytesOf("GET /a?b HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n"),
    bytesOf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"),
    bytesOf(
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nA: b\r\n\r\n",
    ),
    ...HOSTILE_REQUESTS.map(({ text }) => bytesOf(text)),
  ]),
  target("http1-answer", readAnswer, () => [
    bytesOf("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nKeep-Alive: timeout=5\r\n\r\nabc"),
    bytesOf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n"),
    bytesOf("HTTP/1.0 200 OK\r\n\r\nabc"),
    ...HOSTILE_ANSWERS.map(({ text }) => bytesOf(text)),
  ]),
];
