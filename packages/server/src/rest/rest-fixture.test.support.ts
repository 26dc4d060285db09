/** A Fastify with the REST face over a fake registry, for tests. */
import type { IncomingHttpHeaders } from "node:http";
import { RegistryError } from "@fpzk/core";
import Fastify, { type FastifyInstance, type InjectOptions } from "fastify";
import type { Principal } from "../registry-port.js";
import { FakePort } from "./fake-port.test.support.js";
import { REST_SERVER_OPTIONS, type RestFaceOptions, restFace } from "./rest-face.js";

const ROLES: Readonly<Record<string, Principal>> = {
  "Bearer all": principal("all", { mayRead: true, mayRegister: true, mayOperate: true }),
  "Bearer reader": principal("reader", { mayRead: true, mayRegister: false, mayOperate: false }),
  "Bearer program": principal("program", { mayRead: true, mayRegister: true, mayOperate: false }),
};

export const AUTHORIZED = { authorization: "Bearer all" };
export const WALL_NOW = 1_700_000_000_000;

export interface Fixture {
  readonly app: FastifyInstance;
  readonly port: FakePort;
  /** Calls with all rights unless headers say otherwise. */
  readonly call: (
    method: "GET" | "PUT" | "POST" | "PATCH" | "DELETE",
    url: string,
    body?: unknown,
    headers?: Record<string, string>,
  ) => Promise<FixtureAnswer>;
}

export interface FixtureAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
  readonly json: any;
}

export async function createFixture(options: Partial<RestFaceOptions> = {}): Promise<Fixture> {
  const port = new FakePort();
  const app = Fastify({ ...REST_SERVER_OPTIONS, forceCloseConnections: true });
  await app.register(
    restFace({
      port,
      authenticate,
      metricsText: async () => "fpzk_up 1\n",
      version: "0.1.0",
      createId: () => "made-id",
      wallNow: () => WALL_NOW,
      ...options,
    }),
  );
  await app.ready();
  const call: Fixture["call"] = async (method, url, body, headers = {}) => {
    const request: InjectOptions = { method, url, headers: { ...AUTHORIZED, ...headers } };
    if (body !== undefined) {
      request.payload = typeof body === "string" ? body : JSON.stringify(body);
      request.headers = { "content-type": "application/json", ...request.headers };
    }
    const response = await app.inject(request);
    const isJson = /[/+]json/.test(String(response.headers["content-type"]));
    const json = isJson && response.body !== "" ? JSON.parse(response.body) : undefined;
    return { status: response.statusCode, headers: response.headers, text: response.body, json };
  };
  return { app, port, call };
}

function authenticate(headers: IncomingHttpHeaders): Principal {
  const found = ROLES[headers.authorization ?? ""];
  if (found !== undefined) return found;
  throw new RegistryError("unauthenticated", "authorization must be Bearer and a known token");
}

function principal(name: string, grants: ReturnType<Principal["grantsOf"]>): Principal {
  return { name, grantsOf: (namespace) => (namespace === "closed" ? NOTHING : grants) };
}

const NOTHING = { mayRead: false, mayRegister: false, mayOperate: false };
