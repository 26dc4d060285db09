/** Defects in what callers are told, and in what they make of it. */
import type { Mutant } from "./mutant.js";

const WATCH = "watch/watch-table.js";
const VIEW = "client/service-view.js";
const WATCHES = "client/client-watches.js";
const DRAIN = "drain/drain-table.js";

export const VIEW_MUTANTS: readonly Mutant[] = [
  {
    name: "crash-eviction-not-pushed",
    story:
      "A removal by expiry is written and pushed to nobody, as in the C++ original: callers go on " +
      "calling the dead until something else of the service changes.",
    file: WATCH,
    find: "if (this.#watchers.has(service))\n            this.#newsOf(service).slots.add(slot);",
    replace:
      "if (this.#watchers.has(service) && ![3, 4, 5, 6].includes(this.#replica.table.read(slot).reason))\n            this.#newsOf(service).slots.add(slot);",
  },
  {
    name: "changes-of-some-fields-only",
    story:
      "Only a new instance or another state counts as a change, as in the C++ original: suspicion, " +
      "version, ports and metadata change and no caller hears of it.",
    file: WATCH,
    find: "if (this.#watchers.has(service))\n            this.#newsOf(service).slots.add(slot);",
    replace: `const told = (this.told ??= new Map());
        const { origin, state } = this.#replica.table.read(slot);
        const fields = originText(origin) + state;
        if (told.get(slot) === fields)
            return;
        told.set(slot, fields);
        if (this.#watchers.has(service))
            this.#newsOf(service).slots.add(slot);`,
  },
  {
    name: "unchanged-without-looking",
    story:
      "Whoever resumes a watch is told that nothing changed: what happened while the caller was " +
      "away is missing from its view until something else forces it to ask again.",
    file: WATCH,
    find: "if (isSame)",
    replace: "if (true)",
  },
  {
    name: "watch-below-watermark-patched",
    story:
      "A caller that was away for longer than removals are remembered gets the changes since, " +
      "without the forgotten removals: it goes on calling what is long gone.",
    file: WATCH,
    find: "if (version < this.#replica.watermark(index))",
    replace: "if (false)",
  },
  {
    name: "snapshot-without-completeness-mark",
    story:
      "Each part of a long answer says that it is the whole: the instances of the other parts " +
      "vanish from the view (lists that shrink to the first page).",
    file: "watch/snapshot-answer.js",
    find: "isFinal: this.#isDone,",
    replace: "isFinal: true,",
  },
  {
    name: "queue-without-bound",
    story:
      "Changes are queued for a reader that does not read: one slow subscriber fills the server's " +
      "memory (thirty gigabytes of buffers).",
    file: WATCH,
    find: "if (missed === undefined) {",
    replace: "if (true) {",
  },
  {
    name: "slow-reader-not-caught-up",
    story:
      "A reader that was slow gets no fresh state when it reads again: it misses what was dropped " +
      "for it, and nobody tells it.",
    file: WATCH,
    find: "return [...missed];",
    replace: "return [];",
  },
  {
    name: "watchers-leak",
    story:
      "Watches of ended sessions are kept: each reconnect leaves some memory and some work behind " +
      "(forty thousand routines that became a million).",
    file: "node/session-desk.js",
    find: "this.#options.watches.dropSession(session.key, session.watches.keys());",
    replace: "",
  },
  {
    name: "view-takes-older-record",
    story:
      "A view takes what comes last instead of what is newest: after a move to a node that is " +
      "behind, callers see an older state (a delayed writer that applied an old plan).",
    file: VIEW,
    find: "if (order <= 0)",
    replace: "if (order === 0)",
  },
  {
    name: "full-answer-replaces-view",
    story:
      "A full answer removes whatever it does not name, also what the answering node has never " +
      "seen: a node that knows less empties the view (half of all instances lost at once).",
    file: VIEW,
    find: "const isProven = record.version <= (covered.get(originText(record.origin)) ?? 0);",
    replace: "const isProven = true;",
  },
  {
    name: "full-answer-removes-nothing",
    story:
      "A full answer only adds: what was removed while the caller was away stays in its view for " +
      "ever (stale addresses that only a restart clears).",
    file: VIEW,
    find: "const isProven = record.version <= (covered.get(originText(record.origin)) ?? 0);",
    replace: "const isProven = false;",
  },
  {
    name: "view-digest-not-checked",
    story:
      "A view that differs from what its node says of it is never asked for anew: one that differs " +
      "by a fault differs for ever (stale endpoints for days).",
    file: WATCHES,
    find: "if (isPatienceOver && now >= watch.resyncAt)",
    replace: "if (false)",
  },
  {
    name: "view-dropped-when-offline",
    story:
      "A client that loses its node forgets what it knew: an outage of the registry is an outage " +
      "of every caller.",
    file: WATCHES,
    find: "watch.divergedAt = undefined;\n            watch.requestId = 0;",
    replace:
      "watch.divergedAt = undefined;\n            watch.view = this.#newView(service);\n            watch.requestId = 0;",
  },
  {
    name: "unreadable-body-ends-the-view",
    story:
      "An instance whose description cannot be read breaks the view that meets it: one poisoned " +
      "record stops every caller in seconds (blank fields that were replicated worldwide).",
    file: VIEW,
    find: "if (entry?.description === undefined)",
    replace: "if (entry === undefined)",
  },
  {
    name: "drain-skips-remote-regions",
    story:
      "A drain waits for the nodes of its own region alone: callers elsewhere still pick the " +
      "instance when it stops (failed requests at every rolling deploy).",
    file: "drain/drain-desk.js",
    find: "if (isRegional && home !== region && !leftRegions.includes(home))",
    replace: "if (member.description.region !== region)",
  },
  {
    name: "adopted-is-not-drained",
    story:
      "A drain ends what its program left behind in another region only until a node there has " +
      "adopted it: then callers of that region go on picking it when the process has stopped.",
    file: "drain/drain-desk.js",
    find: "if (isSuspect && stamp.claim > 0)",
    replace: "if (false)",
  },
  {
    name: "views-keep-what-nodes-lost",
    story:
      "A view that remembers a higher stamp than any node has does not say so: a caller shows a " +
      "dead process in the place of the living one until it forgets (a stale entry that only a " +
      "restart of the caller cures).",
    file: "client/view-ahead.js",
    find: "return digest === undefined || isLifeOver(record.origin, members);",
    replace: "return false;",
  },
  {
    name: "ahead-of-answers-only",
    story:
      "A view that remembers more than all nodes looks for that in complete answers alone, which it " +
      "asks for ever more seldom: a program that begins below stays hidden from it for minutes.",
    file: "client/service-view.js",
    find: "this.#noteBehind(record);",
    replace: ";",
  },
  {
    name: "drain-confirmed-by-sending",
    story:
      "A drain counts a subscriber as confirmed when it was sent the news: the instance stops " +
      "while the news is still on its way.",
    file: DRAIN,
    find: "pending: new Map(told),",
    replace: "pending: new Map(),",
  },
  {
    name: "drain-believes-old-confirmations",
    story:
      "A second drain of an instance runs under the first one's stamp: the confirmations of the " +
      "first end it although callers pick the instance again.",
    file: "node/instance-writer.js",
    find: "const keepsStamp = isOwn && (!isNewDrain || hasLastClaim);",
    replace: "const keepsStamp = isOwn;",
  },
  {
    name: "drain-without-deadline",
    story:
      "A drain waits for ever when somebody does not confirm: a deploy hangs on one caller that " +
      "is cut off.",
    file: DRAIN,
    find: "if (outcome.unconfirmed.length > 0 && now < waiting.deadline)",
    replace: "if (outcome.unconfirmed.length > 0)",
  },
  {
    name: "drain-waits-for-the-gone",
    story:
      "A subscriber that disconnects is still waited for: every drain lasts until its deadline and " +
      "names processes that are long gone.",
    file: "drain/drain-desk.js",
    find: "for (const session of this.#lost.expire(now))\n            this.forget(session);",
    replace: "this.#lost.expire(now);",
  },
  {
    name: "drain-forgets-cut-subscribers",
    story:
      "A subscriber whose connection closed counts as gone at once, although it may not know of it " +
      "yet and go on picking: the instance stops under its calls.",
    file: "drain/drain-desk.js",
    find: "this.#lost.add(session.key, { name, services: session.watches.keys(), ttlMs }, now);",
    replace: "this.forget(session.key);",
  },
  {
    name: "confirmations-not-sent",
    story:
      "Clients never say that they stopped picking an instance: no drain is ever confirmed, and " +
      "every deploy waits out its time.",
    file: WATCHES,
    find: "for (const { id, stamp } of draining) {",
    replace: "for (const { id, stamp } of []) {",
  },
];
