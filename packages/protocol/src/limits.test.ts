/** Every bound of the wire form: at it accepted, beyond it refused with path, value and bound. */
import assert from "node:assert/strict";
import test from "node:test";
import {
  BODY_MAX_BYTES,
  ENDPOINT_COUNT_MAX,
  METADATA_COUNT_MAX,
  NAME_MAX_BYTES,
  NODE_COUNT_MAX,
  ORIGIN_COUNT_MAX,
  REGISTER_BATCH_COUNT_MAX,
  SESSION_WATCH_COUNT_MAX,
  WEIGHT_MAX,
} from "@fpzk/core";
import { packFrame } from "./frame.js";
import {
  decodeInstanceDescription,
  decodePeerMessage,
  decodeSessionMessage,
  decodeSessionRequest,
  MESSAGE_RECORD_COUNT_MAX,
  TOKEN_MAX_BYTES,
  UNCONFIRMED_COUNT_MAX,
} from "./index.js";

type Outcome = { readonly ok: boolean; readonly refusal?: { message: string } };
type Values = readonly unknown[];

const REQUEST = decodeSessionRequest as (bytes: Uint8Array) => Outcome;
const MESSAGE = decodeSessionMessage as (bytes: Uint8Array) => Outcome;
/** What of a peer's message is left out alone counts as refused here; see poison.test.ts. */
const PEER = (bytes: Uint8Array): Outcome => {
  const decoded = decodePeerMessage(bytes);
  if (!decoded.ok || decoded.message.type === "route") return decoded;
  const { message } = decoded;
  const holes =
    message.type === "digest" ? [] : message.groups.flatMap((group) => group.holes ?? []);
  const reasons = [...(message.refused ?? []), ...holes].map(({ reason }) => reason);
  return reasons.length === 0 ? decoded : { ok: false, refusal: { message: reasons.join(" ") } };
};
const INSTANCE = decodeInstanceDescription as (bytes: Uint8Array) => Outcome;

const UINT32 = 4_294_967_295;
const SAFE = Number.MAX_SAFE_INTEGER;
const NAME = "n".repeat(NAME_MAX_BYTES);
const NO_BYTES = new Uint8Array(0);

const hello = (at: number, value: unknown): Values =>
  replaced([1, 1, "default", "", "client-1", 1, "eu", "a", "agent"], at, value);
const item = (at: number, value: unknown): Values => [
  2,
  1,
  [replaced(["orders", "o1", 0, 0, 0, 0, NO_BYTES], at, value)],
];
const record = (at: number, value: unknown): Values => [
  39,
  "orders",
  [
    [
      ["n1", 1, 0],
      [replaced([5, 1, "default", "orders", "o1", 1, 1, 0, 0, 9, NO_BYTES], at, value)],
    ],
  ],
];
const delta = (from: unknown, to: unknown, versions: readonly number[]): Values => [
  65,
  [[["n1", 1, 0], versions.map((version) => [version, 2, "", "", "n1", 1, 0, 0, 0]), from, to]],
];
const description = (at: number, value: unknown): Values =>
  replaced(["", "", "", "", 100, 0, [], []], at, value);
const endpoint = (at: number, value: unknown): Values =>
  description(6, [replaced(["http", "h", 80, 0], at, value)]);
const member = (at: number, value: unknown): Values => [
  33,
  [replaced(["n1", 1, "", "", "h:1", false, 0], at, value)],
];
const route = (...payload: unknown[]): Values => [67, "n2", "n1", 1, payload];

function replaced(values: Values, at: number, value: unknown): Values {
  return values.map((old, index) => (index === at ? value : old));
}

function times<T>(count: number, value: T): T[] {
  return Array<T>(count).fill(value);
}

/** At the bound, beyond it, and what the refusal must say. */
type Case = readonly [(bytes: Uint8Array) => Outcome, Values, Values, RegExp];

function check(cases: Readonly<Record<string, Case>>): void {
  for (const [name, [decode, within, beyond, expected]] of Object.entries(cases)) {
    const accepted = decode(packFrame(within));
    assert.ok(accepted.ok, `${name}: ${accepted.refusal?.message}`);
    const refused = decode(packFrame(beyond));
    assert.equal(refused.ok, false, `${name}: must be refused`);
    assert.match(refused.refusal?.message ?? "", expected, name);
  }
}

