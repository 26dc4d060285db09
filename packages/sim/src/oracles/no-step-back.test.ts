import assert from "node:assert/strict";
import { test } from "node:test";
import type { OriginVersion, RegistryRecord, SessionRequest } from "@fpzk/core";
import {
  forgedClient,
  forgedRecord,
  stampOf,
  Trial,
  tombstone,
  viewChange,
} from "./forged.fixture.js";
import { NoStepBack } from "./no-step-back.js";

/** A client whose only view holds what it is given. */
function newHolder() {
  const held: RegistryRecord[] = [];
  const view = { region: "us", position: [], recordsOf: () => held };
  const client = { ...forgedClient("p1"), machine: { view: () => view } };
  const trial = new Trial();
  const oracle = new NoStepBack(trial);
  const show = (record: RegistryRecord) => {
    held.splice(0, 1, record);
    oracle.viewChanged(client, viewChange("updated", record));
  };
  const watch = (...position: OriginVersion[]) => {
    const digest = { high: 0, low: 0 };
    const message = { type: "watch", requestId: 1, service: "orders", position, digest } as const;
    oracle.requestSent(client, undefined, message satisfies SessionRequest);
  };
  return { trial, oracle, client, show, watch };
}

test("S3 sees a stamp that falls, and a version that falls under one stamp", () => {
  const { trial, show } = newHolder();
  show(forgedRecord("us-1", 1, { stamp: stampOf(1, 2) }));
  show(forgedRecord("us-1", 2, { stamp: stampOf(1, 2), isSuspect: true }));
  show(forgedRecord("eu-1", 1, { stamp: stampOf(1, 3) }));
  assert.deepEqual(trial.complaints, []);
  show(forgedRecord("us-1", 2, { stamp: stampOf(1, 2), isSuspect: true }));
  assert.deepEqual(trial.complaints, ["S3"]);
  show(forgedRecord("us-1", 1, { stamp: stampOf(1, 2) }));
  assert.deepEqual(trial.complaints, ["S3", "S3"]);
});

test("S3 sees a live record after a tombstone of its stamp", () => {
  const { trial, show } = newHolder();
  show(tombstone("us-1", 2));
  show(forgedRecord("eu-1", 7));
  assert.deepEqual(trial.complaints, ["S3"]);
});

test("S3 sees a position that falls, unless the client said that its view had diverged", () => {
  const { trial, oracle, client, watch } = newHolder();
  const { origin } = forgedRecord("us-1", 1);
  watch({ origin, version: 5 });
  watch({ origin, version: 5 });
  assert.deepEqual(trial.complaints, []);
  oracle.noted(client, { event: "client.view-diverged", fields: { service: "orders" } });
  watch();
  watch({ origin, version: 4 });
  assert.deepEqual(trial.complaints, []);
  watch({ origin, version: 3 });
  assert.deepEqual(trial.complaints, ["S3"]);
});
