/**
 * The guided explanations. What a caption says is checked by `scenes.test.ts`, which plays them.
 *
 * Times of captions are simulated; how long a viewer has to read one depends on the speed.
 */
import { REGIONS } from "../world/town.js";
import type { Scene, SceneStep } from "./scene.js";

/** All nodes: the first of each region, then the second, then the third. */
const NODES = [1, 2, 3].flatMap((number) => REGIONS.map((region) => `${region}-${number}`));
/** Slow enough to see one message travel between regions. */
const SLOW_MOTION = 0.03;

const registration: Scene = {
  id: "registration",
  title: "A registration travels",
  unregistered: ["A"],
  durationMs: 3_000,
  steps: [
    {
      at: 0,
      speed: 0.5,
      caption:
        "Three regions, three nodes in each. Callers and proxies hold a view: a live copy of the service orders, one box for each instance. Program A in us runs, but has not registered.",
    },
    {
      at: 1_200,
      deed: { type: "register", key: "A" },
      speed: SLOW_MOTION,
      caption:
        "A registers at its node, and the node pushes the record at the end of that turn: to the nodes of its region and to a relay in each other region, which passes it on. Nobody polls, and nothing waits for a majority.",
    },
    {
      at: 1_420,
      speed: 0.3,
      caption:
        "One way over the longest wire later, every view shows A. All nodes have the same colour and the same digest again: equal contents have equal digests.",
    },
  ],
};

const kill: Scene = {
  id: "kill",
  title: "kill -9: suspect at once",
  durationMs: 4_500,
  steps: [
    {
      at: 0,
      speed: 0.5,
      caption: "Program C in eu is about to be killed. Nobody cleans up after a kill -9.",
    },
    {
      at: 1_000,
      deed: { type: "kill", key: "C" },
      speed: SLOW_MOTION,
      caption:
        "Its connection closed without goodbye. That is most often a death, so C is suspect at once, and every caller hears of it within one way over the wire: it is picked only while too few others are healthy.",
    },
    {
      at: 1_300,
      speed: 0.5,
      caption:
        "But it may have been the network. So C has a grace of 2 seconds to come back, in which nobody forgets it.",
    },
    {
      at: 2_950,
      speed: 0.1,
      caption:
        "It did not come back: removed, with the reason connection-lost. The removal is a record, too: a tombstone, pushed like everything else.",
    },
  ],
};

const hang: Scene = {
  id: "hang",
  title: "A process stands still",
  durationMs: 9_000,
  steps: [
    {
      at: 0,
      speed: 1,
      caption:
        "Clients send a heartbeat each second (small grey dots), to their own node alone. Program B in us is about to stand still for five seconds, as in a long pause of a garbage collector.",
    },
    {
      at: 1_000,
      deed: { type: "freeze", key: "B", durationMs: 5_000 },
      caption:
        "B stands still: its connection is open, but nothing comes over it. Silence is weaker evidence than an end, so nothing happens for 3 seconds.",
    },
    {
      at: 3_400,
      speed: 0.5,
      caption:
        "3 seconds after it was last heard, B is suspect everywhere. It would be removed another 5 seconds later.",
    },
    {
      at: 5_900,
      speed: 0.5,
      caption: "B wakes up, its next heartbeat arrives, and it is alive again. Nobody lost it.",
    },
  ],
};

const nodeDeath: Scene = {
  id: "node-death",
  title: "A node dies",
  durationMs: 9_000,
  steps: [
    {
      at: 0,
      speed: 0.5,
      caption:
        "Now a node of the registry dies. Watch who has a session there: the thin lines from programs and callers.",
    },
    {
      at: 1_000,
      deed: { type: "kill", key: "us-2" },
      speed: 0.25,
      caption:
        "us-2 is gone, with all it had in memory. Its records live on in the other nodes as they are; its clients find another node and register again under a higher session number.",
    },
    {
      at: 3_000,
      speed: 1,
      caption:
        "Everybody has a session again. No view lost an instance: a dead node proves nothing.",
    },
    {
      at: 6_000,
      deed: { type: "start", key: "us-2" },
      caption:
        "us-2 starts again, empty. It takes everything from its peers before it answers anybody: “I know nothing” is never “there are none”.",
    },
  ],
};

const regionCut: Scene = {
  id: "region-cut",
  title: "A region is cut off",
  durationMs: 17_000,
  steps: [
    {
      at: 0,
      speed: 1,
      caption: "All lines between ap and the rest of the world are about to be cut.",
    },
    {
      at: 1_000,
      deed: { type: "cut-region", region: "ap" },
      speed: 2,
      caption:
        "Inside ap, and inside the rest, everything goes on: programs can register, callers can call. Each side hears less and less of the other.",
    },
    {
      at: 8_000,
      speed: 1,
      caption:
        "After some seconds of silence each side calls the other's instances unreachable: kept in every view, and picked last. Nobody is removed, because silence of a whole region proves nothing about its programs.",
    },
    {
      at: 13_000,
      deed: { type: "deregister", key: "F" },
      caption:
        "F deregisters inside ap. ap knows, the rest cannot: now the digests differ, and so do the colours. To differ for the length of a split is the price of answering at all.",
    },
  ],
};