test("requests: names, numbers and counts", () => {
  check({
    "namespace bytes": [
      REQUEST,
      hello(2, NAME),
      hello(2, `${NAME}n`),
      /hello: namespace .* 200 bytes/,
    ],
    "namespace empty": [REQUEST, hello(2, "n"), hello(2, ""), /namespace "" must have 1 to 200/],
    "namespace slash": [REQUEST, hello(2, "a-b"), hello(2, "a/b"), /'\/'.* at 1/],
    "name utf-8": [REQUEST, hello(4, "é".repeat(100)), hello(4, "é".repeat(101)), /200 bytes/],
    "name pair": [REQUEST, hello(4, "😀".repeat(50)), hello(4, "😀".repeat(51)), /200 bytes/],
    "name control": [REQUEST, hello(4, "a b"), hello(4, "a\u0001b"), /U\+0001 at 1/],
    "name DEL": [REQUEST, hello(4, "a~b"), hello(4, "a\u007fb"), /U\+007F at 1/],
    "name C1": [REQUEST, hello(4, "a\u00a0b"), hello(4, "a\u0085b"), /U\+0085 at 1/],
    version: [REQUEST, hello(1, 1), hello(1, 0), /protocolVersion 0 must be a whole number >= 1/],
    token: [
      REQUEST,
      hello(3, "t".repeat(TOKEN_MAX_BYTES)),
      hello(3, "t".repeat(TOKEN_MAX_BYTES + 1)),
      /token .* 8192 bytes/,
    ],
    "session number": [REQUEST, hello(5, UINT32), hello(5, UINT32 + 1), /sessionNumber 4294967296/],
    "items per register": [
      REQUEST,
      [2, 1, times(REGISTER_BATCH_COUNT_MAX, item(0, "o")[2]).map((list) => (list as Values)[0])],
      [2, 1, times(REGISTER_BATCH_COUNT_MAX + 1, 0)],
      /items has 1001 values, must have at least 0 and at most 1000/,
    ],
    incarnation: [REQUEST, item(2, SAFE), item(2, SAFE + 1), /items\[0\]\.incarnation/],
    since: [REQUEST, item(3, SAFE), item(3, -1), /items\[0\]\.since -1/],
    state: [REQUEST, item(4, 2), item(4, 3), /items\[0\]\.state 3 must be .* <= 2/],
    "state to set": [REQUEST, [4, 1, "s", "i", 2], [4, 1, "s", "i", 3], /state 3 must be/],
    scope: [REQUEST, item(5, 1), item(5, 2), /items\[0\]\.scope 2/],
    body: [
      REQUEST,
      item(6, new Uint8Array(BODY_MAX_BYTES)),
      item(6, new Uint8Array(BODY_MAX_BYTES + 1)),
      /items\[0\]\.body of 16385 bytes must have 0 to 16384/,
    ],
    "body as text": [REQUEST, item(6, NO_BYTES), item(6, "text"), /body "text" must be bytes/],
    "not a number": [REQUEST, [7, 1, "s"], [7, Number.NaN, "s"], /requestId NaN/],
    infinity: [REQUEST, [7, 1, "s"], [7, Number.POSITIVE_INFINITY, "s"], /requestId Infinity/],
    fraction: [REQUEST, [7, 1, "s"], [7, 1.5, "s"], /requestId 1.5/],
    reason: [REQUEST, [3, 1, "s", "i", 9], [3, 1, "s", "i", 10], /reason 10/],
    duration: [
      REQUEST,
      [4, 1, "s", "i", 0, 86_400_000],
      [4, 1, "s", "i", 0, 86_400_001],
      /timeoutMs 86400001/,
    ],
    position: [
      REQUEST,
      [5, 1, "s", times(ORIGIN_COUNT_MAX, ["n", 1, 0, 1])],
      [5, 1, "s", times(ORIGIN_COUNT_MAX + 1, ["n", 1, 0, 1])],
      /position has 8193/,
    ],
    digest: [
      REQUEST,
      [5, 1, "s", [], [0, UINT32]],
      [5, 1, "s", [], [0, UINT32 + 1]],
      /digest\.low/,
    ],
    heartbeat: [REQUEST, [8, SAFE, true], [8, SAFE + 1, true], /sequence 9007199254740992/],
    "heartbeat flag": [REQUEST, [8, 1], [8, 1, 1], /wantsDigests 1 must be a boolean/],
    claim: [REQUEST, [9, "s", "i", [1, 1, 65_535]], [9, "s", "i", [1, 1, 65_536]], /stamp\.claim/],
    type: [REQUEST, [10], [13], /type 13 is not known/],
    "type of another link": [REQUEST, [10], [35, 1], /type 35 is not known/],
  });
});

