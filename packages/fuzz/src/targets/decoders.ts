/** Every decoder of the wire: bytes give a message or a refusal, and what is a message is one. */
import { createHash, createHmac } from "node:crypto";
import type { OverrideDescription, Random } from "@fpzk/core";
import {
  decodeInstanceDescription,
  decodeNodeDescription,
  decodeOverrideDescription,
  decodePeerMessage,
  decodeSessionMessage,
  decodeSessionRequest,
  encodeInstanceDescription,
  encodeNodeDescription,
  encodeOverrideDescription,
  encodePeerMessage,
  encodeSessionMessage,
  encodeSessionRequest,
  PeerHandshake,
} from "@fpzk/protocol";
import fc from "fast-check";
import * as arbitraries from "../../../protocol/dist/arbitraries.fixture.js";
import { readChunkFile } from "../../../protocol/dist/chunk-file.js";
import { decodeSavedView, encodeSavedView } from "../../../protocol/dist/saved-view.js";
import { parseSnapshot } from "../../../protocol/dist/table-snapshot.js";
import { type Target, Violation } from "../engine/target.js";

type Decoded<T> =
  | { readonly ok: true; readonly message: T }
  | { readonly ok: false; readonly refusal: { readonly code: string; readonly message: string } };

const PROTOCOL = ["packages/protocol/dist/"];
const SEED_COUNT = 60;
const FRAME_MAX_BYTES = 64 * 1024;
const CHECKSUM_BYTES = 32;

/** Values of an arbitrary, equal for equal seeds. */
function sample<T>(arbitrary: fc.Arbitrary<T>, random: Random): T[] {
  return fc.sample(arbitrary, { numRuns: SEED_COUNT, seed: Math.floor(random.next() * 2 ** 31) });
}

/** A decoder that refuses with `internal` has caught a fault of its own. */
function orderly<T>(decoded: Decoded<T>): T | undefined {
  if (decoded.ok) return decoded.message;
  if (decoded.refusal.code === "internal") throw new Violation(decoded.refusal.message);
  return undefined;
}

/** What was read can be written, and is then read as the same. */
function returns<T>(
  decoded: Decoded<T>,
  encode: (message: T) => Uint8Array,
  decode: (bytes: Uint8Array) => Decoded<T>,
): void {
  const message = orderly(decoded);
  if (message === undefined) return;
  const first = encode(message).slice();
  const again = orderly(decode(first));
  if (again === undefined) throw new Violation("what was read cannot be read again");
  if (Buffer.compare(first, encode(again)) !== 0) throw new Violation("it is read differently");
}

function messages<T>(
  name: string,
  arbitrary: fc.Arbitrary<T>,
  encode: (message: T) => Uint8Array,
  decode: (bytes: Uint8Array) => Decoded<T>,
): Target {
  return {
    name,
    form: "frame",
    seeds: (random) => sample(arbitrary, random).map((message) => encode(message).slice()),
    run: (input) => returns(decode(input), encode, decode),
    covers: PROTOCOL,
    maxBytes: FRAME_MAX_BYTES,
  };
}

function descriptions<T>(
  name: string,
  arbitrary: fc.Arbitrary<T>,
  encode: (description: T) => Uint8Array,
  decode: (
    bytes: Uint8Array,
  ) => { ok: true; description: T } | Extract<Decoded<T>, { readonly ok: false }>,
): Target {
  const decodeAsMessage = (bytes: Uint8Array): Decoded<T> => {
    const decoded = decode(bytes);
    return decoded.ok ? { ok: true, message: decoded.description } : decoded;
  };
  return messages(name, arbitrary, encode, decodeAsMessage);
}

const checksumOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();

/** A table's snapshot as a file; its checksum is made to fit, so that what is behind it is tried. */
const snapshotFile: Target = {
  name: "snapshot-file",
  form: "bytes",
  seeds: (random) =>
    sample(arbitraries.peerMessage, random).map((message) => {
      const frame = encodePeerMessage(message);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(frame.length);
      const magic = Buffer.from("FPZKSNAP\u0001\n", "latin1");
      return Buffer.concat([magic, length, frame, Buffer.alloc(4)]);
    }),
  run: (input) => {
    for (const file of [input, Buffer.concat([input, checksumOf(input)])]) {
      const chunks = readChunkFile(file, checksumOf);
      if (typeof chunks === "string") continue;
      const snapshot = parseSnapshot(chunks);
      if (typeof snapshot !== "string") for (const _record of snapshot.records);
    }
  },
  covers: PROTOCOL,
  maxBytes: FRAME_MAX_BYTES,
};

