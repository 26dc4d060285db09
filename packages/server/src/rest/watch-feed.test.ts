import assert from "node:assert/strict";
import { test } from "node:test";
import { InstanceState, RemovalReason, Scope, type SessionMessage } from "@fpzk/core";
import fc from "fast-check";
import type { PortWatch, Principal } from "../registry-port.js";
import { FakePort } from "./fake-port.test.support.js";
import { toInstanceJson } from "./mapping.js";
import { encodeResumeToken, parseResumeToken, START } from "./resume-token.js";
import { type FeedLine, WatchFeed } from "./watch-feed.js";

const ALL: Principal = {
  name: "all",
  grantsOf: () => ({ mayRead: true, mayRegister: true, mayOperate: true }),
};
const NAMES = { namespace: "shop", service: "cart" };

/** A reader as the documentation tells it to be: keeps what it was told and the last token. */
class ModelReader {
  readonly held = new Map<string, unknown>();
  #token: string | undefined;
  #named = new Set<string>();
  #feed: WatchFeed | undefined;
  #watch: PortWatch | undefined;
  #isPaused = false;
  readonly #port: FakePort;

  constructor(port: FakePort) {
    this.#port = port;
  }

  connect(): void {
    this.#watch?.close();
    this.#isPaused = false;
    this.#named = new Set();
    const from = this.#token === undefined ? undefined : parseResumeToken(this.#token);
    const query = () => this.#port.query(ALL, NAMES.namespace, NAMES.service).instances;
    const feed = new WatchFeed({ ...NAMES, from, members: () => this.#port.members, query });
    this.#feed = feed;
    this.#watch = this.#port.watch(
      ALL,
      NAMES.namespace,
      NAMES.service,
      from ?? START,
      (message: SessionMessage) => {
        if (message.type === "snapshot") feed.applySnapshot(message);
        else if (message.type === "change") feed.applyChange(message);
      },
    );
  }

  /** Reads so many lines. */
  read(lineCountMax: number): void {
    for (let count = 0; count < lineCountMax; count += 1) {
      const line = this.#feed?.take();
      if (line === undefined) return;
      this.#apply(line);
      const point = this.#feed?.point;
      if (point !== undefined) this.#token = encodeResumeToken(point);
    }
  }

  pause(): void {
    this.#isPaused = true;
    this.#watch?.pause();
  }

  /** Only after a pause: the snapshot that comes then would hide what was lost before. */
  resume(): void {
    if (this.#isPaused) this.#watch?.resume();
    this.#isPaused = false;
  }

  #apply(line: FeedLine): void {
    if (line.type === "removed") this.held.delete(line.id);
    else if (line.type === "complete") {
      const isAll = line.kind === "full" && !line.isBehind;
      for (const id of this.held.keys()) {
        if (isAll && !this.#named.has(id)) this.held.delete(id);
      }
      this.#named = new Set();
    } else {
      if (line.type === "instance") this.#named.add(line.instance.id);
      this.held.set(line.instance.id, toInstanceJson(line.instance));
    }
  }
}

type Step =
  | { readonly do: "register" | "deregister" | "override" | "lift"; readonly id: number }
  | { readonly do: "read"; readonly count: number }
  | { readonly do: "reconnect" | "forget" | "pause" | "resume" };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constantFrom<"register" | "deregister" | "override" | "lift">(
      "register",
      "deregister",
      "override",
      "lift",
    ),
    id: fc.nat({ max: 4 }),
  }),
  fc.record({ do: fc.constant<"read">("read"), count: fc.nat({ max: 4 }) }),
  fc.record({
    do: fc.constantFrom<"reconnect" | "forget" | "pause" | "resume">(
      "reconnect",
      "forget",
      "pause",
      "resume",
    ),
  }),
);

test("wherever a reader breaks off or stalls, it ends with what the node shows", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const port = new FakePort();
      const reader = new ModelReader(port);
      reader.connect();
      for (const [index, one] of steps.entries()) await perform(port, reader, one, index);
      reader.resume();
      reader.read(1_000);
      const shown = port.query(ALL, NAMES.namespace, NAMES.service).instances.map(toInstanceJson);
      const held = [...reader.held].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
      assert.deepEqual(held, shown);
    }),
    { numRuns: 300 },
  );
});

async function perform(
  port: FakePort,
  reader: ModelReader,
  one: Step,
  index: number,
): Promise<void> {
  switch (one.do) {
    case "read":
      return reader.read(one.count);
    case "reconnect":
      return reader.connect();
    case "pause":
      return reader.pause();
    case "resume":
      return reader.resume();
    case "forget":
      port.watermark = Number.MAX_SAFE_INTEGER;
      return;
    default:
      await write(port, { ...NAMES, id: String(one.id) }, one.do, index);
  }
}

async function write(
  port: FakePort,
  address: { namespace: string; service: string; id: string },
  what: "register" | "deregister" | "override" | "lift",
  index: number,
): Promise<void> {
  const lost = () => undefined;
  switch (what) {
    case "register": {
      const description = {
        group: "",
        version: String(index),
        region: "",
        zone: "",
        endpoints: [],
        weight: 100,
        metadata: {},
        startWallTime: 0,
      };
      const state = InstanceState.up;
      await port.register(ALL, {
        ...address,
        description,
        scope: Scope.global,
        state,
        ttlMs: 9_000,
      });
      return;
    }
    case "deregister":
      await port.deregister(ALL, address, RemovalReason.deregistered).catch(lost);
      return;
    case "override":
      await port.override(ALL, address, InstanceState.offline, { weight: index }, 0).catch(lost);
      return;
    case "lift":
      await port.override(ALL, address, undefined, {}, 0).catch(lost);
  }
}
