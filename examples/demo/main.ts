/** `npm start`: runs the demo until Ctrl-C, or for `--seconds`, and shows what happens. */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type PageServer, SIMULATOR_PORT, servePage } from "@fpzk/sim-page";
import type { DemoChild } from "./child-processes.js";
import { Demo } from "./demo.js";
import { Screen } from "./screen.js";
import { propagationByPair, renderSummary, type Summary } from "./summary.js";
import { delayMsBetween, REGIONS } from "./topology.js";

const HELP = `npm start -- [--seconds N] [--json]

Three regions on this machine: six FPZKServers with long wires between the regions, two services,
and a proxy and callers in each region.

  --seconds N  end by itself N seconds after everything is ready
  --json       print one JSON document at the end, nothing else on standard output
`;
const REFRESH_INTERVAL_MS = 1_000;

const { values } = parseArgs({
  options: {
    seconds: { type: "string" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help) process.stdout.write(HELP);
else process.exitCode = await main(values.json, secondsOf(values.seconds));
// A child that could not be ended must not keep the demo.
process.exit();

async function main(isJson: boolean, seconds: number | undefined): Promise<number> {
  const screen = new Screen(isJson ? process.stderr : process.stdout);
  const ended: string[] = [];
  const isStopped = new AbortController();
  const demo = new Demo({
    onStep: (text) => screen.say(`${text} …`),
    onEnded: (child, how) => {
      ended.push(`${child.name}: ${how}`);
      screen.say(`${child.name} (pid ${child.process.pid}) ended: ${how}`);
    },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => isStopped.abort());
  }
  const startedMs = performance.now();
  let json: string | undefined;
  let simulator: PageServer | undefined;
  try {
    simulator = await servePage(SIMULATOR_PORT);
    await untilAborted(demo.start(), isStopped.signal);
    const readyMs = performance.now() - startedMs;
    if (isStopped.signal.aborted) return 0;
    screen.say(...welcome(demo, simulator.url, readyMs));
    await show(demo, screen, isStopped.signal, seconds);
    const summary = await demo.summary();
    json = toJson(demo, summary, readyMs, ended);
    return 0;
  } catch (error) {
    screen.say(`the demo failed: ${error instanceof Error ? error.message : String(error)}`);
    for (const child of demo.children) screen.say(...lastLines(child));
    return 1;
  } finally {
    screen.say("stopping …");
    await Promise.all([demo.stop(), simulator?.close()]);
    json ??= JSON.stringify({ readyMs: null, pids: pidsOf(demo) });
    if (isJson) process.stdout.write(`${json}\n`);
  }
}

function pidsOf(demo: Demo): readonly (number | undefined)[] {
  return demo.children.map((child) => child.process.pid);
}

/** Refreshes the block until the time is over or somebody stops the demo. */
async function show(
  demo: Demo,
  screen: Screen,
  signal: AbortSignal,
  seconds: number | undefined,
): Promise<void> {
  const untilMs = performance.now() + (seconds ?? Number.POSITIVE_INFINITY) * 1_000;
  while (!signal.aborted && performance.now() < untilMs) {
    screen.show(renderSummary(await demo.summary()));
    const waitMs = Math.max(0, Math.min(REFRESH_INTERVAL_MS, untilMs - performance.now()));
    await untilAborted(new Promise((resolve) => setTimeout(resolve, waitMs)), signal);
  }
}

function welcome(demo: Demo, simulatorUrl: string, readyMs: number): readonly string[] {
  const [first, ...others] = demo.servers;
  const last = others.at(-1);
  const victim = demo.children.find((child) => child.name === "payments-us-1");
  const delays = [["us", "eu"] as const, ["us", "ap"] as const, ["eu", "ap"] as const].map(
    ([a, b]) => `${a}–${b} ${delayMsBetween(a, b)} ms`,
  );
  return [
    `ready after ${(readyMs / 1_000).toFixed(1)} s`,
    "",
    `servers   ${demo.servers.map(({ nodeId, address }) => `${nodeId} ${address}`).join("  ")}`,
    `wires     ${demo.wireCount}, one way: ${delays.join(", ")}`,
    `proxies   ${REGIONS.map((region) => `${region} ${demo.proxyUrl(region)}`).join("  ")}`,
    `logs      ${demo.folder}`,
    `simulator ${simulatorUrl}  how it works, to look at and to break`,
    "",
    "try, in another terminal, in this folder:",
    `  curl ${demo.proxyUrl("us")}/shop/buy                  # by a route of the proxy`,
    `  curl --retry 2 ${demo.proxyUrl("ap")}/payments/charge # any service, by its name`,
    `  npx fpzk nodes --server ${first?.address}`,
    `  npx fpzk watch orders --server ${last?.address}       # then, from the other side:`,
    `  npx fpzk offline orders orders-us-1 --server ${first?.address}`,
    `  kill -9 ${victim?.process.pid}                                    # payments-us-1`,
    `  kill -9 ${demo.children[0]?.process.pid}                                    # server us-1`,
    "",
    "Ctrl-C stops everything.",
    "",
  ];
}

function toJson(demo: Demo, summary: Summary, readyMs: number, ended: readonly string[]): string {
  const totals = { callCount: 0, failureCount: 0, proxiedCallCount: 0, proxiedFailureCount: 0 };
  for (const { direct, proxied } of summary.edges) {
    totals.callCount += direct.callCount;
    totals.failureCount += direct.failureCount;
    totals.proxiedCallCount += proxied.callCount;
    totals.proxiedFailureCount += proxied.failureCount;
  }
  return JSON.stringify({
    readyMs: Math.round(readyMs),
    elapsedSeconds: summary.elapsedSeconds,
    servers: summary.servers,
    edges: summary.edges,
    ...totals,
    propagation: propagationByPair(summary.servers, summary.earlierServers),
    endedUnexpectedly: ended,
    pids: pidsOf(demo),
  });
}

function lastLines(child: DemoChild): readonly string[] {
  try {
    const lines = readFileSync(child.logFile, "utf8").trim().split("\n");
    return lines.at(-1) === "" ? [] : lines.slice(-3).map((line) => `${child.name}: ${line}`);
  } catch {
    return [];
  }
}

/** The promise's end, or the signal's, whichever is first. */
async function untilAborted(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  let onAbort: () => void = () => {};
  const aborted = new Promise<void>((resolve) => {
    onAbort = resolve;
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function secondsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (Number.isFinite(seconds) && seconds > 0 && seconds <= 86_400) return seconds;
  process.stderr.write(`--seconds ${text} must be a number, above 0 and at most 86400\n`);
  process.exit(2);
}
