/** An empty node joins a cluster that holds many instances. */
import { decodeSessionMessage } from "@fpzk/protocol";
import { type Bench, sized } from "./bench.js";
import { sharedNowMs } from "./clock.js";
import { SERVICE_INSTANCE_COUNT, serviceOf } from "./instances.js";
import { fillByProcesses } from "./memory-bench.js";
import { RawSession } from "./raw-session.js";
import { Stage } from "./stage.js";

const SESSION_COUNT = 64;
const DIGEST_TIMEOUT_MS = 60_000;

export const joinBench: Bench = {
  name: "join",
  title:
    "an empty node joins one that is full; the digests of all services are compared at the end",
  runCountMax: 1,
  async run(context) {
    const instanceCount = sized(context, { tiny: 2_000, quick: 100_000, full: 1_000_000 });
    const stage = new Stage(context);
    try {
      const full = await stage.server();
      await fillByProcesses(stage, full, { sessionCount: SESSION_COUNT, instanceCount });
      await full.remote.call("reset", { watchesLoop: true });
      context.progress(`joining ${instanceCount} instances`);
      const startMs = sharedNowMs();
      const empty = await stage.server({ seeds: [full.address], watchesLoop: true });
      await empty.remote.call("ready", undefined);
      const readyMs = sharedNowMs() - startMs;
      const joined = await empty.remote.call("usage", undefined);
      const giver = await full.remote.call("usage", undefined);
      context.progress("comparing digests");
      const services = servicesOf(instanceCount);
      const [left, right] = await Promise.all(
        [full, empty].map(({ address }) => digestsOf(address, services)),
      );
      if (left !== right) throw new Error("the joined node must hold what the other holds");
      const name = `${instanceCount.toLocaleString("en")} instances`;
      const common = { bench: "join", better: "lower", goal: null } as const;
      return [
        { ...common, figure: `${name}: until ready`, value: readyMs / 1_000, unit: "s" },
        {
          ...common,
          figure: "joining: longest loop delay",
          value: joined.loopDelayMaxMs,
          unit: "ms",
        },
        { ...common, figure: "joining: most CPU in one", value: joined.loopBusyMaxMs, unit: "ms" },
        {
          ...common,
          figure: "giving: longest loop delay",
          value: giver.loopDelayMaxMs,
          unit: "ms",
        },
        { ...common, figure: "giving: most CPU in one", value: giver.loopBusyMaxMs, unit: "ms" },
        { ...common, figure: "joining: CPU", value: joined.cpuMs / 1_000, unit: "s" },
        { ...common, figure: "giving: CPU", value: giver.cpuMs / 1_000, unit: "s" },
      ];
    } finally {
      await stage[Symbol.asyncDispose]();
    }
  },
};

function servicesOf(instanceCount: number): string[] {
  const count = Math.ceil(instanceCount / SERVICE_INSTANCE_COUNT);
  return Array.from({ length: count }, (_, index) => serviceOf(index * SERVICE_INSTANCE_COUNT));
}

/** The digests of services as a node answers them to a query, as text. */
async function digestsOf(address: string, services: readonly string[]): Promise<string> {
  const session = await RawSession.open({ address, clientId: "digests" });
  const digests: string[] = [];
  try {
    for (const [index, service] of services.entries()) {
      digests.push(await digestOf(session, service, index + 1));
    }
  } finally {
    session.close();
  }
  return digests.join("\n");
}

function digestOf(session: RawSession, service: string, requestId: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (text: string) => reject(new Error(`query of ${service}: ${text}`));
    const timer = setTimeout(() => fail("no answer in time"), DIGEST_TIMEOUT_MS);
    session.onClose = () => fail("the connection was closed");
    session.onFrame = (payload) => {
      const decoded = decodeSessionMessage(payload);
      if (!decoded.ok) return fail(decoded.refusal.message);
      const { message } = decoded;
      if (message.type !== "snapshot" || !message.isFinal) return;
      clearTimeout(timer);
      resolve(`${service} ${message.digest.high} ${message.digest.low}`);
    };
    session.send({ type: "query", requestId, service });
  });
}
