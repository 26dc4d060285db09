/** Messages on their way, as dots on a canvas over the map. */
import type { MessageKind } from "../witness/message-kind.js";
import type { SeenMessage } from "../witness/witness.js";
import type { Layout, Point, Size } from "./layout.js";

interface Dot {
  readonly message: SeenMessage;
  /**
   * A message too quick to be seen, or that came at once: moves on the clock of the person who
   * looks, from this moment. Undefined: is where the simulated message is.
   */
  readonly leftAt: number | undefined;
}

interface Pulse {
  readonly key: string;
  readonly leftAt: number;
}

/** A dot is shown for at least so long, however quick its message is. */
const DOT_MIN_MS = 260;
/** How long a lost message is shown, in simulated time. */
const LOST_MS = 50;
const PULSE_MS = 700;
const DOT_COUNT_MAX = 600;

const RADII_PX: Readonly<Record<MessageKind, number>> = {
  change: 4.5,
  confirmation: 4.5,
  digest: 3,
  session: 2.6,
  heartbeat: 2,
  canary: 1.8,
};
/** Painted in this order: what matters lies on top. */
const PAINTED: readonly MessageKind[] = [
  "canary",
  "heartbeat",
  "session",
  "digest",
  "change",
  "confirmation",
];

export class Dots {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D | null;
  /** Kinds that are not shown. */
  readonly hidden = new Set<MessageKind>();
  #dots: Dot[] = [];
  #pulses: Pulse[] = [];
  #clockMs = 0;
  #size: Size = { width: 0, height: 0 };
  #colours = new Map<string, string>();

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
  }

  resize(size: Size): void {
    this.#size = size;
    const ratio = window.devicePixelRatio || 1;
    this.#canvas.width = Math.round(size.width * ratio);
    this.#canvas.height = Math.round(size.height * ratio);
    this.#context?.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.readColours();
  }

  /** Takes the colours from the style sheet; again when light and dark change. */
  readColours(): void {
    const names = [...PAINTED.map((kind) => `--message-${kind}`), "--bad", "--pulse"];
    // As a colour of its own: a property's text may still choose between light and dark.
    const resolve = (name: string) => {
      this.#canvas.style.color = `var(${name})`;
      return getComputedStyle(this.#canvas).color;
    };
    this.#colours = new Map(names.map((name) => [name, resolve(name)]));
  }

  clear(): void {
    this.#dots = [];
    this.#pulses = [];
  }

  /**
   * @param now - Simulated time.
   * @param speed - Simulated time for each unit of time of the person who looks.
   */
  add(messages: readonly SeenMessage[], now: number, speed: number): void {
    for (const message of messages) {
      if (this.hidden.has(message.kind)) continue;
      const end = endOf(message);
      const isQuick = end <= now || (end - message.sentAt) / speed < DOT_MIN_MS;
      this.#dots.push({ message, leftAt: isQuick ? this.#clockMs : undefined });
    }
    if (this.#dots.length > DOT_COUNT_MAX) this.#dots.splice(0, this.#dots.length - DOT_COUNT_MAX);
  }

  /** A ring that goes out from a node whose content changed. */
  pulse(key: string): void {
    this.#pulses.push({ key, leftAt: this.#clockMs });
  }

  /**
   * @param elapsedMs - Of the person who looks; 0 while the world stands still.
   * @param now - Simulated time.
   */
  draw(elapsedMs: number, now: number, layout: Layout): void {
    const context = this.#context;
    if (context === null) return;
    this.#clockMs += elapsedMs;
    context.clearRect(0, 0, this.#size.width, this.#size.height);
    this.#pulses = this.#pulses.filter(({ leftAt }) => this.#clockMs - leftAt < PULSE_MS);
    for (const { key, leftAt } of this.#pulses) {
      const at = layout.actors.get(key);
      if (at === undefined) continue;
      const share = (this.#clockMs - leftAt) / PULSE_MS;
      context.globalAlpha = 0.7 * (1 - share);
      context.strokeStyle = this.#colours.get("--pulse") ?? "";
      context.lineWidth = 2;
      circle(context, at, layout.nodeRadius + 3 + 12 * share);
      context.stroke();
    }
    context.globalAlpha = 1;
    this.#dots = this.#dots.filter((dot) => this.#share(dot, now) < 1);
    for (const kind of PAINTED) {
      const colour = this.#colours.get(`--message-${kind}`) ?? "";
      for (const dot of this.#dots) {
        if (dot.message.kind === kind) {
          this.#drawDot(context, dot.message, this.#share(dot, now), { colour, layout });
        }
      }
    }
  }

  /** How much of its way a dot has made, from 0; gone at 1. */
  #share({ message, leftAt }: Dot, now: number): number {
    if (leftAt !== undefined) return (this.#clockMs - leftAt) / DOT_MIN_MS;
    return (now - message.sentAt) / (endOf(message) - message.sentAt);
  }

  #drawDot(
    context: CanvasRenderingContext2D,
    message: SeenMessage,
    share: number,
    { colour, layout }: { colour: string; layout: Layout },
  ): void {
    const way = wayOf(message, layout);
    if (way === undefined) return;
    const { from, to } = way;
    const isLost = message.arrivesAt === undefined;
    // What is lost ends half-way.
    const at = between(from, to, isLost ? share / 2 : share);
    const radius = RADII_PX[message.kind];
    context.globalAlpha = isLost ? 1 - share : 1;
    context.fillStyle = isLost ? (this.#colours.get("--bad") ?? "") : colour;
    context.strokeStyle = context.fillStyle;
    if (message.kind === "change" || message.kind === "confirmation") {
      context.globalAlpha *= 0.35;
      context.lineWidth = radius;
      context.lineCap = "round";
      context.beginPath();
      const tail = between(from, to, Math.max(0, (isLost ? share / 2 : share) - 0.09));
      context.moveTo(tail.x, tail.y);
      context.lineTo(at.x, at.y);
      context.stroke();
      context.globalAlpha = isLost ? 1 - share : 1;
    }
    circle(context, at, radius);
    if (message.kind === "digest") {
      context.lineWidth = 1.6;
      context.stroke();
    } else context.fill();
    context.globalAlpha = 1;
  }
}

function endOf({ sentAt, arrivesAt }: SeenMessage): number {
  return arrivesAt ?? sentAt + LOST_MS;
}

/** From the edge of one to the edge of the other, so that dots hide no digest. */
function wayOf({ from, to }: SeenMessage, layout: Layout): { from: Point; to: Point } | undefined {
  const [a, b] = [layout.actors.get(from), layout.actors.get(to)];
  if (a === undefined || b === undefined) return undefined;
  const length = Math.hypot(b.x - a.x, b.y - a.y);
  const share = Math.min(0.45, layout.nodeRadius / Math.max(1, length));
  return { from: between(a, b, share), to: between(b, a, share) };
}

function between(from: Point, to: Point, share: number): Point {
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

function circle(context: CanvasRenderingContext2D, { x, y }: Point, radius: number): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
}
