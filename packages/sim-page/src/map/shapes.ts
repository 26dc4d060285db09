/** How nodes, programs, callers and proxies look on the map. */
import type { Point } from "./layout.js";
import type { Box, ClientPicture, NodePicture } from "./picture.js";
import { setAll, setText, svg } from "./svg.js";

export interface Shape {
  readonly group: SVGGElement;
}

export interface NodeShape extends Shape {
  draw(at: Point, node: NodePicture, radius: number): void;
}

export interface ClientShape extends Shape {
  draw(at: Point, client: ClientPicture, radius: number): void;
}

const CONDITION_MARKS = { up: "", "warming up": "…", frozen: "❄", down: "✕" } as const;
/** Digits of a digest that fit into a node. */
const DIGIT_COUNT = 4;

/** A node: a circle in the colour of its content, with the digest in it and the name below. */
export function nodeShape(group: SVGGElement): NodeShape {
  const circle = svg("circle", { class: "body" });
  const digest = svg("text", { class: "digest", "text-anchor": "middle" });
  const name = svg("text", { class: "name", "text-anchor": "middle" });
  group.append(circle, digest, name);
  return {
    group,
    draw(at, node, radius) {
      const { key, condition, content, camp, isCutOff, sessionCount } = node;
      setAll(group, {
        class: `actor node ${condition.replace(" ", "-")} camp-${camp % 6}${isCutOff ? " cut" : ""}`,
        transform: `translate(${at.x.toFixed(1)} ${at.y.toFixed(1)})`,
        "aria-label": `node ${key}, ${condition}${isCutOff ? ", cut off" : ""}, digest ${
          content === "" ? "none" : content.slice(0, DIGIT_COUNT)
        }, ${sessionCount} sessions`,
      });
      setAll(circle, { r: radius.toFixed(1) });
      setAll(digest, { y: 3.5, "font-size": Math.max(7.5, radius * 0.6).toFixed(1) });
      setAll(name, { y: (radius + 11).toFixed(1) });
      const mark = CONDITION_MARKS[condition];
      setText(digest, mark === "" ? content.slice(0, DIGIT_COUNT) : mark);
      setText(name, key);
    },
  };
}

const BOX_MIN_PX = 7.5;
const BOX_MAX_PX = 11;
const BOX_GAP_PX = 1.5;
/** Between two rows: room for the bars. */
const ROW_GAP_PX = 4;
/** A longer view has two rows. */
const ROW_LENGTH_MAX = 7;

/** A client: a square for a program, a circle for a caller, a hexagon for a proxy; its view below. */
export function clientShape(group: SVGGElement): ClientShape {
  const body = svg("path", { class: "body" });
  const mark = svg("text", { class: "mark", y: 4, "text-anchor": "middle" });
  const name = svg("text", { class: "name", "text-anchor": "middle" });
  const view = svg("g", { class: "view" });
  const boxes: BoxShape[] = [];
  group.append(body, mark, name, view);
  return {
    group,
    draw(at, client, nodeRadius) {
      const { key, role, condition, registration, isCutOff } = client;
      const isRegistered = registration === "registered";
      const classes = ["actor", "client", role, condition.replace(" ", "-")];
      if (isCutOff) classes.push("cut");
      if (role === "program" && isRegistered) classes.push("registered");
      if (client.nodeKey === undefined && condition === "up") classes.push("offline");
      setAll(group, {
        class: classes.join(" "),
        transform: `translate(${at.x.toFixed(1)} ${at.y.toFixed(1)})`,
        "aria-label": clientLabel(client),
      });
      const size = Math.max(8, nodeRadius * 0.68);
      setAll(body, { d: BODIES[role](size) });
      const conditionMark = CONDITION_MARKS[condition];
      setText(mark, conditionMark === "" ? letterOf(key, role) : conditionMark);
      // The mark of a program is its name already.
      setText(name, role === "program" ? "" : (key.split("-")[0] ?? key));
      setAll(name, { y: (-size - 4).toFixed(1) });
      const boxPx = Math.min(BOX_MAX_PX, Math.max(BOX_MIN_PX, nodeRadius * 0.6));
      const shown = client.view ?? [];
      drawBoxes(view, boxes, shown, {
        picked: client.picked,
        top: size + 4,
        boxPx: shown.length > ROW_LENGTH_MAX ? Math.min(boxPx, 9.5) : boxPx,
      });
    },
  };
}