test("messages: records, members and counts", () => {
  check({
    "record version": [MESSAGE, record(0, 1), record(0, 0), /groups\[0\]\.records\[0\]\.version 0/],
    "record kind": [MESSAGE, record(1, 3), record(1, 6), /records\[0\]\.kind 6/],
    "first namespace": [MESSAGE, record(2, "x"), record(2, null), /namespace nil must follow/],
    "first service": [MESSAGE, record(3, "x"), record(3, null), /service nil must follow/],
    "named instance": [MESSAGE, record(3, "x"), record(3, ""), /service "" must have 1 to 200/],
    "record id": [MESSAGE, record(4, NAME), record(4, ""), /records\[0\]\.id/],
    "record session": [MESSAGE, record(6, UINT32), record(6, UINT32 + 1), /session/],
    "record reason": [MESSAGE, record(8, 9 << 3), record(8, 10 << 3), /reason 10/],
    "record flags": [MESSAGE, record(8, 7), record(8, 128), /flags 128/],
    "record body": [
      MESSAGE,
      record(10, new Uint8Array(BODY_MAX_BYTES)),
      record(10, new Uint8Array(BODY_MAX_BYTES + 1)),
      /body of 16385/,
    ],
    "record count": [
      MESSAGE,
      [39, "s", []],
      [39, "s", [[["n", 1, 0], times(MESSAGE_RECORD_COUNT_MAX + 1, 0)]]],
      /groups\[0\]\.records has 65537/,
    ],
    "record as a number": [
      MESSAGE,
      [39, "s", []],
      [39, "s", [[["n", 1, 0], [7]]]],
      /must be an array/,
    ],
    members: [
      MESSAGE,
      [33, times(NODE_COUNT_MAX, (member(0, "n")[1] as Values)[0])],
      [33, times(NODE_COUNT_MAX + 1, 0)],
      /members has 1025/,
    ],
    "member status": [MESSAGE, member(6, 4), member(6, 5), /members\[0\]\.status 5 must be one of/],
    "member address": [
      MESSAGE,
      member(4, "h".repeat(300)),
      member(4, "h".repeat(301)),
      /members\[0\]\.address/,
    ],
    "error code": [MESSAGE, [36, 1, 16], [36, 1, 17], /code 17 must be one of/],
    "text for people": [
      MESSAGE,
      [36, 1, 2, "x".repeat(4096)],
      [36, 1, 2, "x".repeat(4097)],
      /message of 4097 characters/,
    ],
    unconfirmed: [
      MESSAGE,
      [37, 1, 0, times(UNCONFIRMED_COUNT_MAX, "n/c")],
      [37, 1, 0, times(UNCONFIRMED_COUNT_MAX + 1, "n/c")],
      /unconfirmed has 1001/,
    ],
    "snapshot kind": [MESSAGE, [38, 1, "s", 2, true], [38, 1, "s", 3, true], /kind 3/],
    "pong digests": [
      MESSAGE,
      [40, 1, times(SESSION_WATCH_COUNT_MAX, ["s", 1, 2])],
      [40, 1, times(SESSION_WATCH_COUNT_MAX + 1, ["s", 1, 2])],
      /digests has 4097/,
    ],
  });
});

