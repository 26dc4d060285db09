import { encodeInstanceDescription } from "@fpzk/protocol";

/** The body of a registration from a region. */
export function bodyOf(region: string): Uint8Array {
  return encodeInstanceDescription({
    group: "",
    version: "1",
    region,
    zone: "",
    endpoints: [{ protocol: "http", host: "127.0.0.1", port: 80, tls: false, reach: "internal" }],
    weight: 100,
    metadata: {},
    startWallTime: 0,
  });
}
