/**
 * The edge of one region: a proxy for callers that know nothing of FPZK, one such caller, and one
 * that embeds the client. Runs as a process of its own.
 */
import { connect, type ServiceSubscription } from "@fpzk/client";
import { directoryFromClient, startProxy } from "@fpzk/proxy";
import type { Answer } from "./instance.js";
import type { CallCounts, EdgePlan, Report } from "./topology.js";

const DIRECT_INTERVAL_MS = 200;
const PROXIED_INTERVAL_MS = 400;
const REPORT_INTERVAL_MS = 500;
const CALL_TIMEOUT_MS = 5_000;

const plan = JSON.parse(process.argv[2] ?? "{}") as EdgePlan;
process.on("disconnect", () => process.exit(0));
main().catch((error: unknown) => {
  tell({ type: "failed", message: String(error) });
  process.exitCode = 1;
});

async function main(): Promise<void> {
  const client = await connect({ servers: plan.servers, region: plan.region });
  const proxy = await startProxy({
    port: plan.proxyPort,
    directory: directoryFromClient(client),
    routes: [
      { pathPrefix: "/shop", service: "orders", stripPrefix: true, policy: "least-request" },
    ],
    isDynamic: true,
  });
  await proxy.ready({ timeoutMs: 10_000 });
  const orders = client.subscribe("orders");
  await orders.ready({ timeoutMs: 10_000 });
  tell({ type: "ready", port: proxy.port });

  const direct = new Caller(() => callDirectly(orders));
  const proxied = new Caller(() => call(`${proxy.url}/shop/buy`));
  const timers = [
    setInterval(() => direct.callOnce(), DIRECT_INTERVAL_MS),
    setInterval(() => proxied.callOnce(), PROXIED_INTERVAL_MS),
    setInterval(() => {
      tell({ type: "calls", direct: direct.counts(), proxied: proxied.counts() });
    }, REPORT_INTERVAL_MS),
  ];
  process.once("SIGTERM", () => {
    for (const timer of timers) clearInterval(timer);
    proxy
      .close({ drainMs: 1_000 })
      .then(() => client.close())
      .then(
        () => process.exit(0),
        () => process.exit(1),
      );
  });
}

async function callDirectly(orders: ServiceSubscription): Promise<Answer> {
  const picked = orders.pick();
  if (picked === undefined) throw new Error("no instance of orders");
  try {
    return await call(`${picked.url}/buy`);
  } finally {
    picked.release();
  }
}

async function call(url: string): Promise<Answer> {
  const reply = await fetch(url, { signal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
  if (!reply.ok) throw new Error(`${reply.status} ${(await reply.text()).slice(0, 200)}`);
  return (await reply.json()) as Answer;
}

/** Calls at its own rhythm and counts how it went. */
class Caller {
  readonly #call: () => Promise<Answer>;
  #callCount = 0;
  #failureCount = 0;
  #lastAnswer = "";
  #lastFailure = "";

  constructor(call: () => Promise<Answer>) {
    this.#call = call;
  }

  callOnce(): void {
    this.#call().then(
      (answer) => {
        this.#callCount += 1;
        const { payment } = answer;
        this.#lastAnswer = answer.id + (payment === undefined ? "" : ` → ${payment.id}`);
      },
      (error: unknown) => {
        this.#callCount += 1;
        this.#failureCount += 1;
        this.#lastFailure = error instanceof Error ? error.message : String(error);
      },
    );
  }

  counts(): CallCounts {
    return {
      callCount: this.#callCount,
      failureCount: this.#failureCount,
      lastAnswer: this.#lastAnswer,
      lastFailure: this.#lastFailure,
    };
  }
}

function tell(report: Report): void {
  process.send?.(report);
}
