/** What the page says of a node, a client, a way or a region, and what one can do to it. */
import type { Choice } from "../map/map-view.js";
import type { ClientPicture, NodePicture, Picture } from "../map/picture.js";
import { wayKey } from "../map/picture.js";
import type { Deed } from "../world/deed.js";
import { REGIONS } from "../world/town.js";
import type { Action, Card } from "./popover.js";

const SHORT_FREEZE_MS = 2_000;
const LONG_FREEZE_MS = 10_000;
const NO_DEEDS =
  "A seed's history plays by itself, exactly as in the hunt. To act, choose the free world or a scene.";

/** @param perform - Undefined where nobody may interfere. */
export function cardOf(
  choice: Choice,
  picture: Picture,
  perform: ((deed: Deed) => void) | undefined,
): Card | undefined {
  const act = (label: string, deed: Deed, isDangerous = false): Action => ({
    label,
    isDangerous,
    run: () => perform?.(deed),
  });
  const card = draft(choice, picture, act);
  if (card === undefined || perform !== undefined) return card;
  return { ...card, actions: [], remark: NO_DEEDS };
}

type Act = (label: string, deed: Deed, isDangerous?: boolean) => Action;

function draft(choice: Choice, picture: Picture, act: Act): Card | undefined {
  if (choice.type === "region") return regionCard(choice.key, picture, act);
  if (choice.type === "way") return wayCard(choice.a, choice.b, picture, act);
  const node = picture.nodes.find(({ key }) => key === choice.key);
  if (node !== undefined) return nodeCard(node, act);
  const client = picture.clients.find(({ key }) => key === choice.key);
  return client && clientCard(client, act);
}

function nodeCard(
  { key, condition, content, sessionCount, isCutOff }: NodePicture,
  act: Act,
): Card {
  const isRunning = condition !== "down";
  return {
    title: `node ${key}`,
    facts: [
      ["condition", isCutOff ? `${condition}, cut off` : condition],
      ...(isRunning
        ? ([
            ["digest", content],
            ["sessions", String(sessionCount)],
          ] as const)
        : []),
    ],
    actions: isRunning
      ? [
          act("kill -9", { type: "kill", key }, true),
          act("lose its host", { type: "kill", key, isHostLost: true }, true),
          act("freeze 2 s", { type: "freeze", key, durationMs: SHORT_FREEZE_MS }),
          act("freeze 10 s", { type: "freeze", key, durationMs: LONG_FREEZE_MS }),
          act("stop (SIGTERM)", { type: "stop", key }),
          isCutOff
            ? act("reconnect", { type: "reconnect", key })
            : act("cut off", { type: "isolate", key }, true),
        ]
      : [act("start", { type: "start", key })],
  };
}

function clientCard(client: ClientPicture, act: Act): Card {
  const { key, role, region, condition, nodeKey, registration, view, picked, isCutOff } = client;
  const facts: [string, string][] = [["condition", isCutOff ? `${condition}, cut off` : condition]];
  if (condition !== "down") facts.push(["session at", nodeKey ?? "none"]);
  if (role === "program") facts.push(["instance", registration ?? "not registered"]);
  const shown = view?.filter(({ look }) => look !== undefined);
  if (shown !== undefined) {
    const text = shown.map(({ name, look }) => `${name} ${look}`).join(", ");
    facts.push(["view", text === "" ? "empty" : text], ["last pick", picked ?? "none"]);
  }
  if (condition === "down") {
    return { title: `${role} ${key}`, facts, actions: [act("start", { type: "start", key })] };
  }
  const actions = [
    act("kill -9", { type: "kill", key }, true),
    act("lose its host", { type: "kill", key, isHostLost: true }, true),
    act("freeze 2 s", { type: "freeze", key, durationMs: SHORT_FREEZE_MS }),
    act("freeze 10 s", { type: "freeze", key, durationMs: LONG_FREEZE_MS }),
    isCutOff
      ? act("reconnect", { type: "reconnect", key })
      : act("cut off", { type: "isolate", key }, true),
  ];
  if (role === "program") {
    if (registration === "registered") {
      actions.push(act("drain", { type: "drain", key }));
      actions.push(act("deregister", { type: "deregister", key }));
    } else actions.push(act("register", { type: "register", key }));
  }
  for (const other of REGIONS) {
    if (other === region) continue;
    actions.push(act(`move to ${other}`, { type: "move", key, region: other }));
  }
  return { title: `${role} ${key}`, facts, actions };
}

function wayCard(a: string, b: string, picture: Picture, act: Act): Card | undefined {
  const way = picture.ways.find((each) => wayKey(each.a, each.b) === wayKey(a, b));
  if (way === undefined) return undefined;
  const actions: Action[] = [];
  const both = { label: "cut both ways", isDangerous: true };
  const [there, back] = [
    act(`cut ${a} → ${b}`, { type: "cut", from: a, to: b }, true),
    act(`cut ${b} → ${a}`, { type: "cut", from: b, to: a }, true),
  ];
  if (!way.isCutThere && !way.isCutBack) {
    actions.push({
      ...both,
      run: () => {
        there.run();
        back.run();
      },
    });
  }
  if (!way.isCutThere) actions.push(there);
  if (!way.isCutBack) actions.push(back);
  if (way.isCutThere || way.isCutBack) {
    actions.unshift(act("mend", { type: "mend", from: a, to: b }));
  }
  const words = (isCut: boolean) => (isCut ? "cut: what is sent waits" : "open");
  return {
    title: `${way.kind} ${a} – ${b}`,
    facts: [
      [`${a} → ${b}`, words(way.isCutThere)],
      [`${b} → ${a}`, words(way.isCutBack)],
    ],
    actions,
  };
}

function regionCard(key: string, { regions, nodes, clients }: Picture, act: Act): Card {
  const isCutOff = regions.find((each) => each.key === key)?.isCutOff ?? false;
  const inside = <Each extends { region: string }>(all: readonly Each[]) =>
    all.filter(({ region }) => region === key);
  const running = inside(nodes).filter(({ condition }) => condition !== "down");
  const killAll = running.map((node) => act("", { type: "kill", key: node.key }));
  return {
    title: `region ${key}`,
    facts: [
      ["wires to other regions", isCutOff ? "cut" : "open"],
      ["nodes", `${running.length} of ${inside(nodes).length} run`],
      ["clients", String(inside(clients).length)],
    ],
    actions: [
      isCutOff
        ? act("reconnect", { type: "mend-region", region: key })
        : act("cut off", { type: "cut-region", region: key }, true),
      ...(running.length === 0
        ? []
        : [
            {
              label: "kill -9 every node",
              isDangerous: true,
              run: () => {
                for (const kill of killAll) kill.run();
              },
            },
          ]),
    ],
  };
}
