import assert from "node:assert/strict";
import { test } from "node:test";
import type { Endpoint, InstanceDescription } from "@fpzk/core";
import { chooseEndpoint, endpointUrl } from "./endpoint-choice.js";

const internal: Endpoint = {
  ...{ protocol: "http", host: "10.0.0.1", port: 80, tls: false, reach: "internal" },
};
const open: Endpoint = { ...internal, host: "198.51.100.1", tls: true, reach: "public" };
const grpc: Endpoint = { ...internal, protocol: "grpc", port: 81 };

function describe(...endpoints: Endpoint[]): InstanceDescription {
  return {
    ...{ group: "", version: "", region: "eu", zone: "", weight: 1, startWallTime: 0 },
    endpoints,
    metadata: {},
  };
}

test("internal inside the region, public from elsewhere, the other where that is lacking", () => {
  const check = (
    endpoints: Endpoint[],
    region: string,
    protocol: string | undefined,
    expected: Endpoint | undefined,
  ): void => assert.deepEqual(chooseEndpoint(describe(...endpoints), region, protocol), expected);
  check([open, internal], "eu", undefined, internal);
  check([internal, open], "us", undefined, open);
  check([internal, open], "", undefined, open);
  check([internal], "us", undefined, internal);
  check([open], "eu", undefined, open);
  check([internal, grpc, open], "eu", "grpc", grpc);
  check([internal, open], "eu", "grpc", undefined);
  check([], "eu", undefined, undefined);
});

test("https, wss and grpcs are http, ws and grpc over TLS", () => {
  const grpcs: Endpoint = { ...grpc, protocol: "grpcs" };
  const instance = describe(grpcs, { ...internal, protocol: "https" });
  const chosen = (protocol?: string) => chooseEndpoint(instance, "eu", protocol);
  assert.deepEqual(chosen(), { ...grpcs, tls: true });
  assert.deepEqual(chosen("grpc"), { ...grpcs, tls: true });
  assert.deepEqual(chosen("grpcs"), { ...grpcs, tls: true });
  assert.equal(chosen("http")?.protocol, "https");
  assert.equal(chosen("ws"), undefined);
  assert.equal(chooseEndpoint(describe(grpc), "eu", "grpcs"), undefined);
  const secure = { ...grpc, tls: true };
  assert.equal(chooseEndpoint(describe(grpc, secure), "eu", "grpcs"), secure);
});

test("urls", () => {
  assert.equal(endpointUrl(internal), "http://10.0.0.1:80");
  assert.equal(endpointUrl(open), "https://198.51.100.1:80");
  assert.equal(endpointUrl({ ...internal, host: "2001:db8::1" }), "http://[2001:db8::1]:80");
  assert.equal(endpointUrl({ ...grpc, tls: true }), "grpc://10.0.0.1:81");
});
