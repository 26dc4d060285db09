/**
 * Requests that no proxy may pass on: a list for anybody who tests one.
 *
 * Each stands for a way in which two readers of the same bytes can come to two readings, by which
 * one request hides in another (request smuggling), or for something that RFC 9112 forbids
 * outright. `text` is latin1: one character, one byte.
 */
export interface HostileRequest {
  readonly name: string;
  readonly text: string;
  /** The status of the one answer, after which the connection ends. */
  readonly status: number;
  /** What says so. */
  readonly section: string;
  /** The head is in order and may have been passed; the body's fault must end it. */
  readonly isOfBody?: boolean;
}

const NUL = "\u0000";
const DEL = "\u007f";
const GET = "GET / HTTP/1.1\r\nHost: x\r\n";
const POST = "POST / HTTP/1.1\r\nHost: x\r\n";
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`;
/** What an attacker wants to be taken for a request of its own. */
const HIDDEN = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n";

function cases(
  section: string,
  status: number,
  list: Readonly<Record<string, string>>,
): HostileRequest[] {
  return Object.entries(list).map(([name, text]) => ({ name, text, status, section }));
}

const REQUEST_LINES = [
  ...cases("RFC 9112 §3: request line", 400, {
    "no version (HTTP/0.9)": "GET /\r\n\r\n",
    "no target": "GET HTTP/1.1\r\nHost: x\r\n\r\n",
    "two blanks after the method": "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    "two blanks before the version": "GET /  HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tab for a blank": "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "a blank after the version": "GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
    "a blank before the method": " GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a blank in the target": "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "a version in small letters": "GET / http/1.1\r\nHost: x\r\n\r\n",
    "a version with leading zeros": "GET / HTTP/01.1\r\nHost: x\r\n\r\n",
    "a version with more digits": "GET / HTTP/1.10\r\nHost: x\r\n\r\n",
    "a method in small letters": "get / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method that nobody knows": "FOO / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method with a bracket": "GE[T / HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL in the target": `GET /${NUL} HTTP/1.1\r\nHost: x\r\n\r\n`,
    "a bare CR in the line": "GET /\rx HTTP/1.1\r\nHost: x\r\n\r\n",
    "a bare LF at its end": "GET / HTTP/1.1\nHost: x\r\n\r\n",
    "two CRs at its end": "GET / HTTP/1.1\r\r\nHost: x\r\n\r\n",
    "a handshake of TLS": "\u0016\u0003\u0001\u0002\u0000\u0001\r\n\r\n",
    "the words of another protocol": "EHLO mail.example\r\n\r\n",
  }),
  ...cases("RFC 9112 §2.3: version", 505, {
    "a major version of the future": "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    "a minor version of the future": "GET / HTTP/1.2\r\nHost: x\r\n\r\n",
  }),
];

const TARGETS = [
  ...cases("RFC 9112 §3.2: request target", 400, {
    "a fragment": "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
    "a byte above ASCII": "GET /\u00e9 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a relative path": "GET a/b HTTP/1.1\r\nHost: x\r\n\r\n",
    "an asterisk with GET": "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
    "another scheme": "GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "a URL without a host": "GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n",
    "user information": "GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n",
    "a backslash in the authority": "GET http://a\\b/ HTTP/1.1\r\nHost: b\r\n\r\n",
    "dot segments": "GET /a/../b HTTP/1.1\r\nHost: x\r\n\r\n",
    "encoded dot segments": "GET /a/%2E%2e/b HTTP/1.1\r\nHost: x\r\n\r\n",
    "dot segments behind backslashes": "GET /a\\..\\b HTTP/1.1\r\nHost: x\r\n\r\n",
  }),
  ...cases("RFC 9110 §9.3.6, §9.3.8: methods for other parties", 405, {
    CONNECT: "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    TRACE: "TRACE / HTTP/1.1\r\nHost: x\r\n\r\n",
  }),
  ...cases("RFC 9112 §3.2: Host", 400, {
    "no Host": "GET / HTTP/1.1\r\n\r\n",
    "two Hosts": "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "the same Host twice": "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "two Hosts in HTTP/1.0": "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
    "a Host with a path": "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "a Host with user information": "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "a list of Hosts": "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
    "a Host with a blank": "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "a URL and no Host": "GET http://a/ HTTP/1.1\r\n\r\n",
  }),
];

const FIELDS = [
  ...cases("RFC 9112 §5.1: field lines", 400, {
    "a blank before the colon": `${GET}X-A : b\r\n\r\n`,
    "a tab before the colon": `${GET}X-A\t: b\r\n\r\n`,
    "no colon": `${GET}X-A\r\n\r\n`,
    "an empty name": `${GET}: b\r\n\r\n`,
    "a name with a blank": `${GET}X A: b\r\n\r\n`,
    "a name above ASCII": `${GET}X-\u00e9: b\r\n\r\n`,
    "a name with NUL": `${GET}X${NUL}A: b\r\n\r\n`,
    "a colon for the first field": "GET / HTTP/1.1\r\n:authority: x\r\nHost: x\r\n\r\n",
  }),
  ...cases("RFC 9112 §5.2: folding", 400, {
    "a folded field": `${GET}X-A: b\r\n c\r\n\r\n`,
    "a field folded by a tab": `${GET}X-A: b\r\n\tc\r\n\r\n`,
    "a blank before the first field": "GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    "a folded Transfer-Encoding": `${POST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`,
  }),
  ...cases("RFC 9112 §2.2: line ends", 400, {
    "bare LFs throughout": "GET / HTTP/1.1\nHost: x\n\n",
    "a bare LF after a field": `${GET}X-A: b\n\r\n`,
    "a bare LF within a value": `${GET}X-A: b\nContent-Length: 5\r\n\r\n`,
    "a bare CR within a value": `${GET}X-A: b\rContent-Length: 5\r\n\r\n`,
    "a bare CR for the last line": `${GET}\rX: y\r\n\r\n`,
    "CR CR LF after a field": `${GET}X-A: b\r\r\n\r\n`,
    "a bare LF for the last line": `${GET}\n`,
  }),
  ...cases("RFC 9110 §5.5: field values", 400, {
    "NUL in a value": `${GET}X-A: b${NUL}c\r\n\r\n`,
    "a control character in a value": `${GET}X-A: b\u0001c\r\n\r\n`,
    "DEL in a value": `${GET}X-A: b${DEL}c\r\n\r\n`,
    "a vertical tab for a blank": `${POST}Transfer-Encoding:\u000bchunked\r\n\r\n0\r\n\r\n`,
  }),
  ...cases("RFC 9110 §10.1.1: Expect", 417, {
    "an unknown expectation": `${POST}Expect: 200-ok\r\nContent-Length: 1\r\n\r\n`,
    "two expectations": `${POST}Expect: 100-continue\r\nExpect: x\r\nContent-Length: 1\r\n\r\n`,
  }),
  ...cases("RFC 6585 §5: too large", 431, {
    "a header section above the limit": `${GET}X-A: ${"a".repeat(20_000)}\r\n\r\n`,
    "a target above the limit": `GET /${"a".repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    "too many fields": `${GET}${"a: b\r\n".repeat(200)}\r\n`,
    "empty lines without end": "\r\n".repeat(10_000),
  }),
];

