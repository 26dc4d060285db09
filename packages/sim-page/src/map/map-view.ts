/**
 * The map: regions, nodes, clients and the ways between them, as SVG that can be chosen with the
 * pointer and with the keyboard. One element at a time is in the tab order; arrow keys move on.
 */
import type { SeenMessage } from "../witness/witness.js";
import { Dots } from "./dots.js";
import { type Layout, layOut, type Point, type Size } from "./layout.js";
import type { ClientPicture, NodePicture, Picture, WayPicture } from "./picture.js";
import { wayKey } from "./picture.js";
import { clientShape, nodeShape, type Shape } from "./shapes.js";
import { setAll, setText, svg } from "./svg.js";

/** What a person chose on the map. */
export type Choice =
  | { readonly type: "actor"; readonly key: string }
  | { readonly type: "way"; readonly a: string; readonly b: string }
  | { readonly type: "region"; readonly key: string };

interface WayShape {
  readonly group: SVGGElement;
  readonly line: SVGLineElement;
  readonly hit: SVGLineElement;
  readonly cross: SVGTextElement;
}

export class MapView {
  readonly dots: Dots;
  readonly #root: SVGSVGElement;
  readonly #frame: HTMLElement;
  readonly #layers: Readonly<Record<"regions" | "ways" | "actors", SVGGElement>>;
  readonly #regions = new Map<
    string,
    { group: SVGGElement; circle: SVGCircleElement; label: SVGTextElement }
  >();
  readonly #actors = new Map<string, Shape>();
  readonly #ways = new Map<string, WayShape>();
  readonly #onChoice: (choice: Choice, at: Point) => void;
  readonly #contents = new Map<string, string>();
  #layout: Layout = layOut({ width: 600, height: 500 }, [], []);
  #layoutName = "";
  #size: Size = { width: 0, height: 0 };
  /** The element that the tab key reaches. */
  #current: SVGGElement | undefined;

