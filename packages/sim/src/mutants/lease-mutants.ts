/** Defects between a heartbeat and an eviction. */
import type { Mutant } from "./mutant.js";

const RULES = "lease/lease-rules.js";
const DOUBT = "lease/self-doubt.js";
const WRITER = "node/instance-writer.js";
const NODE = "node/registry-node.js";

export const LEASE_MUTANTS: readonly Mutant[] = [
  {
    name: "late-expiry-by-old-owner",
    story:
      "A node whose instance has moved to another goes on keeping its lease: when that runs out, " +
      "it removes the living registration (a session expiry that races with the new session).",
    file: NODE,
    find: "if (tag === 0)\n            return;",
    replace: "if (true)\n            return;",
  },
  {
    name: "late-expiry-by-old-session",
    story:
      "A program reconnects to the same node, and its instance stays on the old session's lease " +
      "as well: the old lease's end removes what the new one holds.",
    file: WRITER,
    find: "if (this.#replica.table.tag(slot) !== lease.id)",
    replace: "if (false)",
  },
  {
    name: "wall-clock-leases",
    story:
      "Leases are counted on the wall clock, as in the C++ original: a clock that is set forward " +
      "evicts everything, one that is set back keeps the dead for an hour.",
    file: NODE,
    find: "this.#leases = new LeaseTable({ timings: config, doubt: this.#doubt, now });",
    replace: `this.#leases = new LeaseTable({ timings: config, doubt: this.#doubt, now });
        const wallOffsetMs = options.wallNow() - now;
        const wall = () => options.wallNow() - wallOffsetMs;
        const { open, apply, expire } = LeaseTable.prototype;
        const leases = this.#leases;
        leases.open = (lease) => open.call(leases, lease, wall());
        leases.apply = (lease, event) => apply.call(leases, lease, event, wall());
        leases.expire = (choice) => expire.call(leases, choice, wall());
        leases.next = () => this.#now + 200;`,
  },
  {
    name: "close-removes-at-once",
    story:
      "A connection that closes removes its instances at once, as in the C++ original: a reset " +
      "or a proxy's restart is a global flap.",
    file: RULES,
    find: 'closed: { phase: "closed", write: "suspect", deadline: "reconnectGraceMs", reason: NO_REASON },',
    replace:
      'closed: { phase: "ended", write: "tombstone", deadline: "keep", reason: RemovalReason.connectionLost },',
  },
  {
    name: "close-ignored",
    story:
      "A connection that closes means nothing until the lease runs out: callers go on calling a " +
      "killed process for seconds (traffic to a dead container in spite of a short setting).",
    file: RULES,
    find: 'closed: { phase: "closed", write: "suspect", deadline: "reconnectGraceMs", reason: NO_REASON },',
    replace: 'closed: { phase: "active", write: "nothing", deadline: "keep", reason: NO_REASON },',
  },
  {
    name: "silence-hidden",
    story:
      "An instance that fell silent is not shown as suspect, only removed in the end: callers are " +
      "told of a hung process after all of the confirmation time (the ninety seconds).",
    file: RULES,
    find: 'deadline: { phase: "silent", write: "suspect", deadline: "confirmationMs", reason: NO_REASON },',
    replace:
      'deadline: { phase: "silent", write: "nothing", deadline: "confirmationMs", reason: NO_REASON },',
  },
  {
    name: "silent-for-ever",
    story:
      "An instance that was only slow stays suspect when it is heard again: callers avoid a " +
      "healthy instance (a server that is marked down by one long pause).",
    file: RULES,
    find: 'heard: { phase: "active", write: "alive", deadline: "ttlMs", reason: NO_REASON },',
    replace: 'heard: { phase: "active", write: "nothing", deadline: "ttlMs", reason: NO_REASON },',
  },
  {
    name: "silent-never-removed",
    story:
      "What fell silent is never removed: a host that is lost stays in every list until an " +
      "operator removes it (instances that never go, with the advice to call the REST API).",
    file: "lease/lease-table.js",
    find: "const step = LEASE_RULES[lease.phase].deadline;",
    replace:
      "const step = LEASE_RULES[lease.phase].deadline;\n            if (lease.phase === LeasePhase.silent)\n                continue;",
  },
  {
    name: "expiry-never-resumes",
    story:
      "Once a node doubts itself it does so for ever: after a crash of many, no dead instance is " +
      "removed any more (self-preservation that is entered and never left).",
    file: DOUBT,
    find: "const until = after(now, pauseMs);",
    replace: "const until = after(now, 1e9);",
  },
  {
    name: "self-doubt-of-silence-off",
    story:
      "However many fall silent together, all are suspected: a node whose own network card fails " +
      "calls all of its clients suspect (a half-detached node that marks the others failed).",
    file: DOUBT,
    find: "if (this.#silentCount >= Math.max(SILENCE_COUNT_MIN, leaseCount * LAPSE_RATIO_MAX)) {",
    replace: "if (false) {",
  },
  {
    name: "self-doubt-of-removal-off",
    story:
      "However many lapse together, all are removed in one go: an eviction of a whole service " +
      "after one fault of the node itself (eviction without a budget).",
    file: DOUBT,
    find: "if (this.#removedCount >= Math.max(REMOVAL_COUNT_MIN, lease.leaseCount * LAPSE_RATIO_MAX)) {",
    replace: "if (false) {",
  },
  {
    name: "self-doubt-of-stalls-off",
    story:
      "A node that stood still judges by what it slept through: on waking it suspects programs " +
      "whose heartbeats wait in its own sockets (a garbage collection that takes the cluster down).",
    file: NODE,
    find: 'if (lateMs <= STALL_MS || event.type === "turn-end")',
    replace: "if (true)",
  },
  {
    name: "removal-while-a-node-is-silent",
    story:
      "Instances are removed although a node is silent where they may have reconnected: a cut " +
      "between two nodes evicts programs that moved in time.",
    file: DOUBT,
    find: "if (lease.hasSilentNode && !isHeldTooLong) {",
    replace: "if (false) {",
  },
  {
    name: "removal-without-reason",
    story:
      "A removal does not say why: nobody can tell a death from a deregistration or a bug (an " +
      "empty list that might mean anything).",
    file: WRITER,
    find: "            reason,\n            body: EMPTY_BODY,",
    replace: "            reason: RemovalReason.none,\n            body: EMPTY_BODY,",
  },
  {
    name: "goodbye-leaves-zombies",
    story:
      "A program that closes its client properly is not taken off: its instances hang on no lease " +
      "and stay for ever (a dead instance that is never removed).",
    file: "node/session-desk.js",
    find: "this.#options.writer.remove(slot, RemovalReason.deregistered, now);",
    replace: "this.#options.writer.detach(slot);",
  },
  {
    name: "heartbeats-are-written",
    story:
      "Each heartbeat writes the instance's record anew, as in the C++ original: every heartbeat " +
      "crosses the ocean, and traffic is instances times rhythm.",
    file: "node/session-desk.js",
    find: "if (!message.wantsDigests) {",
    replace: `for (const slot of this.#options.leases.get(session.lease)?.slots ?? [])
            if (replica.table.state(slot) !== InstanceState.removed)
                this.#options.writer.rewrite(slot, {}, 0);
        if (!message.wantsDigests) {`,
  },
  {
    name: "silent-region-evicted",
    story:
      "Instances of a region that is not heard expire by that silence, as in the C++ original: a " +
      "hiccup between regions evicts every remote instance.",
    file: NODE,
    find: "this.#peers.closeSurplus();",
    replace: `this.#peers.closeSurplus();
        for (const slot of [...this.table.slots()]) {
            if (this.table.kind(slot) !== RecordKind.instance) continue;
            const owner = this.#membership.get(this.table.origin(this.table.originOf(slot)).nodeId);
            if (owner?.status === "unreachable") this.#writer.remove(slot, 4, now);
        }`,
  },
  {
    name: "overrides-by-wall-clock",
    story:
      "An operator's word is dated by the node's own clock alone: after a word from a clock that " +
      "runs ahead nobody else's counts (a change that is lost when two clocks disagree).",
    file: "node/last-writer.js",
    find: "return isAbove ? read : raiseStamp(below);",
    replace: "return read;",
  },
  {
    name: "stops-before-sessions-moved",
    story:
      "A node that is stopped on purpose ends at once instead of letting its sessions move first: " +
      "every rolling restart orphans the instances of a whole node.",
    file: NODE,
    find: "this.#sessions.count > 0 && hasOthers ? after(now, spreadMs + LEAVE_MS) : now;",
    replace: "now;",
  },
  {
    name: "one-caller-accuses",
    story:
      "One caller whose own network fails makes instances that live suspect for everybody (a load " +
      "balancer that believes a single health checker).",
    file: "node/accusation-desk.js",
    find: "export const ACCUSER_COUNT_MIN = 2;",
    replace: "export const ACCUSER_COUNT_MIN = 1;",
  },
  {
    name: "accusers-beat-heartbeats",
    story:
      "Two callers that are cut off from a program make it suspect although its own session is " +
      "heard: what is out of their reach is out of everybody's.",
    file: "node/accusation-desk.js",
    find: "else if (this.#isHeard(slot)) {",
    replace: "else if (false) {",
  },
];