const heal: Scene = {
  id: "heal",
  title: "The region comes back",
  before: [
    { at: -15_000, deed: { type: "cut-region", region: "ap" } },
    { at: -3_000, deed: { type: "deregister", key: "F" } },
    { at: -2_000, deed: { type: "kill", key: "A" } },
  ],
  durationMs: 9_000,
  steps: [
    {
      at: 0,
      speed: 0.5,
      caption:
        "ap has been cut off for 15 seconds. Meanwhile F deregistered there, and A was killed in us. Two sides, two truths, two colours.",
    },
    {
      at: 1_000,
      deed: { type: "mend-region", region: "ap" },
      speed: 0.25,
      caption:
        "The wires work again. Nodes send each other digests: what they have seen of each origin. Whoever lacks something is sent exactly that, and nothing else.",
    },
    {
      at: 3_500,
      speed: 1,
      caption:
        "All nodes hold the same again. F is gone everywhere. A is removed only now: during the split its node could not know whether A had come back in ap, unseen, and so kept it as suspect.",
    },
  ],
};

const drain: Scene = {
  id: "drain",
  title: "An acknowledged drain",
  durationMs: 4_000,
  steps: [
    {
      at: 0,
      speed: 0.5,
      caption:
        "Program E in ap wants to stop without failing a single call. So it asks everybody first.",
    },
    {
      at: 1_000,
      deed: { type: "drain", key: "E" },
      speed: SLOW_MOTION,
      caption:
        "E is draining. The change goes out to every region; each caller stops picking E and then confirms. Nodes gather the confirmations of their sessions and send one word back to E's node.",
    },
    {
      at: 1_300,
      speed: 0.2,
      caption:
        "Confirmed by everybody, in every region: drain() resolves. From here on no caller picks E (a bar marks each one's last pick), and it can finish what it has begun.",
    },
    {
      at: 2_300,
      deed: { type: "deregister", key: "E" },
      speed: 0.1,
      caption: "Now E deregisters and leaves. No call was lost.",
    },
  ],
};

const rollingRestart: Scene = {
  id: "rolling-restart",
  title: "A rolling restart",
  durationMs: 60_000,
  steps: [
    {
      at: 0,
      speed: 3,
      caption:
        "All nine nodes are restarted, one after the other, as for an upgrade. Each asks its sessions to move, each in its own time slot, and leaves when they are gone.",
    },
    ...restarts(),
    {
      at: 57_500,
      speed: 1,
      caption:
        "Every node is new, and none of the views changed: clients end an old session only when the next node has taken everything.",
    },
  ],
};

const outage: Scene = {
  id: "outage",
  title: "Every node is down",
  durationMs: 16_000,
  steps: [
    {
      at: 0,
      speed: 0.5,
      caption:
        "The worst day of a registry: all nine nodes are about to die at once, in memory and all.",
    },
    ...NODES.map((key): SceneStep => ({ at: 1_000, deed: { type: "kill", key } })),
    {
      at: 1_000,
      speed: 1,
      caption:
        "Nobody is left to ask, and nobody has to: every view stays as it was, and callers go on picking from it (the bars below the views move on).",
    },
    ...NODES.map((key): SceneStep => ({ at: 6_000, deed: { type: "start", key } })),
    {
      at: 6_000,
      speed: 0.5,
      caption:
        "The nodes are back, and know nothing; so they are warming up, and answer no watch yet. Instances are orphaned, and still picked, until their clients, who come back spread over time, have registered them again.",
    },
    {
      at: 11_000,
      speed: 1,
      caption:
        "All nodes hold everything again. No view lost an instance on the way: an outage of the registry is no outage of the programs.",
    },
  ],
};

const noReturn: Scene = {
  id: "no-return",
  title: "The removed stay removed",
  before: [{ at: -2_000, deed: { type: "isolate", key: "eu-3" } }],
  durationMs: 9_000,
  steps: [
    {
      at: 0,
      speed: 0.5,
      caption:
        "Node eu-3 is cut off from everybody. It still holds every instance. Program D is about to deregister, and eu-3 will not hear of it.",
    },
    {
      at: 1_000,
      deed: { type: "deregister", key: "D" },
      speed: 0.1,
      caption:
        "D is gone, and each other node keeps a tombstone: the record that says removed, and why. eu-3 keeps the old record: its digest is now another one.",
    },
    {
      at: 2_500,
      deed: { type: "reconnect", key: "eu-3" },
      speed: 0.25,
      caption:
        "eu-3 is back, and knows a D that nobody else has. Where it is compared, the tombstone wins, because its stamp is not older: eu-3 learns the removal; nobody learns D.",
    },
    {
      at: 6_500,
      speed: 1,
      caption:
        "All digests are equal, and no view ever showed D again. Tombstones are kept for an hour; a node that was away for longer takes everything anew instead of telling old news.",
    },
  ],
};

export const SCENES: readonly Scene[] = [
  registration,
  kill,
  hang,
  nodeDeath,
  regionCut,
  heal,
  drain,
  rollingRestart,
  outage,
  noReturn,
];

/** Every node in turn: asked to stop, started again when it has left. */
function restarts(): SceneStep[] {
  return NODES.flatMap((key, index): SceneStep[] => [
    { at: 500 + index * 6_200, deed: { type: "stop", key } },
    { at: 500 + index * 6_200 + 4_500, deed: { type: "start", key } },
  ]);
}