function clientLabel({ key, role, condition, registration, nodeKey, view }: ClientPicture): string {
  const parts = [`${role} ${key}`, condition];
  if (nodeKey !== undefined) parts.push(`session at ${nodeKey}`);
  if (role === "program") parts.push(registration ?? "not registered");
  const shown = view?.filter(({ look }) => look !== undefined);
  if (shown !== undefined) {
    parts.push(`view: ${shown.map(({ name, look }) => `${name} ${look}`).join(", ") || "empty"}`);
  }
  return parts.join(", ");
}

interface BoxShape {
  readonly rect: SVGRectElement;
  readonly text: SVGTextElement;
  /** Below the instance that was picked last. */
  readonly bar: SVGRectElement;
}

function drawBoxes(
  view: SVGGElement,
  boxes: BoxShape[],
  shown: readonly Box[],
  { picked, top, boxPx }: { picked: string | undefined; top: number; boxPx: number },
): void {
  const step = boxPx + BOX_GAP_PX;
  const rowLength =
    shown.length > ROW_LENGTH_MAX ? Math.ceil(shown.length / 2) : Math.max(1, shown.length);
  const left = -(rowLength * step - BOX_GAP_PX) / 2;
  setAll(view, { transform: `translate(${left.toFixed(1)} ${top.toFixed(1)})` });
  while (boxes.length < shown.length) {
    const rect = svg("rect", { rx: 2 });
    const text = svg("text", { "text-anchor": "middle" });
    const bar = svg("rect");
    boxes.push({ rect, text, bar });
    view.append(rect, text, bar);
  }
  for (const [index, { rect, text, bar }] of boxes.entries()) {
    const box = shown[index];
    const look = box === undefined ? "unused" : (box.look ?? "absent");
    const column = index % rowLength;
    const y = Math.floor(index / rowLength) * (boxPx + ROW_GAP_PX);
    const x = (column * step).toFixed(1);
    setAll(rect, { x, y, width: boxPx, height: boxPx, class: `box ${look}` });
    const isPicked = box?.look !== undefined && box.name === picked;
    const barClass = isPicked ? "pick" : "box unused";
    setAll(bar, { x, y: y + boxPx + 1, width: boxPx, height: 2, rx: 1, class: barClass });
    setAll(text, {
      x: (column * step + boxPx / 2).toFixed(1),
      y: (y + boxPx * 0.79).toFixed(1),
      "font-size": (boxPx * 0.78).toFixed(1),
      class: `box-name ${look}`,
    });
    setText(text, box === undefined ? "" : shortName(box.name));
  }
}

const BODIES = {
  node: square,
  program: square,
  caller: (size: number) =>
    `M${-size} 0a${size} ${size} 0 1 0 ${2 * size} 0a${size} ${size} 0 1 0 ${-2 * size} 0Z`,
  proxy: (size: number) => {
    const corners = [0, 60, 120, 180, 240, 300].map((degrees) => {
      const radians = (degrees * Math.PI) / 180;
      const reach = size * 1.12;
      return `${(reach * Math.cos(radians)).toFixed(2)} ${(reach * Math.sin(radians)).toFixed(2)}`;
    });
    return `M${corners.join("L")}Z`;
  },
} as const;

function square(size: number): string {
  const corner = 3;
  const side = 2 * (size - corner);
  return `M${-size + corner} ${-size}h${side}q${corner} 0 ${corner} ${corner}v${side}q0 ${corner} ${-corner} ${corner}h${-side}q${-corner} 0 ${-corner} ${-corner}v${-side}q0 ${-corner} ${corner} ${-corner}Z`;
}

function letterOf(key: string, role: ClientPicture["role"]): string {
  if (role === "caller") return "c";
  return role === "proxy" ? "p" : shortName(key);
}

/** What fits into a box: `A`; of `i-3` and `provider3` the number, of `lease-3` `l3`. */
export function shortName(name: string): string {
  return name.replace(/^(?:i-|provider)(?=\d)/, "").replace(/^lease-/, "l");
}
