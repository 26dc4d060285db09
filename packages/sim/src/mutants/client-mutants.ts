/** Defects in how programs keep themselves registered. */
import type { Mutant } from "./mutant.js";

const REGISTRATIONS = "client/client-registrations.js";
const SESSION = "client/client-session.js";

export const CLIENT_MUTANTS: readonly Mutant[] = [
  {
    name: "superseded-process-duels",
    story:
      "A process whose id was taken by a later one claims it again: the two evict each other " +
      "without end.",
    file: REGISTRATIONS,
    find: "if (message.isAlive && !beganLater) {",
    replace: "if (false) {",
  },
  {
    name: "superseded-process-not-told",
    story:
      "A process whose id was taken by another is not told: it believes to be registered, and " +
      "nobody calls it.",
    file: "node/registry-node.js",
    find: "if (lease?.session !== undefined)",
    replace: "if (false)",
  },
  {
    name: "session-number-not-raised",
    story:
      "A client reconnects under the number of its last connection: the new node cannot tell it " +
      "from the old one, and refuses it or lets the old one's end remove it.",
    file: SESSION,
    find: "this.#sessionNumber += 1;",
    replace: "this.#sessionNumber = 1;",
  },
  {
    name: "registration-forgotten-on-reconnect",
    story:
      "A client that reconnects does not register again: with the end of the old lease it is gone " +
      "for good, while it runs (a provider that never comes back after a session expiry).",
    file: REGISTRATIONS,
    find: "registration.needsRegister = true;\n            registration.needsState = false;",
    replace: "registration.needsRegister = false;\n            registration.needsState = false;",
  },
  {
    name: "state-forgotten-on-reconnect",
    story:
      "A client that reconnects registers as up, whatever it wanted to be: an instance that was " +
      "taken offline gets traffic again.",
    file: REGISTRATIONS,
    find: "const state = registration.isRemoving ? InstanceState.draining : registration.state;",
    replace: "const state = InstanceState.up;",
  },
  {
    name: "silence-of-node-ignored",
    story:
      "A client never notices that its node is silent: behind a half-open connection it is " +
      "removed from all views and does not know it.",
    file: SESSION,
    find: "if (session.isSilent(now)) {",
    replace: "if (false) {",
  },
  {
    name: "last-claim-wins",
    story:
      "Whoever claimed an id last keeps it, not whoever began last: an earlier process that has " +
      "taken it over while the later one was away turns that one out for good.",
    file: REGISTRATIONS,
    find: "const beganLater = message.since > 0 && registration.since > message.since;",
    replace: "const beganLater = false;",
  },
  {
    name: "highest-claim-wins",
    story:
      "A node gives an id to whoever claims it highest, also over a later process that it knows to " +
      "be well: one that waited because the other might be dead takes it from the living.",
    file: "node/instance-writer.js",
    find: "const isLater = held !== undefined && this.#isOfLaterProcess(held, item);",
    replace: "const isLater = false;",
  },
  {
    name: "clock-hears-nobody",
    story:
      "A node's hybrid clock does not learn from what others write: of two processes of one id " +
      "the one whose node's wall clock is ahead has it, an hour after it was replaced.",
    file: "hlc.js",
    find: "if (value > this.#reading() + HLC_COUNTER_SPAN)",
    replace: "if (false)",
  },
  {
    name: "refusal-is-final",
    story:
      "A registration that is refused for a reason that passes is not tried again: a program that " +
      "started at a bad moment is never found.",
    file: REGISTRATIONS,
    find: "if (mayPass(code) || isOldNews) {",
    replace: "if (false) {",
  },
  {
    name: "change-before-its-time-is-final",
    story:
      "A change of what the session does not hold yet, because a dead predecessor is waited for, is " +
      "refused for good, and the registration given up with it: the program is never found.",
    file: "client/registration-entry.js",
    find: "return code === ErrorCode.notFound || ERROR_CODES[code].isRetryable;",
    replace: "return ERROR_CODES[code].isRetryable;",
  },
  {
    name: "late-change-gives-up",
    story:
      "A change that no node heard of in its time takes the registration with it, whose own time is " +
      "longer: a program that starts while no node answers is never found.",
    file: REGISTRATIONS,
    find: 'if (kind === "register" && subject.confirmedRevision === 0)',
    replace: 'if ((kind === "register" || kind === "change") && subject.confirmedRevision === 0)',
  },
  {
    name: "reconnect-without-slots",
    story:
      "Nodes hand out no time slots for reconnecting: when one is lost, thousands of clients come " +
      "to the next in the same instant (herds after a restart).",
    file: "node/session-desk.js",
    find: "return Math.floor(slot * this.reconnectSpreadMs);",
    replace: "return 0;",
  },
  {
    name: "backoff-without-jitter",
    story:
      "Clients that failed together try again together: every try is a wave as high as the first " +
      "(no randomised back-off, hours of outage).",
    file: "client/server-list.js",
    find: "const backoffMs = ceilingMs * (0.5 + this.#options.random.next() / 2);",
    replace: "const backoffMs = ceilingMs;",
  },
  {
    name: "everybody-to-the-first-node",
    story:
      "Among equal nodes clients take the first of the list: after a restart one node has all " +
      "sessions and the others none (a node without clients after a rolling upgrade).",
    file: "client/server-list.js",
    find: "const order = [standing, failure === undefined ? 0 : 1, this.#options.random.next()];",
    replace: "const order = [standing, failure === undefined ? 0 : 1, 0];",
  },
  {
    name: "last-server-in-its-turn",
    story:
      "A client whose connection was reset tries silent hosts, six at a time, before the one server " +
      "that it was just heard by: its instances are removed while it dials.",
    file: "client/server-list.js",
    find: "(tried.size > 0 ? this.#heardBefore(others, now) : undefined)",
    replace: "undefined",
  },
];
