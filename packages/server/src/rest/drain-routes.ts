/** Routes of an operator's word on many instances: drain them, and take that back. */
import { InstanceState, RegistryError } from "@fpzk/core";
import { type DrainSelector, parseMaxUnavailable } from "./drain-selection.js";
import { toTimeoutMs } from "./mapping.js";
import type { DrainLine, LiftOutcome } from "./operator-answers.js";
import { BATCH_DEFAULT, OperatorDrain, selectInstances } from "./operator-drain.js";
import { inputFault } from "./problem.js";
import type { Answer, Call, RestContext, RouteSpec } from "./route-spec.js";
import * as schemas from "./schemas.js";

const tag = "operation";
const NAMESPACE = "/v1/namespaces/{namespace}";

export const DRAIN_ROUTES: readonly RouteSpec[] = [
  {
    method: "POST",
    path: `${NAMESPACE}/drains`,
    operationId: "drainInstances",
    summary: "Drain the instances of a host, a zone, a region or a version.",
    description:
      "Needs the role operate. Each instance gets an override, a few at a time, and is waited for; " +
      "the answer tells the progress line by line. An instance whose drain would leave its service " +
      "with none, or with more out than `maxUnavailable`, is held back unless `all` is true. When " +
      "the reader goes away, nothing further begins.",
    tag,
    body: schemas.drainInput,
    problems: [404, 429],
    responses: {
      200: {
        description: "The progress (NDJSON); the last line is of type `end`.",
        schema: schemas.drainLine,
        mediaTypes: ["application/x-ndjson"],
      },
    },
    run: drainMany,
  },
  {
    method: "DELETE",
    path: `${NAMESPACE}/overrides`,
    operationId: "liftOverrides",
    summary: "Lift the operator's word on the instances of a host, a zone, a region or a version.",
    description:
      "Needs the role operate. Of those selected, every instance that is shown offline or draining " +
      "has its own state again.",
    tag,
    query: schemas.selectorQuery,
    problems: [404],
    responses: { 200: { description: "What was lifted.", schema: schemas.liftOutcome } },
    run: liftMany,
  },
];

interface DrainBody extends DrainSelector {
  readonly maxUnavailable?: number | string;
  readonly all?: boolean;
  readonly batch?: number;
  readonly timeout?: number | string;
  readonly note?: string;
  readonly dryRun?: boolean;
}

async function drainMany(call: Call, { port, drains, logger }: RestContext): Promise<undefined> {
  const body = call.body as DrainBody;
  const { maxUnavailable: max, all, batch, timeout, note, dryRun, ...selector } = body;
  checkSelector(selector);
  const maxUnavailable = max === undefined ? undefined : parseMaxUnavailable(max);
  if (max !== undefined && maxUnavailable === undefined) {
    const message = 'must be a count, or a share such as "25%", at most "100%"';
    throw inputFault({ path: "body/maxUnavailable", value: max, message });
  }
  const timeoutMs = toTimeoutMs(timeout);
  drains.checkRoom();
  let write: (line: DrainLine) => void = () => {};
  const drain = new OperatorDrain(
    {
      namespace: call.path["namespace"] ?? "",
      selector,
      maxUnavailable,
      isAll: all === true,
      batchCount: batch ?? BATCH_DEFAULT,
      timeoutMs,
      note,
      isDryRun: dryRun === true,
    },
    { port, principal: call.principal, logger },
    (line) => write(line),
  );
  const stream = drains.open(call.takeOver());
  write = (line) => stream.write(line);
  await drain.run(stream.signal);
  stream.end();
  return undefined;
}

async function liftMany(call: Call, { port }: RestContext): Promise<Answer> {
  const selector = call.query as DrainSelector;
  checkSelector(selector);
  const { namespace = "" } = call.path;
  const selected = selectInstances({ port, principal: call.principal }, namespace, selector);
  const lifted: LiftOutcome["lifted"][number][] = [];
  const failed: LiftOutcome["failed"][number][] = [];
  for (const address of selected) {
    const { service, id } = address;
    const { instances } = port.query(call.principal, namespace, service);
    const state = instances.find((instance) => instance.id === id)?.state;
    if (state === undefined || state === InstanceState.up) continue;
    try {
      await port.override(call.principal, address, undefined, {}, 0);
      lifted.push({ service, id });
    } catch (error) {
      const { code, message } = RegistryError.from(error);
      failed.push({ service, id, code, reason: message });
    }
  }
  const outcome: LiftOutcome = { lifted, failed };
  return { status: 200, body: outcome };
}

/** Something that narrows it down must be said: nobody drains a namespace by a slip. */
function checkSelector(selector: DrainSelector): void {
  if (selector.version !== undefined && selector.service === undefined) {
    const message = "must be given with version: versions of different services mean nothing";
    throw inputFault({ path: "service", value: null, message });
  }
  if (Object.values(selector).some((value) => value !== undefined)) return;
  const message = "one of service, version, region, zone and host must be given";
  throw inputFault({ path: "selector", value: null, message });
}
