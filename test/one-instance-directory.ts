/** A directory of one instance, for tests of the proxy with foreign clients. */
import type { Directory } from "@fpzk/proxy";

export function directoryOf(port: number, tls: boolean, protocol = "http"): Directory {
  const endpoint = { protocol, host: "127.0.0.1", port, tls, reach: "internal" };
  const instance = { id: "i", description: { endpoints: [endpoint] } };
  return {
    subscribe: () => ({
      pick: () => {
        const url = `http://127.0.0.1:${port}`;
        return { instance, endpoint, url, answered() {}, release() {} } as never;
      },
      isBusy: false,
      hedgeDelayMs: undefined,
      standings: () => [],
      instanceCount: 1,
      status: { isComplete: true, isCurrent: true, isRestored: false, ageMs: 0 },
      ready: () => Promise.resolve(),
      close() {},
    }),
  };
}