/** A client's saved view: anything but a whole file is an orderly error, and quickly. */
const savedView: Target = {
  name: "saved-view",
  form: "bytes",
  seeds: (random) =>
    sample(arbitraries.sessionMessage, random)
      .flatMap((message) => (message.type === "snapshot" ? [message] : []))
      .map((view) => Buffer.from(encodeSavedView({ ...view, region: "eu" }, checksumOf))),
  run: (input) => {
    const sealed = Buffer.from(input);
    const magicBytes = "FPZK view 1\n".length;
    if (sealed.length > magicBytes + CHECKSUM_BYTES) {
      checksumOf(sealed.subarray(magicBytes + CHECKSUM_BYTES)).copy(sealed, magicBytes);
    }
    for (const file of [input, sealed]) {
      try {
        decodeSavedView(file, checksumOf);
      } catch (error) {
        const isOrderly = error instanceof Error && error.constructor === Error;
        if (!isOrderly && !(error instanceof RangeError)) throw error;
      }
    }
  },
  covers: PROTOCOL,
  maxBytes: FRAME_MAX_BYTES,
};

const proof = {
  hmac: (input: Uint8Array) =>
    createHmac("sha256", "a secret of the cluster").update(input).digest(),
  isEqual: (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0,
};

function createHandshake(role: "dialer" | "acceptor", nodeId: string): PeerHandshake {
  return new PeerHandshake({
    role,
    self: { nodeId, generation: 5, region: "eu", zone: "a" },
    clusterName: "fpzk",
    fingerprint: "x=1",
    nonce: new Uint8Array(32).fill(7),
    proof,
    expectedNodeId: undefined,
    knownGeneration: () => 3,
  });
}

/** Each frame behind its length (two bytes), given to both sides of a handshake. */
const handshake: Target = {
  name: "handshake",
  form: "bytes",
  seeds: () => {
    const [dialer, acceptor] = [createHandshake("dialer", "a"), createHandshake("acceptor", "b")];
    const hello = dialer.start().send;
    acceptor.start();
    const answer = hello.flatMap((frame) => acceptor.receive(frame).send);
    const proofs = answer.flatMap((frame) => dialer.receive(frame).send);
    return [[...hello, ...proofs], answer].map((frames) =>
      Buffer.concat(
        frames.flatMap((frame) => [Buffer.from([frame.length >> 8, frame.length & 255]), frame]),
      ),
    );
  },
  run: (input) => {
    for (const role of ["dialer", "acceptor"] as const) {
      const side = createHandshake(role, "c");
      side.start();
      for (let at = 0; at + 2 <= input.length; ) {
        const length = (input[at] ?? 0) * 256 + (input[at + 1] ?? 0);
        const { outcome } = side.receive(input.subarray(at + 2, at + 2 + length));
        const isOwnFault =
          outcome?.type === "refused" &&
          outcome.refusal.code === "internal" &&
          !outcome.refusal.message.startsWith("the peer refused");
        if (isOwnFault) {
          throw new Violation(outcome.refusal.message);
        }
        if (outcome?.type === "accepted" && outcome.peer.nodeId === "c") {
          throw new Violation("a side accepted itself");
        }
        if (outcome !== undefined) break;
        at += 2 + length;
      }
    }
  },
  covers: PROTOCOL,
  maxBytes: 8 * 1024,
};

const nodeDescription = fc.record({
  region: fc.constantFrom("", "eu"),
  zone: fc.constantFrom("", "a"),
  address: fc.constantFrom("127.0.0.1:7100", "[::1]:1", "host:1"),
  peerAddress: fc.constantFrom("127.0.0.1:7100", "host:2"),
  tls: fc.boolean(),
});
const overrideDescription: fc.Arbitrary<OverrideDescription> = fc.constantFrom(
  {},
  { weight: 0, note: "being replaced" },
  { weight: 10_000 },
);

export const DECODER_TARGETS: readonly Target[] = [
  messages(
    "session-request",
    arbitraries.sessionRequest,
    encodeSessionRequest,
    decodeSessionRequest,
  ),
  messages(
    "session-message",
    arbitraries.sessionMessage,
    encodeSessionMessage,
    decodeSessionMessage,
  ),
  messages("peer-message", arbitraries.peerMessage, encodePeerMessage, decodePeerMessage),
  descriptions(
    "instance-description",
    arbitraries.instanceDescription,
    encodeInstanceDescription,
    decodeInstanceDescription,
  ),
  descriptions("node-description", nodeDescription, encodeNodeDescription, decodeNodeDescription),
  descriptions(
    "override-description",
    overrideDescription,
    encodeOverrideDescription,
    decodeOverrideDescription,
  ),
  handshake,
  snapshotFile,
  savedView,
];
