/** A peer that passes the handshake: it knows the secret, and learns the options it must name. */
import { createHmac, randomBytes } from "node:crypto";
import { PeerHandshake } from "@fpzk/protocol";
import type { WebSocket } from "ws";
import { openSocket } from "./frames.js";
import { SECRET, type ServedProcess } from "./served-process.js";

let fingerprint = "";

export function createDialer(nodeId: string, secret: string | undefined): PeerHandshake {
  return new PeerHandshake({
    role: "dialer",
    self: { nodeId, generation: Date.now(), region: "eu", zone: "" },
    clusterName: "fpzk",
    fingerprint,
    nonce: randomBytes(32),
    proof:
      secret === undefined
        ? undefined
        : {
            hmac: (input) => createHmac("sha256", secret).update(input).digest(),
            isEqual: (a, b) => Buffer.compare(a, b) === 0,
          },
    expectedNodeId: undefined,
    knownGeneration: () => 0,
  });
}

/** A link that the server accepted; undefined when it does not. */
export async function linkedPeer(served: ServedProcess): Promise<WebSocket | undefined> {
  // The first refusal names the cluster options, the second try has them.
  for (let tries = 0; tries < 2; tries += 1) {
    const ws = await openSocket(served, "/v1/peer");
    if (ws === undefined) return undefined;
    if (await isAccepted(ws)) return ws;
    ws.terminate();
  }
  return undefined;
}

function isAccepted(ws: WebSocket): Promise<boolean> {
  const side = createDialer("liar", SECRET);
  return new Promise((resolve) => {
    ws.on("close", () => resolve(false));
    const onMessage = (data: Buffer) => {
      const { send, outcome } = side.receive(data);
      for (const frame of send) ws.send(frame);
      if (outcome === undefined) return;
      ws.off("message", onMessage);
      if (outcome.type === "refused") {
        const options = outcome.refusal.message.match(/confirmationMs=.*?tombstoneTtlMs=\d+/g);
        fingerprint = options?.at(-1) ?? fingerprint;
      }
      resolve(outcome.type === "accepted");
    };
    ws.on("message", onMessage);
    for (const frame of side.start().send) ws.send(frame);
  });
}
