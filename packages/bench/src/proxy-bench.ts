/** FPZKProxy beside other proxies: one upstream, one load, one core each, in one run. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@fpzk/client";
import { createAuthority, issue } from "../../server/dist/certificates.test.support.js";
import type { Bench, BenchContext } from "./bench.js";
import type { Figure } from "./figure.js";
import { CONTESTANTS } from "./proxy/contestants.js";
import { checkGrpc, GRPC_MESSAGE } from "./proxy/grpc-call.js";
import { halfLoadFigures } from "./proxy/half-load.js";
import { grpcBodyPath, type Measured, measureOne, type Run } from "./proxy/measure.js";
import { startOrigin } from "./proxy/origin.js";
import { hasProgram } from "./proxy/programs.js";
import { cellFigures, cellTables, isHeadFigure, ratioFigures } from "./proxy/proxy-figures.js";
import { workerFigures } from "./proxy/workers.js";
import { figureTable } from "./report.js";
import { Stage } from "./stage.js";

const SERVICE = "origin";
const HOST = "127.0.0.1";
/** Those that goals compare. */
const IN_EACH_RUN = ["fpzk", "nginx", "http-proxy"];

export const proxyBench: Bench = {
  name: "proxy",
  title:
    "one upstream (nginx where it is there), one load, answers of 1 KiB (`small`) and 1 MiB " +
    "(`large`), one core for each proxy; FPZKProxy finds the upstream by the registry. " +
    "Ratios are requests for the same time of a core; the cells of goals are measured in each " +
    "run, all else in the first",
  runCountMax: 3,
  tables: (figures) => [figureTable(figures.filter(isHeadFigure)), ...cellTables(figures)],
  async run(context) {
    const directory = mkdtempSync(join(tmpdir(), "fpzk-bench-proxy-"));
    // The workers of nginx are another user's when it is started by root.
    chmodSync(directory, 0o755);
    try {
      return await measureAll(context, directory);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

async function measureAll(context: BenchContext, directory: string): Promise<Figure[]> {
  const mayInstall = context.scale === "full";
  const isTiny = context.scale === "tiny";
  const grpcBody = grpcBodyPath(directory);
  writeFileSync(grpcBody, GRPC_MESSAGE);
  await writeCertificates(directory);
  await using stage = new Stage(context);
  const origin = await startOrigin(directory, mayInstall);
  try {
    await checkGrpc(`http://${HOST}:${origin.http2Port}`);
    const registry = (await stage.server()).address;
    await using client = await connect({ servers: [registry] });
    await client.register({
      service: SERVICE,
      endpoints: [
        { host: HOST, port: origin.port },
        { host: HOST, port: origin.http2Port, protocol: "h2c" },
      ],
    });
    const hasWrk = !isTiny && hasProgram("wrk", mayInstall);
    const hasH2load = !isTiny && hasProgram("h2load", mayInstall);
    const ports = { originPort: origin.port, originHttp2Port: origin.http2Port };
    const common = { registry, service: SERVICE, directory, execArgv: context.serverExecArgv };
    const plan = { ...ports, ...common, speaks: "http1", isTls: false } as const;
    const run: Run = { context, hasWrk, hasH2load, plan, grpcBody };
    const byName = new Map<string, Measured[]>();
    for (const contestant of CONTESTANTS) {
      if (isTiny && !["fpzk", "relay"].includes(contestant.name)) continue;
      if (context.runNumber > 1 && !IN_EACH_RUN.includes(contestant.name)) continue;
      if (!contestant.isThere(mayInstall)) context.progress(`${contestant.name} is not here`);
      else byName.set(contestant.name, await measureOne(contestant, run));
    }
    return [
      ...ratioFigures(byName),
      ...(await halfLoadFigures(run, byName.get("fpzk") ?? [])),
      ...(context.runNumber === 1 ? await workerFigures(run) : []),
      ...[...byName].flatMap(([name, all]) => cellFigures(name, all)),
    ];
  } finally {
    await origin.stop();
  }
}

async function writeCertificates(directory: string): Promise<void> {
  const { cert, key } = await issue(await createAuthority("bench"), "bench");
  writeFileSync(join(directory, "cert.pem"), cert);
  writeFileSync(join(directory, "key.pem"), key);
  writeFileSync(join(directory, "both.pem"), `${cert.trim()}\n${key}`);
}
