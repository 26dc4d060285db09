/**
 * The first frames between two nodes: who are you, are we one cluster, can you prove it.
 *
 *     dialer                       acceptor
 *       hello  ─────────────────────▶         checks version, cluster name, node id
 *              ◀─────────────────────  hello
 *       proof  ─────────────────────▶         checks the proof, then fingerprint and generations
 *              ◀─────────────────────  proof
 *
 * Either side may answer `peer-refused` instead, and close. Without a secret on both sides the
 * proofs are left out; a secret on one side only is a refusal.
 *
 * The proof is an HMAC with the cluster secret, which is never sent, over the direction and both
 * hellos as sent: so over both nonces, both node ids and all else that was said. A recorded proof
 * does not fit another nonce, a reflected one not the other direction, an altered hello neither.
 * The dialer proves first, so that a stranger who connects learns nothing to guess secrets with.
 * What comes after is neither encrypted nor authenticated by this: TLS is for that.
 *
 * Pure: the driver brings the nonce, the HMAC, the comparison in constant time, and a deadline.
 *
 * @see RFC 2104 (HMAC); ISO/IEC 9798-4, mutual authentication in three passes.
 */
import type { PeerIdentity, Refusal } from "@fpzk/core";
import { PROTOCOL_VERSION } from "@fpzk/core";
import { unpackFrame } from "./frame.js";
import { show } from "./names.js";
import {
  encodePeerHello,
  encodePeerProof,
  encodePeerRefused,
  type PeerHello,
  readHandshakeFrame,
} from "./peer-handshake-frames.js";
import { toRefusal } from "./wire-fault.js";
import { HANDSHAKE_FRAME_MAX_BYTES } from "./wire-limits.js";

/** What proves that a node belongs to the cluster; both functions are given by the driver. */
export interface ClusterProof {
  /** HMAC-SHA256 with the cluster secret. */
  readonly hmac: (input: Uint8Array) => Uint8Array;
  /** Comparison whose time does not depend on the content; false for unequal lengths. */
  readonly isEqual: (a: Uint8Array, b: Uint8Array) => boolean;
}

export interface PeerHandshakeOptions {
  /** `dialer` opened the connection. */
  readonly role: "dialer" | "acceptor";
  readonly self: PeerIdentity;
  readonly clusterName: string;
  /** Text that is equal exactly when the cluster options are; shown when it is not. */
  readonly fingerprint: string;
  /** 16 to 64 random bytes, fresh for each connection. */
  readonly nonce: Uint8Array;
  /** Undefined when no secret is configured, or TLS proves both sides. */
  readonly proof: ClusterProof | undefined;
  /** Who should answer, when the dialer knows. */
  readonly expectedNodeId: string | undefined;
  /** Highest generation of a node seen so far; 0 for none. */
  readonly knownGeneration: (nodeId: string) => number;
  /** What this node speaks; default {@link PROTOCOL_VERSION}. For nodes of another release. */
  readonly protocolVersion?: number;
}

export type HandshakeOutcome =
  | { readonly type: "accepted"; readonly peer: PeerIdentity }
  | {
      readonly type: "refused";
      /** `self`: the connection leads back to this node. */
      readonly cause: "rejected" | "self";
      readonly refusal: Refusal;
      /** A proved peer has seen this later generation of this node: go on only above it. */
      readonly laterGeneration: number | undefined;
    };

/** What to do after a step: send these in order, then, with an outcome, open or close the link. */
export interface HandshakeStep {
  readonly send: readonly Uint8Array[];
  readonly outcome: HandshakeOutcome | undefined;
}

const FRAME_BOUNDS = {
  maxBytes: HANDSHAKE_FRAME_MAX_BYTES,
  valueCountMax: HANDSHAKE_FRAME_MAX_BYTES,
  isWanted: true,
};
const PROOF_LABEL = Uint8Array.from("fpzk-peer-proof-1\0", (letter) => letter.charCodeAt(0));
const DIRECTIONS = { dialer: 1, acceptor: 2 } as const;

interface Heard {
  readonly hello: PeerHello;
  readonly bytes: Uint8Array;
}

/** One side of one handshake. Feed it every frame until it has an outcome. */
export class PeerHandshake {
  readonly #options: PeerHandshakeOptions;
  readonly #protocolVersion: number;
  #ownHello: Uint8Array;
  /** Undefined until the other side's hello came. */
  #heard: Heard | undefined;
  /** Set once, by the last step. */
  #isOver = false;

