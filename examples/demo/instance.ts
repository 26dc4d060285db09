/**
 * One instance of `orders` or `payments`: a small HTTP server that registers itself, and, for
 * orders, calls payments by the client's view. Runs as a process of its own.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { connect, type ServiceSubscription } from "@fpzk/client";
import type { InstancePlan, Report } from "./topology.js";

const CALL_TIMEOUT_MS = 5_000;

/** What an instance answers; orders tell of the payment that they made. */
export interface Answer {
  readonly id: string;
  readonly region: string;
  readonly payment?: Answer;
}

const plan = JSON.parse(process.argv[2] ?? "{}") as InstancePlan;
process.on("disconnect", () => process.exit(0));
main().catch((error: unknown) => {
  tell({ type: "failed", message: String(error) });
  process.exitCode = 1;
});

async function main(): Promise<void> {
  const client = await connect({
    servers: plan.servers,
    region: plan.region,
    zone: plan.zone,
    drainTimeoutMs: 1_500,
    drainsOnSigterm: true,
  });
  const payments =
    plan.service === "orders"
      ? client.subscribe("payments", { policy: "least-request" })
      : undefined;
  await payments?.ready({ timeoutMs: 10_000 });
  const server = createServer((request, response) => {
    answer(request, response, payments).catch((error: unknown) => {
      response.writeHead(502, { "content-type": "text/plain" }).end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await client.register({
    service: plan.service,
    id: plan.id,
    endpoints: [{ protocol: "http", host: "127.0.0.1", port, reach: "public" }],
    version: "1.0",
  });
  tell({ type: "ready", port });
}

async function answer(
  _request: IncomingMessage,
  response: ServerResponse,
  payments: ServiceSubscription | undefined,
): Promise<void> {
  const own: Answer = { id: plan.id, region: plan.region };
  const whole = payments === undefined ? own : { ...own, payment: await pay(payments) };
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(whole));
}

async function pay(payments: ServiceSubscription): Promise<Answer> {
  const picked = payments.pick();
  if (picked === undefined) throw new Error("no instance of payments");
  try {
    const reply = await fetch(`${picked.url}/charge`, {
      method: "POST",
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    });
    if (!reply.ok) throw new Error(`${picked.instance.id} answered ${reply.status}`);
    return (await reply.json()) as Answer;
  } finally {
    picked.release();
  }
}

function tell(report: Report): void {
  process.send?.(report);
}
