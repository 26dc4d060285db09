/** Two sides of the peer handshake against each other, against attackers and against noise. */
import assert from "node:assert/strict";
import { createHmac, timingSafeEqual } from "node:crypto";
import test from "node:test";
import fc from "fast-check";
import { type HandshakeOutcome, PeerHandshake, type PeerHandshakeOptions } from "./index.js";
import { encodePeerHello } from "./peer-handshake-frames.js";

function proofOf(secret: string): PeerHandshakeOptions["proof"] {
  return {
    hmac: (input) => createHmac("sha256", secret).update(input).digest(),
    isEqual: (a, b) => a.length === b.length && timingSafeEqual(a, b),
  };
}

function side(
  role: "dialer" | "acceptor",
  change: Partial<PeerHandshakeOptions> = {},
): PeerHandshake {
  return new PeerHandshake({
    role,
    self: { nodeId: `node-${role}`, generation: 5, region: "eu", zone: "a" },
    clusterName: "main",
    fingerprint: "ttl=3000",
    nonce: new Uint8Array(32).fill(role === "dialer" ? 1 : 2),
    proof: proofOf("secret"),
    expectedNodeId: undefined,
    knownGeneration: () => 0,
    ...change,
  });
}

/** Passes frames until neither side has more to say. */
function run(
  dialer: PeerHandshake,
  acceptor: PeerHandshake,
  tamper: (frame: Uint8Array, index: number) => Uint8Array = (frame) => frame,
): { dialer: HandshakeOutcome | undefined; acceptor: HandshakeOutcome | undefined } {
  const outcomes: Record<"dialer" | "acceptor", HandshakeOutcome | undefined> = {
    dialer: undefined,
    acceptor: undefined,
  };
  let frames = dialer.start().send.map((bytes): Frame => ({ bytes, to: "acceptor" }));
  for (let index = 0; frames.length > 0 && index < 10; index += 1) {
    const frame = frames[0]!;
    frames = frames.slice(1);
    if (outcomes[frame.to] !== undefined) continue;
    const receiver = frame.to === "dialer" ? dialer : acceptor;
    const step = receiver.receive(tamper(frame.bytes, index));
    outcomes[frame.to] = step.outcome;
    const to = frame.to === "dialer" ? "acceptor" : "dialer";
    frames = [...frames, ...step.send.map((bytes): Frame => ({ bytes, to }))];
  }
  return outcomes;
}

interface Frame {
  readonly bytes: Uint8Array;
  readonly to: "dialer" | "acceptor";
}

function assertRefused(
  outcome: HandshakeOutcome | undefined,
  code: string,
  ...texts: readonly string[]
): void {
  assert.equal(outcome?.type, "refused");
  assert.equal(outcome.refusal.code, code, outcome.refusal.message);
  for (const text of texts)
    assert.ok(outcome.refusal.message.includes(text), outcome.refusal.message);
}

test("two nodes of one cluster accept each other", () => {
  const outcomes = run(side("dialer"), side("acceptor"));
  assert.deepEqual(outcomes.dialer, {
    type: "accepted",
    peer: { nodeId: "node-acceptor", generation: 5, region: "eu", zone: "a" },
  });
  assert.deepEqual(outcomes.acceptor, {
    type: "accepted",
    peer: { nodeId: "node-dialer", generation: 5, region: "eu", zone: "a" },
  });
});

test("without a secret on both sides nothing is proved", () => {
  const outcomes = run(
    side("dialer", { proof: undefined }),
    side("acceptor", { proof: undefined }),
  );
  assert.equal(outcomes.dialer?.type, "accepted");
  assert.equal(outcomes.acceptor?.type, "accepted");
});

test("a secret on one side only is refused, whichever side has it", () => {
  for (const lacking of ["dialer", "acceptor"] as const) {
    const without = { proof: undefined };
    const outcomes = run(
      side("dialer", lacking === "dialer" ? without : {}),
      side("acceptor", lacking === "acceptor" ? without : {}),
    );
    assertRefused(outcomes.acceptor, "unauthenticated", "missing", "configured");
    assertRefused(outcomes.dialer, "unauthenticated", "the peer refused");
  }
});

test("a wrong secret is refused before the acceptor proves its own", () => {
  const sent: Uint8Array[] = [];
  const outcomes = run(side("dialer", { proof: proofOf("guess") }), side("acceptor"), (frame) => {
    sent.push(frame);
    return frame;
  });
  assertRefused(outcomes.acceptor, "unauthenticated", "did not prove");
  assertRefused(outcomes.dialer, "unauthenticated");
  // hello, hello, the dialer's proof, refused: the acceptor's own proof was never sent.
  assert.equal(sent.length, 4);
});

