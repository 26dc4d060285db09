/**
 * An honest client on the attacked server: a registration and a subscription, for a whole file.
 *
 * It must notice nothing: its session is never lost, what it sees never changes liveness, and a
 * registration shows in its view promptly after each attack.
 */
import assert from "node:assert/strict";
import { type ClientNote, connect, type FpzkClient } from "@fpzk/client";
import { until } from "../e2e/real-cluster.js";
import { ViewRecorder } from "../e2e/view-recorder.js";
import type { HostileServer } from "./hostile-server.js";

export const BYSTANDER_SERVICE = "bystander";
export const BYSTANDER_ID = "b-1";
/** Register to view takes milliseconds; the bound leaves room for a busy machine. */
const ROUND_TRIP_MAX_MS = 2_000;

export class Bystander implements AsyncDisposable {
  readonly client: FpzkClient;
  readonly #recorder: ViewRecorder;
  readonly #notes: ClientNote[];
  readonly #nodeId: string | undefined;
  #probeCount = 0;

  private constructor(client: FpzkClient, notes: ClientNote[]) {
    this.client = client;
    this.#notes = notes;
    this.#nodeId = client.connectedNodeId;
    this.#recorder = new ViewRecorder(client, BYSTANDER_SERVICE);
  }

  static async join(
    server: HostileServer,
    more: { token?: string; namespace?: string } = {},
  ): Promise<Bystander> {
    const notes: ClientNote[] = [];
    const client = await connect({
      servers: [server.address],
      region: "us",
      onNote: (note) => notes.push(note),
      ...more,
    });
    const bystander = new Bystander(client, notes);
    await client.register({
      service: BYSTANDER_SERVICE,
      id: BYSTANDER_ID,
      endpoints: [{ port: 80 }],
    });
    await bystander.#recorder.view.ready();
    await bystander.unharmed();
    notes.length = 0;
    return bystander;
  }

  /** Fails unless nothing was noticed so far and a round trip works now. */
  async unharmed(): Promise<void> {
    this.#probeCount += 1;
    const id = `probe-${this.#probeCount}`;
    const startMs = performance.now();
    const handle = await this.client.register(
      { service: BYSTANDER_SERVICE, id, endpoints: [{ port: 81 }] },
      { timeoutMs: ROUND_TRIP_MAX_MS },
    );
    await until(`${id} in the view`, ROUND_TRIP_MAX_MS, () => this.#recorder.ids.includes(id));
    const elapsedMs = performance.now() - startMs;
    assert.ok(elapsedMs < ROUND_TRIP_MAX_MS, `register to view took ${elapsedMs} ms`);
    await handle.deregister({ timeoutMs: ROUND_TRIP_MAX_MS });
    await until(`${id} gone`, ROUND_TRIP_MAX_MS, () => !this.#recorder.ids.includes(id));
    this.#noticedNothing();
  }

  #noticedNothing(): void {
    assert.deepEqual(
      this.#notes.filter(({ level }) => level === "warn" || level === "error"),
      [],
      "the bystander's session was never troubled",
    );
    assert.equal(this.client.connectedNodeId, this.#nodeId);
    for (const { change } of this.#recorder.recorded) {
      if (change.type === "status") continue;
      const { id, liveness } = change.instance;
      assert.equal(liveness, "alive", `${id} was shown as ${liveness}`);
      if (change.type === "removed") assert.notEqual(id, BYSTANDER_ID, change.reason);
    }
    assert.ok(this.#recorder.ids.includes(BYSTANDER_ID), "its registration is in the view");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#recorder.close();
    await this.client.close();
  }
}
