/**
 * Links to other nodes: dialed and accepted, proved, then core's events and effects.
 *
 * Whatever is wrong on a link ends that link alone.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import {
  ErrorCode,
  LINK_QUEUE_MAX_BYTES,
  type LinkKey,
  NODE_COUNT_MAX,
  type NodeEvent,
  type PeerIdentity,
  type PeerMessage,
} from "@fpzk/core";
import {
  type ClusterProof,
  decodePeerMessage,
  encodePeerMessage,
  type HandshakeOutcome,
  type HandshakeStep,
  PeerHandshake,
} from "@fpzk/protocol";
import type { RawData, WebSocket } from "ws";
import { DEFLATE_THRESHOLD_BYTES } from "./http-server.js";
import type { Logger } from "./logger.js";
import {
  combineFailures,
  type DialFailure,
  failureOf,
  openPeerSocket,
  resolveAddress,
} from "./peer-dialer.js";
import type { ServerCounters } from "./server-counters.js";
import type { TlsMaterial } from "./tls-server.js";
import { closeReason, socketFaultCode } from "./websocket-frame.js";

export interface PeerHubOptions {
  readonly self: () => PeerIdentity;
  readonly clusterName: string;
  readonly fingerprint: string;
  readonly clusterSecret: string | undefined;
  /** What this node shows when it dials; undefined dials without TLS. */
  readonly tls: () => TlsMaterial | undefined;
  readonly dialVia: Readonly<Record<string, string>>;
  readonly knownGeneration: (nodeId: string) => number;
  /** A proved peer has seen a later life of this node. */
  readonly onLaterGeneration: (generation: number) => void;
  readonly submit: (event: NodeEvent) => void;
  readonly counters: ServerCounters;
  readonly logger: Logger;
  readonly handshakeTimeoutMs?: number;
  readonly queueMaxBytes?: number;
}

export const PEER_HANDSHAKE_TIMEOUT_MS = 3_000;
/** Both sides may dial at once, and a link may still be closing. */
const LINK_COUNT_MAX = 4 * NODE_COUNT_MAX;
const CLOSE_GRACE_MS = 1_000;
const NONCE_BYTES = 32;
const POLICY_VIOLATION = 1008;
const NORMAL_CLOSURE = 1000;

/** One `dial` effect: several sockets when its name has several addresses. */
interface Dial {
  readonly address: string;
  readonly expectedNodeId: string | undefined;
  pendingCount: number;
  readonly openedNodeIds: Set<string>;
  readonly failures: DialFailure[];
}

interface Link {
  readonly key: LinkKey;
  readonly ws: WebSocket;
  readonly handshake: PeerHandshake;
  readonly dial: Dial | undefined;
  state: "connecting" | "handshake" | "open" | "closed";
  /** Its dial still waits for what becomes of it. */
  isDialPending: boolean;
  deadline: NodeJS.Timeout | undefined;
  peer: PeerIdentity | undefined;
  isCompressed: boolean;
  isCongested: boolean;
  readonly onSent: () => void;
}

export class PeerHub {
  readonly #options: PeerHubOptions;
  readonly #submit: (event: NodeEvent) => void;
  readonly #queueMaxBytes: number;
  readonly #links = new Map<LinkKey, Link>();
  readonly #proof: ClusterProof | undefined;
  #nextKey = 1;
  #isClosed = false;

  constructor(options: PeerHubOptions) {
    this.#options = options;
    this.#submit = options.submit;
    this.#queueMaxBytes = options.queueMaxBytes ?? LINK_QUEUE_MAX_BYTES;
    const secret = options.clusterSecret;
    this.#proof = secret === undefined ? undefined : proofOf(secret);
  }

  get isFull(): boolean {
    return this.#links.size >= LINK_COUNT_MAX;
  }

  /** Links by state. */
  counts(): Record<"connecting" | "handshake" | "open" | "congested", number> {
    const counts = { connecting: 0, handshake: 0, open: 0, congested: 0 };
    for (const link of this.#links.values()) {
      if (link.state === "closed") continue;
      counts[link.state === "open" && link.isCongested ? "congested" : link.state] += 1;
    }
    return counts;
  }

  /** Takes a connection that a peer opened. */
  accept(ws: WebSocket): void {
    const link = this.#add(ws, undefined);
    link.state = "handshake";
    this.#startDeadline(link);
    this.#apply(link, link.handshake.start());
  }

