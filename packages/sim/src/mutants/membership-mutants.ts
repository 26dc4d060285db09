/** Defects in who is taken for alive, who is dialed, and what becomes of a lost node's records. */
import type { Mutant } from "./mutant.js";

const MEMBERSHIP = "membership/membership.js";
const DIALER = "membership/dialer.js";
const ADOPTION = "node/adoption.js";

export const MEMBERSHIP_MUTANTS: readonly Mutant[] = [
  {
    name: "one-accuser-confirms",
    story:
      "One node's word is enough to call another dead: a single bad cable between two nodes takes " +
      "a healthy one out (false failure detections of gossip clusters).",
    file: MEMBERSHIP,
    find: "return this.#hasConfirmer(member, alive, now) ? NodeStatus.dead : NodeStatus.unreachable;",
    replace: "return NodeStatus.dead;",
  },
  {
    name: "surplus-at-one-end",
    story:
      "A link to another region is closed as surplus where its other end still writes over it: what " +
      "was on its way is lost, and comes late by repair.",
    file: DIALER,
    find: "return this.#options.isLinked(first) && !this.#isRelayOf(member.nodeId);",
    replace: "return this.#options.isLinked(first);",
  },
  {
    name: "vouching-ignored",
    story:
      "A node believes its own link alone: what its neighbours hear does not count, and one cut " +
      "cable is a dead node (no indirect probes).",
    file: MEMBERSHIP,
    find: "if (hearing.direct.has(member.nodeId) || hearing.vouched.has(member.nodeId))",
    replace: "if (hearing.direct.has(member.nodeId))",
  },
  {
    name: "canaries-ignored",
    story:
      "Only links prove life: a node of another region that is heard over others alone is taken " +
      "for lost.",
    file: MEMBERSHIP,
    find: "return !isLocal && now < after(member.freshAt, CANARY_STALE_MS);",
    replace: "return false;",
  },
  {
    name: "no-time-to-refute",
    story:
      "Whoever is suspect is judged in the same round: one late message is a dead node (a pause " +
      "for garbage collection that ends in an eviction).",
    file: MEMBERSHIP,
    find: "if (member.status === NodeStatus.suspect && now < after(suspectSince, SUSPICION_MS)) {",
    replace: "if (false) {",
  },
  {
    name: "fixed-silence-timeout",
    story:
      "A link is silent after a fixed second and a bit, whatever it learned of its jitter: links " +
      "over the ocean flap (three second timeouts that flap on a slow network).",
    file: "membership/phi-accrual.js",
    find: "return now >= this.nextCheck();",
    replace: "return now - this.#lastHeard > 1_150;",
  },
  {
    name: "silence-of-links-ignored",
    story:
      "A link that is silent is never given up: a node behind it that is gone without a word " +
      "stays alive for all (a half-open connection that nobody closes).",
    file: "membership/phi-accrual.js",
    find: "return now >= this.nextCheck();",
    replace: "return false;",
  },
  {
    name: "returned-node-stays-gone",
    story:
      "A node that left and started again is still taken for gone: after a rolling upgrade the " +
      "cluster knows nobody any more (generation numbers that are mishandled).",
    file: MEMBERSHIP,
    find: "if (options.generation > known.generation || known.status === NodeStatus.left) {",
    replace: "if (false) {",
  },
  {
    name: "dead-not-dialed",
    story:
      "Nodes that were taken for dead are not dialed any more: a split that lasted never heals " +
      "(a partition that stays after the network is back).",
    file: DIALER,
    find: "if (member.nodeId === selfId || member.status === NodeStatus.left)",
    replace:
      'if (member.nodeId === selfId || !(member.status === "alive" || member.status === "suspect"))',
  },
  {
    name: "peers-only-from-configuration",
    story:
      "Only configured addresses are dialed, as in the C++ original: who was told of by others is " +
      "no peer, and when the seed is lost the rest fall apart.",
    file: DIALER,
    find: "for (const member of membership.all) {",
    replace: "for (const member of []) {",
  },
  {
    name: "modulo-instead-of-rendezvous",
    story:
      "Relays and adopters are chosen by hash modulo the number of nodes: one node more moves " +
      "nearly every choice (a join that reshuffled almost all clients).",
    file: "hash.js",
    find: "weighted.sort((a, b) => b.weight - a.weight || (a.member < b.member ? -1 : 1));",
    replace: `weighted.sort((a, b) => (a.member < b.member ? -1 : 1));
    const first = weighted.length === 0 ? 0 : keyHash % weighted.length;
    weighted.push(...weighted.splice(0, first));`,
  },
  {
    name: "adoption-without-claim",
    story:
      "A node that takes over an orphan writes it under the old stamp: two nodes hold different " +
      "records that each call the newest, and whose turn it is nobody can tell.",
    file: "node/instance-writer.js",
    find: "const raised = keepsStamp ? held.stamp : raiseStamp(held.stamp);",
    replace: "const raised = held.stamp;",
  },
  {
    name: "orphans-adopted-at-once",
    story:
      "When a node is lost its instances are suspect at once, before their programs had the time " +
      "to reconnect: losing a registry node degrades every service.",
    file: ADOPTION,
    find: "if (now < after(since, orphanSuspectMs) || !this.#isAdopter(origin))",
    replace: "if (!this.#isAdopter(origin))",
  },
  {
    name: "orphans-removed-at-once",
    story:
      "What is taken over from a lost node is removed in the next moment: losing a registry node " +
      "evicts instances that live (the loss of a coordinator that deletes its ephemeral entries).",
    file: "lease/lease-table.js",
    find: "phase === LeasePhase.adopted ? this.#timings.orphanTtlMs : options.ttlMs;",
    replace: "phase === LeasePhase.adopted ? 1 : options.ttlMs;",
  },
  {
    name: "nobody-adopts",
    story:
      "Nobody takes over the instances of a lost node: those whose programs died with it stay in " +
      "every list for ever (expiry that is off since fifty were lost at once).",
    file: ADOPTION,
    find: "return this.#adopterOf(origin) === this.#options.replica.nodeId;",
    replace: "return false;",
  },
  {
    name: "everybody-adopts",
    story:
      "Every node of the region takes an orphan over: each raises the claim of the others' record, " +
      "and one lost node is a storm of writes.",
    file: ADOPTION,
    find: "return this.#adopterOf(origin) === this.#options.replica.nodeId;",
    replace: "return true;",
  },
  {
    name: "dead-owner-never-orphans",
    story:
      "A node that is judged dead still counts as the owner of its instances: they seem alive, and " +
      "nobody may take them over.",
    file: ADOPTION,
    find: "return member.status === NodeStatus.dead || member.status === NodeStatus.left;",
    replace: "return false;",
  },
  {
    name: "empty-answers-while-warming-up",
    story:
      "A node that has just started answers at once from the nothing it knows: new callers get an " +
      "empty list that says it is complete (an outage by an empty push after a restart).",
    file: "node/registry-node.js",
    find: 'isReady: () => this.#state !== "warming",',
    replace: "isReady: () => true,",
  },
  {
    name: "ready-too-soon",
    story:
      "A starting node is ready with the first word of a peer, before what that peer named is " +
      "here: it answers with half of the list.",
    file: "node/peer-desk.js",
    find: "if (this.#links.isCaughtUp(link))",
    replace: "if (true)",
  },
  {
    name: "warm-up-without-end",
    story:
      "A node that finds no ready peer waits for ever: after a restart of the whole cluster nobody " +
      "answers (a cluster without a leader).",
    file: "node/registry-node.js",
    find: 'if (this.#state === "warming" && now >= this.#warmUntil)',
    replace: "if (false)",
  },
  {
    name: "route-ends-at-relay",
    story:
      "A message to a node of another region is dropped by the relay: drains across regions are " +
      "never confirmed, and requests on remote instances time out.",
    file: "node/peer-desk.js",
    find: "const ROUTE_HOPS = 2;",
    replace: "const ROUTE_HOPS = 1;",
  },
  {
    name: "members-not-told",
    story:
      "Clients are not told when nodes come, go or fall silent: instances of a lost node or region " +
      "look healthy in every view, and clients know nowhere to go.",
    file: "node/registry-node.js",
    find: "if (this.#peers.takeMembersChanged())",
    replace: "if (false)",
  },
];