const FRAMING = [
  ...cases("RFC 9112 §6.1: both framings", 400, {
    "Content-Length, then Transfer-Encoding": `${POST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
    "Transfer-Encoding, then Content-Length": `${POST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${HIDDEN}`,
    "both, in odd case": `${POST}cOnTeNt-LeNgTh: 4\r\ntRaNsFeR-eNcOdInG: CHUNKED\r\n\r\n0\r\n\r\n`,
    "both in HTTP/1.0": `POST / HTTP/1.0\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    "Transfer-Encoding in HTTP/1.0": `POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    "both, with a length of nothing": `${POST}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  }),
  ...cases("RFC 9112 §6.3: Content-Length", 400, {
    "two different lengths": `${POST}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd`,
    "the same length twice": `${POST}Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd`,
    "a list of lengths": `${POST}Content-Length: 4, 4\r\n\r\nabcd`,
    "a negative length": `${POST}Content-Length: -1\r\n\r\n`,
    "a length with a plus": `${POST}Content-Length: +4\r\n\r\nabcd`,
    "a length in hexadecimal": `${POST}Content-Length: 0x4\r\n\r\nabcd`,
    "a length with a fraction": `${POST}Content-Length: 4.0\r\n\r\nabcd`,
    "a length with an exponent": `${POST}Content-Length: 4e0\r\n\r\nabcd`,
    "a length with a blank": `${POST}Content-Length: 4 4\r\n\r\nabcd`,
    "an empty length": `${POST}Content-Length:\r\n\r\n`,
    "a length above what numbers hold": `${POST}Content-Length: 99999999999999999999\r\n\r\nabcd`,
    "a length of another script": `${POST}Content-Length: \u00b2\r\n\r\nabcd`,
  }),
  ...cases("RFC 9112 §6.1: Transfer-Encoding", 400, {
    "chunked not last": `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    "chunked twice": `${POST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`,
    "chunked in two fields": `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    "chunked and another in two fields": `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n`,
    "chunked after a comma": `${POST}Transfer-Encoding: , chunked\r\n\r\n0\r\n\r\n`,
    "chunked with a parameter": `${POST}Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n`,
    "chunked in quotes": `${POST}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`,
    "something like chunked": `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
    identity: `${POST}Transfer-Encoding: identity\r\n\r\n`,
    "an empty coding": `${POST}Transfer-Encoding:\r\n\r\n`,
    "a blank before its colon": `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
    "with GET, too": `${GET}Transfer-Encoding: x\r\n\r\n`,
  }),
  ...cases("RFC 9112 §6.1: codings that are not served", 501, {
    "gzip, then chunked": `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  }),
];

const BODIES = cases("RFC 9112 §7.1: chunks", 400, {
  "a size that is no number": `${CHUNKED}zz\r\n\r\n`,
  "an empty size": `${CHUNKED}\r\n\r\n`,
  "a size with 0x": `${CHUNKED}0x4\r\nabcd\r\n0\r\n\r\n`,
  "a negative size": `${CHUNKED}-4\r\nabcd\r\n0\r\n\r\n`,
  "a size with a plus": `${CHUNKED}+4\r\nabcd\r\n0\r\n\r\n`,
  "a blank before the size": `${CHUNKED} 4\r\nabcd\r\n0\r\n\r\n`,
  "a blank after the size": `${CHUNKED}4 \r\nabcd\r\n0\r\n\r\n`,
  "a size above what numbers hold": `${CHUNKED}ffffffffffffffffff\r\nabcd`,
  "a size that wraps around": `${CHUNKED}10000000000000004\r\nabcd\r\n0\r\n\r\n`,
  "a bare LF after the size": `${CHUNKED}4\nabcd\r\n0\r\n\r\n`,
  "a bare CR after the size": `${CHUNKED}4\rabcd\r\n0\r\n\r\n`,
  "a bare LF in an extension": `${CHUNKED}4;a\nb\r\nabcd\r\n0\r\n\r\n`,
  "NUL in an extension": `${CHUNKED}4;a${NUL}\r\nabcd\r\n0\r\n\r\n`,
  "extensions above the limit": `${CHUNKED}4;${"a".repeat(17_000)}\r\nabcd\r\n0\r\n\r\n`,
  "more data than the size": `${CHUNKED}4\r\nabcde\r\n0\r\n\r\n`,
  "less data than the size": `${CHUNKED}4\r\nabc\r\n0\r\n\r\n`,
  "a bare LF after the data": `${CHUNKED}4\r\nabcd\n0\r\n\r\n`,
  "two bytes for the end of the data": `${CHUNKED}4\r\nabcdXX0\r\n\r\n`,
  "a trailer without a colon": `${CHUNKED}0\r\nX-A\r\n\r\n`,
  "a folded trailer": `${CHUNKED}0\r\nX-A: b\r\n c\r\n\r\n`,
  "a trailer with a bare LF": `${CHUNKED}0\r\nX-A: b\n\r\n`,
  "trailers above the limit": `${CHUNKED}0\r\nX-A: ${"a".repeat(20_000)}\r\n\r\n`,
  "too many trailers": `${CHUNKED}0\r\n${"a: b\r\n".repeat(200)}\r\n`,
}).map((one) => ({ ...one, isOfBody: true }));

export const HOSTILE_REQUESTS: readonly HostileRequest[] = [
  ...REQUEST_LINES,
  ...TARGETS,
  ...FIELDS,
  ...FRAMING,
  ...BODIES,
];
