/** What a message is about, as the map colours it. */
import { type PeerMessage, RecordKind } from "@fpzk/core";
import { decodePeerMessage, decodeSessionMessage, decodeSessionRequest } from "@fpzk/protocol";
import type { Flight } from "@fpzk/sim";

export const MESSAGE_KINDS = {
  change: "change, pushed",
  digest: "digest of a node",
  heartbeat: "heartbeat",
  canary: "canary",
  confirmation: "drain confirmation",
  session: "sessions, members",
} as const;
export type MessageKind = keyof typeof MESSAGE_KINDS;

const REQUEST_KINDS: Readonly<Record<string, MessageKind>> = {
  register: "change",
  deregister: "change",
  "set-state": "change",
  heartbeat: "heartbeat",
  confirm: "confirmation",
};
const ANSWER_KINDS: Readonly<Record<string, MessageKind>> = {
  change: "change",
  snapshot: "change",
  pong: "heartbeat",
  drained: "confirmation",
};

/** The kind of a message on its way; undefined for the end of a connection. */
export function kindOf({ carries, bytes }: Flight): MessageKind | undefined {
  if (bytes.length === 0) return undefined;
  if (carries === "request") {
    const decoded = decodeSessionRequest(bytes);
    return decoded.ok ? (REQUEST_KINDS[decoded.message.type] ?? "session") : undefined;
  }
  if (carries === "answer") {
    const decoded = decodeSessionMessage(bytes);
    return decoded.ok ? (ANSWER_KINDS[decoded.message.type] ?? "session") : undefined;
  }
  const decoded = decodePeerMessage(bytes);
  return decoded.ok ? kindOfPeerMessage(decoded.message) : undefined;
}

function kindOfPeerMessage(message: PeerMessage): MessageKind {
  switch (message.type) {
    case "digest":
      return "digest";
    case "delta":
    case "reset": {
      const kinds = new Set(
        message.groups.flatMap(({ records }) => records.map(({ kind }) => kind)),
      );
      if (kinds.has(RecordKind.instance) || kinds.has(RecordKind.override)) return "change";
      return kinds.has(RecordKind.canary) ? "canary" : "session";
    }
    case "route":
      if (message.payload.kind === "canary-echo") return "canary";
      return message.payload.kind === "drain-confirm" ? "confirmation" : "session";
    default:
      return "session";
  }
}