  constructor(options: PeerHandshakeOptions) {
    this.#options = options;
    this.#protocolVersion = options.protocolVersion ?? PROTOCOL_VERSION;
    this.#ownHello = this.#buildHello(options.expectedNodeId);
  }

  /** The first step: the dialer's hello; nothing for an acceptor. */
  start(): HandshakeStep {
    const send = this.#options.role === "dialer" ? [this.#ownHello] : [];
    return { send, outcome: undefined };
  }

  /** The next step after a frame came; never throws because of its bytes. */
  receive(bytes: Uint8Array): HandshakeStep {
    if (this.#isOver) return refuse("failed_precondition", "peer handshake: it is already over");
    const step = this.#step(bytes);
    this.#isOver = step.outcome !== undefined;
    return step;
  }

  #step(bytes: Uint8Array): HandshakeStep {
    let frame: ReturnType<typeof readHandshakeFrame>;
    try {
      frame = readHandshakeFrame(unpackFrame(bytes, FRAME_BOUNDS));
    } catch (fault) {
      const refusal = toRefusal(fault, "peer handshake");
      return refuse(refusal.code, refusal.message);
    }
    switch (frame.type) {
      case "peer-refused": {
        const { code, message, isSelf } = frame;
        const refusal = { code, message: `the peer refused: ${message}` };
        return { send: [], outcome: refusedOutcome(refusal, isSelf ? "self" : "rejected") };
      }
      case "peer-hello":
        if (this.#heard !== undefined) return refuse("invalid_argument", "a second peer hello");
        // Copied: the driver may reuse the frame's memory before the proof comes.
        return this.#hear({ hello: frame, bytes: Uint8Array.from(bytes) });
      case "peer-proof":
        if (this.#heard === undefined || this.#options.proof === undefined) {
          return refuse("invalid_argument", "a peer proof that was not asked for");
        }
        return this.#verify(this.#heard, this.#options.proof, frame.mac);
    }
  }

  #hear(heard: Heard): HandshakeStep {
    const problem = this.#findHelloProblem(heard.hello);
    if (problem !== undefined) return problem;
    this.#heard = heard;
    const { role, proof } = this.#options;
    if (role === "acceptor") this.#ownHello = this.#buildHello(heard.hello.nodeId);
    const hello = role === "acceptor" ? [this.#ownHello] : [];
    if (proof === undefined) return prepend(hello, this.#conclude(heard.hello));
    if (role === "acceptor") return { send: hello, outcome: undefined };
    return { send: [this.#prove(heard, proof, "dialer")], outcome: undefined };
  }

  #verify(heard: Heard, proof: ClusterProof, mac: Uint8Array): HandshakeStep {
    const { role } = this.#options;
    const other = role === "dialer" ? "acceptor" : "dialer";
    if (!proof.isEqual(proof.hmac(this.#proofInput(heard, other)), mac)) {
      return refuse(
        "unauthenticated",
        `node ${show(heard.hello.nodeId)} did not prove the cluster secret: ` +
          "configure the same secret on all nodes",
      );
    }
    const own = role === "acceptor" ? [this.#prove(heard, proof, "acceptor")] : [];
    return prepend(own, this.#conclude(heard.hello));
  }

  #prove(heard: Heard, proof: ClusterProof, direction: "dialer" | "acceptor"): Uint8Array {
    return encodePeerProof(proof.hmac(this.#proofInput(heard, direction)));
  }

  /** Label, direction, length of the dialer's hello (32 bits, big endian), both hellos. */
  #proofInput(heard: Heard, direction: "dialer" | "acceptor"): Uint8Array {
    const isDialer = this.#options.role === "dialer";
    const dialerHello = isDialer ? this.#ownHello : heard.bytes;
    const acceptorHello = isDialer ? heard.bytes : this.#ownHello;
    const headCount = PROOF_LABEL.length + 5;
    const input = new Uint8Array(headCount + dialerHello.length + acceptorHello.length);
    input.set(PROOF_LABEL);
    input[PROOF_LABEL.length] = DIRECTIONS[direction];
    new DataView(input.buffer).setUint32(PROOF_LABEL.length + 1, dialerHello.length);
    input.set(dialerHello, headCount);
    input.set(acceptorHello, headCount + dialerHello.length);
    return input;
  }

  #buildHello(peerNodeId: string | undefined): Uint8Array {
    const { self, clusterName, fingerprint, nonce, proof, knownGeneration } = this.#options;
    return encodePeerHello({
      type: "peer-hello",
      ...self,
      protocolVersion: this.#protocolVersion,
      clusterName,
      nonce,
      hasSecret: proof !== undefined,
      fingerprint,
      knownGeneration: peerNodeId === undefined ? 0 : knownGeneration(peerNodeId),
    });
  }

  /** What makes any further word useless, before anything is proved. */
  #findHelloProblem(hello: PeerHello): HandshakeStep | undefined {
    const { self, clusterName, expectedNodeId, proof, nonce } = this.#options;
    const peer = `node ${show(hello.nodeId)}`;
    const own = `node ${show(self.nodeId)}`;
    if (hello.protocolVersion !== this.#protocolVersion) {
      return refuse(
        "failed_precondition",
        `protocol version ${hello.protocolVersion} of ${peer} must equal ` +
          `${this.#protocolVersion} of ${own}`,
      );
    }
    if (hello.clusterName !== clusterName) {
      return refuse(
        "failed_precondition",
        `cluster name ${show(hello.clusterName)} of ${peer} must equal ` +
          `${show(clusterName)} of ${own}`,
      );
    }
    if (hello.nodeId === self.nodeId) {
      if (hello.generation === self.generation) {
        return refuse("failed_precondition", `${own} reached itself`, true);
      }
      return refuse(
        "already_exists",
        `node id ${show(self.nodeId)} is used by two processes, of generations ` +
          `${hello.generation} and ${self.generation}: give each its own`,
      );
    }
    if (expectedNodeId !== undefined && hello.nodeId !== expectedNodeId) {
      return refuse(
        "failed_precondition",
        `${peer} answered where node ${show(expectedNodeId)} was expected`,
      );
    }
    if (hello.hasSecret !== (proof !== undefined)) {
      return refuse(
        "unauthenticated",
        `a cluster secret is ${describe(hello.hasSecret)} on ${peer} and ` +
          `${describe(proof !== undefined)} on ${own}: configure the same on all nodes`,
      );
    }
    if (isSameBytes(hello.nonce, nonce)) {
      return refuse("unauthenticated", `the nonce of ${peer} must differ from that of ${own}`);
    }
    return undefined;
  }

  /** The last checks, on what is proved by now. */
  #conclude(hello: PeerHello): HandshakeStep {
    const { self, fingerprint, knownGeneration } = this.#options;
    const { nodeId, generation, region, zone } = hello;
    if (hello.fingerprint !== fingerprint) {
      return refuse(
        "failed_precondition",
        `cluster options ${hello.fingerprint} of node ${show(nodeId)} must equal ` +
          `${fingerprint} of node ${show(self.nodeId)}`,
      );
    }
    const known = knownGeneration(nodeId);
    if (generation < known) {
      return refuse(
        "failed_precondition",
        `generation ${generation} of node ${show(nodeId)} must be >= ${known}, which was seen`,
      );
    }
    if (self.generation < hello.knownGeneration) {
      return refuse(
        "failed_precondition",
        `generation ${self.generation} of node ${show(self.nodeId)} must be >= ` +
          `${hello.knownGeneration}, which node ${show(nodeId)} has seen`,
        false,
        hello.knownGeneration,
      );
    }
    const peer = { nodeId, generation, region, zone };
    return { send: [], outcome: { type: "accepted", peer } };
  }
}

function refuse(
  code: Refusal["code"],
  message: string,
  isSelf = false,
  laterGeneration?: number,
): HandshakeStep {
  const refusal = { code, message };
  return {
    send: [encodePeerRefused({ type: "peer-refused", code, message, isSelf })],
    outcome: refusedOutcome(refusal, isSelf ? "self" : "rejected", laterGeneration),
  };
}

function refusedOutcome(
  refusal: Refusal,
  cause: "rejected" | "self",
  laterGeneration?: number,
): HandshakeOutcome {
  return { type: "refused", cause, refusal, laterGeneration };
}

function prepend(frames: readonly Uint8Array[], step: HandshakeStep): HandshakeStep {
  return { send: [...frames, ...step.send], outcome: step.outcome };
}

function describe(hasSecret: boolean): string {
  return hasSecret ? "configured" : "missing";
}

function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
