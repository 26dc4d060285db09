/** Routes of one instance: register, renew, change, drain, remove. */
import { RemovalReason, type ViewInstance } from "@fpzk/core";
import type { InstanceAddress, Principal, RegistryPort } from "../registry-port.js";
import {
  mergeDescription,
  type PatchBody,
  type RegistrationBody,
  STATE_BY_NAME,
  type StateName,
  toInstanceJson,
  toRegistration,
  toTimeoutMs,
} from "./mapping.js";
import { RequestFault } from "./problem.js";
import type { Answer, Call, RestContext, RouteSpec } from "./route-spec.js";
import * as schemas from "./schemas.js";
import { checkDescription } from "./validation.js";

const INSTANCES = "/v1/namespaces/{namespace}/services/{service}/instances";
const INSTANCE = `${INSTANCES}/{id}`;
const tag = "instances";

export const INSTANCE_ROUTES: readonly RouteSpec[] = [
  {
    method: "PUT",
    path: INSTANCE,
    operationId: "registerInstance",
    summary: "Register an instance, or replace its registration.",
    description: "The registration is a lease: renew it before its ttl is over.",
    tag,
    body: schemas.registrationInput,
    problems: [409],
    responses: {
      200: { description: "Replaced or registered.", schema: schemas.registered },
      201: { description: "Registered; the id was not known.", schema: schemas.registered },
    },
    run: (call, context) => register(call, context, addressOf(call)),
  },
  {
    method: "POST",
    path: INSTANCES,
    operationId: "registerNewInstance",
    summary: "Register an instance under an id that this node makes.",
    tag,
    body: schemas.registrationInput,
    problems: [409],
    responses: {
      201: {
        description: "Registered.",
        schema: schemas.registered,
        headers: { location: "Path of the instance." },
      },
    },
    run: async (call, context) => {
      const address = addressOf(call, context.createId());
      const answer = await register(call, context, address);
      return { ...answer, status: 201, headers: { location: pathOf(address) } };
    },
  },
  {
    method: "GET",
    path: INSTANCE,
    operationId: "getInstance",
    summary: "One instance as this node shows it.",
    tag,
    problems: [404],
    responses: { 200: { description: "The instance.", schema: schemas.instance } },
    run: async (call, { port }) => ({
      status: 200,
      body: toInstanceJson(findInstance(port, call.principal, addressOf(call))),
    }),
  },
  {
    method: "PATCH",
    path: INSTANCE,
    operationId: "patchInstance",
    summary: "Change parts of an instance's description.",
    description: "Its lease, state and age stay as they are.",
    tag,
    body: schemas.descriptionPatch,
    bodyMediaTypes: ["application/merge-patch+json", "application/json"],
    problems: [404, 412, 501],
    responses: { 200: { description: "The instance after the change.", schema: schemas.instance } },
    run: patch,
  },
  {
    method: "POST",
    path: `${INSTANCE}/renew`,
    operationId: "renewInstance",
    summary: "Renew the lease for another ttl.",
    description: "404 with code not_found: nobody knows the lease, register again.",
    tag,
    problems: [404],
    responses: { 204: { description: "Renewed." } },
    run: async (call, { port }) => {
      await port.renew(call.principal, addressOf(call));
      return { status: 204 };
    },
  },
  {
    method: "PUT",
    path: `${INSTANCE}/state`,
    operationId: "setInstanceState",
    summary: "Set up, offline or draining.",
    description:
      "For draining the answer comes when every subscriber confirmed that it no longer picks " +
      "the instance, or the timeout is over; `unconfirmed` names those that did not.",
    tag,
    body: schemas.stateInput,
    problems: [404, 412],
    responses: { 200: { description: "Done.", schema: schemas.drainOutcome } },
    run: async (call, { port }) => {
      const { state, timeout } = call.body as StateBody;
      const timeoutMs = toTimeoutMs(timeout);
      const address = addressOf(call);
      const outcome = await port.setState(call.principal, address, STATE_BY_NAME[state], timeoutMs);
      return drainAnswer(outcome);
    },
  },
  {
    method: "DELETE",
    path: INSTANCE,
    operationId: "deregisterInstance",
    summary: "Deregister: subscribers are told at once.",
    tag,
    problems: [404],
    responses: { 204: { description: "Removed." } },
    run: async (call, { port }) => {
      await port.deregister(call.principal, addressOf(call), RemovalReason.deregistered);
      return { status: 204 };
    },
  },
  {
    method: "PUT",
    path: `${INSTANCE}/override`,
    operationId: "overrideInstance",
    summary: "An operator's word over the instance's own: state, weight.",
    description: "Needs the role operate. Stays until it is lifted, also over registrations.",
    tag: "operation",
    body: schemas.overrideInput,
    problems: [404],
    responses: {
      200: { description: "Done; see setInstanceState.", schema: schemas.drainOutcome },
    },
    run: async (call, { port }) => {
      const { state = "up", weight, note, timeout } = call.body as OverrideBody;
      const description = {
        ...(weight === undefined ? {} : { weight }),
        ...(note === undefined ? {} : { note }),
      };
      const outcome = await port.override(
        call.principal,
        addressOf(call),
        STATE_BY_NAME[state],
        description,
        toTimeoutMs(timeout),
      );
      return drainAnswer(outcome);
    },
  },
  {
    method: "DELETE",
    path: `${INSTANCE}/override`,
    operationId: "liftOverride",
    summary: "Lift an operator's word.",
    description: "Needs the role operate.",
    tag: "operation",
    problems: [404],
    responses: { 204: { description: "Lifted." } },
    run: async (call, { port }) => {
      await port.override(call.principal, addressOf(call), undefined, {}, 0);
      return { status: 204 };
    },
  },
];