test("mismatches are refused on both sides with both values", () => {
  const cases: readonly [Partial<PeerHandshakeOptions>, string, readonly string[]][] = [
    [{ clusterName: "other" }, "failed_precondition", ['"other"', '"main"']],
    [{ fingerprint: "ttl=9000" }, "failed_precondition", ["ttl=9000", "ttl=3000"]],
    [{ protocolVersion: 2 }, "failed_precondition", ["version 2", "1 of"]],
    [{ expectedNodeId: "node-x" }, "failed_precondition", ["node-x", "node-acceptor"]],
  ];
  for (const [change, code, texts] of cases) {
    const outcomes = run(side("dialer", change), side("acceptor"));
    assertRefused(outcomes.dialer, code, ...texts);
    if (change.expectedNodeId === undefined) assertRefused(outcomes.acceptor, code, ...texts);
  }
});

test("another protocol version is refused with both versions", () => {
  const step = side("acceptor").receive(
    encodePeerHello({
      type: "peer-hello",
      protocolVersion: 9,
      clusterName: "main",
      nodeId: "n",
      generation: 1,
      region: "",
      zone: "",
      nonce: new Uint8Array(32),
      hasSecret: true,
      fingerprint: "",
      knownGeneration: 0,
    }),
  );
  assertRefused(step.outcome, "failed_precondition", "version 9", "equal 1");
});

test("a node that reaches itself learns so on both ends", () => {
  const self = { nodeId: "n", generation: 5, region: "eu", zone: "a" };
  const outcomes = run(side("dialer", { self }), side("acceptor", { self }));
  assert.equal(outcomes.acceptor?.type === "refused" && outcomes.acceptor.cause, "self");
  assert.equal(outcomes.dialer?.type === "refused" && outcomes.dialer.cause, "self");
});

test("two processes with one node id are told apart by generation and refused", () => {
  const self = { nodeId: "n", generation: 5, region: "eu", zone: "a" };
  const outcomes = run(
    side("dialer", { self }),
    side("acceptor", { self: { ...self, generation: 6 } }),
  );
  assertRefused(outcomes.acceptor, "already_exists", "5", "6");
  assert.equal(outcomes.acceptor?.type === "refused" && outcomes.acceptor.cause, "rejected");
});

test("a generation below one that was seen is refused, and its node learns which", () => {
  const outcomes = run(side("dialer"), side("acceptor", { knownGeneration: () => 8 }));
  assertRefused(outcomes.acceptor, "failed_precondition", "5", "8");
  assertRefused(outcomes.dialer, "failed_precondition", "5", "8");
  assert.equal(outcomes.dialer?.type === "refused" && outcomes.dialer.laterGeneration, 8);
});

test("a proof does not fit the other direction (reflection)", () => {
  const dialer = side("dialer");
  const acceptor = side("acceptor");
  const hello = acceptor.receive(dialer.start().send[0]!).send[0]!;
  const proof = dialer.receive(hello).send[0]!;
  assertRefused(dialer.receive(proof).outcome, "unauthenticated");
});

test("a hello that comes back with its own nonce is refused", () => {
  const nonce = new Uint8Array(32).fill(7);
  const outcomes = run(side("dialer", { nonce }), side("acceptor", { nonce }));
  assertRefused(outcomes.acceptor, "unauthenticated", "nonce");
});

test("a recorded handshake does not open another", () => {
  const recorded: Uint8Array[] = [];
  run(side("dialer"), side("acceptor"), (frame) => {
    recorded.push(frame);
    return frame;
  });
  const acceptor = side("acceptor", { nonce: new Uint8Array(32).fill(3) });
  acceptor.receive(recorded[0]!);
  assertRefused(acceptor.receive(recorded[2]!).outcome, "unauthenticated");
});

test("any bit changed on the way ends in a refusal on at least one side", () => {
  fc.assert(
    fc.property(fc.nat({ max: 3 }), fc.nat(), fc.integer({ min: 0, max: 7 }), (index, at, bit) => {
      const outcomes = run(side("dialer"), side("acceptor"), (frame, frameIndex) => {
        if (frameIndex !== index) return frame;
        const changed = Uint8Array.from(frame);
        changed[at % frame.length]! ^= 1 << bit;
        return changed;
      });
      const types = [outcomes.dialer?.type, outcomes.acceptor?.type];
      assert.ok(types.includes("refused"), JSON.stringify(outcomes));
    }),
    { numRuns: 1_000 },
  );
});

test("frames out of order, foreign or after the end are refused", () => {
  assertRefused(
    side("acceptor").receive(new Uint8Array([0x92, 97, 0xc4])).outcome,
    "invalid_argument",
  );
  assertRefused(side("acceptor").receive(new Uint8Array([0x91, 8])).outcome, "unimplemented");
  const acceptor = side("acceptor");
  const hello = side("dialer").start().send[0]!;
  acceptor.receive(hello);
  assertRefused(acceptor.receive(hello).outcome, "invalid_argument", "second");
  assertRefused(acceptor.receive(hello).outcome, "failed_precondition", "over");
  const proof = side("dialer").receive(side("acceptor").receive(hello).send[0]!).send[0]!;
  assertRefused(side("acceptor").receive(proof).outcome, "invalid_argument", "not asked for");
});

test("noise never throws", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.equal(side("acceptor").receive(bytes).outcome?.type, "refused");
    }),
  );
});
