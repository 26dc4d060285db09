/** Defects in how copies are kept and brought together. */
import type { Mutant } from "./mutant.js";

const REPLICA = "replica/replica.js";
const LINKS = "replica/peer-links.js";

export const REPLICA_MUTANTS: readonly Mutant[] = [
  {
    name: "no-tombstones",
    story:
      "A deregistered instance is erased and nothing is remembered, as the C++ original does. " +
      "No other node hears of it, and the first copy that arrives brings the instance back.",
    file: "node/instance-writer.js",
    find: "const stamp = this.#replica.isOwn(held.origin) ? held.stamp : raiseStamp(held.stamp);",
    replace:
      "const stamp = undefined; this.detach(slot); this.#replica.table.remove(slot); return;",
  },
  {
    name: "tombstones-dropped-early",
    story:
      "Removals are forgotten at the next tick, before every copy has heard of them: whoever was " +
      "away shows the removed instance to all (the dead node that circles in gossip for ever).",
    file: REPLICA,
    find: "due: after(now, this.#tombstoneTtlMs),",
    replace: "due: now,",
  },
  {
    name: "unconditional-overwrite",
    story:
      "What a peer sends replaces what is held, older or newer, as the C++ original's late sync " +
      "does: a removed or moved instance is back until the next heartbeat.",
    file: REPLICA,
    find: "if (slot !== NO_SLOT && compareRecords(record, this.table.read(slot)) <= 0)",
    replace: "if (false)",
  },
  {
    name: "per-server-revision-counters",
    story:
      "Of two records the one with the higher counter of its own server wins, as in the C++ " +
      "original: counters of two servers cannot be compared, and after a failover older wins.",
    file: "record.js",
    find: "return (compareStamps(a.stamp, b.stamp) ||",
    replace: "return (a.version - b.version || compareStamps(a.stamp, b.stamp) ||",
  },
  {
    name: "tombstone-loses-tie",
    story:
      "Two processes chose one stamp where no node knew of both, and one of them was removed: the " +
      "removal loses the tie, so that what was removed shows again.",
    file: "record.js",
    find: "Number(a.state === InstanceState.removed) - Number(b.state === InstanceState.removed) ||",
    replace:
      "Number(b.state === InstanceState.removed) - Number(a.state === InstanceState.removed) ||",
  },
  {
    name: "gaps-applied",
    story:
      "A delta that does not attach is taken as if nothing were missing: what lay between is never " +
      "asked for, and one copy lacks instances for good.",
    file: REPLICA,
    find: "if (this.seenVersion(index) < group.from)",
    replace: "if (false)",
  },
  {
    name: "gc-watermark-ignored",
    story:
      "A peer that was away for longer than removals are remembered is patched instead of reset: " +
      "it keeps what was deregistered meanwhile, and hands it out (a key that is resurrected by a " +
      "node which was away longer than the grace).",
    file: LINKS,
    find: "const isBelow = version < this.#replica.watermark(index);",
    replace: "const isBelow = false;",
  },
  {
    name: "watermark-not-raised",
    story:
      "A removal is forgotten without a mark that something was forgotten: nobody can tell any " +
      "more who must be reset, and zombies stay where the removal never arrived.",
    file: REPLICA,
    find: "this.#raiseWatermark(index, due.version);",
    replace: "",
  },
  {
    name: "sweep-without-proof",
    story:
      "At the end of a reset everything that the giver did not send is dropped, also what the " +
      "giver had never seen: a node that knows less empties one that knows more (a follower's " +
      "restart that pushed an empty list to everybody).",
    file: LINKS,
    find: "if (this.#replica.table.version(slot) > (versions.get(index) ?? 0))",
    replace: "if (false)",
  },
  {
    name: "reset-without-completeness-mark",
    story:
      "The first part of a reset counts as the whole: all instances of the parts still on their " +
      "way are dropped from every view.",
    file: LINKS,
    find: "isFinal,\n            entries: isFinal ? transfer.entries : [],",
    replace: "isFinal: true,\n            entries: transfer.entries,",
  },
  {
    name: "cut-part-told-as-whole",
    story:
      "A delta that was cut at the message limit says that it is complete: above a certain size " +
      "of the service synchronisation silently stops (message size limits that ended a sync).",
    file: LINKS,
    find: "const isWhole = isEnd(slot);",
    replace: "const isWhole = true;",
  },
  {
    name: "reset-resurrects",
    story:
      "A reset brings back what this copy has seen removed and forgotten, because the giver was " +
      "behind: a deregistered instance is picked again.",
    file: LINKS,
    find: "if (!isSeen)",
    replace: "if (true)",
  },
  {
    name: "news-below-watermark",
    story:
      "News are pushed to a peer that has missed removals which are forgotten by now: the peer " +
      "seems up to date and keeps the zombies.",
    file: LINKS,
    find: "if (sent < this.#replica.watermark(index))",
    replace: "if (false)",
  },
  {
    name: "lost-update-never-repaired",
    story:
      "Pushes are sent once and forgotten, and replicas are never compared, as in the C++ " +
      "original: what is lost stays lost, an unregistration too.",
    file: LINKS,
    find: 'const isDue = message.repair === "now" || isFirst || isLagging;',
    replace: "const isDue = isFirst;",
  },
  {
    name: "only-neighbours-are-repaired",
    story:
      "A node repairs only what a peer asks for, not what it could pass on: two regions that " +
      "reach each other through a third alone drift apart.",
    file: LINKS,
    find: "const isLagging = version < (link.seenAtDigest[index] ?? 0);",
    replace: "const isLagging = false;",
  },
  {
    name: "no-push",
    story:
      "Changes wait for the next round of digests instead of being pushed: callers learn of a " +
      "death a second or two later (polling registries).",
    file: LINKS,
    find: "if (link.isCongested || link.transfer !== undefined || !link.hasDigest)",
    replace: "if (true)",
  },
  {
    name: "relay-keeps-it",
    story:
      "The relay of a region takes what comes from outside and does not pass it on: half of a " +
      "region hears of remote changes only by repair.",
    file: LINKS,
    find: "if (!link.isSameRegion)\n                this.#dirtyForMesh.add(index);",
    replace: "",
  },
  {
    name: "regional-records-cross",
    story:
      "Every link counts as one of the own region: what was registered for one region alone is " +
      "shown in all, and remote callers pick it.",
    file: LINKS,
    find: "isSameRegion: peer.region === this.#region,",
    replace: "isSameRegion: true,",
  },
  {
    name: "divergence-not-healed",
    story:
      "Equal versions are taken for equal content: a bit that flipped, or a record that was lost " +
      "by a fault, is never noticed (node counts that differ for ever after a restart).",
    file: LINKS,
    find: "if (!isSameDigest(content, this.#replica.table.digestOfOrigin(index))) {",
    replace: "if (false) {",
  },
  {
    name: "digest-without-body",
    story:
      "Content hashes leave the instance's description out: a caller that was away while ports or " +
      "metadata changed is told that nothing did (a count hash that passes swaps).",
    file: "record.js",
    find: "hashText(record.id, hashBytes(record.body, seed))",
    replace: "hashText(record.id, seed)",
  },
  {
    name: "floor-too-early",
    story:
      "The word that a past life of a node is forgotten is believed before what replaced its " +
      "records is here: instances that moved away in time vanish for a moment.",
    file: LINKS,
    find: "if (this.isCaughtUp(link) && this.#replica.closed.isClosed) {",
    replace: "if (true) {",
  },
  {
    name: "left-out-is-proved-gone",
    story:
      "What a giver left out, because another origin's record or a later part stands for it, " +
      "counts as gone before that has come: a caller that asks just then loses what lives.",
    file: "replica/closed-position.js",
    find: "if (version <= (this.#replacedBy[index] ?? 0))",
    replace: "if (true)",
  },
];
