/** A node that passes the handshake, or tampers with it, and then says whatever a test wants. */
import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { PeerMessage } from "@fpzk/core";
import {
  encodePeerMessage,
  type HandshakeOutcome,
  type HandshakeStep,
  PeerHandshake,
  type PeerHandshakeOptions,
} from "@fpzk/protocol";
import { WebSocket } from "ws";
import type { Closed } from "./raw-attacker.js";

export const SECRET = "a secret that only the servers of this test know";

/** The defaults of a server's cluster options; the handshake says both when they differ. */
export const FINGERPRINT =
  "confirmationMs=5000 heartbeatIntervalMs=1000 orphanSuspectMs=30000 orphanTtlMs=900000 " +
  "reconnectGraceMs=2000 sessionTtlMs=3000 tombstoneTtlMs=3600000";

export interface RawPeerOptions {
  readonly port: number;
  readonly nodeId?: string;
  readonly generation?: number;
  readonly region?: string;
  readonly secret?: string;
  readonly handshake?: Partial<PeerHandshakeOptions>;
  /** What becomes of each frame of the handshake before it is sent; undefined sends nothing. */
  readonly tamper?: (frame: Uint8Array) => Uint8Array | undefined;
}

export class RawPeer {
  readonly ws: WebSocket;
  readonly sent: Uint8Array[] = [];
  readonly outcome: Promise<HandshakeOutcome>;
  readonly closed: Promise<Closed>;
  isClosed = false;

  private constructor(options: RawPeerOptions) {
    const secret = options.secret ?? SECRET;
    const handshake = new PeerHandshake({
      role: "dialer",
      self: {
        nodeId: options.nodeId ?? "liar",
        generation: options.generation ?? Date.now(),
        region: options.region ?? "us",
        zone: "",
      },
      clusterName: "fpzk",
      fingerprint: FINGERPRINT,
      nonce: randomBytes(32),
      proof: {
        hmac: (input) => createHmac("sha256", secret).update(input).digest(),
        isEqual: (a, b) => Buffer.compare(a, b) === 0,
      },
      expectedNodeId: undefined,
      knownGeneration: () => 0,
      ...options.handshake,
    });
    this.ws = new WebSocket(`ws://127.0.0.1:${options.port}/v1/peer`);
    this.ws.on("error", () => {});
    this.closed = new Promise((resolve) => {
      this.ws.once("close", (code: number, reason: Buffer) => {
        this.isClosed = true;
        resolve({ code, reason: reason.toString() });
      });
    });
    this.outcome = new Promise((resolve) => {
      const apply = (step: HandshakeStep) => {
        for (const frame of step.send) {
          const tampered = options.tamper === undefined ? frame : options.tamper(frame);
          if (tampered === undefined) continue;
          this.sent.push(tampered);
          this.ws.send(tampered);
        }
        if (step.outcome === undefined) return;
        this.ws.off("message", onMessage);
        resolve(step.outcome);
      };
      const onMessage = (data: Buffer) => apply(handshake.receive(data));
      this.ws.on("message", onMessage);
      this.ws.once("open", () => apply(handshake.start()));
    });
  }

  static async open(options: RawPeerOptions): Promise<RawPeer> {
    const peer = new RawPeer(options);
    await once(peer.ws, "open");
    return peer;
  }

  /** Opens a link that the server accepts. */
  static async linked(options: RawPeerOptions): Promise<RawPeer> {
    const peer = await RawPeer.open(options);
    const outcome = await peer.outcome;
    if (outcome.type !== "accepted") throw new Error(`refused: ${outcome.refusal.message}`);
    return peer;
  }

  send(message: PeerMessage): void {
    this.ws.send(encodePeerMessage(message));
  }

  close(): void {
    this.ws.terminate();
  }
}
