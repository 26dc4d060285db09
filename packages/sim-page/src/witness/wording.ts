/** What core tells, in words for people. */
import {
  InstanceState,
  type LeaveReason,
  Liveness,
  RemovalReason,
  type ViewInstance,
} from "@fpzk/core";
import type { Tone } from "./log-book.js";

export interface Wording {
  readonly tone: Tone;
  readonly text: string;
  /** Several may tell the same: who does is named apart. */
  readonly isWitnessed?: boolean;
}

/** How an instance looks in a view: what decides its colour and its words. */
export type Look = "alive" | "suspect" | "orphaned" | "unreachable" | "draining" | "offline";

const LOOK_WORDS: Readonly<Record<Look, Wording>> = {
  alive: { tone: "good", text: "is up and alive" },
  suspect: { tone: "warn", text: "is suspect: picked only while too few others are healthy" },
  orphaned: { tone: "warn", text: "is orphaned: its node is gone; still picked" },
  unreachable: { tone: "warn", text: "is unreachable: its region is silent; kept, picked last" },
  draining: { tone: "warn", text: "is draining: no longer picked" },
  offline: { tone: "warn", text: "is offline: not picked" },
};

const REASON_WORDS: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(RemovalReason).map(([name, value]) => [
    value,
    name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
  ]),
);

export function lookOf({ state, liveness }: ViewInstance): Look {
  if (state === InstanceState.draining) return "draining";
  if (state === InstanceState.offline) return "offline";
  if (liveness === Liveness.suspect) return "suspect";
  if (liveness === Liveness.orphaned) return "orphaned";
  return liveness === Liveness.unreachable ? "unreachable" : "alive";
}

export function lookText(name: string, look: Look): Wording {
  const { tone, text } = LOOK_WORDS[look];
  return { tone, text: `${name} ${text}` };
}

export function removalText(name: string, reason: LeaveReason): Wording {
  if (reason === "elsewhere") {
    return { tone: "plain", text: `${name} is its region's own, and not seen from here` };
  }
  return { tone: "bad", text: `${name} is removed: ${REASON_WORDS[reason] ?? "unknown"}` };
}

type Fields = Readonly<Record<string, string | number | boolean>>;

const DOUBT_WORDS: Readonly<Record<string, string>> = {
  stalled: "it stood still itself",
  "many-silent": "many fell silent at once",
  "many-removed": "many would be removed at once",
  "node-silent": "a node is silent and not confirmed gone",
};

/** Notes worth a line on the page, by event; the others stay out of it. */
const NOTES: Readonly<Record<string, (who: string, fields: Fields) => Wording>> = {
  "node.ready": (who) => ({ tone: "good", text: `${who} knows enough to answer` }),
  "node.leaving": (who) => ({
    tone: "plain",
    text: `${who} leaves: it asks its sessions to move`,
  }),
  "node.stalled": (who, { lateMs }) => ({
    tone: "warn",
    text: `${who} notices that it stood still for ${lateMs} ms`,
  }),
  "node.adopted-orphans": (who, { count }) => ({
    tone: "plain",
    text: `${who} adopts ${count} of a dead node's instances`,
  }),
  "lease.expiry-paused": (who, { reason }) => ({
    tone: "warn",
    text: `${who} doubts itself and pauses expiry: ${DOUBT_WORDS[String(reason)] ?? reason}`,
  }),
  "lease.expiry-resumed": (who) => ({ tone: "plain", text: `${who} trusts its leases again` }),
  "link.silent": (_who, { peer }) => ({
    tone: "warn",
    text: `nothing is heard of ${peer}`,
    isWitnessed: true,
  }),
  "replica.reset-received": (who, { peer }) => ({
    tone: "plain",
    text: `${who} was away too long to be patched: it takes everything from ${peer}`,
  }),
  "client.online": (who, { nodeId }) => ({
    tone: "plain",
    text: `${who} has a session at ${nodeId}`,
  }),
  "client.offline": (who) => ({ tone: "warn", text: `${who} lost its session` }),
  "client.superseded": (who) => ({
    tone: "bad",
    text: `${who} is superseded: a later process has its id`,
  }),
  "client.stalled": (who, { lateMs }) => ({
    tone: "warn",
    text: `${who} notices that it stood still for ${lateMs} ms`,
  }),
};

export function noteText(who: string, event: string, fields: Fields): Wording | undefined {
  return NOTES[event]?.(who, fields);
}