  /** Performs `dial`; answers with `link-open` or `dial-failed`. */
  dial(address: string, expectedNodeId: string | undefined): void {
    const dial: Dial = {
      address,
      expectedNodeId,
      pendingCount: 0,
      openedNodeIds: new Set(),
      failures: [],
    };
    resolveAddress(this.#options.dialVia[address] ?? address).then(
      (targets) => {
        if (this.#isClosed) return;
        if (!Array.isArray(targets) || targets.length === 0) {
          if (!Array.isArray(targets)) dial.failures.push(targets);
          this.#concludeDial(dial);
          return;
        }
        dial.pendingCount = targets.length;
        for (const target of targets) {
          const link = this.#add(openPeerSocket(target, this.#options.tls()), dial);
          link.ws.once("open", () => {
            if (link.state !== "connecting") return;
            link.state = "handshake";
            this.#startDeadline(link);
            this.#apply(link, link.handshake.start());
          });
        }
      },
      (error: unknown) => {
        dial.failures.push({ cause: "timeout", detail: String(error) });
        this.#concludeDial(dial);
      },
    );
  }

  /** Performs `send-links`: encodes once. */
  send(keys: readonly LinkKey[], message: PeerMessage): void {
    const { counters } = this.#options;
    let frame: Uint8Array | undefined;
    for (const key of keys) {
      const link = this.#links.get(key);
      if (link?.state !== "open") continue;
      frame ??= encodePeerMessage(message);
      if (message.type === "delta" || message.type === "reset") {
        counters.deltaSentCount += 1;
        counters.deltaSentBytes += frame.length;
      }
      this.#write(link, frame);
    }
  }

  /** Performs `close-link`. */
  close(key: LinkKey, reason: string): void {
    const link = this.#links.get(key);
    if (link !== undefined) this.#end(link, NORMAL_CLOSURE, reason);
  }

  closeAll(): void {
    this.#isClosed = true;
    for (const link of [...this.#links.values()]) this.#end(link, NORMAL_CLOSURE, "leaving");
  }

  #add(ws: WebSocket, dial: Dial | undefined): Link {
    const { clusterName, fingerprint, knownGeneration, self } = this.#options;
    const link: Link = {
      key: this.#nextKey++,
      ws,
      dial,
      handshake: new PeerHandshake({
        role: dial === undefined ? "acceptor" : "dialer",
        self: self(),
        clusterName,
        fingerprint,
        nonce: randomBytes(NONCE_BYTES),
        proof: this.#proof,
        expectedNodeId: dial?.expectedNodeId,
        knownGeneration,
      }),
      state: "connecting",
      isDialPending: dial !== undefined,
      deadline: undefined,
      peer: undefined,
      isCompressed: false,
      isCongested: false,
      onSent: () => this.#onSent(link),
    };
    this.#links.set(link.key, link);
    ws.on("message", (data: RawData, isBinary: boolean) =>
      this.#onMessage(link, data as Buffer, isBinary),
    );
    ws.on("error", (error) => this.#onError(link, error));
    ws.on("close", () => this.#onClose(link));
    return link;
  }

  #startDeadline(link: Link): void {
    const timeoutMs = this.#options.handshakeTimeoutMs ?? PEER_HANDSHAKE_TIMEOUT_MS;
    link.deadline = setTimeout(() => {
      const detail = `the peer did not finish the handshake within ${timeoutMs} ms`;
      this.#settleDial(link, { cause: "timeout", detail });
      this.#refuse(link, ErrorCode.deadlineExceeded, detail);
    }, timeoutMs);
  }

  #onMessage(link: Link, data: Buffer, isBinary: boolean): void {
    if (link.state === "closed") return;
    if (!isBinary) {
      this.#refuse(link, ErrorCode.invalidArgument, "text frames are not spoken here");
    } else if (link.state === "handshake") {
      this.#apply(link, link.handshake.receive(data));
    } else {
      this.#onFrame(link, data);
    }
  }

  #onFrame(link: Link, data: Buffer): void {
    const decoded = decodePeerMessage(data);
    if (!decoded.ok) {
      this.#refuse(link, decoded.refusal.code, decoded.refusal.message);
      return;
    }
    const { message } = decoded;
    if (message.type === "delta" || message.type === "reset") {
      this.#options.counters.deltaReceivedCount += 1;
      this.#options.counters.deltaReceivedBytes += data.length;
    }
    this.#submit({ type: "link-message", link: link.key, message });
  }

  /** Does what the handshake says. */
  #apply(link: Link, step: HandshakeStep): void {
    for (const frame of step.send) link.ws.send(frame, { binary: true, compress: false });
    if (step.outcome !== undefined) this.#conclude(link, step.outcome);
  }

