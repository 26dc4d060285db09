/**
 * Rates of encoding and decoding the frames that a node sees most.
 *
 * `node packages/protocol/dist/codec.bench.js` prints them; the test beside it runs it with small
 * counts so that it cannot rot.
 */
import { fileURLToPath } from "node:url";
import type { InstanceDescription, Origin, RegistryRecord, SessionMessage } from "@fpzk/core";
import {
  decodeInstanceDescription,
  decodeSessionMessage,
  decodeSessionRequest,
  encodeInstanceDescription,
  encodeSessionMessage,
  encodeSessionRequest,
} from "./index.js";

export interface Rate {
  readonly name: string;
  readonly frameBytes: number;
  readonly perSecond: number;
}

const description: InstanceDescription = {
  group: "",
  version: "1.4.2",
  region: "eu-west",
  zone: "eu-west-1a",
  endpoints: [
    { protocol: "http", host: "10.0.12.34", port: 8080, tls: false, reach: "internal" },
    { protocol: "grpc", host: "10.0.12.34", port: 9090, tls: true, reach: "public" },
  ],
  weight: 100,
  metadata: { commit: "abc123", lane: "blue" },
  startWallTime: 1_700_000_000_000,
};
const body = encodeInstanceDescription(description);
const origin: Origin = { nodeId: "10.0.0.1:7100", generation: 1_700_000_000_000, scope: 0 };

function recordOf(version: number): RegistryRecord {
  return {
    kind: 1,
    scope: 0,
    namespace: "default",
    service: "orders",
    id: `10.0.12.${version}:8080`,
    origin,
    version,
    stamp: { incarnation: 3, session: 2, claim: 0 },
    state: 0,
    isSuspect: false,
    reason: 0,
    since: 1_700_000_000_000 * 2048,
    body,
  };
}

const register = {
  type: "register" as const,
  requestId: 12,
  items: [
    {
      service: "orders",
      id: "10.0.12.34:8080",
      incarnation: 0,
      since: 0,
      state: 0,
      scope: 0,
      body,
    },
  ] as const,
};
const change: SessionMessage = {
  type: "change",
  service: "orders",
  groups: [{ origin, records: Array.from({ length: 10 }, (_, index) => recordOf(index + 1)) }],
  digest: { high: 1, low: 2 },
};

/** Measures each operation `iterationCount` times, after a tenth of that to warm up. */
export function measureCodecs(iterationCount: number): Rate[] {
  const heartbeatFrame = encodeSessionRequest(heartbeatOf(70_000));
  const registerFrame = encodeSessionRequest(register);
  const changeFrame = encodeSessionMessage(change);
  const cases: readonly [string, Uint8Array, (index: number) => unknown][] = [
    ["encode heartbeat", heartbeatFrame, (index) => encodeSessionRequest(heartbeatOf(index))],
    ["decode heartbeat", heartbeatFrame, () => decodeSessionRequest(heartbeatFrame)],
    ["encode register(1)", registerFrame, () => encodeSessionRequest(register)],
    // A view of its own each time: a frame from a socket was never decoded before.
    ["decode register(1)", registerFrame, () => decodeSessionRequest(registerFrame.subarray())],
    ["encode change(10)", changeFrame, () => encodeSessionMessage(change)],
    ["decode change(10)", changeFrame, () => decodeSessionMessage(changeFrame.subarray())],
    ["encode description", body, () => encodeInstanceDescription(description)],
    ["decode description", body, () => decodeInstanceDescription(body)],
  ];
  return cases.map(([name, frame, operation]) => ({
    name,
    frameBytes: frame.length,
    perSecond: measure(operation, iterationCount),
  }));
}

function heartbeatOf(sequence: number) {
  return { type: "heartbeat" as const, sequence, wantsDigests: false };
}

function measure(operation: (index: number) => unknown, iterationCount: number): number {
  let resultCount = 0;
  for (let index = 0; index < iterationCount / 10; index += 1) operation(index);
  const startNs = process.hrtime.bigint();
  for (let index = 0; index < iterationCount; index += 1) {
    if (operation(index) !== undefined) resultCount += 1;
  }
  const elapsedNs = Number(process.hrtime.bigint() - startNs);
  if (resultCount !== iterationCount) throw new Error(`${resultCount} results`);
  return (iterationCount / elapsedNs) * 1e9;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { name, frameBytes, perSecond } of measureCodecs(500_000)) {
    const rate = Math.round(perSecond / 1_000).toLocaleString("en");
    process.stdout.write(`${name.padEnd(20)} ${String(frameBytes).padStart(6)} B ${rate} k/s\n`);
  }
}