test("peers: deltas, digests and routes", () => {
  check({
    "versions rise": [
      PEER,
      delta(0, 9, [1, 2, 9]),
      delta(0, 9, [1, 3, 3]),
      /records\[2\]\.version 3/,
    ],
    "above from": [PEER, delta(4, 9, [5]), delta(5, 9, [5]), /records\[0\]\.version 5 must be > 5/],
    "up to to": [
      PEER,
      delta(4, 9, [9]),
      delta(4, 8, [9]),
      /records\[0\]\.version 9 must be .* <= 8/,
    ],
    "from below to": [PEER, delta(4, 4, []), delta(4, 3, []), /to 3 must be .* >= 4/],
    "records in all groups": [
      PEER,
      [65, []],
      [
        65,
        times(3, [
          ["n", 1, 0],
          Array.from({ length: 30_000 }, (_, index) => [index + 1, 2, "", "", "n", 1, 0, 0, 0]),
          0,
          30_000,
        ]),
      ],
      /groups\[2\]\.records has 30000 values, must have at least 0 and at most 5536/,
    ],
    "node in a namespace": [
      PEER,
      delta(0, 9, [1]),
      [65, [[["n", 1, 0], [[1, 2, "x", "", "n", 1, 0, 0, 0]], 0, 1]]],
      /namespace "x" must be empty for kind 2/,
    ],
    entries: [
      PEER,
      [64, times(ORIGIN_COUNT_MAX, ["n", 1, 0, 1, 0, 0, 0])],
      [64, times(ORIGIN_COUNT_MAX + 1, ["n", 1, 0, 1, 0, 0, 0])],
      /entries has 8193/,
    ],
    hears: [
      PEER,
      [64, [], [], times(NODE_COUNT_MAX, "n")],
      [64, [], [], times(NODE_COUNT_MAX + 1, "n")],
      /hears has 1025/,
    ],
    ended: [
      PEER,
      [64, [], [], [], true, 1, times(NODE_COUNT_MAX, ["n", 1])],
      [64, [], [], [], true, 1, times(NODE_COUNT_MAX + 1, ["n", 1])],
      /ended has 1025/,
    ],
    generation: [
      PEER,
      [64, [], [["n", SAFE]]],
      [64, [], [["n", SAFE + 1]]],
      /floors\[0\]\.generation/,
    ],
    hops: [PEER, [67, "a", "b", 255, [2, 1, ""]], [67, "a", "b", 256, [2, 1, ""]], /hops 256/],
    payload: [PEER, route(2, 1, "eu"), route(5, 1, "eu"), /payload\.kind 5/],
    command: [
      PEER,
      route(3, 1, [1, "ns", "s", "i"]),
      route(3, 1, [7, "ns", "s", "i"]),
      /command\.kind 7/,
    ],
    "command body": [
      PEER,
      route(3, 1, [4, "ns", "s", "i", new Uint8Array(BODY_MAX_BYTES)]),
      route(3, 1, [4, "ns", "s", "i", new Uint8Array(BODY_MAX_BYTES + 1)]),
      /body .*16384/,
    ],
    "command name": [
      PEER,
      route(3, 1, [1, "ns", "s", "i"]),
      route(3, 1, [1, "n/s", "s", "i"]),
      /namespace "n\/s"/,
    ],
  });
});

test("instance descriptions: endpoints, weight and metadata", () => {
  check({
    weight: [INSTANCE, description(4, WEIGHT_MAX), description(4, WEIGHT_MAX + 1), /weight 10001/],
    group: [INSTANCE, description(0, NAME), description(0, `${NAME}n`), /group .* 200 bytes/],
    endpoints: [
      INSTANCE,
      description(6, times(ENDPOINT_COUNT_MAX, ["http", "h", 80, 0])),
      description(6, times(ENDPOINT_COUNT_MAX + 1, ["http", "h", 80, 0])),
      /endpoints has 17/,
    ],
    "port 0": [INSTANCE, endpoint(2, 1), endpoint(2, 0), /endpoints\[0\]\.port 0/],
    "port high": [INSTANCE, endpoint(2, 65_535), endpoint(2, 65_536), /endpoints\[0\]\.port 65536/],
    host: [INSTANCE, endpoint(1, "h".repeat(255)), endpoint(1, "h".repeat(256)), /host/],
    "host empty": [INSTANCE, endpoint(1, "h"), endpoint(1, ""), /host must not be empty/],
    protocol: [INSTANCE, endpoint(0, "p".repeat(32)), endpoint(0, "p".repeat(33)), /protocol/],
    metadata: [
      INSTANCE,
      description(7, times(2 * METADATA_COUNT_MAX, "k")),
      description(7, times(2 * METADATA_COUNT_MAX + 1, "k")),
      /metadata has 129/,
    ],
    "metadata pairs": [
      INSTANCE,
      description(7, ["k", "v"]),
      description(7, ["k"]),
      /without a value/,
    ],
    "metadata key": [
      INSTANCE,
      description(7, ["proto", "v"]),
      description(7, ["__proto__", "v"]),
      /metadata key "__proto__" must not be one of/,
    ],
  });
});
