/**
 * Agents of `node:http` and `node:https` that pick an instance for each request.
 *
 * The pick is made before the agent looks for a connection, so that connections are kept per
 * instance: what is drained gets no request over a connection that is left from earlier (P7). The
 * one place for that is `addRequest`, which Node.js does not document, and which has been what
 * agents implement since its first versions. A request is a stream, so nothing is tried again here,
 * and its head is written before there is an instance, so that no field of it can be set then: a
 * deadline that it carries bounds the wait for an instance and goes on as it was given.
 */
import { type AgentOptions, type ClientRequest, Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent, type AgentOptions as HttpsAgentOptions } from "node:https";
import { isIP } from "node:net";
import { ErrorCode, RegistryError, TIMEOUT_FIELD } from "@fpzk/core";
import type { FpzkClient, Picked, ServiceCaller } from "../api.js";
import { CallDeadline, deadlinePassed } from "../calls/call-deadline.js";
import { contextOf, KEY_FIELD } from "../calls/key-field.js";
import { serviceOfHost } from "../calls/service-url.js";
import { observeRequest } from "./observed-request.js";

export interface ServiceAgentOptions extends AgentOptions {
  /** Every request goes to this service. Default: to the service of hosts `service.fpzk`. */
  readonly service?: string;
}

/** What an agent is given for a request; the parts that a pick decides can be written. */
interface ConnectionOptions {
  host?: string | undefined;
  hostname?: string | undefined;
  port?: number | string | undefined;
  servername?: string | undefined;
}

interface RequestTaker {
  addRequest(request: ClientRequest, options: ConnectionOptions): void;
}

/** A request whose connection has failed before there was one. */
interface WaitingRequest {
  onSocket(socket: null, error: Error): void;
}

/**
 * An `http.Agent` that sends requests for `service.fpzk` to an instance of the service, by its
 * policy; other hosts as ever. The header `x-fpzk-key` is the key of policies by key.
 *
 * `keepAlive` is true unless said otherwise. A request without an instance fails with a
 * RegistryError `unavailable`; other errors are those of `node:http`.
 */
export function createHttpAgent(
  client: FpzkClient,
  { service, ...options }: ServiceAgentOptions = {},
): HttpAgent {
  const agent = new HttpAgent({ keepAlive: true, ...options });
  return routed(agent, { client, service, isTls: false });
}

/** The same over TLS, for instances whose endpoint speaks it; checks the endpoint's host name. */
export function createHttpsAgent(
  client: FpzkClient,
  { service, ...options }: ServiceAgentOptions & HttpsAgentOptions = {},
): HttpsAgent {
  const agent = new HttpsAgent({ keepAlive: true, ...options });
  return routed(agent, { client, service, isTls: true });
}

interface Routing {
  readonly client: FpzkClient;
  readonly service: string | undefined;
  readonly isTls: boolean;
}

function routed<T extends HttpAgent>(agent: T, routing: Routing): T {
  const taker = agent as unknown as RequestTaker;
  const addRequest = taker.addRequest.bind(agent);
  taker.addRequest = (request, options) => {
    const service = routing.service ?? serviceOfHost(options.hostname ?? options.host ?? "");
    if (service === undefined) {
      addRequest(request, options);
      return;
    }
    pickFor(request, routing.client, service).then(
      (picked) => {
        const failure = route(picked, options, routing);
        if (failure === undefined && !request.destroyed) {
          observeRequest(request, picked);
          addRequest(request, options);
          return;
        }
        picked.release();
        fail(request, failure ?? new RegistryError(ErrorCode.cancelled, `call ${service}: ended`));
      },
      (error: unknown) => fail(request, RegistryError.from(error)),
    );
  };
  return agent;
}

async function pickFor(
  request: ClientRequest,
  client: FpzkClient,
  service: string,
): Promise<Picked> {
  const caller: ServiceCaller = client.caller(service);
  const key = request.getHeader(KEY_FIELD);
  const field = request.getHeader(TIMEOUT_FIELD);
  const deadline = new CallDeadline(
    {
      timeoutMs: caller.callOptions().timeoutMs,
      field: field === undefined ? null : String(field),
    },
    performance.now(),
  );
  if (deadline.isOver(performance.now())) throw deadlinePassed(service);
  const { timeoutMs } = deadline;
  return await caller.first(contextOf(key === undefined ? undefined : String(key)), { timeoutMs });
}

/** Writes the instance's address where the agent looks for it; returns why that cannot be. */
function route(
  { endpoint, instance, url }: Picked,
  options: ConnectionOptions,
  { isTls }: Routing,
): RegistryError | undefined {
  if (endpoint.tls !== isTls) {
    const use = isTls ? "http: and createHttpAgent" : "https: and createHttpsAgent";
    const message = `call ${instance.service}: ${instance.id} is ${url}; use ${use}`;
    return new RegistryError(ErrorCode.failedPrecondition, message);
  }
  options.host = endpoint.host;
  options.hostname = endpoint.host;
  options.port = endpoint.port;
  // Else the header `host`, which is the service's, would be asked for and checked.
  if (isTls) options.servername ??= isIP(endpoint.host) === 0 ? endpoint.host : "";
  return undefined;
}

function fail(request: ClientRequest, error: RegistryError): void {
  (request as unknown as WaitingRequest).onSocket(null, error);
}