  #conclude(link: Link, outcome: HandshakeOutcome): void {
    clearTimeout(link.deadline);
    if (outcome.type === "refused") {
      const { cause, refusal, laterGeneration } = outcome;
      this.#settleDial(link, { cause, detail: refusal.message });
      if (laterGeneration !== undefined) this.#options.onLaterGeneration(laterGeneration);
      this.#refuse(link, refusal.code, refusal.message, cause === "self");
      return;
    }
    const { peer } = outcome;
    const isSecond = link.dial?.openedNodeIds.has(peer.nodeId) ?? false;
    link.dial?.openedNodeIds.add(peer.nodeId);
    this.#settleDial(link, undefined);
    if (isSecond) {
      // Two addresses of one name led to one node.
      this.#end(link, NORMAL_CLOSURE, "this node is linked already");
      return;
    }
    link.state = "open";
    link.peer = peer;
    link.isCompressed = peer.region !== this.#options.self().region;
    this.#submit({
      type: "link-open",
      link: link.key,
      peer,
      isOutbound: link.dial !== undefined,
      address: link.dial?.address,
    });
  }

  #write(link: Link, frame: Uint8Array): void {
    const compress = link.isCompressed && frame.length >= DEFLATE_THRESHOLD_BYTES;
    link.ws.send(frame, { binary: true, compress }, link.onSent);
    const queuedBytes = link.ws.bufferedAmount;
    if (queuedBytes <= this.#queueMaxBytes) return;
    if (!link.isCongested) {
      link.isCongested = true;
      this.#options.counters.linkCongestedCount += 1;
      this.#submit({ type: "link-congested", link: link.key });
    } else if (queuedBytes > 4 * this.#queueMaxBytes) {
      this.#refuse(link, ErrorCode.resourceExhausted, `${queuedBytes} bytes wait to be read`);
    }
  }

  #onSent(link: Link): void {
    if (!link.isCongested || link.state !== "open") return;
    if (link.ws.bufferedAmount > this.#queueMaxBytes / 2) return;
    link.isCongested = false;
    this.#submit({ type: "link-writable", link: link.key });
  }

  #onError(link: Link, error: Error): void {
    if (link.state === "connecting") {
      this.#settleDial(link, failureOf(error));
      this.#forget(link);
      return;
    }
    const code = socketFaultCode(error);
    if (code !== undefined) this.#refuse(link, code, error.message);
  }

  #onClose(link: Link): void {
    this.#settleDial(link, { cause: "timeout", detail: "the connection ended too early" });
    this.#forget(link);
  }

  #refuse(link: Link, code: ErrorCode, message: string, isExpected = false): void {
    if (link.state === "closed") return;
    if (!isExpected) {
      this.#options.counters.refuse("link", code);
      this.#options.logger.warn("link.refused", {
        code,
        message,
        nodeId: link.peer?.nodeId,
        address: link.dial?.address,
      });
    }
    this.#end(link, POLICY_VIOLATION, `${code}: ${message}`);
  }

  #end(link: Link, closeCode: number, reason: string): void {
    this.#forget(link);
    if (link.ws.readyState === link.ws.CONNECTING) {
      link.ws.terminate();
      return;
    }
    link.ws.close(closeCode, closeReason(reason));
    const timer = setTimeout(() => link.ws.terminate(), CLOSE_GRACE_MS);
    link.ws.once("close", () => clearTimeout(timer));
  }

  #forget(link: Link): void {
    const wasOpen = link.state === "open";
    link.state = "closed";
    clearTimeout(link.deadline);
    this.#links.delete(link.key);
    if (wasOpen) this.#submit({ type: "link-close", link: link.key });
  }

  /** Tells a link's dial, once, what became of it; undefined is success. */
  #settleDial(link: Link, failure: DialFailure | undefined): void {
    const { dial } = link;
    if (dial === undefined || !link.isDialPending) return;
    link.isDialPending = false;
    dial.pendingCount -= 1;
    if (failure !== undefined) dial.failures.push(failure);
    if (dial.pendingCount === 0) this.#concludeDial(dial);
  }

  #concludeDial(dial: Dial): void {
    if (dial.openedNodeIds.size > 0 || this.#isClosed) return;
    this.#options.counters.dialFailedCount += 1;
    const { cause, detail } = combineFailures(dial.failures);
    this.#submit({ type: "dial-failed", address: dial.address, cause, detail });
  }
}

function proofOf(secret: string): ClusterProof {
  return {
    hmac: (input) => createHmac("sha256", secret).update(input).digest(),
    isEqual: (a, b) => a.length === b.length && timingSafeEqual(a, b),
  };
}