  constructor(frame: HTMLElement, onChoice: (choice: Choice, at: Point) => void) {
    this.#frame = frame;
    this.#onChoice = onChoice;
    this.#layers = { regions: svg("g"), ways: svg("g"), actors: svg("g") };
    this.#root = svg("svg", { role: "group", "aria-label": "Map of regions, nodes and clients" }, [
      this.#layers.regions,
      this.#layers.ways,
      this.#layers.actors,
    ]);
    const canvas = document.createElement("canvas");
    canvas.setAttribute("aria-hidden", "true");
    this.dots = new Dots(canvas);
    frame.append(this.#root, canvas);
    this.#root.addEventListener("keydown", (event) => this.#onKey(event));
    new ResizeObserver(() => this.#resize()).observe(frame);
    this.#resize();
  }

  /** Begins with another world. */
  clear(): void {
    for (const { group } of [
      ...this.#regions.values(),
      ...this.#actors.values(),
      ...this.#ways.values(),
    ]) {
      group.remove();
    }
    for (const shapes of [this.#regions, this.#actors, this.#ways]) shapes.clear();
    this.#contents.clear();
    this.#layoutName = "";
    this.#current = undefined;
    this.dots.clear();
  }

  draw(picture: Picture): void {
    this.#arrange(picture);
    for (const region of picture.regions) this.#drawRegion(region.key, region.isCutOff);
    this.#drawWays(picture.ways);
    for (const node of picture.nodes) this.#drawNode(node);
    for (const client of picture.clients) this.#drawClient(client);
  }

  /** Moves the messages; see {@link Dots.draw}. */
  drawDots(
    messages: readonly SeenMessage[],
    time: { readonly now: number; readonly speed: number; readonly elapsedMs: number },
  ): void {
    this.dots.add(messages, time.now, time.speed);
    this.dots.draw(time.elapsedMs, time.now, this.#layout);
  }

  /** Where something stands, for what is shown beside it. */
  pointOf(choice: Choice): Point | undefined {
    if (choice.type === "actor") return this.#layout.actors.get(choice.key);
    if (choice.type === "region") return this.#layout.regions.get(choice.key);
    const a = this.#layout.actors.get(choice.a);
    const b = this.#layout.actors.get(choice.b);
    return a && b && { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  }

  /** Gives the keyboard back to what was chosen. */
  focus(choice: Choice): void {
    const shape =
      choice.type === "actor"
        ? this.#actors.get(choice.key)
        : choice.type === "region"
          ? this.#regions.get(choice.key)
          : this.#ways.get(wayKey(choice.a, choice.b));
    shape?.group.focus();
  }

  #resize(): void {
    const { clientWidth: width, clientHeight: height } = this.#frame;
    if (width === 0 || height === 0) return;
    this.#size = { width, height };
    setAll(this.#root, { width, height, viewBox: `0 0 ${width} ${height}` });
    this.dots.resize(this.#size);
    this.#layoutName = "";
  }

  #arrange({ regions, nodes, clients }: Picture): void {
    const residents = [
      ...nodes.map(({ key, region }) => ({ key, region, role: "node" as const })),
      ...clients.map(({ key, region, role }) => ({ key, region, role })),
    ];
    const name = residents.map(({ key, region }) => `${key}@${region}`).join();
    if (name === this.#layoutName) return;
    this.#layoutName = name;
    const regionKeys = regions.map(({ key }) => key);
    this.#layout = layOut(this.#size, regionKeys, residents);
  }

  #drawRegion(key: string, isCutOff: boolean): void {
    const place = this.#layout.regions.get(key);
    if (place === undefined) return;
    let shape = this.#regions.get(key);
    if (shape === undefined) {
      const circle = svg("circle");
      const label = svg("text", { "text-anchor": "middle" });
      const group = this.#choosable("region", { type: "region", key }, [circle, label]);
      shape = { group, circle, label };
      this.#regions.set(key, shape);
      this.#layers.regions.append(group);
    }
    const { x, y, radius } = place;
    setAll(shape.circle, { cx: round(x), cy: round(y), r: round(radius) });
    setAll(shape.label, { x: round(x), y: round(y + 5) });
    setText(shape.label, key);
    setAll(shape.group, {
      class: `region${isCutOff ? " cut" : ""}`,
      "aria-label": `region ${key}${isCutOff ? ", cut off" : ""}`,
    });
  }

  #drawNode(node: NodePicture): void {
    const at = this.#layout.actors.get(node.key);
    if (at === undefined) return;
    const shape = this.#actorShape(node.key, nodeShape);
    shape.draw(at, node, this.#layout.nodeRadius);
    const before = this.#contents.get(node.key);
    if (before !== undefined && before !== node.content && node.condition !== "down") {
      this.dots.pulse(node.key);
    }
    this.#contents.set(node.key, node.content);
  }

  #drawClient(client: ClientPicture): void {
    const at = this.#layout.actors.get(client.key);
    if (at === undefined) return;
    this.#actorShape(client.key, clientShape).draw(at, client, this.#layout.nodeRadius);
  }

  #actorShape<Drawn extends Shape>(key: string, make: (group: SVGGElement) => Drawn): Drawn {
    const known = this.#actors.get(key);
    if (known !== undefined) return known as Drawn;
    const shape = make(this.#choosable("actor", { type: "actor", key }, []));
    this.#actors.set(key, shape);
    this.#layers.actors.append(shape.group);
    return shape;
  }

  #drawWays(ways: readonly WayPicture[]): void {
    const gone = new Set(this.#ways.keys());
    for (const way of ways) {
      const from = this.#layout.actors.get(way.a);
      const to = this.#layout.actors.get(way.b);
      if (from === undefined || to === undefined) continue;
      const name = wayKey(way.a, way.b);
      gone.delete(name);
      this.#drawWay(this.#wayShape(name, way), way, from, to);
    }
    for (const name of gone) {
      const shape = this.#ways.get(name);
      if (shape?.group === this.#current) this.#current = undefined;
      shape?.group.remove();
      this.#ways.delete(name);
    }
  }

  #wayShape(name: string, { a, b }: WayPicture): WayShape {
    const known = this.#ways.get(name);
    if (known !== undefined) return known;
    const line = svg("line", { class: "line" });
    const hit = svg("line", { class: "hit" });
    const cross = svg("text", { class: "cross", "text-anchor": "middle" });
    const shape = {
      group: this.#choosable("way", { type: "way", a, b }, [line, hit, cross]),
      line,
      hit,
      cross,
    };
    this.#ways.set(name, shape);
    this.#layers.ways.append(shape.group);
    return shape;
  }

  #drawWay(shape: WayShape, way: WayPicture, from: Point, to: Point): void {
    const ends = { x1: round(from.x), y1: round(from.y), x2: round(to.x), y2: round(to.y) };
    setAll(shape.line, ends);
    setAll(shape.hit, ends);
    const isCut = way.isCutThere || way.isCutBack;
    const isOneWay = isCut && !(way.isCutThere && way.isCutBack);
    const classes = ["way", way.kind, isCut ? "cut" : "", way.isConnected ? "" : "gone"];
    const words = !isCut
      ? "open"
      : isOneWay
        ? `cut from ${way.isCutThere ? way.a : way.b} to ${way.isCutThere ? way.b : way.a}`
        : "cut both ways";
    setAll(shape.group, {
      class: classes.filter((each) => each !== "").join(" "),
      "aria-label": `${way.kind} ${way.a} to ${way.b}, ${words}`,
    });
    setAll(shape.cross, {
      x: round((from.x + to.x) / 2),
      y: round((from.y + to.y) / 2 + 5),
    });
    const arrow = way.isCutThere ? towards(from, to) : towards(to, from);
    setText(shape.cross, isOneWay ? arrow : isCut ? "✕" : "");
  }

  // -- choosing -------------------------------------------------------------------------------

  #choosable(name: string, choice: Choice, children: readonly Node[]): SVGGElement {
    const group = svg("g", { class: name, role: "button", tabindex: -1 }, children);
    const choose = () => this.#onChoice(choice, this.pointOf(choice) ?? { x: 0, y: 0 });
    group.addEventListener("click", choose);
    group.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      choose();
    });
    group.addEventListener("focus", () => this.#setCurrent(group));
    if (this.#current === undefined && name === "actor") this.#setCurrent(group);
    return group;
  }

  #setCurrent(group: SVGGElement): void {
    this.#current?.setAttribute("tabindex", "-1");
    this.#current = group;
    group.setAttribute("tabindex", "0");
  }

  /** Arrow keys go to the nearest element in that direction. */
  #onKey(event: KeyboardEvent): void {
    const wanted = ARROWS[event.key];
    if (wanted === undefined || this.#current === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const here = middleOf(this.#current);
    let best: { group: SVGGElement; cost: number } | undefined;
    const shapes = [...this.#actors.values(), ...this.#ways.values(), ...this.#regions.values()];
    for (const { group } of shapes) {
      if (group === this.#current) continue;
      const there = middleOf(group);
      const ahead = (there.x - here.x) * wanted.x + (there.y - here.y) * wanted.y;
      const aside =
        Math.abs((there.x - here.x) * wanted.y) + Math.abs((there.y - here.y) * wanted.x);
      if (ahead <= 1) continue;
      const cost = ahead + 2 * aside;
      if (best === undefined || cost < best.cost) best = { group, cost };
    }
    best?.group.focus();
  }
}

const ARROWS: Readonly<Record<string, Point>> = {
  ArrowRight: { x: 1, y: 0 },
  ArrowLeft: { x: -1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

function middleOf(group: SVGGElement): Point {
  const { x, y, width, height } = group.getBoundingClientRect();
  return { x: x + width / 2, y: y + height / 2 };
}

/** An arrow that points the cut way. */
function towards(from: Point, to: Point): string {
  const turn = Math.round(Math.atan2(to.y - from.y, to.x - from.x) / (Math.PI / 4));
  return ["→", "↘", "↓", "↙", "←", "↖", "↑", "↗"][(turn + 8) % 8] ?? "→";
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
