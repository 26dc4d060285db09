/** The instances that benchmarks register: a usual body, ids of a usual length. */
import { InstanceState, type RegisterItem, Scope } from "@fpzk/core";
import { encodeInstanceDescription, encodeSessionRequest } from "@fpzk/protocol";
import { maskedFrame } from "./frames.js";

/** Instances of one service, where a benchmark has many services. */
export const SERVICE_INSTANCE_COUNT = 1_000;

const body = encodeInstanceDescription({
  group: "",
  version: "1.4.2",
  region: "local",
  zone: "a",
  endpoints: [{ protocol: "http", host: "10.0.12.34", port: 8080, tls: false, reach: "internal" }],
  weight: 100,
  metadata: {},
  startWallTime: 1_700_000_000_000,
});

/** Bytes of every instance's body. */
export const BODY_BYTES = body.length;

export function itemOf(service: string, id: string): RegisterItem {
  return {
    service,
    id,
    incarnation: 0,
    since: 0,
    state: InstanceState.up,
    scope: Scope.global,
    body,
  };
}

/** The service and id of the instance with a number. */
export function numberedItem(index: number): RegisterItem {
  return itemOf(serviceOf(index), `i${String(index).padStart(11, "0")}`);
}

export function serviceOf(index: number): string {
  return `service-${Math.floor(index / SERVICE_INSTANCE_COUNT)}`;
}

/** A frame to send, made before time is taken. */
export function registerFrame(requestId: number, items: readonly RegisterItem[]): Buffer {
  return maskedFrame(encodeSessionRequest({ type: "register", requestId, items }));
}