interface StateBody {
  readonly state: StateName;
  readonly timeout?: number | string;
}

interface OverrideBody {
  readonly state?: StateName;
  readonly weight?: number;
  readonly note?: string;
  readonly timeout?: number | string;
}

function addressOf(call: Call, id = call.path["id"] ?? ""): InstanceAddress {
  return { namespace: call.path["namespace"] ?? "", service: call.path["service"] ?? "", id };
}

function pathOf({ namespace, service, id }: InstanceAddress): string {
  const [ns, name, instance] = [namespace, service, id].map(encodeURIComponent);
  return `/v1/namespaces/${ns}/services/${name}/instances/${instance}`;
}

async function register(
  call: Call,
  { port, wallNow }: RestContext,
  address: InstanceAddress,
): Promise<Answer> {
  const registration = toRegistration(address, call.body as RegistrationBody, wallNow());
  checkDescription(registration.description);
  const { stamp, isNew } = await port.register(call.principal, registration);
  const { ttlMs } = registration;
  return { status: isNew === true ? 201 : 200, body: { ...address, ttlMs, stamp } };
}

async function patch(call: Call, { port }: RestContext): Promise<Answer> {
  if (port.update === undefined) {
    throw new RequestFault("unimplemented", "this node cannot change a part: register again");
  }
  const address = addressOf(call);
  const current = findInstance(port, call.principal, address);
  const description = mergeDescription(current.description, call.body as PatchBody);
  checkDescription(description);
  const { stamp } = await port.update(call.principal, address, description);
  const weight = description.weight;
  return { status: 200, body: toInstanceJson({ ...current, description, weight, stamp }) };
}

function findInstance(
  port: RegistryPort,
  principal: Principal,
  { namespace, service, id }: InstanceAddress,
): ViewInstance {
  const { instances } = port.query(principal, namespace, service);
  const found = instances.find((instance) => instance.id === id);
  if (found !== undefined) return found;
  const name = `${namespace} / ${service} / ${id}`;
  throw new RequestFault("not_found", `instance ${name} is not registered here`);
}

function drainAnswer(outcome: { confirmedCount: number; unconfirmed: readonly string[] }): Answer {
  const { confirmedCount, unconfirmed } = outcome;
  return { status: 200, body: { confirmedCount, unconfirmed } };
}
