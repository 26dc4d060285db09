/**
 * What a client does on each event in each state. Total by type: a forgotten cell does not compile.
 *
 * | state | means |
 * |---|---|
 * | idle | made, not started |
 * | waiting | no socket; the next attempt has its time |
 * | connecting | sockets are being opened, one after the other |
 * | greeting | hello and all that is wanted were sent, welcome is awaited |
 * | online | welcomed |
 * | closed | over |
 *
 * Events of an attempt that is neither the current one nor the one to move to never reach the
 * table; of the latter, `disconnected` is taken for `connect-failed`.
 */
import type { ClientEvent } from "./client-events.js";

export type ClientState = "idle" | "waiting" | "connecting" | "greeting" | "online" | "closed";

export type ClientAction =
  | "ignore"
  /** Begins the search for a server. */
  | "start"
  /** Takes the seeds' addresses; in `waiting` tries at once. */
  | "learn"
  /** Says hello and everything that is wanted. */
  | "greet"
  /** Ends a socket that nobody wants any more. */
  | "drop"
  /** Counts a failed attempt and looks for another server. */
  | "retry"
  /** The node to move to is there: says everything again on the new socket. */
  | "switch"
  /** The node to move to is not there: the session goes on meanwhile. */
  | "stay"
  | "read"
  /** The session ended by itself: waits out the slot, then looks for another server. */
  | "lose"
  | "elapse"
  | "flush"
  /** Takes a wish in; it is sent when there is a session. */
  | "want"
  /** Answers a command that it comes too late. */
  | "refuse"
  | "close";

const COMMANDS_WANTED = {
  watch: "want",
  unwatch: "want",
  register: "want",
  update: "want",
  "set-state": "want",
  drain: "want",
  deregister: "want",
  query: "want",
} as const;

export const CLIENT_TRANSITIONS: Readonly<
  Record<ClientState, Readonly<Record<ClientEvent["type"], ClientAction>>>
> = {
  idle: {
    start: "start",
    seeds: "learn",
    connected: "drop",
    "connect-failed": "ignore",
    message: "ignore",
    disconnected: "ignore",
    tick: "elapse",
    "turn-end": "ignore",
    close: "close",
    accuse: "ignore",
    ...COMMANDS_WANTED,
  },
  waiting: {
    start: "ignore",
    seeds: "learn",
    connected: "drop",
    "connect-failed": "ignore",
    message: "ignore",
    disconnected: "ignore",
    tick: "elapse",
    "turn-end": "ignore",
    close: "close",
    accuse: "ignore",
    ...COMMANDS_WANTED,
  },
  connecting: {
    start: "ignore",
    seeds: "learn",
    connected: "greet",
    "connect-failed": "retry",
    message: "ignore",
    disconnected: "retry",
    tick: "elapse",
    "turn-end": "ignore",
    close: "close",
    accuse: "ignore",
    ...COMMANDS_WANTED,
  },
  greeting: {
    start: "ignore",
    seeds: "learn",
    connected: "ignore",
    "connect-failed": "ignore",
    message: "read",
    disconnected: "retry",
    tick: "elapse",
    "turn-end": "flush",
    close: "close",
    accuse: "ignore",
    ...COMMANDS_WANTED,
  },
  online: {
    start: "ignore",
    seeds: "learn",
    connected: "switch",
    "connect-failed": "stay",
    message: "read",
    disconnected: "lose",
    tick: "elapse",
    "turn-end": "flush",
    close: "close",
    accuse: "want",
    ...COMMANDS_WANTED,
  },
  closed: {
    start: "ignore",
    seeds: "ignore",
    connected: "drop",
    "connect-failed": "ignore",
    message: "ignore",
    disconnected: "ignore",
    tick: "ignore",
    "turn-end": "ignore",
    close: "ignore",
    accuse: "ignore",
    watch: "ignore",
    unwatch: "ignore",
    register: "refuse",
    update: "refuse",
    "set-state": "refuse",
    drain: "refuse",
    deregister: "refuse",
    query: "refuse",
  },
};
